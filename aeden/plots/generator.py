"""Figures of a generator: its samples, how they came about, the way between them, and what they are nearest to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image

from aeden.measures import sample_quality
from aeden.plots.style import BLUE, GREEN, INK, ORANGE, image_grid, plain_axes, plot_rows, save_samples

matplotlib.use("Agg")
import matplotlib.pyplot as plt

STEPS_SHOWN = 8


def report(
    workdir: Path, title: str, made: dict[str, np.ndarray], dataset: Any, inputs: np.ndarray,
    latent: int, images: Callable[[np.ndarray], np.ndarray], rows: list[dict[str, int | float]],
) -> None:  # fmt: skip
    """Writes samples.png, progress.png and progress.gif, interpolation.png, nearest.png and curves.png.

    Args:
      workdir: the run folder; `progress/STEP.npy` holds samples of the same latents over training.
      title: whose samples they are.
      made: "trained", "untrained" and "real" images, uint8 [n, h, w, c].
      dataset: whose training images are the neighbours.
      inputs: of the generator, [n, latent (+ 1 for the class)].
      latent: size of the latents.
      images: inputs -> images of the trained generator, uint8.
      rows: the logbook's.
    """
    save_grid(workdir / "samples.png", made["trained"][:100])
    steps = sorted((int(path.stem), path) for path in (workdir / "progress").glob("*.npy"))
    if steps:
        save_progress(workdir, title, {step: np.load(path) for step, path in steps})
    way = interpolate(inputs[:8, :latent], inputs[8:16, :latent], 10)
    classes = inputs[:8, latent:].repeat(10, 0)  # each row keeps its class
    save_grid(workdir / "interpolation.png", images(np.concatenate([way, classes], axis=1)))
    few = made["trained"][:10]
    distances, which = sample_quality.nearest(few / 255.0, np.asarray(dataset.train.images) / 255.0)
    save_samples(
        workdir / "nearest.png", f"{title}: samples, and the nearest training image of each",
        {"sample": few / 255.0, "nearest": np.asarray(dataset.train.images[which]) / 255.0},
        {"nearest": [f"{distance:.1f}" for distance in distances]},
    )  # fmt: skip
    save_training(workdir / "curves.png", title, rows)


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


def interpolate(one: np.ndarray, other: np.ndarray, count: int) -> np.ndarray:
    """Latents between two, along the sphere, as the normal distribution has its mass there (White 2016, "Sampling
    generative networks"): [n, d] twice -> [n * count, d], `one` first and `other` last.
    """
    cosine = np.sum(one * other, -1) / (np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1))
    angle = np.arccos(np.clip(cosine, -1, 1))[:, None, None]
    way = np.linspace(0, 1, count)[None, :, None]
    near = np.sin(angle) < 1e-6
    first = np.where(near, 1 - way, np.sin((1 - way) * angle) / np.where(near, 1, np.sin(angle)))
    last = np.where(near, way, np.sin(way * angle) / np.where(near, 1, np.sin(angle)))
    return (first * one[:, None] + last * other[:, None]).reshape(-1, one.shape[-1]).astype(np.float32)


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
