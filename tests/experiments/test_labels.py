"""The table by label budget: its cells, its sums, and that it goes on where it was stopped."""

import numpy as np
import pytest
from absl import flags
from conftest import start

from aeden.runtime.files import read_json
from configs import stacked_mnist
from experiments import labels

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
    values[100, "finetune"] = [0.80, 0.81, 0.82]
    values[100, "random"] = [0.70, 0.72, 0.71]
    values[0, "finetune"], values[0, "random"] = [0.91, 0.92, 0.93], [0.92, 0.90, 0.94]
    text = labels.table(cells(values), [100, 0])
    assert "| test accuracy, % | 100 labels | 500 labels |" in text
    assert "| fine-tuned from pre-training | 81.00 ± 1.00 | 92.00 ± 1.00 |" in text
    # Differences of 10, 9 and 11 points: 10 +- 4.303 / sqrt(3), Student's t with two degrees of freedom.
    assert "+10.00 [+7.52, +12.48]: it helps | +0.00" in text
    assert text.rstrip().endswith("no difference shown |")


@pytest.mark.parametrize(
    ("method", "head", "epochs", "noise"),
    [
        ("pixels", "pixels", 0.0, 0.0),
        ("frozen", "frozen", 10.0, 0.0),
        ("random", "finetune", 0.0, 0.2),
        ("finetune", "finetune", 10.0, 0.2),
    ],
)
def test_a_cell_differs_in_what_it_is_about(tmp_path, method, head, epochs, noise):
    if not flags.FLAGS.is_parsed():
        flags.FLAGS(["labels"])
    config = stacked_mnist.get_config()
    config.stack.pretrain_epochs = 10.0
    small = labels.cell_config(config, 7, 100, method, tmp_path / "pretrained")
    assert (small.seed, small.stack.labels, small.stack.head) == (7, 100, head)
    assert (small.stack.pretrain_epochs, small.stack.head_noise) == (epochs, noise)
    assert bool(small.stack.pretrained) == (method in ("frozen", "finetune"))
    assert (small.steps, small.epochs) == (1000, 0.0)
    whole = labels.cell_config(config, 7, 0, method, tmp_path / "pretrained")
    assert (whole.steps, whole.epochs) == (0, config.epochs)
    assert config.seed == 0


def test_the_command_goes_on_where_it_was_stopped(tmp_path):
    def run():
        process = start("experiments.labels", *OPTIONS, f"--workdir={tmp_path / 'labels'}")
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        return out

    out = run()
    assert "| test accuracy, % | 20 labels |" in out
    result = read_json(tmp_path / "labels/labels.json")
    assert [cell["method"] for cell in result["cells"]] == list(labels.METHODS)
    assert np.isfinite([cell["accuracy"] for cell in result["cells"]]).all()
    assert {path.name for path in (tmp_path / "labels").iterdir()} == {
        "seed0",
        "labels.md",
        "labels.json",
        "labels.csv",
        "labels.png",
    }
    (tmp_path / "labels/seed0/20-frozen/summary.json").unlink()
    before = (tmp_path / "labels/seed0/20-random/summary.json").stat().st_mtime_ns
    assert run() == out
    assert (tmp_path / "labels/seed0/20-random/summary.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("words", [[], ["100", "many"], ["100", "-5"], ["100", "0100"]])
def test_budgets_that_make_no_sense(words):
    with pytest.raises(ValueError, match="--budgets takes different numbers"):
        labels.parse_budgets(words)


def test_a_budget_beyond_the_set_is_refused_at_once(tmp_path):
    process = start("experiments.labels", *OPTIONS[:-3], "--budgets=61", f"--workdir={tmp_path / 'labels'}")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert err.splitlines()[-1] == "error: a budget of 61 labels is more than the 60 examples there are"
    assert not list((tmp_path / "labels").iterdir())


def test_only_stacks_have_labels_to_count(tmp_path):
    process = start("experiments.labels", "--config=configs/smoke.py", f"--workdir={tmp_path / 'labels'}")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert (
        err.splitlines()[-1] == "error: config.task is 'denoise': labels are for stacks, e.g. configs/stacked_mnist.py"
    )
