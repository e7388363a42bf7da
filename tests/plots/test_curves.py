"""Training curves: that they are drawn, and show the rows of metrics.csv."""

import pytest
from kept_figures import keep_figures
from PIL import Image

from aeden.plots import curves

drawn = pytest.fixture(keep_figures)


def metrics_rows(epochs):
    return [
        {"step": 10 * i, "epoch": float(i), "train_loss": 1 / i, "validation_psnr": 10 + i, "validation_bce": 1 / i}
        for i in range(1, epochs + 1)
    ]


@pytest.mark.parametrize("epochs", [1, 30])
def test_curves(tmp_path, drawn, epochs):
    curves.save_curves(tmp_path / "curves.png", "a run", metrics_rows(epochs), {"psnr": 11.0})
    with Image.open(tmp_path / "curves.png") as image:
        assert image.size[0] > 600
    left, right = drawn[0].axes
    training, validation = left.lines
    assert list(training.get_xdata()) == [float(i) for i in range(1, epochs + 1)]
    assert list(validation.get_ydata()) == [1 / i for i in range(1, epochs + 1)]
    assert right.lines[1].get_label() == "noisy input"
    # A line through one point is invisible without a marker.
    assert (training.get_marker() == "o") == (epochs == 1)


def test_the_first_losses_do_not_flatten_the_curve(tmp_path, drawn):
    rows = metrics_rows(30)
    rows[0]["train_loss"] = 1e6
    curves.save_curves(tmp_path / "curves.png", "a run", rows, {"psnr": 11.0})
    assert drawn[0].axes[0].get_ylim()[1] == 0.5


def test_phases(tmp_path, drawn):
    rows = [{"epoch": 1.0, "train_loss": 1.0, "validation_accuracy": 0.5}]
    curves.save_phases(
        tmp_path / "phases.png", "a stack", [("layer 1", "psnr", metrics_rows(3)), ("all", "accuracy", rows)]
    )
    labels = [axis.get_ylabel() for axis in drawn[0].axes]
    assert labels == ["training loss", "validation PSNR (dB)", "training loss", "validation accuracy"]
    assert [len(axis.lines) for axis in drawn[0].axes] == [1, 1, 1, 1]


def test_another_metric_and_its_baseline(tmp_path, drawn):
    rows = [{"epoch": float(i), "train_loss": 1 / i, "validation_mean_iou": 0.1 * i} for i in (1, 2)]
    baseline = {"mean_iou": 0.05}
    curves.save_curves(tmp_path / "curves.png", "a run", rows, baseline, "cross_entropy", "threshold", "mean_iou")
    left, right = drawn[0].axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("cross-entropy loss", "validation mean IoU")
    assert [list(line.get_ydata()) for line in right.lines] == [[0.1, 0.2], [0.05, 0.05]]


def test_nothing_is_compared_without_a_baseline(tmp_path, drawn):
    curves.save_curves(tmp_path / "curves.png", "a run", metrics_rows(3), None)
    assert [line.get_label() for line in drawn[0].axes[1].lines] == ["network"]


def test_a_missing_column_draws_nothing(tmp_path, drawn):
    curves.save_curves(tmp_path / "curves.png", "a run", metrics_rows(3), {"psnr": 11.0}, loss="mse")
    assert [line.get_label() for line in drawn[0].axes[0].lines] == ["training"]
