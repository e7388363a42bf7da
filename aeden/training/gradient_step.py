"""One gradient step on the mean loss of a batch that is spread over the devices."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import struct

from aeden.measures.image_quality import masked_sum
from aeden.nn.autoencoders import ConvAutoencoder
from aeden.nn.super_resolution import SuperResolver
from aeden.nn.unet import UNet
from aeden.runtime import devices
from aeden.runtime.parts import sum_over_parts
from aeden.shapes import Array, PyTree


class TrainState(struct.PyTreeNode):
    """What a training carries from step to step: all that a checkpoint contains.

    Attributes:
      step: int32 [], number of steps taken.
      params: the parameters of the model, including those that are not trained.
      opt_state: state of the optimiser, for the trained parameters.
    """

    step: Any  # an array, or whatever a function over the tree puts in its place, as for every leaf
    params: PyTree
    opt_state: PyTree


@dataclasses.dataclass(frozen=True)
class GradientStep:
    """How parameters follow the gradient.

    Attributes:
      optimizer: an optax optimiser.
      learning_rate: step -> learning rate that the optimiser uses, for the log.
      pixels: pixels per image, used to split a device's batch into cache-sized chunks (`aeden.runtime.parts`); 0 to
        not split.
      trained: top-level entries of the parameters that are trained; the others stay fixed. None to train all.
    """

    optimizer: optax.GradientTransformation
    learning_rate: optax.Schedule
    pixels: int = 0
    trained: tuple[str, ...] | None = None

    def start(self, params: dict[str, PyTree]) -> TrainState:
        """The state before the first step."""
        return TrainState(jnp.int32(0), params, self.optimizer.init(self._trained(params)))

    def step(
        self, state: TrainState, losses: Callable[[PyTree, PyTree], Array], batch: PyTree
    ) -> tuple[TrainState, dict[str, Array]]:
        """Takes one step. To be called inside a pmap.

        Args:
          state: the same on every device.
          losses: (parameters, part of the batch) -> loss of each example [b].
          batch: this device's share: name -> array [examples, ...]. `mask` marks the examples that count.

        Returns:
          The next state, and the metrics `loss` (mean over the examples of all devices) and `learning_rate`.
        """
        examples = devices.sum_over_devices(jnp.sum(batch["mask"]))
        trained = self._trained(state.params)

        def loss_share(trained: PyTree, part: PyTree) -> Array:
            return masked_sum(losses({**state.params, **trained}, part), part["mask"]) / examples

        loss, gradient = devices.sum_over_devices(
            sum_over_parts(lambda part: jax.value_and_grad(loss_share)(trained, part), batch, self.pixels)
        )
        updates, opt_state = self.optimizer.update(gradient, state.opt_state, trained)
        params = {**state.params, **optax.apply_updates(trained, updates)}
        return (
            TrainState(state.step + 1, params, opt_state),
            {"loss": loss, "learning_rate": self.learning_rate(state.step)},
        )

    def _trained(self, params: dict[str, PyTree]) -> dict[str, PyTree]:
        return params if self.trained is None else {name: params[name] for name in self.trained}


def part_pixels(model: nn.Module, image_shape: tuple[int, ...]) -> int:
    """Pixels per image for splitting a batch into cache-sized chunks (`aeden.runtime.parts`); 0 to not split.

    Splitting pays for convolutions only: the weights of a dense layer are larger than its activations, and its matrix
    products are faster with many rows.
    """
    convolutional = any(
        isinstance(layer, ConvAutoencoder | UNet | SuperResolver) for layer in getattr(model, "layers", [model])
    )
    return image_shape[0] * image_shape[1] if convolutional else 0
