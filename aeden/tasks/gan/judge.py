"""The classifier in whose features samples are judged: trained here once for a data set, then frozen.

It is kept in aeden's cache under the data's hash. Every figure that it serves for names its accuracy and the hash of
its parameters: figures of other classifiers are not comparable.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.special import softmax

from aeden.data.batches import TrainBatches, to_unit
from aeden.data.dataset import Dataset
from aeden.nn.autoencoders import ConvAutoencoder, DenseAutoencoder
from aeden.nn.parameters import apply, make_init
from aeden.nn.stack import Classifier, Stack
from aeden.runtime import devices, files
from aeden.runtime.cache import cache_folder, only_one
from aeden.shapes import Array, PyTree
from aeden.tasks.objectives import classification
from aeden.training.checkpoints import newest_params
from aeden.training.evaluation import in_batches
from aeden.training.gradient_step import GradientStep, part_pixels
from aeden.training.loop import fit_in_folder
from aeden.training.optimizers import learning_rate_schedule
from aeden.training.schedule import Schedule

# Part of every figure: what is changed here changes the name of the folder.
RECIPE = {"features": 32, "code": 64, "epochs": 3, "batch": 128, "learning_rate": 2e-3, "dropout": 0.25, "seed": 0}

# What is known of a trained one, beside its checkpoint.
FACTS = "classifier.json"

# Training images whose features set the scale.
SCALED_BY = 10_000


@dataclasses.dataclass(frozen=True)
class Judge:
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


def build_judge(dataset: Dataset) -> Classifier:
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


def check_labels(dataset: Dataset) -> None:
    """Refuses a set that no classifier can be trained on.

    Raises:
      ValueError: the set has no labels.
    """
    if any(split.labels is None for split in (dataset.train, dataset.validation, dataset.test)):
        raise ValueError(f"samples are judged by a classifier, and {dataset.name} has no labels: set gan.samples=0")


def load_judge(dataset: Dataset, workdir: Path) -> Judge:
    """The classifier of a data set; trains it where it is not in the cache yet.

    A run of several processes keeps it in its run folder, which they share.

    Raises:
      ValueError: the set has no labels.
    """
    check_labels(dataset)
    name = hashlib.sha256(f"{dataset.sha256} {sorted(RECIPE.items())}".encode()).hexdigest()[:20]
    if jax.process_count() > 1:
        params, facts = _train(dataset, workdir / "classifier")
    else:
        folder = cache_folder() / "classifiers" / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        with only_one(folder.parent / f"{name}.lock"):
            params, facts = _known(folder) or _train(dataset, folder)
    return Judge(_encoder(dataset, params), params["head"], **facts)


def _known(folder: Path) -> tuple[PyTree, dict[str, Any]] | None:
    """Parameters and facts of a classifier that was trained before; None where it is not there, or not whole."""
    with contextlib.suppress(OSError, ValueError):
        facts = files.read_json(folder / FACTS)
        params = newest_params(folder / "checkpoints")[1]
        if _digest(params) == facts["sha256"]:
            return params, facts
    return None


def _train(dataset: Dataset, folder: Path) -> tuple[PyTree, dict[str, Any]]:
    """Trains a classifier, or takes up what was trained before; its parameters, and what is known of it."""
    if devices.is_primary():
        print(f"training the classifier that judges samples of {dataset.name}, once ...", file=sys.stderr)
    model, seed = build_judge(dataset), int(RECIPE["seed"])
    batches = TrainBatches(dataset.train, int(RECIPE["batch"]), seed)
    steps = max(int(RECIPE["epochs"]) * batches.steps_per_epoch, 1)
    every = batches.steps_per_epoch
    schedule = Schedule(steps, every, every, 0, devices.steps_per_dispatch())
    rate = learning_rate_schedule(float(RECIPE["learning_rate"]), steps, 100)
    logits = functools.partial(apply, model)
    scores = classification.make_scores(logits)
    task = classification.classification_objective(
        make_init(model, dataset.image_shape),
        GradientStep(optax.adamw(rate), rate, part_pixels(model.stack, dataset.image_shape)),
        logits,
        lambda _, images: images,
        None,
        float(RECIPE["dropout"]),
        0.0,
        lambda params: scores(params, dataset.validation),
    )
    fitted = fit_in_folder(folder, task, batches, schedule, seed, time.monotonic(), 1, "accuracy")
    params = jax.device_get(fitted.state.params)
    features = in_batches(_encoder(dataset, params), dataset.train.first(SCALED_BY).images)
    facts = {
        "accuracy": scores(fitted.state.params, dataset.test)["accuracy"],
        "sha256": _digest(params),
        "scale": float(np.sqrt(np.mean(np.square(features, dtype=np.float64)))),
    }
    if devices.is_primary():
        files.write_json(folder / FACTS, facts)
    return params, facts


def _encoder(dataset: Dataset, params: PyTree) -> Callable[[np.ndarray], np.ndarray]:
    """Images to features, compiled."""
    stack = build_judge(dataset).stack

    def encode(params: PyTree, images: Array) -> Array:
        code = apply(stack, params, to_unit(images), method="encode")
        return code.reshape(len(code), -1)

    return devices.map_examples(encode, params["stack"], part_pixels(stack, dataset.image_shape))


def _digest(params: PyTree) -> str:
    """sha256 of parameters."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(x).tobytes() for x in jax.tree.leaves(params))).hexdigest()
