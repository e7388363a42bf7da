"""Training curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from aeden.plots.style import BLUE, GRAY, INK, ORANGE, plain_axes


def save_curves(
    path: Path, title: str, rows: list[dict[str, int | float]], noisy: dict[str, float], loss: str = "bce"
) -> None:
    """Loss and validation PSNR by epoch.

    Args:
      path: the PNG to write.
      title: what was trained.
      rows: the logbook's rows.
      noisy: the noisy input's metrics, drawn as what there is to beat.
      loss: which loss is trained on, "bce", "mse" or "l1"; where validation measured it too, that is drawn beside.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), dpi=150)
    for axis, label in ((left, f"{loss.upper()} loss"), (right, "validation PSNR (dB)")):
        axis.set_xlabel("epoch", color=INK)
        axis.set_ylabel(label, color=INK)
        plain_axes(axis)
    plot_rows(left, rows, "train_loss", BLUE, "training", marker="")
    plot_rows(left, rows, f"validation_{loss}", ORANGE, "validation")
    _frame_losses(left, rows)
    plot_rows(right, rows, "validation_psnr", ORANGE, "restored")
    right.axhline(noisy["psnr"], color=GRAY, linestyle="--", linewidth=1, label="noisy input")
    for axis in (left, right):
        axis.legend(frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10, color=INK)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    figure.savefig(path)
    plt.close(figure)


def save_phases(path: Path, title: str, phases: list[tuple[str, str, list[dict[str, int | float]]]]) -> None:
    """A row a phase: its training loss, and its metric on validation, by epoch.

    Args:
      path: the PNG to write.
      title: what was trained.
      phases: (what it does, its metric, the logbook's rows) of each.
    """
    figure, axes = plt.subplots(len(phases), 2, figsize=(9, 2.1 * len(phases) + 0.8), squeeze=False, dpi=150)
    for (left, right), (name, metric, rows) in zip(axes, phases, strict=True):
        plot_rows(left, rows, "train_loss", BLUE, "training", marker="")
        plot_rows(right, rows, f"validation_{metric}", ORANGE, "validation")
        left.set_title(name, fontsize=9, color=INK, loc="left")
        left.set_ylabel("training loss", color=INK, fontsize=8)
        right.set_ylabel({"psnr": "validation PSNR (dB)"}.get(metric, f"validation {metric}"), color=INK, fontsize=8)
        _frame_losses(left, rows)
        for axis in (left, right):
            plain_axes(axis)
            axis.tick_params(labelsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("epoch", color=INK)
    figure.suptitle(title, fontsize=10, color=INK)
    figure.tight_layout(rect=(0, 0, 1, 0.98))
    figure.savefig(path)
    plt.close(figure)


def _frame_losses(axis: Any, rows: list[dict[str, int | float]]) -> None:
    """The first steps are so much worse that all the rest would look flat: they may leave the frame."""
    losses = sorted(row["train_loss"] for row in rows if "train_loss" in row)
    if len(losses) > 10:
        axis.set_ylim(losses[0] - 0.05 * (losses[len(losses) * 9 // 10] - losses[0]), losses[len(losses) * 95 // 100])


def plot_rows(
    axis: Any, rows: list[dict[str, int | float]], name: str, color: str, label: str, marker: str = "o"
) -> None:
    """A column of the logbook's rows by epoch; nothing where no row has it."""
    points = [(row["epoch"], row[name]) for row in rows if name in row]
    if points:
        axis.plot(*zip(*points, strict=True), color=color, linewidth=1.4, marker=marker, markersize=3, label=label)
