"""Figures of a generator's samples: distance to real images, classes, artifacts."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from aeden.data.batches import to_unit
from aeden.data.dataset import Dataset
from aeden.measures import checkerboard, sample_quality
from aeden.runtime import devices
from aeden.shapes import Array
from aeden.tasks.gan.judge import Judge
from aeden.training.evaluation import in_batches

# Training images among which a copied one is looked for, at most: with more, every pair takes minutes.
KNOWN = 60_000


def class_shares(shares: np.ndarray) -> np.ndarray:
    """The share of samples told to be of each class: [classes]. `shares` are probabilities [n, classes]."""
    return np.bincount(shares.argmax(1), minlength=shares.shape[1]) / len(shares)


def confident(shares: np.ndarray) -> float:
    """The share of samples whose class is told with a probability of 0.9 or more."""
    return float(np.mean(shares.max(1) >= 0.9))


def judge_samples(
    evaluator: Judge, dataset: Dataset, made: dict[str, np.ndarray], stride: int
) -> dict[str, dict[str, Any]]:
    """Figures of several sets of images, by name, each against as many training images.

    Args:
      evaluator: the frozen classifier.
      dataset: the real images.
      made: name -> uint8 [n, h, w, c].
      stride: the generator's last factor, whose period artifacts have.
    """
    count = max(map(len, made.values()))
    known = evaluator.judge(np.asarray(dataset.train.images[: max(KNOWN, count)]))[0]
    reference = known[:count]
    spectrum = artifacts(np.asarray(dataset.train.images[:count]), stride)[1]
    judged = {}
    for name, images in made.items():
        features, shares = evaluator.judge(images)
        precision, recall = sample_quality.precision_and_recall(reference, features)
        density, coverage = sample_quality.density_and_coverage(reference, features)
        figures, own = artifacts(images, stride)
        judged[name] = {
            "fid": sample_quality.frechet_distance(features, reference),
            "kid": sample_quality.kernel_distance(features, reference),
            "precision": precision,
            "recall": recall,
            "density": density,
            "coverage": coverage,
            "authenticity": sample_quality.authenticity(known, features),
            "class_share": class_shares(shares).tolist(),
            "confident": confident(shares),
            **figures,
            "spectrum_distance_db": float(checkerboard.spectrum_distance(jnp.asarray(own), jnp.asarray(spectrum))),
        }
    return judged


def artifacts(images: np.ndarray, stride: int) -> tuple[dict[str, float], np.ndarray]:
    """Mean checkerboard measures at the stride of the last layer, and the mean radial spectrum, of uint8 images."""

    def of_images(params: None, some: Array) -> Array:
        unit = to_unit(some)
        measures = [checkerboard.harmonic_energy(unit, stride), checkerboard.phase_variation(unit, stride)]
        return jnp.concatenate([jnp.stack(measures, -1), checkerboard.radial_spectrum(unit)], -1)

    means = in_batches(devices.map_examples(of_images, None), images).mean(0, dtype=np.float64)
    return {"harmonic_energy": float(means[0]), "phase_variation": float(means[1])}, means[2:]
