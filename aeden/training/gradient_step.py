"""One step down the gradient of a mean loss over a batch that the devices share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import struct

from aeden.measures import image_quality
from aeden.nn.autoencoders import ConvAutoencoder
from aeden.runtime import devices
from aeden.shapes import Array, PyTree


class TrainState(struct.PyTreeNode):
    """What a training carries from step to step, and all that a checkpoint holds.

    Attributes:
      step: int32 [], the steps taken.
      params: the model's parameters, those that are not trained too.
      opt_state: the optimiser's state, of the trained parameters.
    """

    step: Any  # like every leaf, an array, or whatever a function over the tree puts in its place
    params: PyTree
    opt_state: PyTree


@dataclasses.dataclass(frozen=True)
class GradientStep:
    """How parameters follow the gradient.

    Attributes:
      optimizer: of optax.
      learning_rate: step -> the rate that the optimiser uses, for the log.
      pixels: by which a device cuts its share of a batch, see `parallel.part_count`; 0 for not at all.
      trained: the entries of the parameters that are trained, the others staying as they are; None for all.
    """

    optimizer: optax.GradientTransformation
    learning_rate: optax.Schedule
    pixels: int = 0
    trained: tuple[str, ...] | None = None

    def start(self, params: dict[str, PyTree]) -> TrainState:
        """The state before the first step."""
        return TrainState(jnp.int32(0), params, self.optimizer.init(self._mine(params)))

    def step(
        self, state: TrainState, losses: Callable[[PyTree, PyTree], Array], batch: PyTree
    ) -> tuple[TrainState, dict[str, Array]]:
        """Takes a step, inside a mapped step.

        Args:
          state: the same on every device.
          losses: (params, part of the batch) -> the loss of each of its examples [b].
          batch: this device's share, arrays [examples, ...] under names; `mask` says which examples count.

        Returns:
          The state after, and `loss` (mean over the examples of all devices) and `learning_rate`.
        """
        examples = devices.sum_over_devices(jnp.sum(batch["mask"]))
        mine = self._mine(state.params)

        def loss_share(mine: PyTree, part: PyTree) -> Array:
            return image_quality.masked_sum(losses({**state.params, **mine}, part), part["mask"]) / examples

        parts = devices.part_count(len(batch["mask"]), self.pixels)
        loss, gradient = devices.sum_over_devices(
            devices.sum_over_parts(lambda part: jax.value_and_grad(loss_share)(mine, part), batch, parts)
        )
        updates, opt_state = self.optimizer.update(gradient, state.opt_state, mine)
        params = {**state.params, **optax.apply_updates(mine, updates)}
        return (
            TrainState(state.step + 1, params, opt_state),
            {"loss": loss, "learning_rate": self.learning_rate(state.step)},
        )

    def _mine(self, params: dict[str, PyTree]) -> dict[str, PyTree]:
        return params if self.trained is None else {name: params[name] for name in self.trained}


def part_pixels(model: nn.Module, image_shape: tuple[int, ...]) -> int:
    """The pixels by which a device cuts its share of a batch (`parallel.part_count`), 0 for not at all.

    Only feature maps are worth a cache's while: a dense layer's weights outweigh them, and want many rows at once.
    """
    convolutional = any(isinstance(layer, ConvAutoencoder) for layer in getattr(model, "layers", [model]))
    return image_shape[0] * image_shape[1] if convolutional else 0
