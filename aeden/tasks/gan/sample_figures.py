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
from aeden.runtime import example_maps
from aeden.shapes import Array
from aeden.tasks.gan.judge import Judge, as_good_as_real, compared
from aeden.training.evaluation import in_batches

# Cap on the training images among which copies are searched: with more, comparing all pairs takes minutes.
KNOWN = 60_000
# A sample is confident if the judge gives its class this probability or more.
CONFIDENT = 0.9

CONFIDENT_SHARE = Metric("confident", "confident", "", True, 3)
# Of class-conditional generators. Of real images it is the accuracy of the judge.
AGREEMENT = Metric("agreement", "class agreement", "", True, 3)
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


def agreement(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The share of samples [n, classes] whose predicted class is the one that they were made for [n], in [0, 1].

    This is "GAN-test" of Shmelkov et al. 2018, "How good is my GAN?", section 3.
    """
    return float(np.mean(probabilities.argmax(1) == labels))


def judge_samples(
    judge: Judge, dataset: Dataset, sets: dict[str, np.ndarray], stride: int, labels: dict[str, np.ndarray]
) -> dict[str, dict[str, Any]]:
    """Figures of several sets of images, each compared with as many training images.

    Args:
      judge: the frozen classifier.
      dataset: the real images.
      sets: name -> uint8 [n, h, w, c].
      stride: stride of the generator's last layer: the period of its artifacts.
      labels: name -> class of each image [n], of the sets that have classes.

    Returns:
      name -> figures, see `aeden.measures.sample_quality` and `artifacts`; and "unseen", those of `as_good_as_real`
      without authenticity, as they are training images, if there are any.
    """
    count = max(map(len, sets.values()))
    images, unseen = compared(dataset, judge.kind, count), as_good_as_real(dataset, judge.kind, count)
    # A copy is one of whichever half: the generator was trained on both.
    known = judge.classify(np.asarray(dataset.train.images[: max(KNOWN, count)]))[0]
    reference = known[:count] if judge.kind == "all" else judge.classify(images)[0]
    spectrum = artifacts(images, stride)[1]
    training = known, reference, spectrum
    judged = {name: _judge_set(judge, some, training, stride, labels.get(name)) for name, some in sets.items()}
    if unseen is not None:
        judged["unseen"] = _judge_set(judge, unseen, (None, reference, spectrum), stride, None)
    return judged


def _judge_set(
    judge: Judge,
    images: np.ndarray,
    training: tuple[np.ndarray | None, np.ndarray, np.ndarray],
    stride: int,
    labels: np.ndarray | None,
) -> dict[str, Any]:
    """The figures of one set.

    Args:
      judge, stride, labels: see `judge_samples`.
      images: the set.
      training: features of the training images among which copies are looked for, None to look for none; features of
        those that the set is compared with; their spectrum.
    """
    known, reference, spectrum = training
    features, probabilities = judge.classify(images)
    figures, own_spectrum = artifacts(images, stride)
    distance = checkerboard.spectrum_distance(jnp.asarray(own_spectrum), jnp.asarray(spectrum))
    return {
        **_distances(features, reference),
        **({} if known is None else {"authenticity": sample_quality.authenticity(known, features)}),
        "class_share": class_shares(probabilities).tolist(),
        "confident": confident_share(probabilities),
        **({} if labels is None else {"agreement": agreement(probabilities, labels)}),
        **figures,
        "spectrum_distance_db": float(distance),
    }


def judge_validation(
    judge: Judge, images: np.ndarray, samples: np.ndarray, labels: np.ndarray | None
) -> dict[str, float]:
    """Figures of samples, compared with the images of the validation split: what a trial of a tuning is judged by.

    Args:
      judge: the frozen classifier. No kind of judge is trained on the validation split.
      images: the validation split, uint8 [n, h, w, c].
      samples: uint8 [m, h, w, c].
      labels: the classes that the samples were made for [m]; None without classes.
    """
    features, probabilities = judge.classify(samples)
    return {
        **_distances(features, judge.classify(images)[0]),
        "confident": confident_share(probabilities),
        **({} if labels is None else {"agreement": agreement(probabilities, labels)}),
        "smallest_class": float(class_shares(probabilities).min()),
    }


def _distances(features: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """The figures that compare the features of samples [m, d] with those of real images [n, d]."""
    precision, recall = sample_quality.precision_and_recall(reference, features)
    density, coverage = sample_quality.density_and_coverage(reference, features)
    return {
        "fid": sample_quality.frechet_distance(features, reference),
        "kid": sample_quality.kernel_distance(features, reference),
        "precision": precision,
        "recall": recall,
        "density": density,
        "coverage": coverage,
    }


def artifacts(images: np.ndarray, stride: int) -> tuple[dict[str, float], np.ndarray]:
    """Mean checkerboard measures at a stride, and the mean radial spectrum, of images uint8 [n, h, w, c]."""

    def of_images(params: None, some: Array) -> Array:
        unit = to_unit(some)
        measures = [checkerboard.harmonic_energy(unit, stride), checkerboard.phase_variation(unit, stride)]
        return jnp.concatenate([jnp.stack(measures, -1), checkerboard.radial_spectrum(unit)], -1)

    means = in_batches(example_maps.map_examples(of_images, None), images).mean(0, dtype=np.float64)
    return {"harmonic_energy": float(means[0]), "phase_variation": float(means[1])}, means[2:]
