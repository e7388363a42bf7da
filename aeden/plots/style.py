"""Figures from plain results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import matplotlib
import numpy as np

from aeden.measures import image_quality

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SCALE = 3
INK, GRAY, BLUE, ORANGE, GREEN = "#1f2430", "#6b7280", "#1f6feb", "#d9730d", "#2e9e5b"


def save_samples(path: Path, title: str, rows: dict[str, np.ndarray], captions: dict[str, list[str]]) -> None:
    """A grid of images, a row a kind.

    Args:
      path: the PNG to write.
      title: what the images are.
      rows: name -> images [n, h, w, c] in [0, 1], c 1 or 3; a row named "error" may be signed, in [-1, 1].
      captions: name -> a line under each of the row's images.
    """
    count = len(next(iter(rows.values())))
    figure, axes = plt.subplots(
        len(rows), count, figsize=(0.95 * count + 1.0, 1.12 * len(rows) + 0.55), squeeze=False, dpi=150
    )
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for i, axis in enumerate(line):
            signed = name == "error"
            image = np.squeeze(images[i], -1) if images.shape[-1] == 1 else images[i]
            if signed and image.ndim == 3:
                image = image.mean(-1)
            axis.imshow(
                image if signed else np.clip(image, 0, 1),
                cmap="RdBu_r" if signed else "gray", vmin=-1 if signed else 0, vmax=1, interpolation="nearest",
            )  # fmt: skip
            axis.set(xticks=[], yticks=[])
            for spine in axis.spines.values():
                spine.set(color="#d0d4dc", linewidth=0.6)
            if name in captions:
                axis.set_xlabel(captions[name][i], fontsize=7, color=GRAY, labelpad=2)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9, color=INK, labelpad=6)
    figure.suptitle(title, fontsize=10, color=INK)
    figure.tight_layout(pad=0.5, w_pad=0.2, h_pad=0.3, rect=(0, 0, 1, 0.98))
    figure.savefig(path)
    plt.close(figure)


def save_restoration(path: Path, title: str, clean: np.ndarray, noisy: np.ndarray, restored: np.ndarray) -> None:
    """Images [n, h, w, c] in [0, 1] clean, noisy and restored, with the PSNR of each, and the error."""
    decibels = {
        name: [f"{x:.1f} dB" for x in np.asarray(image_quality.psnr(jnp.asarray(images), jnp.asarray(clean)))]
        for name, images in (("noisy", noisy), ("restored", restored))
    }
    rows = {"clean": clean, "noisy": noisy, "restored": restored, "error": restored - clean}
    save_samples(path, title, rows, decibels)


def save_responses(path: Path, title: str, pictures: dict[str, np.ndarray]) -> None:
    """How a decoder answers to a constant and to an impulse: images [h, w] of either sign, by what they show."""
    figure, axes = plt.subplots(1, len(pictures), figsize=(2.3 * len(pictures), 2.9), squeeze=False, dpi=150)
    for axis, (name, image) in zip(axes[0], pictures.items(), strict=True):
        largest = max(float(np.abs(image).max()), 1e-9)
        axis.imshow(image, cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.set_title(name, fontsize=9, color=INK)
        axis.set_xlabel(f"± {largest:.2g} in the logits", fontsize=7, color=GRAY)
    figure.suptitle(f"{title}: the decoder's answer to a code", fontsize=10, color=INK)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    figure.savefig(path)
    plt.close(figure)


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


def image_grid(images: np.ndarray, across: int) -> np.ndarray:
    """Images, uint8 [n, h, w, c], side by side, three times as large, with a thin line between: uint8 [H, W, 3]."""
    n, h, w = images.shape[:3]
    down = -(-n // across)
    sheet = np.full((down * (SCALE * h + 2) + 2, across * (SCALE * w + 2) + 2, 3), 70, np.uint8)
    for i, image in enumerate(images):
        y, x = 2 + i // across * (SCALE * h + 2), 2 + i % across * (SCALE * w + 2)
        sheet[y : y + SCALE * h, x : x + SCALE * w] = image.repeat(SCALE, 0).repeat(SCALE, 1)
    return sheet


def plain_axes(axis: Any) -> None:
    """Two axes and a faint grid."""
    axis.grid(color="#e5e7eb", linewidth=0.7)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["bottom", "left"]].set_color(GRAY)


def plot_rows(
    axis: Any, rows: list[dict[str, int | float]], name: str, color: str, label: str, marker: str = "o"
) -> None:
    """A column of the logbook's rows by epoch; nothing where no row has it."""
    points = [(row["epoch"], row[name]) for row in rows if name in row]
    if points:
        axis.plot(*zip(*points, strict=True), color=color, linewidth=1.4, marker=marker, markersize=3, label=label)
