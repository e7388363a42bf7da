"""The classifier in whose features samples are judged: trained here once for a data set, then frozen.

It is kept in aeden's cache under the data's hash. Every figure that it serves for names its accuracy and the hash of
its parameters: figures of other classifiers are not comparable.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.special import softmax

from aeden import classification, parallel
from aeden.cache import cache_folder, only_one
from aeden.data.pipeline import TrainBatches
from aeden.data.sources import Dataset
from aeden.descent import Descent
from aeden.evaluation import in_batches, to_unit
from aeden.models import Classifier, ConvAutoencoder, DenseAutoencoder, Stack, apply, make_init
from aeden.optimizers import learning_rate_schedule
from aeden.restoration import part_pixels
from aeden.shapes import Array
from aeden.train import Schedule, fit_in_folder

PyTree = Any

# Part of every figure: what is changed here changes the name of the folder.
RECIPE = {"features": 32, "code": 64, "epochs": 3, "batch": 128, "learning_rate": 2e-3, "dropout": 0.25, "seed": 0}

# Training images whose features set the scale.
SCALED_BY = 10_000


@dataclasses.dataclass(frozen=True)
class Evaluator:
    """A frozen classifier.

    Attributes:
      encode: images, uint8 [n, h, w, c] -> their features [n, code].
      head: kernel and bias from features to the classes' logits.
      scale: by which features are divided, so that their mean square over the training images is 1.
      accuracy: on the data's test split.
      sha256: of its parameters.
    """

    encode: Callable[[np.ndarray], np.ndarray]
    head: dict[str, np.ndarray]
    scale: float
    accuracy: float
    sha256: str

    def describe(self) -> dict[str, Any]:
        """What a summary says of it."""
        return {"accuracy": self.accuracy, "sha256": self.sha256}

    def judge(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features [n, code] and probabilities of the classes [n, classes] of images, uint8 [n, h, w, c]."""
        features = in_batches(self.encode, images)
        logits = features @ self.head["kernel"] + self.head["bias"]
        return features / self.scale, softmax(logits, axis=1)


def build_evaluator(dataset: Dataset) -> Classifier:
    """Three convolutional stages and a dense code, for the classes of a set."""
    width, channels = RECIPE["features"], dataset.image_shape[-1]
    widths = (int(width), int(2 * width), int(4 * width))
    convolutional = ConvAutoencoder(features=widths, factors=(2, 2, 2), channels=channels)
    shape = jax.eval_shape(
        lambda: convolutional.init_with_output(
            jax.random.key(0), jnp.zeros((1, *dataset.image_shape)), method="encode"
        )[0]
    ).shape[1:]
    dense = DenseAutoencoder(tuple(shape), (int(RECIPE["code"]),))
    return Classifier(Stack((convolutional, dense)), len(dataset.classes))


def load_evaluator(dataset: Dataset, workdir: Path) -> Evaluator:
    """The classifier of a data set; trains it where it is not in the cache yet.

    A run of several processes keeps it in its run folder, which they share.

    Raises:
      ValueError: the set has no labels.
    """
    if dataset.train.labels is None or dataset.test.labels is None:
        raise ValueError(f"samples are judged by a classifier, and {dataset.name} has no labels: set gan.samples=0")
    name = hashlib.sha256(f"{dataset.sha256} {sorted(RECIPE.items())}".encode()).hexdigest()[:20]
    if jax.process_count() > 1:
        return _train(dataset, workdir / "classifier")
    folder = cache_folder() / "classifiers" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with only_one(folder.parent / f"{name}.lock"):
        return _train(dataset, folder)


def _train(dataset: Dataset, folder: Path) -> Evaluator:
    """Trains, or takes up what was trained before."""
    model, seed = build_evaluator(dataset), int(RECIPE["seed"])
    batches = TrainBatches(dataset.train, int(RECIPE["batch"]), seed)
    steps = max(int(RECIPE["epochs"]) * batches.steps_per_epoch, 1)
    every = batches.steps_per_epoch
    schedule = Schedule(steps, every, every, 0, parallel.steps_per_dispatch())
    rate = learning_rate_schedule(float(RECIPE["learning_rate"]), steps, 100)
    logits = functools.partial(apply, model)
    scores = classification.make_scores(logits)
    task = classification.classification_task(
        make_init(model, dataset.image_shape),
        Descent(optax.adamw(rate), rate, part_pixels(model.stack, dataset.image_shape)),
        logits, lambda _, images: images, None, float(RECIPE["dropout"]), 0.0,
        lambda params: scores(params, dataset.validation),
    )  # fmt: skip
    fitted = fit_in_folder(folder, task, batches, schedule, seed, time.monotonic(), 1, "accuracy")
    params = jax.device_get(fitted.state.params)
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(leaf).tobytes() for leaf in jax.tree.leaves(params)))

    def encode(params: PyTree, images: Array) -> Array:
        code = apply(model.stack, params, to_unit(images), method="encode")
        return code.reshape(len(code), -1)

    pixels = part_pixels(model.stack, dataset.image_shape)
    encoder = parallel.map_examples(encode, params["stack"], pixels)
    features = in_batches(encoder, dataset.train.first(SCALED_BY).images)
    return Evaluator(
        encoder, params["head"], float(np.sqrt(np.mean(np.square(features, dtype=np.float64)))),
        scores(fitted.state.params, dataset.test)["accuracy"], digest.hexdigest(),
    )  # fmt: skip
