"""Training a generator and a discriminator against each other: the losses, the penalties, the step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import struct

from aeden import random_keys
from aeden.data.batches import to_unit
from aeden.nn.gan import Discriminator, Generator
from aeden.nn.parameters import apply
from aeden.shapes import Array, Float, Integer, Key, PyTree
from aeden.training.gradient_step import GradientStep, TrainState
from aeden.training.loop import Objective

LOSSES = ("relativistic", "nonsaturating")


class GanState(struct.PyTreeNode):
    """What adversarial training carries from step to step.

    Attributes:
      step: int32 [], the steps taken.
      generator, discriminator: parameters and optimiser of each.
      average: exponential moving average of the generator's parameters, which makes the samples.
    """

    step: Any
    generator: TrainState
    discriminator: TrainState
    average: PyTree


def discriminator_loss(kind: str, real: Float[Array, b], fake: Float[Array, b]) -> Float[Array, b]:
    """What the discriminator descends, of each pair of a real image's score and a sample's.

    "nonsaturating" (Goodfellow et al. 2014): softplus(-real) + softplus(fake). "relativistic" (Jolicoeur-Martineau
    2019; Huang et al. 2024, "The GAN is dead; long live the GAN!", equation 2): softplus(fake - real).
    """
    return nn.softplus(fake - real) if kind == "relativistic" else nn.softplus(-real) + nn.softplus(fake)


def generator_loss(kind: str, real: Float[Array, b], fake: Float[Array, b]) -> Float[Array, b]:
    """What the generator descends: softplus(-fake), or relativistic softplus(real - fake)."""
    return nn.softplus(real - fake) if kind == "relativistic" else nn.softplus(-fake)


def scores_and_penalty(
    model: Discriminator, params: PyTree, images: Float[Array, "b h w c"], label: Integer[Array, b] | None
) -> tuple[Float[Array, b], Float[Array, b]]:
    """Scores of images, and half the squared norm of each one's gradient by its pixels.

    On real images it is R1, on samples R2 (Mescheder et al. 2018, "Which training methods for GANs do actually
    converge?", equation 9).
    """
    scores, pullback = jax.vjp(lambda x: apply(model, params, x, label), images)
    (gradient,) = pullback(jnp.ones_like(scores))
    return scores, 0.5 * jnp.sum(jnp.square(gradient), axis=(1, 2, 3))


def sample(
    model: Generator, params: PyTree, latent: Float[Array, "b d"], label: Integer[Array, b] | None
) -> Float[Array, "b h w c"]:
    """Images in [0, 1] of latents."""
    return nn.sigmoid(apply(model, params, latent, label))


def latents(example_keys: Key[Array, b], size: int) -> Float[Array, "b d"]:
    """Normal latents, each of its own key."""
    return jax.vmap(lambda key: jax.random.normal(key, (size,)))(example_keys)


def adversarial_objective(
    generator: Generator,
    discriminator: Discriminator,
    descents: tuple[GradientStep, GradientStep],
    loss: str,
    penalties: tuple[float, float],
    latent: int,
    decay: float,
    validate: Callable[[GanState], dict[str, float]],
    watch: Callable[[dict[str, int | float]], list[str]],
) -> Objective:
    """A task in which the discriminator takes a step, and then the generator against it.

    Args:
      generator, discriminator: with classes both or neither; with classes, samples have the labels of the batch.
      descents: how the generator's and the discriminator's parameters follow their gradients.
      loss: one of `LOSSES`.
      penalties: weights of R1 and R2.
      latent: size of the latents.
      decay: of the moving average, a step.
      validate: state -> figures.
      watch: a row of the log -> warnings.

    Raises:
      ValueError: unknown loss.
    """
    if loss not in LOSSES:
        raise ValueError(f"unknown gan.loss {loss!r}: use one of {', '.join(LOSSES)}")
    conditional = generator.classes > 0

    def init(key: Array) -> GanState:
        keys_ = jax.random.split(key)
        label = jnp.zeros(1, jnp.int32) if conditional else None
        image = jnp.zeros((1, *generator.shape))
        params = [
            generator.init(keys_[0], jnp.zeros((1, latent)), label)["params"],
            discriminator.init(keys_[1], image, label)["params"],
        ]
        states = [descent.start(own) for descent, own in zip(descents, params, strict=True)]
        # A copy: the state is given away at each step, and no memory can be given away twice.
        return GanState(jnp.int32(0), states[0], states[1], jax.tree.map(jnp.copy, params[0]))

    def step(state: GanState, batch: PyTree, key: Key[Array, ""]) -> tuple[GanState, dict[str, Array]]:
        own_keys = random_keys.split_each(random_keys.example_keys(key, state.step, batch["index"]), 2)
        shared = {"real": to_unit(batch["image"]), "mask": batch["mask"]}
        if conditional:
            shared["label"] = batch["label"]

        def score(params: PyTree, images: Array, part: PyTree) -> Array:
            return apply(discriminator, params, images, part.get("label"))

        def discriminator_losses(params: PyTree, part: PyTree) -> Array:
            label = part.get("label")
            fake = jax.lax.stop_gradient(sample(generator, state.generator.params, part["latent"], label))
            real_score, r1 = scores_and_penalty(discriminator, params, part["real"], label)
            if penalties[1]:
                fake_score, r2 = scores_and_penalty(discriminator, params, fake, label)
            else:
                fake_score, r2 = score(params, fake, part), jnp.zeros_like(r1)
            return discriminator_loss(loss, real_score, fake_score) + penalties[0] * r1 + penalties[1] * r2

        draw = {**shared, "latent": latents(own_keys[0], latent)}
        judge, judged = descents[1].step(state.discriminator, discriminator_losses, draw)

        def generator_losses(params: PyTree, part: PyTree) -> Array:
            fake = score(judge.params, sample(generator, params, part["latent"], part.get("label")), part)
            real = score(judge.params, part["real"], part) if loss == "relativistic" else fake
            return generator_loss(loss, real, fake)

        draw = {**shared, "latent": latents(own_keys[1], latent)}
        maker, made = descents[0].step(state.generator, generator_losses, draw)
        # Young averages follow faster, so that they forget where training began.
        follow = jnp.maximum(1.0 - decay, 1.0 / (state.step + 1.0))
        average = jax.tree.map(lambda old, new: old + follow * (new - old), state.average, maker.params)
        losses = {
            "loss": judged["loss"] + made["loss"],
            "discriminator_loss": judged["loss"],
            "generator_loss": made["loss"],
            "learning_rate": made["learning_rate"],
        }
        return GanState(state.step + 1, maker, judge, average), losses

    return Objective(jax.jit(init), step, validate, watch)
