"""Training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from aeden.plots.style import BLUE, GRAY, INK, ORANGE, panels, plain_axes, save

# Rows of metrics.csv: column -> value. A column may be missing from some rows.
Rows = Sequence[Mapping[str, int | float]]
# Metric in metrics.csv -> its name, where that is another.
NAMES = {"psnr": "PSNR (dB)", "mean_iou": "mean IoU", "cross_entropy": "cross-entropy"}


def save_curves(
    path: Path,
    title: str,
    rows: Rows,
    baseline: Mapping[str, float] | None,
    loss: str = "bce",
    given: str = "noisy input",
    metric: str = "psnr",
) -> None:
    """Draws the loss and a metric of the validation split by epoch.

    Args:
      path: the PNG to write.
      title: what was trained.
      rows: of metrics.csv.
      baseline: metrics of what the network is compared with, such as the noisy input; None to draw none.
      loss: the training loss, "bce", "mse", "l1" or "cross_entropy". Its values on the validation split are drawn too
        if they were measured.
      given: what `baseline` is about.
      metric: name of the metric, as in metrics.csv.
    """
    figure, ((left, right),) = panels(1, 2, (9.0, 3.4))
    for axis, label in (
        (left, f"{NAMES.get(loss, loss.upper())} loss"),
        (right, f"validation {NAMES.get(metric, metric)}"),
    ):
        axis.set_xlabel("epoch", color=INK)
        axis.set_ylabel(label, color=INK)
        plain_axes(axis)
    plot_rows(left, rows, "train_loss", BLUE, "training", marker="")
    plot_rows(left, rows, f"validation_{loss}", ORANGE, "validation")
    _limit_losses(left, rows)
    plot_rows(right, rows, f"validation_{metric}", ORANGE, "network")
    if baseline is not None:
        right.axhline(baseline[metric], color=GRAY, linestyle="--", linewidth=1, label=given)
    for axis in (left, right):
        if axis.get_legend_handles_labels()[0]:
            axis.legend(frameon=False, fontsize=8)
    save(figure, path, title)


def save_phases(path: Path, title: str, phases: Sequence[tuple[str, str, Rows]]) -> None:
    """Draws the training loss and the validation metric of each training phase by epoch, one row per phase.

    Args:
      path: the PNG to write.
      title: what was trained.
      phases: (name of the phase, name of its validation metric, its rows of metrics.csv).
    """
    figure, axes = panels(len(phases), 2, (9.0, 2.1 * len(phases) + 0.8))
    for (left, right), (name, metric, rows) in zip(axes, phases, strict=True):
        plot_rows(left, rows, "train_loss", BLUE, "training", marker="")
        plot_rows(right, rows, f"validation_{metric}", ORANGE, "validation")
        left.set_title(name, fontsize=9, color=INK, loc="left")
        left.set_ylabel("training loss", color=INK, fontsize=8)
        right.set_ylabel(f"validation {NAMES.get(metric, metric)}", color=INK, fontsize=8)
        _limit_losses(left, rows)
        for axis in (left, right):
            plain_axes(axis)
            axis.tick_params(labelsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("epoch", color=INK)
    save(figure, path, title, top=0.98)


def plot_rows(axis: Axes, rows: Rows, name: str, color: str, label: str, marker: str = "o") -> None:
    """Draws one column of metrics.csv by epoch; draws nothing if no row has that column."""
    points = [(row["epoch"], row[name]) for row in rows if name in row]
    if points:
        # A single point has no line, so it needs a marker to be visible.
        shape = marker if len(points) > 1 else "o"
        epochs, values = zip(*points, strict=True)
        axis.plot(epochs, values, color=color, linewidth=1.4, marker=shape, markersize=3, label=label)


def _limit_losses(axis: Axes, rows: Rows) -> None:
    """Cuts off the highest 5 % of the training losses: the first steps would flatten the rest of the curves.

    All lower values stay visible, also those of other curves in the axes.
    """
    losses = sorted(row["train_loss"] for row in rows if "train_loss" in row)
    if len(losses) > 10:
        lowest = min(float(np.min(line.get_ydata())) for line in axis.get_lines())
        axis.set_ylim(lowest - 0.05 * (losses[len(losses) * 9 // 10] - lowest), losses[len(losses) * 95 // 100])
