"""Which runs of a grid are trained in one program, by which commands, and what tables and report say of it."""

import csv
import dataclasses
import signal
import time

import numpy as np
import pytest
from conftest import start

from aeden.runtime import files
from experiments.ablate import grid, launch, seed_groups, train_together
from experiments.ablate.plan import make_plan


@pytest.fixture
def plan(settings, tmp_path):
    """Both decoders under five seeds."""
    settings.seeds = 5
    return make_plan("a grid", settings, grid.expand(settings), tmp_path)


def seeds(groups):
    return [(group[0].contender, [cell.seed for cell in group]) for group in groups]


def test_groups_have_as_many_seeds_of_one_contender_as_were_asked_for(plan):
    found = seeds(seed_groups.groups(plan, plan.cells, 2))
    assert found == [("nearest", [0, 1]), ("nearest", [2, 3]), ("k3", [0, 1]), ("k3", [2, 3])]  # each fifth is alone
    assert seeds(seed_groups.groups(plan, plan.cells, 8)) == [("nearest", list(range(5))), ("k3", list(range(5)))]
    assert seed_groups.groups(plan, plan.cells[:2], 8) == []


def test_runs_that_wait_for_their_test_only_are_in_no_group(plan):
    trained = next(cell for cell in plan.cells if (cell.contender, cell.seed) == ("k3", 1))
    epochs = trained.config.epochs
    plan.folders[trained].mkdir(parents=True)
    files.write_text(plan.folders[trained] / "metrics.csv", f"step,epoch\n10,{epochs / 2}\n20,{epochs}\n")
    assert seeds(seed_groups.groups(plan, plan.cells, 8))[1] == ("k3", [0, 2, 3, 4])


def test_different_values_of_a_field_are_different_programs(settings, tmp_path):
    settings.axes = {"noise": {"level": (0.1, 0.4)}}
    cells = grid.expand(settings)
    found = seed_groups.groups(make_plan("a grid", settings, cells, tmp_path), cells, 4)
    assert [(len(group), len({cell.kind for cell in group})) for group in found] == [(2, 1)] * 4


def test_the_command_names_the_folder_that_the_plan_has_for_each_seed(plan):
    group = seed_groups.groups(plan, plan.cells, 3)[0]
    job = seed_groups.job(plan, group, ["--cpu_cores=1"])
    assert job.name == "nearest, seeds 0, 1, 2"
    assert job.arguments[:2] == ["-m", "experiments.ablate.train_together"]
    values = [word.removeprefix("--run=") for word in job.arguments if word.startswith("--run=")]
    assert train_together.runs_of(values) == {cell.seed: plan.folders[cell] for cell in group}
    assert not [word for word in job.arguments if word.startswith("--config.seed=")]
    assert "--cpu_cores=1" in job.arguments


@pytest.mark.parametrize("values", [[], ["0:a"], ["0:a", "x:b"], ["0:a", "1"], ["0:a", "1:a"], ["0:a", "0:b"]])
def test_runs_that_are_not_named_rightly_are_refused(values):
    with pytest.raises(ValueError, match="SEED:FOLDER"):
        train_together.runs_of(values)


def test_grids_that_cannot_be_trained_together_are_refused(settings):
    seed_groups.check(settings, grid.expand(settings), 4)
    settings.seeds = 1
    seed_groups.check(settings, grid.expand(settings), 1)
    with pytest.raises(ValueError, match=r"^--together=4 has no effect: the grid has one seed"):
        seed_groups.check(settings, grid.expand(settings), 4)
    settings.seeds, settings.experiment.task = 2, "gan"
    with pytest.raises(ValueError, match=r"^--together=4: nearest: runs of task=gan cannot .* leave --together out"):
        seed_groups.check(settings, grid.expand(settings), 4)


def test_small_networks_on_gpus_are_trained_together_by_default_and_no_gpu_is_idle(plan):
    def chosen(gpus, **fields):
        cells = [dataclasses.replace(cell, config=cell.config.copy_and_resolve_references()) for cell in plan.cells]
        for name, value in fields.items():
            cells[-1].config.update_from_flattened_dict({name.replace("__", "."): value})
        return seed_groups.choose(cells, gpus)

    assert chosen(0) == 1  # CPUs
    assert [chosen(gpus) for gpus in (1, 2, 4, 8, 10, 64)] == [10, 5, 3, 2, 1, 1]  # of 10 runs
    assert seed_groups.choose(plan.cells * 4, 1) == seed_groups.MOST
    assert chosen(1, model__architecture="unet") == chosen(1, data__crop=64) == chosen(1, task="gan") == 1


def test_a_group_that_fails_is_told_and_its_runs_go_on(tmp_path, capsys):
    class Told:
        notes: list = []

        def note(self, name, result):
            self.notes.append((name, result))

    jobs = [
        launch.Job("good", ["-c", "print('seed 0, seed 1 trained together')"], tmp_path / "good.txt"),
        launch.Job("bad", ["-c", "raise SystemExit('error: there is not enough memory')"], tmp_path / "bad.txt"),
    ]
    seed_groups.train(jobs, lambda: launch.run_local(jobs, [{}], lambda running: None), Told())
    assert Told.notes == [
        ("good", "seed 0, seed 1 trained together"),
        ("bad", "NOT TRAINED TOGETHER, each goes on alone: there is not enough memory"),
    ]
    seed_groups.train([], pytest.fail, Told())


def test_tables_have_the_column_only_if_a_run_was_trained_so():
    rows, summaries = [{"seed": 0}, {"seed": 1}, {"seed": 2}], [{}, {"together": 1}, {"together": 1}]
    seed_groups.add_column(rows, summaries)
    assert rows == [{"seed": 0}, {"seed": 1}, {"seed": 2}]
    assert seed_groups.sentence(summaries) == ""
    summaries[2]["together"] = 4
    seed_groups.add_column(rows, summaries)
    assert [row["together"] for row in rows] == [1, 1, 4]
    assert seed_groups.sentence(summaries).startswith("1 of 3 runs were trained in one program with other seeds (4 at")


GRID = """
from configs import smoke
from configs.ablations import grid_base

def get_config():
    config = grid_base.get_config()
    config.experiment = smoke.get_config()
    config.experiment.data.limit, config.experiment.model.features = 64, (4, 4)
    config.experiment.epochs, config.experiment.steps = 0.0, 12
    config.contenders.nearest = {"model": {"decoder": "upsample"}}
    config.contenders.wild = {"learning_rate": 1e30}
    config.seeds = 3
    config.reference = "nearest"
    config.baselines = config.costs = False
    return config
"""


@pytest.mark.proof
def test_a_grid_trained_together_is_stopped_goes_on_and_has_the_table_of_one_trained_alone(tmp_path):
    (tmp_path / "grid.py").write_text(GRID)
    options = (f"--config={tmp_path / 'grid.py'}", "--jobs=1")
    process = start("experiments.ablate", *options, f"--workdir={tmp_path / 'together'}", "--together=3")
    logs = tmp_path / "together"
    while process.poll() is None and len(list(logs.glob("runs/nearest*/metrics.csv"))) < 3:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    steps = [max(int(p.stem) for p in f.glob("checkpoints/*.json")) for f in logs.glob("runs/nearest*")]
    assert len(steps) == 3
    assert len(set(steps)) == 1
    assert not list(logs.glob("runs/*/summary.json"))

    process = start("experiments.ablate", *options, f"--workdir={logs}", "--together=3")
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert "nearest, seeds 0, 1, 2: seed 0, seed 1, seed 2 trained together" in err
    assert "no seed is trained; seed 0 diverged and goes on alone; seed 1" in err
    assert "3 of 3 runs of wild diverged" in out
    assert "3 of 3 runs were trained in one program with other seeds (3 at a time)" in out
    assert "were trained in one program" in (logs / "report.html").read_text()

    only = [f"--only=nearest, seed {seed}" for seed in range(3)]
    start("experiments.ablate", *options, f"--workdir={tmp_path / 'alone'}", *only).communicate(timeout=600)
    tables = {}
    for name in ("together", "alone"):
        with open(tmp_path / name / "results.csv") as file:
            tables[name] = list(csv.DictReader(file))
    assert [row.pop("together") for row in tables["together"]] == ["3"] * 3
    assert "together" not in tables["alone"][0]
    for mine, its in zip(tables["together"], tables["alone"], strict=True):
        assert mine["folder"] == its["folder"]
        for name in ("psnr", "ssim", "bce", "mse"):
            np.testing.assert_allclose(float(mine[name]), float(its[name]), rtol=1e-4)
