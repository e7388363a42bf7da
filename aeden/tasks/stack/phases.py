"""The trainings that make a stacked run: which, in what order, from which parameters."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from aeden import random_keys
from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.nn.parameters import apply, make_init, overlay
from aeden.nn.stack import Classifier, Stack
from aeden.shapes import Array, PyTree
from aeden.tasks import from_config
from aeden.tasks.objectives import classification, restoration
from aeden.training import gradient_step
from aeden.training.loop import Objective
from aeden.transforms import Transform

HEADS = ("finetune", "frozen", "pixels", "none")
EMBEDDINGS = ("tsne", "pca", "none")
# Codes are not negative and have no upper bound: what is defined for gray levels only makes no sense above the images.
CODE_NOISES = ("masking", "gaussian")


@dataclasses.dataclass(frozen=True)
class Phase:
    """One training of the run.

    Attributes:
      number: which of its stack's phases it is, whichever of them a run has: its random numbers depend on it.
      name: of its folder in `phases/`.
      title: what it does, in words.
      metric: of validation, whose highest value makes a checkpoint the best.
      split: what it is trained on.
      epochs, steps: its length, see `build.build_schedule`.
      make_task: (parameters so far, steps) -> what it trains.
    """

    number: int
    name: str
    title: str
    metric: str
    split: Split
    epochs: float
    steps: int
    make_task: Callable[[PyTree, int], Objective]


def check_stack(config: Any, dataset: Dataset) -> None:
    """Refuses a run that cannot be, before anything is trained.

    Raises:
      ValueError: naming the field and the remedy.
    """
    stack, layers = config.stack, len(from_config.build_stack(config, dataset.image_shape).layers)
    for field, value, choices in (("head", stack.head, HEADS), ("embedding", stack.embedding, EMBEDDINGS)):
        if value not in choices:
            raise ValueError(f"unknown stack.{field} {value!r}: use one of {', '.join(choices)}")
    if stack.head != "none":
        _check_labels(dataset, f"stack.head={stack.head}")
    if stack.levels and len(stack.levels) != layers:
        raise ValueError(f"stack.levels {tuple(stack.levels)} needs one level for each of {layers} layers, or none")
    if layers > 1 and stack.pretrain_epochs and config.noise.kind not in CODE_NOISES:
        raise ValueError(f"noise.kind {config.noise.kind} is for images: codes take {' or '.join(CODE_NOISES)}")
    if not 0 <= stack.label_smoothing < 1:
        raise ValueError(f"stack.label_smoothing {stack.label_smoothing:g} is out of range: use 0 or more, less than 1")
    classification.dropout_levels(stack.dropout)
    for name, rate in (
        ("learning_rate", config.learning_rate),
        ("stack.pretrain_learning_rate", stack.pretrain_learning_rate),
    ):
        if not rate > 0:
            raise ValueError(f"{name} {rate:g} is not positive")
    if min(stack.pretrain_epochs, stack.unroll_epochs, stack.labels) < 0:
        raise ValueError("stack.pretrain_epochs, stack.unroll_epochs and stack.labels take 0 or more")
    if stack.head == "none" and not stack.unroll_epochs and (stack.pretrained or not stack.pretrain_epochs):
        raise ValueError("nothing to train: set stack.head, stack.pretrain_epochs or stack.unroll_epochs")
    from_config.build_noise(config, stack.head_noise)
    for i in range(layers):
        layer_noise(config, i)


def _check_labels(dataset: Dataset, who: str) -> None:
    for name in ("train", "validation", "test"):
        labels = getattr(dataset, name).labels
        if labels is None:
            raise ValueError(
                f"{who} needs labels, and the {name} split of {dataset.name} has none: set stack.head=none"
            )
        if labels.min() < 0:
            raise ValueError(f"{who} needs labels from 0 up, and the {name} split of {dataset.name} has {labels.min()}")


def plan_phases(config: Any, dataset: Dataset, stack: Stack) -> list[Phase]:
    """The trainings of a run, in their order.

    Raises:
      ValueError: a label budget that the training split does not hold.
    """
    options, count, phases = config.stack, len(stack.layers), []
    if options.head != "pixels" and not options.pretrained and options.pretrain_epochs:
        phases += [
            Phase(
                i,
                f"pretrain-{i + 1}",
                f"pre-training layer {i + 1} of {count}",
                "psnr",
                dataset.train,
                options.pretrain_epochs,
                0,
                functools.partial(pretraining_task, config, stack, dataset, i),
            )
            for i in range(count)
        ]
    if options.head != "pixels" and options.unroll_epochs:
        phases.append(
            Phase(
                count,
                "unroll",
                "fine-tuning as an autoencoder",
                "psnr",
                dataset.train,
                options.unroll_epochs,
                0,
                functools.partial(unrolling_task, config, stack, dataset),
            )
        )
    if options.head != "none":
        titles = {
            "finetune": "learning classes, all weights",
            "frozen": "logistic regression on the frozen code",
            "pixels": "logistic regression on pixels",
        }
        phases.append(
            Phase(
                count + 1,
                "classify",
                titles[options.head],
                "accuracy",
                dataset.train.stratified(options.labels, config.seed),
                config.epochs,
                config.steps,
                functools.partial(head_task, config, stack, dataset),
            )
        )
    return phases


def layer_noise(config: Any, i: int) -> Transform:
    """The corruption of layer i's input.

    An image's is that of its pixels, clipped or not as `noise.clip` says. A code's is that of each of its values, as in
    Vincent et al. 2010, and never clipped: what lies at one place is not one thing, as the channels of a pixel are.
    """
    level = config.stack.levels[i] if config.stack.levels else None
    noise = from_config.build_noise(config, level, clip=config.noise.clip and i == 0)
    if i == 0:
        return noise
    return lambda example_keys, code: noise(example_keys, code.reshape(len(code), -1, 1, 1)).reshape(code.shape)


def pretraining_task(config: Any, stack: Stack, dataset: Dataset, i: int, given: PyTree, steps: int) -> Objective:
    """Layer i learns to restore its corrupted input; those below, `given`, stay as they are.

    The loss of an image is the config's, that of a code its mean squared error. Validation restores images through all
    layers so far, so that its figures compare over the phases.

    Raises:
      ValueError: a field of the config has a value that it cannot have.
    """
    below, upto, layer, name = Stack(stack.layers[:i]), Stack(stack.layers[: i + 1]), stack.layers[i], f"layers_{i}"
    image_losses = restoration.image_losses(config.loss, layer)

    def losses(params: PyTree, noisy: Array, clean: Array) -> Array:
        if i == 0:
            return image_losses(params[name], noisy, clean)
        restored = apply(layer, params[name], noisy)
        return jnp.mean(jnp.square(restored - clean), axis=(1, 2, 3))

    pixels = gradient_step.part_pixels(stack, dataset.image_shape)
    return restoration.restoration_objective(
        lambda key: overlay(make_init(upto, dataset.image_shape)(key), given),
        from_config.build_gradient_step(config, config.stack.pretrain_learning_rate, steps, pixels, (name,)),
        layer_noise(config, i),
        losses,
        _validation(config, upto, dataset),
        from_config.build_augmentation(config),
        lambda params, images: apply(below, params, images, method="encode"),
    )


def unrolling_task(config: Any, stack: Stack, dataset: Dataset, given: PyTree, steps: int) -> Objective:
    """All layers, from `given` where there are such, learn to restore images as one deep autoencoder.

    Raises:
      ValueError: a field of the config has a value that it cannot have.
    """
    pixels = gradient_step.part_pixels(stack, dataset.image_shape)
    return restoration.restoration_objective(
        lambda key: overlay(make_init(stack, dataset.image_shape)(key), given),
        from_config.build_gradient_step(config, config.stack.pretrain_learning_rate, steps, pixels),
        layer_noise(config, 0),
        restoration.image_losses(config.loss, stack),
        _validation(config, stack, dataset),
        from_config.build_augmentation(config),
    )


def build_classifier(config: Any, stack: Stack, classes: int) -> Classifier:
    """The head on a stack's code, or on the images themselves."""
    return Classifier(Stack(()) if config.stack.head == "pixels" else stack, classes)


def head_task(config: Any, stack: Stack, dataset: Dataset, given: PyTree, steps: int) -> Objective:
    """The softmax head learns the classes, and with `head="finetune"` the encoders below it, from `given`, do too.

    Raises:
      ValueError: a field of the config has a value that it cannot have.
    """
    options = config.stack
    model = build_classifier(config, stack, len(dataset.classes))
    logits = functools.partial(apply, model)
    scores = classification.make_scores(logits)
    pixels = gradient_step.part_pixels(model.stack, dataset.image_shape)
    trained = None if options.head == "finetune" else ("head",)
    return classification.classification_objective(
        lambda key: overlay(make_init(model, dataset.image_shape)(key), {"stack": given}),
        from_config.build_gradient_step(config, config.learning_rate, steps, pixels, trained),
        logits,
        from_config.build_noise(config, options.head_noise) if options.head_noise else lambda _, images: images,
        from_config.build_augmentation(config),
        options.dropout,
        options.label_smoothing,
        lambda params: scores(params, dataset.validation),
    )


def _validation(config: Any, model: Stack, dataset: Dataset) -> Callable[[PyTree], dict[str, float]]:
    noises = {"validation": layer_noise(config, 0)}
    evaluate = restoration.make_evaluation(model, noises, config.seed, random_keys.Stream.VALIDATION)
    return lambda params: evaluate(params, dataset.validation)["validation"]["restored"]
