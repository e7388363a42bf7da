"""Runs of a grid are found by their config: after the defaults have changed, and in folders of earlier versions."""

import copy
import tarfile
from pathlib import Path

import numpy as np
import pytest
from conftest import start, write_images

from aeden.runtime import files, run_folder
from configs import base, smoke
from configs.ablations import quick
from experiments.ablate import grid
from experiments.ablate.plan import make_plan

FIXTURES = Path(__file__).parent / "fixtures"


def record(folder, config, finished=True):
    """Makes the folder of a run look as the run leaves it."""
    folder.mkdir(parents=True)
    files.write_json(folder / "config.json", {"config": config, "dataset": {"name": "mnist", "sha256": "0"}})
    if finished:
        files.write_json(folder / "summary.json", {"task": "denoise"})


def plan_of(settings, workdir):
    return make_plan("a grid", settings, grid.expand(settings), workdir)


@pytest.fixture
def more_fields(monkeypatch):
    """A function that adds fields to `configs/base.py`."""
    get_config = base.get_config

    def add(**sections):
        def with_more():
            config = get_config()
            with config.unlocked():
                for section, fields in sections.items():
                    config[section].update(fields)
            return config

        monkeypatch.setattr(base, "get_config", with_more)
        grid.defaults.cache_clear()

    yield add
    monkeypatch.undo()
    grid.defaults.cache_clear()


def test_new_runs_get_folders_named_by_their_config(settings, tmp_path):
    plan = plan_of(settings, tmp_path)
    assert [plan.folders[cell] for cell in plan.cells] == [tmp_path / "runs" / cell.folder for cell in plan.cells]
    assert [plan.label(cell) for cell in plan.cells] == [cell.folder for cell in plan.cells]
    assert not any(plan.is_finished(cell) for cell in plan.cells)


def test_a_run_stays_finished_if_fields_are_added_to_its_own_and_to_other_sections(settings, tmp_path, more_fields):
    for i, cell in enumerate(grid.expand(settings)):
        record(tmp_path / "runs" / f"by-an-earlier-version-{i}", cell.config.to_dict())
    more_fields(model={"skip": False}, gan={"gp": 10.0}, stack={"momentum": 0.5})
    settings.experiment = smoke.get_config()
    assert settings.experiment.model.skip is False
    plan = plan_of(settings, tmp_path)
    assert all(plan.is_finished(cell) for cell in plan.cells)
    assert [folder.name for folder in plan.folders.values()] == [f"by-an-earlier-version-{i}" for i in range(4)]
    settings.experiment.gan.gp = 1.0  # no denoising run reads it
    again = plan_of(settings, tmp_path)
    assert all(again.is_finished(cell) for cell in again.cells)
    settings.experiment.model.skip = True  # all of them read it
    changed = plan_of(settings, tmp_path)
    assert not any(changed.is_finished(cell) for cell in changed.cells)
    assert not {cell.folder for cell in changed.cells} & {cell.folder for cell in plan.cells}


def test_a_record_with_fewer_fields_has_their_defaults(settings, tmp_path):
    for cell in grid.expand(settings):
        fields = copy.deepcopy(cell.config.to_dict())
        del fields["gan"], fields["model"]["decoder_kernel_size"], fields["optimizer"]["grad_clip"]
        record(tmp_path / "runs" / cell.name.replace(" ", ""), fields)
    plan = plan_of(settings, tmp_path)
    assert all(plan.is_finished(cell) for cell in plan.cells)
    settings.experiment.optimizer.grad_clip = 1.0
    changed = plan_of(settings, tmp_path)
    assert not any(changed.is_finished(cell) for cell in changed.cells)


def test_the_data_may_lie_elsewhere_unless_their_folder_is_an_axis(settings, tmp_path):
    settings.seeds = 1
    for cell in grid.expand(settings):
        record(tmp_path / "runs" / cell.contender, {**cell.config.to_dict(), "data": {"name": "glyphs/digits"}})
    settings.experiment.data = {"name": "glyphs/digits", "dir": "/moved", "limit": 0}
    plan = plan_of(settings, tmp_path)
    assert all(plan.is_finished(cell) for cell in plan.cells)
    settings.axes = {"data": {"dir": ("/one", "/two")}}
    plan = plan_of(settings, tmp_path)
    assert len(set(plan.folders.values())) == 4
    assert not any(plan.is_finished(cell) for cell in plan.cells)
    record(tmp_path / "runs/there", plan.cells[0].config.to_dict())
    found = plan_of(settings, tmp_path)
    assert [found.is_finished(cell) for cell in found.cells] == [True, False, False, False]


def test_the_finished_one_of_two_equal_runs_is_taken(settings, tmp_path):
    settings.seeds = 1
    cell = grid.expand(settings)[0]
    record(tmp_path / "runs/a", cell.config.to_dict(), finished=False)
    record(tmp_path / "runs/b", cell.config.to_dict())
    plan = plan_of(settings, tmp_path)
    assert plan.folders[plan.cells[0]] == tmp_path / "runs/b"


@pytest.fixture
def shared(settings):
    """A grid whose contenders start from a shared run, or from nothing."""
    settings.experiment.task, settings.metric, settings.seeds = "stack", "accuracy", 2
    settings.shared_run = {"stack": {"head": "none"}}
    settings.contenders = {
        "nothing": {"stack": {"pretrain_epochs": 0.0}},
        "pretrained": {"stack": {"pretrained": grid.SHARED_RUN}},
    }
    settings.reference = "nothing"
    return settings


def test_a_shared_run_comes_first_and_its_folder_is_filled_in(shared, tmp_path):
    plan = plan_of(shared, tmp_path)
    assert [cell.name for cell in plan.folders] == [
        "shared run, seed 0",
        "shared run, seed 1",
        *(f"{name}, seed {seed}" for seed in (0, 1) for name in ("nothing", "pretrained")),
    ]
    assert [cell.name for cell in plan.shared] == ["shared run, seed 0", "shared run, seed 1"]
    assert all(cell in plan.folders and not cell.is_shared for cell in plan.cells)
    last = plan.cells[-1]
    folder = plan.folders[plan.shared[-1]]
    assert f"--config.stack.pretrained={folder}" in plan.arguments(last)
    assert not any(grid.SHARED_RUN in word for cell in plan.folders for word in plan.arguments(cell))


def test_runs_that_need_a_shared_run_are_found_by_its_folder(shared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    new = plan_of(shared, Path("grid"))
    pretrained = Path("grid/seed0/pretrained")
    record(pretrained, new.shared[0].config.to_dict())
    fields = new.cells[1].config.to_dict()
    fields["stack"]["pretrained"] = str(pretrained)
    record(Path("grid/seed0/100-finetune"), fields, finished=False)
    for workdir in (Path("grid"), Path("grid").absolute()):
        plan = plan_of(shared, workdir)
        assert plan.folders[plan.shared[0]] == workdir / "seed0/pretrained"
        assert plan.folders[plan.cells[1]] == workdir / "seed0/100-finetune"
        assert plan.label(plan.cells[1]) == "seed0/100-finetune"
        # As its own config spells it, which would otherwise not be continued.
        assert f"--config.stack.pretrained={pretrained}" in plan.arguments(plan.cells[1])
        assert plan.folders[plan.cells[3]].parent == workdir / "runs"


def test_runs_from_another_shared_run_are_other_runs(shared, tmp_path):
    before = plan_of(shared, tmp_path)
    shared.shared_run = {"stack": {"head": "none", "pretrain_epochs": 3.0}}
    after = plan_of(shared, tmp_path)
    assert before.cells[0].folder == after.cells[0].folder
    assert before.cells[1].folder != after.cells[1].folder


@pytest.fixture
def old_grid(tmp_path):
    """A grid of an earlier version, with one finished and one interrupted run; its images; its options."""
    with tarfile.open(FIXTURES / "grid_before_redesign.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    coarse = np.random.default_rng(7).integers(0, 256, (80, 3, 3), dtype=np.uint8)
    write_images(tmp_path / "images", np.kron(coarse, np.ones((1, 4, 4), np.uint8)))
    fields = {
        "data.name": "folder",
        "data.dir": str(tmp_path / "images"),
        "data.limit": 0,
        "learning_rate": 3e-3,
        "model.features": (2, 2),
        "batch_size": 16,
        "epochs": 0.0,
        "steps": 600,
        "log_every": 100,
        "checkpoint.every": 100,
        "checkpoint.keep": 1,
        "eval.every": 300,
    }
    return tmp_path / "grid", fields


def test_a_grid_of_an_earlier_version_is_recognised(old_grid):
    workdir, fields = old_grid
    settings = quick.get_config()
    settings.seeds = 2
    settings.experiment.update_from_flattened_dict(fields)
    plan = plan_of(settings, workdir)
    assert [plan.folders[cell].name for cell in plan.cells[:2]] == ["nearest_seed0_0ba11fe4", "k3_seed0_f60ad661"]
    assert [plan.is_finished(cell) for cell in plan.cells] == [True, False, False, False]
    assert [plan.folders[cell].name for cell in plan.cells[2:]] == [cell.folder for cell in plan.cells[2:]]


@pytest.mark.proof
def test_a_grid_of_an_earlier_version_is_continued(old_grid):
    """The finished run is not run again; the interrupted one continues from its checkpoint to the end."""
    workdir, fields = old_grid
    summary = workdir / "runs/nearest_seed0_0ba11fe4/summary.json"
    before = summary.read_bytes(), summary.stat().st_mtime_ns
    options = [f"--config.experiment.{name}={value}" for name, value in fields.items()]
    process = start(
        "experiments.ablate",
        "--config",
        "configs/ablations/quick.py",
        *("--config.seeds=2", "--config.baselines=False", "--config.costs=False", *options),
        *("--only=nearest, seed 0", "--only=k3, seed 0", f"--workdir={workdir}"),
    )
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "By PSNR, over 1 paired seed, compared with nearest" in out
    assert (summary.read_bytes(), summary.stat().st_mtime_ns) == before
    assert {path.name for path in (workdir / "runs").iterdir()} == {"nearest_seed0_0ba11fe4", "k3_seed0_f60ad661"}
    log = (workdir / "runs/k3_seed0_f60ad661/log.txt").read_text()
    assert "resuming at step 201" in log
    assert files.read_json(workdir / "runs/k3_seed0_f60ad661/summary.json")["steps"] == 600
    rows = (workdir / "results.csv").read_text().splitlines()
    assert [row.split(",")[-4] for row in rows[1:]] == ["nearest_seed0_0ba11fe4", "k3_seed0_f60ad661"]


def test_a_foreign_or_damaged_record_stops_no_grid_and_a_taken_name_is_not_reused(settings, tmp_path):
    """Other folders are ignored. A folder with the name of a cell but another experiment is not that cell."""
    cells = grid.expand(settings)
    for number, content in enumerate(("{", "{}", "[]", '{"config": {}}')):
        folder = tmp_path / f"other/{number}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(content)
    first = make_plan("x", settings, cells, tmp_path)
    folder = first.folders[cells[0]]
    folder.mkdir(parents=True)
    other = cells[0].config.copy_and_resolve_references()
    other.epochs = 7.0
    run_folder.claim(folder, other.to_dict(), {"name": "x", "requested": "x", "sha256": "0"})
    assert make_plan("x", settings, cells, tmp_path).folders[cells[0]].name == f"{folder.name}-2"
