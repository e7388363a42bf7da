"""The table by number of labels: its cells, its sums, and that the command continues."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import start

from aeden.measures.paired_statistics import paired_difference
from aeden.runtime.files import read_json, write_json
from configs import stacked_mnist
from configs.ablations import labels_mnist
from experiments import labels
from experiments.ablate import grid
from experiments.ablate.plan import make_plan

OPTIONS = (
    "--config=configs/stacked_mnist.py",
    "--config.data.limit=60",
    "--config.model.hidden=(8,)",
    "--config.stack.levels=()",
    "--config.stack.pretrain_epochs=1.0",
    "--config.epochs=1.0",
    "--budgets=20",
    "--seeds=1",
    "--least_steps=2",
)


def cells(values):
    return [
        {"seed": seed, "budget": budget, "labels": budget or 500, "method": method, "accuracy": accuracy}
        for (budget, method), seeds in values.items()
        for seed, accuracy in enumerate(seeds)
    ]


def test_the_table_has_means_spreads_and_the_paired_interval():
    values = {(budget, method): [0.5, 0.5, 0.5] for budget in (100, 0) for method in labels.METHODS}
    values[100, "pretrained"] = [0.80, 0.81, 0.82]
    values[100, "random"] = [0.70, 0.72, 0.71]
    values[0, "pretrained"], values[0, "random"] = [0.91, 0.92, 0.93], [0.92, 0.90, 0.94]
    text = labels.table(cells(values), [100, 0])
    assert "| test accuracy, % | 100 labels | 500 labels |" in text
    assert "| fine-tuned from pre-training | 81.0 ± 1.0 | 92.0 ± 1.0 |" in text
    # Differences of 10, 9 and 11 points: 10 +- 4.303 / sqrt(3), Student's t with two degrees of freedom.
    assert "+10.00 [+7.52, +12.48]: it helps | +0.00" in text
    assert text.rstrip().endswith("no difference shown |")


def test_a_run_that_is_missing_leaves_its_seed_out():
    values = {(100, method): [0.5, 0.5, 0.5] for method in labels.METHODS if method != "frozen"}
    values[100, "pretrained"] = [0.80, 0.81, 0.82]
    rows = [row for row in cells(values) if (row["method"], row["seed"]) != ("random", 1)]
    assert labels.gains(rows, [100, 0]) == {100: paired_difference([0.80, 0.82], [0.5, 0.5])}
    text = labels.table(rows, [100, 0])
    assert "| logistic regression on the frozen code |  |  |" in text
    assert "| fine-tuned from pre-training | 81.0 ± 1.0 |  |" in text


def earlier_config(config, seed, budget, method, pretrained):
    """The experiment of a cell as the command made it before it was a grid, for 1,000 steps at least."""
    cell = config.copy_and_resolve_references()
    cell.seed, cell.stack.labels, cell.stack.embedding = seed, budget, "none"
    cell.stack.head = "finetune" if method == "random" else method
    cell.stack.unroll_epochs = 0.0
    if method in ("random", "pixels"):
        cell.stack.pretrain_epochs, cell.stack.pretrained = 0.0, ""
    else:
        cell.stack.pretrained = str(pretrained)
    if method in ("pixels", "frozen"):
        cell.stack.head_noise, cell.stack.dropout, cell.stack.label_smoothing = 0.0, 0.0, 0.0
    if not cell.steps and 0 < budget * cell.epochs / cell.batch_size < 1000:
        cell.steps, cell.epochs = 1000, 0.0
    cell.eval.every = 1_000_000
    return cell


@pytest.mark.parametrize("unroll", [0.0, 2.0])
def test_runs_that_the_command_made_before_it_was_a_grid_are_found(tmp_path, unroll):
    config = stacked_mnist.get_config()
    config.stack.unroll_epochs, config.stack.label_smoothing, config.eval.every = unroll, 0.1, 50
    budgets = (100, 20_000, 0)
    made = {}
    for seed in (0, 1):
        pretrained = tmp_path / f"seed{seed}/pretrained"
        pretraining = config.copy_and_resolve_references()
        pretraining.seed, pretraining.stack.head, pretraining.stack.embedding = seed, "none", "none"
        made[pretrained] = pretraining
        for budget in budgets:
            for method in ("pixels", "frozen", "random", "finetune"):
                folder = tmp_path / f"seed{seed}" / f"{budget or 'all'}-{method}"
                made[folder] = earlier_config(config, seed, budget, method, pretrained)
    for folder, cell in made.items():
        folder.mkdir(parents=True)
        write_json(folder / "config.json", {"config": cell.to_dict(), "dataset": {}})
    settings = labels_mnist.label_budgets(config, budgets, seeds=2, least_steps=1000)
    plan = make_plan("labels", settings, grid.expand(settings), tmp_path)
    assert set(plan.folders.values()) == set(made)
    for cell in plan.cells:
        method = "finetune" if cell.contender == "pretrained" else cell.contender
        name = f"seed{cell.seed}/{cell.config.stack.labels or 'all'}-{method}"
        assert plan.folders[cell] == tmp_path / name
        assert plan.label(cell) == name


@pytest.mark.parametrize(
    ("method", "head", "epochs", "noise"),
    [
        ("pixels", "pixels", 0.0, 0.0),
        ("frozen", "frozen", 10.0, 0.0),
        ("random", "finetune", 0.0, 0.2),
        ("pretrained", "finetune", 10.0, 0.2),
    ],
)
def test_a_cell_differs_in_what_it_is_about(method, head, epochs, noise):
    config = stacked_mnist.get_config()
    config.stack.pretrain_epochs, config.seed = 10.0, 7
    made = grid.expand(labels_mnist.label_budgets(config, (100, 0), seeds=1, least_steps=1000))
    small, whole = (cell.config for cell in made if cell.contender == method)
    assert (small.seed, small.stack.labels, small.stack.head) == (7, 100, head)
    assert (small.stack.pretrain_epochs, small.stack.head_noise) == (epochs, noise)
    assert (small.stack.pretrained == grid.SHARED_RUN) == (method in ("frozen", "pretrained"))
    assert (small.steps, small.epochs) == (1000, 0.0)
    assert (whole.steps, whole.epochs) == (0, config.epochs)
    assert config.stack.embedding == "tsne"


@pytest.mark.proof
def test_the_command_continues(tmp_path):
    workdir = tmp_path / "labels"

    def run():
        process = start("experiments.labels", *OPTIONS, f"--workdir={workdir}")
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        return out

    def folder(method):
        (path,) = (workdir / "runs").glob(f"{method}_*")
        return path

    out = run()
    assert "| test accuracy, % | 20 labels |" in out
    assert "By accuracy, over 1 paired seed, compared with random" in out
    result = read_json(workdir / "labels.json")
    assert [cell["method"] for cell in result["cells"]] == list(labels.METHODS)
    assert np.isfinite([cell["accuracy"] for cell in result["cells"]]).all()
    assert (workdir / "labels.csv").read_text().splitlines()[0] == (
        "seed,budget,labels,method,accuracy,cross_entropy,steps,wall_seconds,dataset,folder"
    )
    tables = {"results.csv", "results.md", "verdict.json", "report.html"}
    ours = {"labels.md", "labels.json", "labels.csv", "labels.png"}
    assert {path.name for path in workdir.iterdir() if path.suffix} == tables | ours
    assert len(list((workdir / "runs").iterdir())) == 5
    origin = read_json(folder("pretrained") / "summary.json")["pretrained"]["folder"]
    assert Path(origin) == folder("sharedrun")
    (folder("frozen") / "summary.json").unlink()
    before = (folder("random") / "summary.json").stat().st_mtime_ns
    assert run() == out
    assert (folder("random") / "summary.json").stat().st_mtime_ns == before


@pytest.mark.proof
def test_a_shared_run_that_fails_fails_those_that_need_it(tmp_path):
    """The others are run and reported."""
    wild = ("--config.stack.pretrain_learning_rate=1e30", "--config.stack.pretrain_epochs=5.0")
    names = ("shared run, seed 0", "frozen, stack.labels=20, seed 0", "pixels, stack.labels=20, seed 0")
    options = (*OPTIONS, *wild, *(f"--only={name}" for name in names))
    process = start("experiments.labels", *options, f"--workdir={tmp_path / 'labels'}")
    out, err = process.communicate(timeout=300)
    assert process.returncode == 1
    last = err.splitlines()[-1]
    assert last.startswith("error: 2 of 3 runs failed: shared run, seed 0: the largest parameter is ")
    assert (
        "frozen, stack.labels=20, seed 0: it needs shared run, seed 0, which failed: the largest parameter is" in last
    )
    assert "| logistic regression on the frozen code |  |" in out
    rows = (tmp_path / "labels/labels.csv").read_text().splitlines()
    assert [row.split(",")[3] for row in rows] == ["method", "pixels"]


def test_no_table_of_an_earlier_call_stays_if_no_run_is_finished(tmp_path):
    for name in labels.OUTPUTS:
        (tmp_path / name).write_text("earlier")
    plan = SimpleNamespace(workdir=tmp_path, cells=[])
    assert labels.write_results(plan, [100]) == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [[], ["100", "many"], ["100", "-5"], ["100", "0100"]])
def test_budgets_that_make_no_sense(words):
    with pytest.raises(ValueError, match="--budgets takes different numbers"):
        labels.parse_budgets(words)


def test_a_budget_beyond_the_set_is_refused_at_once(tmp_path):
    process = start("experiments.labels", *OPTIONS[:-3], "--budgets=61", f"--workdir={tmp_path / 'labels'}")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert err.splitlines()[-1] == (
        "error: pixels, stack.labels=61: a budget of 61 labels is more than the 60 examples there are"
    )
    assert not (tmp_path / "labels").exists()


@pytest.mark.proof
def test_only_stacks_have_labels_to_count(tmp_path):
    process = start("experiments.labels", "--config=configs/smoke.py", f"--workdir={tmp_path / 'labels'}")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert (
        err.splitlines()[-1] == "error: config.task is 'denoise': labels are for stacks, e.g. configs/stacked_mnist.py"
    )
