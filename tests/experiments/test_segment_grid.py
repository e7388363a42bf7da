"""Grids of segmentation: the baseline, counted costs, the sections of the report, tuning."""

import csv

import numpy as np
import pytest
from test_report import PROVENANCE, text_of

from configs import segment_letters
from configs.ablations import segment_letters as letters_grid
from experiments.ablate import grid, metrics, outcome, results, tuning_checks
from experiments.ablate.plan import make_plan
from experiments.ablate.report import segment
from experiments.ablate.report.grid_result import GridResult

NAMES = ["background", "A", "B"]


@pytest.fixture
def settings(settings):
    """Two decoders with and without skip connections under two seeds."""
    settings.experiment = segment_letters.get_config()
    settings.axes = {"model": {"skip": (True, False)}}
    settings.metric = "mean_iou"
    return settings


def summary(cell):
    """A made-up summary: networks reach 0.5 and 0.1 more per seed, the threshold 0.25."""
    rest = {"boundary_f1": 0.4, "boundary_f1_2": 0.6, "accuracy": 0.9}
    figures = {"test": {"mean_iou": 0.5 + 0.1 * cell.seed, "cross_entropy": 0.3}, "threshold": {"mean_iou": 0.25}}
    return {
        **PROVENANCE,
        "task": "segment",
        "parameters": 5,
        "wall_seconds": 1.0,
        "classes": NAMES,
        **{name: {**found, **rest} for name, found in figures.items()},
        # B has no pixels in the test images.
        "iou": {"test": {"background": 0.9, "A": 0.2 + 0.1 * cell.seed}, "threshold": {"background": 0.8, "A": 0.1}},
    }


@pytest.fixture
def result(settings, tmp_path, rng, monkeypatch):
    monkeypatch.setattr(outcome, "dataset_of", lambda config: type("Data", (), {"image_shape": (64, 64, 1)}))
    plan = make_plan("made up", settings, grid.expand(settings), tmp_path)
    summaries = {cell: summary(cell) for cell in plan.cells}
    rows = {cell: results.row(cell, one, cell.folder) for cell, one in summaries.items()}
    outcome._add_multiplications(rows)
    for cell in plan.cells:
        plan.folders[cell].mkdir(parents=True)
        labels = {name: rng.integers(0, 3, (2, 16, 16), dtype=np.uint8) for name in ("truth", "test", "threshold")}
        np.savez(plan.folders[cell] / "examples.npz", image=rng.uniform(size=(2, 16, 16, 1)), **labels)
    return GridResult(plan, [], list(rows.values()), summaries, {}, {})


def test_the_report_compares_with_the_threshold_at_each_setting(result):
    text = " ".join(text_of(segment.sections(result)).split())
    assert all(title in text for title in ("Compared with a threshold", "By class", "Pictures"))
    assert text.count("threshold (no network)") == 2
    # 0.55 over both seeds, 0.3 above the threshold.
    assert text.count("0.550 ± 0.071") == 4
    assert text.count("+0.3000") == 4
    assert text.count("0.250 ± 0.071") == 4  # class A
    with open(result.plan.workdir / "baselines.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["model.skip"], float(row["mean_iou"])) for row in rows] == [
        ("threshold", "True", 0.25),
        ("threshold", "False", 0.25),
    ]
    assert {path.stem for path in (result.plan.workdir / "figures").glob("*.png")} == {"pictures"}


def test_multiplications_of_all_classes_are_counted(result):
    """Of `nearest` without skip connections: 16 taps per merged resize, and an output of one channel per class."""
    widths, sides = (1, 16, 32, 64), (64, 32, 16, 8)
    encoder = sum(sides[i] ** 2 * 9 * widths[i] * widths[i + 1] for i in range(3))
    channels = (64, 64, 32, 16)
    decoder = sum(sides[3 - i] ** 2 * 16 * channels[i] * channels[i + 1] for i in range(3))
    row = next(row for row in result.rows if (row["contender"], row["model.skip"]) == ("nearest", False))
    assert row["multiplications"] == encoder + decoder + 64 * 64 * 9 * 16 * 11


def test_untested_runs_have_no_sections(result):
    for one in result.summaries.values():
        one["test"] = {}
    assert segment.sections(result) == []


def test_a_contender_may_not_change_the_test_images(settings):
    settings.contenders.k3 = {"noise": {"level": 0.1}}
    with pytest.raises(ValueError, match=r"contender k3 sets noise.level: all are tested on the same"):
        grid.expand(settings)


@pytest.mark.parametrize(("variant", "skip"), [("skip", True), ("no_skip", False)])
def test_the_grid_is_tuned_by_the_validation(variant, skip):
    settings = letters_grid.get_config(variant)
    cells = grid.expand(settings)
    assert len(cells) == 6 * 9
    assert {cell.config.model.skip for cell in cells} == {skip}
    tuning_checks.check(settings, cells)
    assert metrics.for_verdict("segment", "mean_iou").higher_is_better
    settings.metric = "psnr"
    with pytest.raises(
        ValueError, match="metric=psnr: trials of segment runs cannot be judged by it; use one of mean_iou"
    ):
        tuning_checks.check(settings, cells)
