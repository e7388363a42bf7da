"""The pictures of a finished GAN run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from aeden.measures import sample_quality
from aeden.plots.generator import save_grid, save_progress, save_training
from aeden.plots.style import save_samples
from aeden.training.metrics_log import Row

# Training images compared at once, so that no float copy of the whole training split is needed.
BLOCK = 10_000


def save_training_pictures(workdir: Path, title: str, rows: list[Row]) -> None:
    """Writes curves.png and, from the samples in `progress/STEP.npy`, progress.png and progress.gif.

    Args:
      workdir: the run folder.
      title: what was trained on what.
      rows: the rows of the metrics log.
    """
    steps = sorted((int(path.stem), path) for path in (workdir / "progress").glob("*.npy"))
    if steps:
        save_progress(workdir, title, {step: np.load(path) for step, path in steps})
    save_training(workdir / "curves.png", title, rows)


def save_sample_pictures(workdir: Path, title: str, samples: np.ndarray, training_images: np.ndarray) -> None:
    """Writes samples.png and nearest.png: samples beside the training image that is nearest to each.

    Args:
      workdir: the run folder.
      title: what was trained on what.
      samples: uint8 [n, h, w, c].
      training_images: uint8 [m, h, w, c].
    """
    save_grid(workdir / "samples.png", samples[:100])
    few = samples[:10]
    distances, which = nearest_images(few, training_images)
    save_samples(
        workdir / "nearest.png",
        f"{title}: samples, and the nearest training image of each",
        {"sample": few / 255.0, "nearest": np.asarray(training_images[which]) / 255.0},
        {"nearest": [f"{distance:.1f}" for distance in distances]},
    )


def nearest_images(samples: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest image of each sample by Euclidean distance of pixels in [0, 1].

    Args:
      samples, images: uint8 [n, h, w, c] and [m, h, w, c].

    Returns:
      Distances [n] and indices of the images [n].
    """
    points = samples.astype(np.float32) / 255.0
    distances, which = np.full(len(samples), np.inf), np.zeros(len(samples), np.int64)
    for start in range(0, len(images), BLOCK):
        block = np.asarray(images[start : start + BLOCK], np.float32) / 255.0
        block_distances, block_which = sample_quality.nearest(points, block)
        closer = block_distances < distances
        distances[closer], which[closer] = block_distances[closer], start + block_which[closer]
    return distances, which


def save_interpolation(
    workdir: Path, inputs: np.ndarray, latent: int, images: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Writes interpolation.png: images on the way between two latent vectors, one pair per row.

    Args:
      workdir: the run folder.
      inputs: inputs of the generator [16 or more, latent (+ 1 for the class)].
      latent: size of the latent vectors.
      images: inputs -> images of the trained generator, uint8.
    """
    path = interpolate(inputs[:8, :latent], inputs[8:16, :latent], 10)
    classes = inputs[:8, latent:].repeat(10, 0)  # each row keeps its class
    save_grid(workdir / "interpolation.png", images(np.concatenate([path, classes], axis=1)))


def interpolate(first: np.ndarray, last: np.ndarray, count: int) -> np.ndarray:
    """Spherical interpolation between latent vectors (White 2016, "Sampling generative networks").

    Points on a straight line would be shorter than almost all vectors of a normal distribution.

    Args:
      first, last: both ends, [n, d] each.
      count: number of vectors per pair, both ends included.

    Returns:
      float32 [n * count, d].
    """
    cosine = np.sum(first * last, -1) / (np.linalg.norm(first, axis=-1) * np.linalg.norm(last, axis=-1))
    angle = np.arccos(np.clip(cosine, -1, 1))[:, None, None]
    share = np.linspace(0, 1, count)[None, :, None]
    parallel = np.sin(angle) < 1e-6
    sine = np.where(parallel, 1, np.sin(angle))
    of_first = np.where(parallel, 1 - share, np.sin((1 - share) * angle) / sine)
    of_last = np.where(parallel, share, np.sin(share * angle) / sine)
    return (of_first * first[:, None] + of_last * last[:, None]).reshape(-1, first.shape[-1]).astype(np.float32)
