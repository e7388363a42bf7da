"""Figures of a generator: its samples, how they develop over training, and its training curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from aeden.plots.curves import Rows, plot_rows
from aeden.plots.style import BLUE, GREEN, INK, ORANGE, image_grid, panels, plain_axes, save, save_samples

# Number of steps and of latents in progress.png, and of latents in progress.gif.
STEPS_SHOWN, LATENTS_SHOWN, LATENTS_ANIMATED = 8, 10, 50
# (panel, column of metrics.csv, label in the legend, colour) of the training curves.
CURVES = (
    ("loss", "train_discriminator_loss", "discriminator", BLUE),
    ("loss", "train_generator_loss", "generator", ORANGE),
    ("KID", "validation_kid", "KID", GREEN),
    ("share of samples", "validation_confident", "confident", BLUE),
    ("share of samples", "validation_smallest_class", "smallest class", ORANGE),
)


def save_grid(path: Path, images: np.ndarray, across: int = 10) -> None:
    """Writes images, uint8 [n, h, w, c], as one PNG with `across` images per row; see `style.image_grid`."""
    Image.fromarray(image_grid(images, across)).save(path)


def save_progress(workdir: Path, title: str, steps: Mapping[int, np.ndarray]) -> None:
    """Writes progress.png (one row per step, for some of the steps) and progress.gif (all steps).

    Args:
      workdir: the run folder.
      title: what was trained.
      steps: training step -> samples of the same latents, uint8 [n, h, w, c]; at least one step, in ascending order.
    """
    known = list(steps)
    chosen = np.unique(np.linspace(0, len(known) - 1, min(STEPS_SHOWN, len(known))).round().astype(int))
    rows = {f"step {known[i]:,}": steps[known[i]][:LATENTS_SHOWN] / 255.0 for i in chosen}
    save_samples(workdir / "progress.png", f"{title}: samples of ten latents over training", rows, {})
    frames = [Image.fromarray(image_grid(images[:LATENTS_ANIMATED], 10)) for images in steps.values()]
    frames[0].save(workdir / "progress.gif", save_all=True, append_images=frames[1:], duration=250, loop=0)


def save_training(path: Path, title: str, rows: Rows) -> None:
    """Draws training curves by epoch: both losses, and KID and shares of samples on the validation split.

    Args:
      path: the PNG to write.
      title: what was trained.
      rows: of metrics.csv.
    """
    names = list(dict.fromkeys(panel for panel, *_ in CURVES))
    figure, (axes,) = panels(1, len(names), (11.0, 3.2))
    for axis, name in zip(axes, names, strict=True):
        for panel, column, label, color in CURVES:
            if panel == name:
                plot_rows(axis, rows, column, color, label, marker="")
        if axis.lines:
            axis.legend(frameon=False, fontsize=8)
        axis.set_ylabel(name, color=INK, fontsize=8)
        axis.set_xlabel("epoch", color=INK, fontsize=8)
        plain_axes(axis)
        axis.tick_params(labelsize=8)
    if any(row.get("validation_kid", 0.0) > 0 for row in rows):
        axes[names.index("KID")].set_yscale("symlog", linthresh=1e-3)
    save(figure, path, title)
