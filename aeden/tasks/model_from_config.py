"""From a config to its network: the autoencoder, or the stack of autoencoders."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from aeden.nn.autoencoders import ConvAutoencoder, DenseAutoencoder, SingleAutoencoder
from aeden.nn.convolution import LOWERINGS
from aeden.nn.decoders import DECODERS
from aeden.nn.initializers import INITS
from aeden.nn.layers import PLACEMENTS, RESIZE_METHODS
from aeden.nn.stack import Stack
from aeden.nn.unet import Network, UNet
from aeden.tasks.from_config import check_choice

ARCHITECTURES = ("conv", "dense", "unet")
# Fields of `model` that a dense network does not read, with their defaults in `configs/base.py`.
CONV_ONLY: dict[str, Any] = {
    "decoder": "transpose",
    "resize": "nearest",
    "placement": "after",
    "features": (32, 32),
    "decoder_features": (),
    "factors": (2, 2),
    "stages": 0,
    "skip": False,
    "kernel_size": 3,
    "decoder_kernel_size": 0,
    "lowering": "auto",
}
# The same for those that only a U-Net reads, and for those that it does not.
UNET_ONLY: dict[str, Any] = {"blocks": 2, "residual": False, "bias": True, "level_input": False}
NOT_READ: dict[str, dict[str, Any]] = {
    "conv": UNET_ONLY,
    "dense": {**CONV_ONLY, **UNET_ONLY},
    "unet": {"hidden": (512,), "tied": False, "skip": False},
}
# Values of `model.init` that concern enlarging layers only.
CONV_ONLY_INITS = ("phase", "icnr")
# How many times larger than the images the total stride may be.
MOST_PADDED = 4
DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


def build_model(config: Any, image_shape: tuple[int, ...]) -> Network:
    """The network of a config, for images [height, width, channels].

    Raises:
      ValueError: a field of `model` has an invalid value.
    """
    model = config.model
    _check_model(model)
    if model.architecture == "dense":
        height, width, channels = image_shape
        shape, dtype = (height, width, channels), DTYPES[model.dtype]
        return DenseAutoencoder(shape, tuple(model.hidden), model.tied, dtype, model.init)
    features, factors = stages(model)
    shared: dict[str, Any] = {
        "decoder": model.decoder,
        "features": features,
        "factors": factors,
        "kernel_size": model.kernel_size,
        "channels": image_shape[-1],
        "resize": model.resize,
        "placement": model.placement,
        "dtype": DTYPES[model.dtype],
        "lowering": model.lowering,
        "decoder_features": tuple(model.decoder_features),
        "decoder_kernel_size": model.decoder_kernel_size,
        "init_scheme": model.init,
    }
    if model.architecture == "unet":
        _check_unet(model)
        more = {"residual": model.residual, "level_input": model.level_input, "use_bias": model.bias}
        return UNet(blocks=model.blocks, **more, **shared)
    return ConvAutoencoder(skip=model.skip, **shared)


def stages(model: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Channels and factor of each stage of the encoder, from the section `model` of a config.

    Raises:
      ValueError: `features` and `factors` have different lengths or are empty, or `stages` is negative.
    """
    features, factors = tuple(model.features), tuple(model.factors)
    if len(features) != len(factors) or not features:
        raise ValueError(f"model.features {features} and model.factors {factors} need one number per stage each")
    if model.stages < 0:
        raise ValueError(f"model.stages {model.stages} is negative: 0 for one stage per entry of model.features")
    if model.stages:
        return features[:1] * model.stages, factors[:1] * model.stages
    return features, factors


def _check_model(model: Any) -> None:
    for field, choices in (
        ("architecture", ARCHITECTURES),
        ("decoder", DECODERS),
        ("resize", RESIZE_METHODS),
        ("placement", PLACEMENTS),
        ("dtype", DTYPES),
        ("lowering", LOWERINGS),
        ("init", INITS),
    ):
        check_choice(f"model.{field}", model[field], choices)
    hidden, (features, factors) = tuple(model.hidden), stages(model)
    if model.architecture != "unet" and model.decoder == "unpool" and model.skip:
        raise ValueError(
            "model.skip adds channels that max-unpooling has no positions for: use model.skip=False, or another decoder"
        )
    if len(model.decoder_features) not in (0, len(features)) or min(*model.decoder_features, 1, 1) < 1:
        raise ValueError(f"model.decoder_features {tuple(model.decoder_features)} takes one number per stage, or none")
    if model.decoder_kernel_size < 0:
        raise ValueError(f"model.decoder_kernel_size {model.decoder_kernel_size} is negative: 0 for model.kernel_size")
    if not hidden or min(*hidden, *features, *factors, model.kernel_size) < 1:
        raise ValueError("model.hidden, model.features, model.factors and model.kernel_size take numbers from 1 up")


def _check_unet(model: Any) -> None:
    """Refuses what a U-Net cannot be built of."""
    if model.blocks < 1:
        raise ValueError(f"model.blocks {model.blocks} is less than one convolution in each stage: use 1 or more")
    if not DECODERS[model.decoder].unpools:
        return
    if model.blocks < 2:
        raise ValueError(
            f"model.decoder={model.decoder} cannot unpool the channels that skip connections append: set "
            "model.blocks=2, so that a convolution follows them, or use another decoder"
        )
    encoder = tuple(reversed(stages(model)[0]))
    fitting = (*encoder[1:], encoder[-1])
    chosen = tuple(model.decoder_features) or encoder
    if chosen[:-1] != fitting[:-1]:
        raise ValueError(
            f"model.decoder={model.decoder} puts values back where the encoder took them from, so that each stage ends "
            f"with the channels of the next one's encoder, not {chosen}: set model.decoder_features={fitting}"
        )


def check_image_size(model: Network, image_shape: tuple[int, ...]) -> None:
    """Refuses images that are smaller than the stride of the layer that makes them: its artifacts have no period there.

    Images are padded to a multiple of the total stride, so one far beyond their size costs far more than the images.

    Raises:
      ValueError: naming the sizes.
    """
    if isinstance(model, ConvAutoencoder | UNet) and min(image_shape[:2]) < model.factors[0]:
        height, width = image_shape[:2]
        raise ValueError(
            f"model.factors {tuple(model.factors)} begins with more than the images' {height} x {width} pixels: use "
            "smaller factors, or larger images"
        )
    if isinstance(model, ConvAutoencoder | UNet) and model.stride > MOST_PADDED * max(image_shape[:2]):
        height, width = image_shape[:2]
        raise ValueError(
            f"the product of model.factors is {model.stride:,}, and images of {height} x {width} pixels would be "
            "padded to it: use fewer stages, or smaller factors"
        )


def check_has_effect(model: Any) -> None:
    """Refuses fields that are set and that the architecture does not read, so that nobody compares them in vain.

    Args:
      model: the section `model` of a config. What is at its default counts as not set.

    Raises:
      ValueError: naming the first such field and its default.
    """
    architecture = model.architecture
    for name, default in NOT_READ[architecture].items():
        value = tuple(model[name]) if isinstance(default, tuple) else model[name]
        if value != default:
            always = ", which always has skip connections" * (architecture == "unet" and name == "skip")
            raise ValueError(
                f"model.{name}={value} has no effect with model.architecture={architecture}{always}: leave it at its "
                f"default, {default}"
            )
    if architecture == "dense" and model.init in CONV_ONLY_INITS:
        raise ValueError(
            f"model.init={model.init} has no effect with model.architecture=dense: use he, glorot or torch"
        )


def check_decodes_alone(model: Network, user: str) -> SingleAutoencoder:
    """Refuses a model whose decoder needs the encoder, for a use that has a code only; returns any other.

    Raises:
      ValueError: naming the user and the remedy.
    """
    if isinstance(model, UNet):
        raise ValueError(f"{user} decodes a code without its encoder: use model.architecture=conv in place of unet")
    if isinstance(model, ConvAutoencoder) and not model.decodes_alone:
        raise ValueError(f"{user} decodes a code without its encoder: use model.skip=False and no decoder 'unpool'")
    return model


def decoder_name(config: Any) -> str:
    """The name of the decoder for tables and titles: one of `DECODERS`, or "dense"."""
    return "dense" if config.model.architecture == "dense" else config.model.decoder


def build_stack(config: Any, image_shape: tuple[int, ...]) -> Stack:
    """The stacked autoencoder of a config: one autoencoder per layer of `model`, or a single one if
    `stack.layerwise` is off.

    Raises:
      ValueError: a field of `model` has an invalid value.
    """
    whole = check_decodes_alone(build_model(config, image_shape), "a layer of a stack")
    check_image_size(whole, image_shape)
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
            raise ValueError("model.decoder_features are for a whole autoencoder: set stack.layerwise=False")
        channels = whole.channels
        for features, factor in zip(whole.features, whole.factors, strict=True):
            layers.append(whole.clone(features=(features,), factors=(factor,), channels=channels))
            channels = features
    return Stack(tuple(layers))
