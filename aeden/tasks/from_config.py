"""From a config to the parts of a run: here its values stop, and plain arguments go on."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from aeden.nn.autoencoders import ConvAutoencoder, DenseAutoencoder, SingleAutoencoder
from aeden.nn.decoders import DECODERS
from aeden.nn.layers import LOWERINGS, PLACEMENTS, RESIZE_METHODS
from aeden.nn.stack import Stack
from aeden.runtime import devices, identity
from aeden.training.gradient_step import GradientStep
from aeden.training.optimizers import learning_rate_schedule, make_optimizer
from aeden.training.schedule import Schedule
from aeden.transforms import Transform
from aeden.transforms.augmentation import check_augmentation, move
from aeden.transforms.noise import check_noise, corrupt

ARCHITECTURES = ("conv", "dense")
# By default; a set of a hundred images would else be validated at every step.
MOST_VALIDATIONS = 100
DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


def build_model(config: Any, image_shape: tuple[int, ...]) -> SingleAutoencoder:
    """The autoencoder that a config describes, for images [height, width, channels].

    Raises:
      ValueError: a field of `model` has a value that it cannot have.
    """
    model = config.model
    for field, value, choices in (
        ("architecture", model.architecture, ARCHITECTURES),
        ("decoder", model.decoder, DECODERS),
        ("resize", model.resize, RESIZE_METHODS),
        ("placement", model.placement, PLACEMENTS),
        ("dtype", model.dtype, DTYPES),
        ("lowering", model.lowering, LOWERINGS),
    ):
        if value not in choices:
            raise ValueError(f"unknown model.{field} {value!r}: use one of {', '.join(choices)}")
    hidden, features, factors = tuple(model.hidden), tuple(model.features), tuple(model.factors)
    if len(features) != len(factors) or not features:
        raise ValueError(f"model.features {features} and model.factors {factors} need one number a stage each")
    if len(model.decoder_features) not in (0, len(features)) or min(*model.decoder_features, 1, 1) < 1:
        raise ValueError(f"model.decoder_features {tuple(model.decoder_features)} takes a number a stage, or none")
    if model.decoder_kernel_size < 0:
        raise ValueError(f"model.decoder_kernel_size {model.decoder_kernel_size} is negative: 0 for model.kernel_size")
    if not hidden or min(*hidden, *features, *factors, model.kernel_size) < 1:
        raise ValueError("model.hidden, model.features, model.factors and model.kernel_size take numbers from 1 up")
    if model.architecture == "dense":
        height, width, channels = image_shape
        return DenseAutoencoder((height, width, channels), hidden, model.tied, DTYPES[model.dtype])
    return ConvAutoencoder(
        decoder=model.decoder,
        features=features,
        factors=factors,
        kernel_size=model.kernel_size,
        channels=image_shape[-1],
        resize=model.resize,
        placement=model.placement,
        dtype=DTYPES[model.dtype],
        lowering=model.lowering,
        decoder_features=tuple(model.decoder_features),
        decoder_kernel_size=model.decoder_kernel_size,
    )


def decoder_name(config: Any) -> str:
    """What restores the images, for tables and titles: "transpose", "upsample" or "dense"."""
    return "dense" if config.model.architecture == "dense" else config.model.decoder


def build_stack(config: Any, image_shape: tuple[int, ...]) -> Stack:
    """The stacked autoencoder that a config describes: a layer of `model` each, or with
    `stack.layerwise` off all of it as one.

    Raises:
      ValueError: a field of `model` has a value that it cannot have.
    """
    whole = build_model(config, image_shape)
    if not config.stack.layerwise:
        return Stack((whole,))
    layers: list[SingleAutoencoder] = []
    if isinstance(whole, DenseAutoencoder):
        shape = whole.shape
        for nodes in whole.hidden:
            layers.append(whole.clone(shape=shape, hidden=(nodes,)))
            shape = (1, 1, nodes)
    else:
        if whole.decoder_features:
            raise ValueError("model.decoder_features are for a whole autoencoder: stack.layerwise=False")
        channels = whole.channels
        for features, factor in zip(whole.features, whole.factors, strict=True):
            layers.append(whole.clone(features=(features,), factors=(factor,), channels=channels))
            channels = features
    return Stack(tuple(layers))


def noise_name(config: Any) -> str:
    """The corruption for titles, e.g. "gaussian 0.4 clipped"."""
    noise = config.noise
    level = f"{noise.level:g}" + (f"-{noise.level_max:g}" if noise.level_max > noise.level else "")
    return f"{noise.kind} {level} {'clipped' if noise.clip else 'not clipped'}"


def build_noise(config: Any, level: float | None = None, clip: bool | None = None) -> Transform:
    """The corruption of images that a config describes, or the same kind at one given level, clipped or not.

    Raises:
      ValueError: unknown kind, or a level out of its range.
    """
    noise = config.noise
    low = noise.level if level is None else level
    high = max(noise.level_max, low) if level is None else level
    check_noise(noise.kind, (low, high))
    clip = noise.clip if clip is None else clip
    return lambda example_keys, images: corrupt(example_keys, images, noise.kind, low, high, clip)


def build_augmentation(config: Any) -> Transform | None:
    """The random moves of training images that a config describes; None where there are none.

    Raises:
      ValueError: a value is out of range.
    """
    moves = config.augment
    check_augmentation(moves.shift, moves.turn, moves.zoom)
    if not (moves.shift or moves.turn or moves.zoom):
        return None
    return lambda example_keys, images: move(example_keys, images, moves.shift, moves.turn, moves.zoom)


def build_gradient_step(
    config: Any, learning_rate: float, steps: int, pixels: int = 0, trained: tuple[str, ...] | None = None
) -> GradientStep:
    """A config's optimiser, at a peak rate over so many steps; `pixels` and `trained` as in `GradientStep`.

    Raises:
      ValueError: optax has no such optimiser, or a rate that is not positive.
    """
    options = config.optimizer
    schedule = learning_rate_schedule(learning_rate, steps, options.warmup_steps)
    optimizer = make_optimizer(options.name, schedule, options.weight_decay, options.grad_clip)
    return GradientStep(optimizer, schedule, pixels, trained)


def build_schedule(config: Any, steps_per_epoch: int, epochs: float, steps: int = 0) -> Schedule:
    """How long and how often, in steps; the length is `steps`, or where that is 0 so many `epochs`.

    Raises:
      ValueError: the training has no length, or two; or a time between two events is negative.
    """
    if min(epochs, steps) < 0 or (steps > 0) == (epochs > 0):
        raise ValueError(
            f"a run lasts either `epochs` or `steps`, with the other 0; here epochs={epochs:g}, steps={steps}"
        )
    for name in ("log_every", "eval.every", "checkpoint.every", "steps_per_dispatch"):
        if identity.flatten(config.to_dict())[name] < 0:
            raise ValueError(f"{name} is negative: use 0 or more")
    steps = steps or max(1, math.ceil(epochs * steps_per_epoch))
    return Schedule(
        steps=steps,
        log_every=config.log_every or steps_per_epoch,
        # An epoch of a few labelled images may be a single step.
        validate_every=config.eval.every or max(steps_per_epoch, steps // MOST_VALIDATIONS),
        checkpoint_every=config.checkpoint.every,
        steps_per_dispatch=config.steps_per_dispatch or devices.steps_per_dispatch(),
    )


def cpu_devices(config: Any) -> int:
    """How many devices to make of a CPU for a config; 0 for one a core.

    A matrix product's own threads scale well, unlike a convolution's, and several devices would each step the optimiser
    through all the weights: a dense network is one device's work.
    """
    return 1 if config.model.architecture == "dense" else 0
