"""The trainings of a stacked run, called phases: which ones, in what order, from which parameters."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import jax.numpy as jnp

from aeden.data.batches import TrainBatches
from aeden.data.dataset import Dataset
from aeden.nn.parameters import apply, make_init, overlay
from aeden.nn.stack import Classifier, Stack
from aeden.random_keys import Stream
from aeden.shapes import Array, PyTree
from aeden.tasks.objectives.classification import Regularization, classification_objective, make_scores
from aeden.tasks.objectives.restoration import fixed_noise, image_losses, make_validation, restoration_objective
from aeden.training.gradient_step import GradientStep, part_pixels
from aeden.training.loop import Training
from aeden.training.objective import Objective
from aeden.training.schedule import Schedule
from aeden.transforms import Transform

# (trained, steps) -> gradient step of a phase that trains these entries of the parameters (None: all)
MakeStep = Callable[[tuple[str, ...] | None, int], GradientStep]


@dataclasses.dataclass(frozen=True)
class Phase:
    """One training of a stacked run.

    Attributes:
      name: its folder in `phases/`.
      title: what it does, in words.
      number: number of the phase, fixed by the stack whichever phases a run has; it decides the random numbers.
      metric: the validation metric whose highest value marks the best checkpoint.
      batches, schedule: see `Training`.
      start: parameters that earlier phases have trained -> the training.
    """

    name: str
    title: str
    number: int
    metric: str
    batches: TrainBatches
    schedule: Schedule
    start: Callable[[PyTree], Training]


@dataclasses.dataclass(frozen=True)
class StackParts:
    """What the objectives of all phases share.

    Attributes:
      stack: the autoencoders, lowest first.
      dataset: the data.
      seed: seed of the run.
      loss: reconstruction loss of images; that of codes is the mean squared error.
      noises: the noise of each layer's input, lowest layer first, see `code_noise`.
      augment: random transform of the training images; None for none.
    """

    stack: Stack
    dataset: Dataset
    seed: int
    loss: str
    noises: tuple[Transform, ...]
    augment: Transform | None

    @property
    def pixels(self) -> int:
        """See `part_pixels`."""
        return part_pixels(self.stack, self.dataset.image_shape)

    def validation(self, model: Stack) -> Callable[[PyTree], dict[str, float]]:
        """Compiles the validation of a stack, or of its lower layers, as an autoencoder of images."""
        noise = fixed_noise(self.noises[0], self.seed, Stream.VALIDATION)
        return make_validation(model, noise, self.dataset.validation)


def code_noise(noise: Transform) -> Transform:
    """A noise of images applied to each value of a code on its own, as in Vincent et al. 2010.

    A pixel is corrupted with all its channels. The values of a code at one position are separate features, so each is
    corrupted by itself.
    """
    return lambda example_keys, code: noise(example_keys, code.reshape(len(code), -1, 1, 1)).reshape(code.shape)


def pretraining_objective(parts: StackParts, i: int, make_step: MakeStep, given: PyTree, steps: int) -> Objective:
    """Layer i learns to restore its corrupted input. The layers below it, `given`, stay fixed.

    Validation restores images through all layers up to this one, so that its metrics can be compared over the phases.
    """
    stack, shape = parts.stack, parts.dataset.image_shape
    below, up_to, layer, name = Stack(stack.layers[:i]), Stack(stack.layers[: i + 1]), stack.layers[i], f"layers_{i}"
    losses_of_images = image_losses(parts.loss, layer)

    def losses(params: PyTree, noisy: Array, clean: Array, level: Array | None) -> Array:
        if i == 0:
            return losses_of_images(params[name], noisy, clean, level)
        restored = apply(layer, params[name], noisy)
        return jnp.mean(jnp.square(restored - clean), axis=(1, 2, 3))

    return restoration_objective(
        lambda key: overlay(make_init(up_to, shape)(key), given),
        make_step((name,), steps),
        parts.noises[i],
        losses,
        parts.validation(up_to),
        parts.augment,
        lambda params, images: apply(below, params, images, method="encode"),
    )


def unrolling_objective(parts: StackParts, make_step: MakeStep, given: PyTree, steps: int) -> Objective:
    """All layers, starting from `given`, learn to restore images as one deep autoencoder."""
    return restoration_objective(
        lambda key: overlay(make_init(parts.stack, parts.dataset.image_shape)(key), given),
        make_step(None, steps),
        parts.noises[0],
        image_losses(parts.loss, parts.stack),
        parts.validation(parts.stack),
        parts.augment,
    )


def head_objective(
    parts: StackParts, model: Classifier, regularization: Regularization, gradient_step: GradientStep, given: PyTree
) -> Objective:
    """The softmax head learns the classes. `gradient_step` decides whether the encoders, from `given`, learn too."""
    logits = functools.partial(apply, model)
    scores = make_scores(logits)
    return classification_objective(
        lambda key: overlay(make_init(model, parts.dataset.image_shape)(key), {"stack": given}),
        gradient_step,
        logits,
        regularization,
        lambda params: scores(params, parts.dataset.validation),
    )
