"""The pictures of a finished GAN run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from aeden.measures import sample_quality
from aeden.plots.generator import save_grid, save_progress, save_training
from aeden.plots.style import save_samples


def save_pictures(
    workdir: Path,
    title: str,
    made: dict[str, np.ndarray],
    dataset: Any,
    inputs: np.ndarray,
    latent: int,
    images: Callable[[np.ndarray], np.ndarray],
    rows: list[dict[str, int | float]],
) -> None:
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
        workdir / "nearest.png",
        f"{title}: samples, and the nearest training image of each",
        {"sample": few / 255.0, "nearest": np.asarray(dataset.train.images[which]) / 255.0},
        {"nearest": [f"{distance:.1f}" for distance in distances]},
    )
    save_training(workdir / "curves.png", title, rows)


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
