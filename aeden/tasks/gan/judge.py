"""The judge: a classifier in whose features samples of a generator are compared with real images.

It is trained once per data set, then frozen, and kept in aeden's cache under the hash of the data. Every figure that
depends on it is reported with its accuracy and the hash of its parameters: figures of different classifiers cannot be
compared.

Two kinds: "all" is trained on all training images and compares samples with them. But a classifier separates the images
that it has learnt better than others, so that even unseen real images are at a distance from these: the floor of every
figure. "half" is trained on every other training image, and compares samples with the others, which it has not seen.
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

from aeden.data.batches import TrainBatches, to_unit
from aeden.data.dataset import Dataset
from aeden.data.splits import Split, spread
from aeden.measures import image_quality
from aeden.nn.autoencoders import ConvAutoencoder, DenseAutoencoder
from aeden.nn.parameters import apply, make_init
from aeden.nn.stack import Classifier, Stack
from aeden.runtime import devices, example_maps, files
from aeden.runtime.cache import cache_folder, only_one
from aeden.shapes import Array, PyTree
from aeden.tasks.objectives import classification
from aeden.training.checkpoints import newest_params
from aeden.training.evaluation import in_batches
from aeden.training.gradient_step import GradientStep, part_pixels
from aeden.training.loop import Training, fit
from aeden.training.optimizers import learning_rate_schedule
from aeden.training.schedule import Schedule

# These values are part of the name of the cache folder: whoever changes one gets another classifier.
RECIPE = {"features": 32, "code": 64, "epochs": 3, "batch": 128, "learning_rate": 2e-3, "dropout": 0.25, "seed": 0}
# Kind of judge -> how often it passes over its images, times the epochs of the recipe: all kinds take as many steps.
JUDGES = {"all": 1, "half": 2}
# File with the accuracy, hash and scale of a trained classifier, next to its checkpoint.
FACTS = "classifier.json"
# Number of training images whose features set the scale.
SCALED_BY = 10_000
WARMUP_STEPS = 100


@dataclasses.dataclass(frozen=True)
class Judge:
    """A frozen classifier.

    Attributes:
      encode: images, uint8 [n, h, w, c] -> features [n, code].
      head: kernel and bias from features to logits.
      scale: features are divided by it, so that their mean square over the training images is 1.
      accuracy: its accuracy on the test split of the data.
      sha256: hash of its parameters.
      kind: one of `JUDGES`.
    """

    encode: Callable[[np.ndarray], np.ndarray]
    head: dict[str, np.ndarray]
    scale: float
    accuracy: float
    sha256: str
    kind: str = "all"

    def describe(self) -> dict[str, Any]:
        """What a summary says of it."""
        return {"accuracy": self.accuracy, "sha256": self.sha256, "kind": self.kind}

    def classify(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features [n, code] and class probabilities [n, classes] of images, uint8 [n, h, w, c]."""
        # Imported here: it takes a tenth of a second, and runs of other tasks import this file too.
        from scipy.special import softmax

        features = in_batches(self.encode, images)
        logits = features @ self.head["kernel"] + self.head["bias"]
        return features / self.scale, softmax(logits, axis=1)


def build_judge(dataset: Dataset) -> Classifier:
    """The network: three convolutional stages, a dense code, a softmax head for the classes of the data."""
    width, channels = RECIPE["features"], dataset.image_shape[-1]
    widths = (int(width), int(2 * width), int(4 * width))
    convolutional = ConvAutoencoder(features=widths, factors=(2, 2, 2), channels=channels)
    image = jnp.zeros((1, *dataset.image_shape))
    code = jax.eval_shape(lambda: convolutional.init_with_output(jax.random.key(0), image, method="encode")[0])
    dense = DenseAutoencoder(tuple(code.shape[1:]), (int(RECIPE["code"]),))
    return Classifier(Stack((convolutional, dense)), len(dataset.classes))


def obstacle(dataset: Dataset) -> str:
    """Why no classifier can be trained on some data, e.g. "has no labels"; "" if one can."""
    if any(split.labels is None for split in (dataset.train, dataset.validation, dataset.test)):
        return "has no labels"
    return "has one class only" if len(dataset.classes) < 2 else ""


def check_labels(dataset: Dataset) -> None:
    """Refuses data that no classifier can be trained on.

    Raises:
      ValueError: a split has no labels, or all have the same.
    """
    if why := obstacle(dataset):
        raise ValueError(f"samples are judged by a classifier, and {dataset.name} {why}: set gan.samples=0")


def learnt(dataset: Dataset, kind: str) -> Split:
    """The training images that a kind of judge is trained on."""
    return dataset.train if kind == "all" else dataset.train.select(slice(0, None, 2))


def compared(dataset: Dataset, kind: str, count: int) -> np.ndarray:
    """At most `count` training images that samples are compared with: uint8 [n, h, w, c].

    Those of "half" are evenly spread over the images that the judge has not seen, in case these are sorted by class.
    For "all" they are the first ones, as in all runs before there was another kind.
    """
    if kind == "all":
        return np.asarray(dataset.train.images[:count])
    unseen = _unseen(dataset)
    return np.asarray(unseen[spread(len(unseen), count)])


def as_good_as_real(dataset: Dataset, kind: str, count: int) -> np.ndarray | None:
    """Further training images that the judge has not seen: what a generator without fault would draw.

    Args:
      dataset: the data.
      kind: one of `JUDGES`.
      count: as in `compared`; none of those is among them.

    Returns:
      uint8 [count, h, w, c], evenly spread; None for "all", whose judge has seen every training image, and where fewer
      are left.
    """
    if kind == "all":
        return None
    unseen = _unseen(dataset)
    others = np.setdiff1d(np.arange(len(unseen)), spread(len(unseen), count))
    return np.asarray(unseen[others[spread(len(others), count)]]) if len(others) >= count else None


def _unseen(dataset: Dataset) -> np.ndarray:
    """The training images that a judge of one half was not trained on, see `learnt`."""
    return dataset.train.images[1::2]


def load_judge(dataset: Dataset, workdir: Path, kind: str = "all") -> Judge:
    """The classifier of a data set, from the cache; trains it if it is not there or is damaged.

    A run of several processes keeps it in its run folder, which they share.

    Args:
      dataset: the data.
      workdir: the run folder.
      kind: one of `JUDGES`.

    Raises:
      ValueError: the data has no labels.
    """
    check_labels(dataset)
    # The kind "all" has the name that it had when there was no other.
    recipe = f"{dataset.sha256} {sorted(RECIPE.items())}" + (f" {kind}" if kind != "all" else "")
    name = hashlib.sha256(recipe.encode()).hexdigest()[:20]
    if jax.process_count() > 1:
        params, facts = _train(dataset, workdir / "classifier", kind)
    else:
        folder = cache_folder() / "classifiers" / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        with only_one(folder.parent / f"{name}.lock"):
            params, facts = _load(folder) or _train(dataset, folder, kind)
    return Judge(_encoder(dataset, params), params["head"], **facts, kind=kind)


def _load(folder: Path) -> tuple[PyTree, dict[str, Any]] | None:
    """Parameters and facts of a trained classifier; None if it is absent or damaged."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        facts = files.read_json(folder / FACTS)
        params = newest_params(folder / "checkpoints")[1]
        if _digest(params) == facts["sha256"]:
            return params, {name: facts[name] for name in ("accuracy", "sha256", "scale")}
    return None


def _train(dataset: Dataset, folder: Path, kind: str) -> tuple[PyTree, dict[str, Any]]:
    """Trains a classifier, or continues an interrupted training; returns its parameters and facts."""
    if devices.is_primary():
        print(f"training the classifier that judges samples of {dataset.name}, once ...", file=sys.stderr)
    model, shape = build_judge(dataset), dataset.image_shape
    batches = TrainBatches(learnt(dataset, kind), int(RECIPE["batch"]), int(RECIPE["seed"]))
    epoch = batches.steps_per_epoch
    steps = max(int(RECIPE["epochs"]) * JUDGES[kind] * epoch, 1)
    rate = learning_rate_schedule(float(RECIPE["learning_rate"]), steps, WARMUP_STEPS)
    logits = functools.partial(apply, model)
    scores = classification.make_scores(logits)
    objective = classification.classification_objective(
        make_init(model, shape),
        GradientStep(optax.adamw(rate), rate, part_pixels(model.stack, shape)),
        logits,
        classification.Regularization(dropout=float(RECIPE["dropout"])),
        lambda params: scores(params, dataset.validation),
    )
    schedule = Schedule(steps, epoch, epoch, 0, devices.steps_per_dispatch())
    training = Training(
        objective, batches, schedule, int(RECIPE["seed"]), checkpoints=1, best_metric=image_quality.ACCURACY.name
    )
    fitted = fit(training, folder, time.monotonic())
    params = jax.device_get(fitted.state.params)
    features = in_batches(_encoder(dataset, params), compared(dataset, kind, SCALED_BY))
    facts = {
        "accuracy": scores(fitted.state.params, dataset.test)["accuracy"],
        "sha256": _digest(params),
        "scale": float(np.sqrt(np.mean(np.square(features, dtype=np.float64)))),
    }
    if devices.is_primary():
        files.write_json(folder / FACTS, facts)
    return params, facts


def _encoder(dataset: Dataset, params: PyTree) -> Callable[[np.ndarray], np.ndarray]:
    """Compiles images -> features."""
    stack = build_judge(dataset).stack

    def encode(params: PyTree, images: Array) -> Array:
        code = apply(stack, params, to_unit(images), method="encode")
        return code.reshape(len(code), -1)

    return example_maps.map_examples(encode, params["stack"], part_pixels(stack, dataset.image_shape))


def _digest(params: PyTree) -> str:
    """sha256 of parameters."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(x).tobytes() for x in jax.tree.leaves(params))).hexdigest()
