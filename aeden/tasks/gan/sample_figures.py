"""Figures of a generator's samples: distance to real images, classes, artifacts."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from aeden.data.batches import to_unit
from aeden.data.dataset import Dataset
from aeden.measures import checkerboard, sample_quality
from aeden.measures.metric import Metric
from aeden.runtime import devices
from aeden.shapes import Array
from aeden.tasks.gan.judge import Judge
from aeden.training.evaluation import in_batches

# Cap on the training images among which copies are searched: with more, comparing all pairs takes minutes.
KNOWN = 60_000
# A sample is confident if the judge gives its class this probability or more.
CONFIDENT = 0.9

CONFIDENT_SHARE = Metric("confident", "confident", "", True, 3)
SMALLEST_CLASS = Metric("smallest_class", "smallest class", "", True, 3)
LARGEST_CLASS = Metric("largest_class", "largest class", "", None, 3)
# Of samples, artifacts are best at the value of real images.
ARTIFACTS = tuple(
    dataclasses.replace(metric, higher_is_better=None)
    for metric in (checkerboard.HARMONIC_ENERGY, checkerboard.PHASE_VARIATION)
)


def class_shares(probabilities: np.ndarray) -> np.ndarray:
    """The share of samples predicted as each class [classes], from class probabilities [n, classes]."""
    return np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1]) / len(probabilities)


def confident_share(probabilities: np.ndarray) -> float:
    """The share of samples whose predicted class has a probability of 0.9 or more."""
    return float(np.mean(probabilities.max(1) >= CONFIDENT))


def judge_samples(
    judge: Judge, dataset: Dataset, sets: dict[str, np.ndarray], stride: int
) -> dict[str, dict[str, Any]]:
    """Figures of several sets of images, each compared with as many training images.

    Args:
      judge: the frozen classifier.
      dataset: the real images.
      sets: name -> uint8 [n, h, w, c].
      stride: stride of the generator's last layer: the period of its artifacts.

    Returns:
      name -> figures, see `aeden.measures.sample_quality` and `artifacts`.
    """
    count = max(map(len, sets.values()))
    known = judge.classify(np.asarray(dataset.train.images[: max(KNOWN, count)]))[0]
    reference = known[:count]
    spectrum = artifacts(np.asarray(dataset.train.images[:count]), stride)[1]
    return {name: _judge_set(judge, images, (known, reference, spectrum), stride) for name, images in sets.items()}


def _judge_set(
    judge: Judge, images: np.ndarray, training: tuple[np.ndarray, np.ndarray, np.ndarray], stride: int
) -> dict[str, Any]:
    """The figures of one set. `training`: features of all and of some training images; spectrum of the latter."""
    known, reference, spectrum = training
    features, probabilities = judge.classify(images)
    precision, recall = sample_quality.precision_and_recall(reference, features)
    density, coverage = sample_quality.density_and_coverage(reference, features)
    figures, own_spectrum = artifacts(images, stride)
    distance = checkerboard.spectrum_distance(jnp.asarray(own_spectrum), jnp.asarray(spectrum))
    return {
        "fid": sample_quality.frechet_distance(features, reference),
        "kid": sample_quality.kernel_distance(features, reference),
        "precision": precision,
        "recall": recall,
        "density": density,
        "coverage": coverage,
        "authenticity": sample_quality.authenticity(known, features),
        "class_share": class_shares(probabilities).tolist(),
        "confident": confident_share(probabilities),
        **figures,
        "spectrum_distance_db": float(distance),
    }


def artifacts(images: np.ndarray, stride: int) -> tuple[dict[str, float], np.ndarray]:
    """Mean checkerboard measures at a stride, and the mean radial spectrum, of images uint8 [n, h, w, c]."""

    def of_images(params: None, some: Array) -> Array:
        unit = to_unit(some)
        measures = [checkerboard.harmonic_energy(unit, stride), checkerboard.phase_variation(unit, stride)]
        return jnp.concatenate([jnp.stack(measures, -1), checkerboard.radial_spectrum(unit)], -1)

    means = in_batches(devices.map_examples(of_images, None), images).mean(0, dtype=np.float64)
    return {"harmonic_energy": float(means[0]), "phase_variation": float(means[1])}, means[2:]
