"""Figures of a generator: its samples, how they came about, the way between them, and what they are nearest to."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from aeden.plots.curves import plot_rows
from aeden.plots.style import BLUE, GREEN, INK, ORANGE, image_grid, plain_axes, save_samples

matplotlib.use("Agg")
import matplotlib.pyplot as plt

STEPS_SHOWN = 8


def save_grid(path: Path, images: np.ndarray, across: int = 10) -> None:
    """Images, uint8 [n, h, w, c], side by side, three times as large, with a thin line between."""
    Image.fromarray(image_grid(images, across)).save(path)


def save_progress(workdir: Path, title: str, steps: dict[int, np.ndarray]) -> None:
    """Samples of the same latents over training: a row a step in progress.png, all of them in progress.gif."""
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(STEPS_SHOWN, len(steps))).round().astype(int))
    names = [list(steps)[i] for i in chosen]
    rows = {f"step {step:,}": steps[step][:10] / 255.0 for step in names}
    save_samples(workdir / "progress.png", f"{title}: samples of ten latents over training", rows, {})
    frames = [Image.fromarray(image_grid(images[:50], 10)) for images in steps.values()]
    frames[0].save(workdir / "progress.gif", save_all=True, append_images=frames[1:], duration=250, loop=0)


def save_training(path: Path, title: str, rows: list[dict[str, int | float]]) -> None:
    """Both losses, and KID, confident samples and the smallest class on validation, by epoch."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), dpi=150)
    shown = (
        ("loss", "train_discriminator_loss", "discriminator", BLUE),
        ("loss", "train_generator_loss", "generator", ORANGE),
        ("KID", "validation_kid", "KID", GREEN),
        ("share of samples", "validation_confident", "confident", BLUE),
        ("share of samples", "validation_smallest_class", "smallest class", ORANGE),
    )
    for label, name, line, color in shown:
        axis = axes[["loss", "KID", "share of samples"].index(label)]
        plot_rows(axis, rows, name, color, line, marker="")
        if axis.lines:
            axis.legend(frameon=False, fontsize=8)
        axis.set_ylabel(label, color=INK, fontsize=8)
        axis.set_xlabel("epoch", color=INK, fontsize=8)
    if any(row.get("validation_kid", 0.0) > 0 for row in rows):
        axes[1].set_yscale("symlog", linthresh=1e-3)
    for axis in axes:
        plain_axes(axis)
        axis.tick_params(labelsize=8)
    figure.suptitle(title, fontsize=10, color=INK)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    figure.savefig(path)
    plt.close(figure)
