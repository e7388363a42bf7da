"""Objective "adversarial": a generator and a discriminator are trained against each other. Losses, penalties, step."""

from __future__ import annotations

import dataclasses
import functools
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
from aeden.training.objective import Objective

LOSSES = ("relativistic", "nonsaturating")


class GanState(struct.PyTreeNode):
    """What adversarial training carries from step to step.

    Attributes:
      step: int32 [], number of steps taken.
      generator, discriminator: parameters and optimiser state of each.
      average: exponential moving average of the generator's parameters; it generates the samples.
    """

    step: Any
    generator: TrainState
    discriminator: TrainState
    average: PyTree


@dataclasses.dataclass(frozen=True)
class Adversaries:
    """The two networks and how they are trained.

    Attributes:
      generator, discriminator: the networks, both with classes or both without. With classes, samples have the labels
        of the batch.
      latent: size of the latent vectors.
      gradient_steps: how the parameters of generator and discriminator follow their gradients.
      loss: one of `LOSSES`.
      r1, r2: weights of the gradient penalties on real images and on samples.
      decay: decay per step of the moving average of the generator.
      penalty_every: steps from one penalty to the next. A step that has it has this many times its weight, so that the
        mean stays ("lazy regularisation", Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN",
        section 3.1). There the penalty takes a step of its own, for which Adam's constants are corrected. Here it is
        part of the step that is taken anyway, so nothing is to be corrected.
    """

    generator: Generator
    discriminator: Discriminator
    latent: int
    gradient_steps: tuple[GradientStep, GradientStep]
    loss: str
    r1: float
    r2: float
    decay: float
    penalty_every: int = 1


def discriminator_loss(kind: str, real: Float[Array, b], fake: Float[Array, b]) -> Float[Array, b]:
    """Loss of the discriminator for each pair of scores of a real image and of a sample.

    "nonsaturating" (Goodfellow et al. 2014): softplus(-real) + softplus(fake). "relativistic" (Jolicoeur-Martineau
    2019; Huang et al. 2024, "The GAN is dead; long live the GAN!", equation 2): softplus(fake - real).
    """
    return nn.softplus(fake - real) if kind == "relativistic" else nn.softplus(-real) + nn.softplus(fake)


def generator_loss(kind: str, real: Float[Array, b], fake: Float[Array, b]) -> Float[Array, b]:
    """Loss of the generator: softplus(-fake), or relativistic softplus(real - fake)."""
    return nn.softplus(real - fake) if kind == "relativistic" else nn.softplus(-fake)


def scores_and_penalty(
    model: Discriminator, params: PyTree, images: Float[Array, "b h w c"], label: Integer[Array, b] | None
) -> tuple[Float[Array, b], Float[Array, b]]:
    """Scores of images, and half the squared norm of the gradient of each score by the pixels.

    On real images the penalty is R1, on samples R2 (Mescheder et al. 2018, "Which training methods for GANs do actually
    converge?", equation 9).
    """
    scores, pullback = jax.vjp(lambda x: apply(model, params, x, label), images)
    (gradient,) = pullback(jnp.ones_like(scores))
    return scores, 0.5 * jnp.sum(jnp.square(gradient), axis=(1, 2, 3))


def sample(
    model: Generator, params: PyTree, latent: Float[Array, "b d"], label: Integer[Array, b] | None
) -> Float[Array, "b h w c"]:
    """Images in [0, 1] that the generator makes of latent vectors."""
    return nn.sigmoid(apply(model, params, latent, label))


def latents(example_keys: Key[Array, b], size: int) -> Float[Array, "b d"]:
    """Normally distributed latent vectors, one per key."""
    return jax.vmap(lambda key: jax.random.normal(key, (size,)))(example_keys)


def adversarial_objective(
    gan: Adversaries,
    validate: Callable[[GanState], dict[str, float]],
    warn: Callable[[dict[str, int | float]], list[str]],
) -> Objective:
    """The objective in which the discriminator takes a step, and then the generator takes one against it.

    Args:
      gan: networks, optimisers and losses.
      validate: state -> metrics.
      warn: row of the metrics log -> warnings.

    Raises:
      ValueError: unknown loss.
    """
    if gan.loss not in LOSSES:
        raise ValueError(f"unknown gan.loss {gan.loss!r}: use one of {', '.join(LOSSES)}")

    def step(state: GanState, batch: PyTree, key: Key[Array, ""]) -> tuple[GanState, dict[str, Array]]:
        draws = random_keys.split_each(random_keys.example_keys(key, state.step, batch["index"]), 2)
        shared = {"real": to_unit(batch["image"]), "mask": batch["mask"]}
        if gan.generator.classes:
            shared["label"] = batch["label"]
        first, second = ({**shared, "latent": latents(draws[i], gan.latent)} for i in range(2))
        discriminator, judged = discriminator_step(gan, state, first)
        generator, generated = _generator_step(gan, state, discriminator.params, second)
        # Young averages follow faster, so that they forget the initial parameters.
        follow = jnp.maximum(1.0 - gan.decay, 1.0 / (state.step + 1.0))
        average = jax.tree.map(lambda old, new: old + follow * (new - old), state.average, generator.params)
        metrics = {
            "loss": judged["loss"] + generated["loss"],
            "discriminator_loss": judged["loss"],
            "generator_loss": generated["loss"],
            "learning_rate": generated["learning_rate"],
        }
        return GanState(state.step + 1, generator, discriminator, average), metrics

    def params(state: GanState) -> PyTree:
        return state.generator.params, state.discriminator.params, state.average

    return Objective(jax.jit(lambda key: _initial_state(gan, key)), step, validate, warn, params)


def _initial_state(gan: Adversaries, key: Array) -> GanState:
    generator_key, discriminator_key = jax.random.split(key)
    label = jnp.zeros(1, jnp.int32) if gan.generator.classes else None
    image = jnp.zeros((1, *gan.generator.shape))
    params = [
        gan.generator.init(generator_key, jnp.zeros((1, gan.latent)), label)["params"],
        gan.discriminator.init(discriminator_key, image, label)["params"],
    ]
    states = [step.start(own) for step, own in zip(gan.gradient_steps, params, strict=True)]
    # A copy: every step donates the buffers of the state, and no buffer can be donated twice.
    return GanState(jnp.int32(0), states[0], states[1], jax.tree.map(jnp.copy, params[0]))


def _score(gan: Adversaries, params: PyTree, images: Array, part: PyTree) -> Array:
    return apply(gan.discriminator, params, images, part.get("label"))


def discriminator_step(gan: Adversaries, state: GanState, batch: PyTree) -> tuple[TrainState, dict[str, Array]]:
    """The next state of the discriminator, and its loss. `batch`: real images, latent vectors, labels, mask."""

    def losses(params: PyTree, part: PyTree) -> Array:
        label = part.get("label")
        fake = jax.lax.stop_gradient(sample(gan.generator, state.generator.params, part["latent"], label))
        if gan.penalty_every == 1:
            return _penalised(gan, params, fake, part)
        # Every device is at the same step, so each takes the same branch.
        due = state.step % gan.penalty_every == 0
        return jax.lax.cond(due, functools.partial(_penalised, gan), functools.partial(_plain, gan), params, fake, part)

    return gan.gradient_steps[1].step(state.discriminator, losses, batch)


def _plain(gan: Adversaries, params: PyTree, fake: Array, part: PyTree) -> Array:
    """The loss of the discriminator without penalties."""
    return discriminator_loss(gan.loss, _score(gan, params, part["real"], part), _score(gan, params, fake, part))


def _penalised(gan: Adversaries, params: PyTree, fake: Array, part: PyTree) -> Array:
    """The loss of the discriminator in a step with penalties."""
    label = part.get("label")
    real_score, r1 = scores_and_penalty(gan.discriminator, params, part["real"], label)
    if gan.r2:
        fake_score, r2 = scores_and_penalty(gan.discriminator, params, fake, label)
    else:
        fake_score, r2 = _score(gan, params, fake, part), jnp.zeros_like(r1)
    weights = gan.penalty_every * gan.r1, gan.penalty_every * gan.r2
    return discriminator_loss(gan.loss, real_score, fake_score) + weights[0] * r1 + weights[1] * r2


def _generator_step(
    gan: Adversaries, state: GanState, discriminator: PyTree, batch: PyTree
) -> tuple[TrainState, dict[str, Array]]:
    def losses(params: PyTree, part: PyTree) -> Array:
        fake = _score(gan, discriminator, sample(gan.generator, params, part["latent"], part.get("label")), part)
        real = _score(gan, discriminator, part["real"], part) if gan.loss == "relativistic" else fake
        return generator_loss(gan.loss, real, fake)

    return gan.gradient_steps[0].step(state.generator, losses, batch)
