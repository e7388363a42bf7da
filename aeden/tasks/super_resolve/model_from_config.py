"""From a config to the network of super-resolution."""

from __future__ import annotations

import math
from typing import Any

from aeden.nn.autoencoders import ConvAutoencoder
from aeden.nn.decoders import DECODERS
from aeden.nn.super_resolution import SuperResolver
from aeden.tasks.from_config import check_choice
from aeden.tasks.model_from_config import build_model
from aeden.transforms.downsampling import check_factor, grid_shift

# What the decoder enlarges: the features of the low resolution, or the code of an autoencoder of it.
ENLARGED = ("features", "code")
# The default of `model.factors`, which only the network that enlarges a code reads.
USUAL_FACTORS = (2, 2)


def build_super_resolver(config: Any, image_shape: tuple[int, ...]) -> SuperResolver:
    """The network of a config, for images [height, width, channels] of high resolution.

    Raises:
      ValueError: a field of `model` or `super_resolve` has an invalid value, or no effect.
    """
    options, model = config.super_resolve, config.model
    check_choice("super_resolve.enlarges", options.enlarges, ENLARGED)
    if model.architecture != "conv":
        raise ValueError(f"model.architecture={model.architecture} is not for task=super_resolve: use conv")
    if model.skip:
        raise ValueError("model.skip=True is not for task=super_resolve, whose decoder is larger than its encoder")
    enlarge, widths = enlarging_stages(options), tuple(model.decoder_features)
    net = _autoencoder(config, image_shape)
    found = SuperResolver(
        decoder=net.decoder,
        features=net.features,
        factors=net.factors,
        enlarge=enlarge,
        kernel_size=net.kernel_size,
        channels=net.channels,
        residual=options.residual,
        shift=grid_shift(options.factor, options.antialias),
        resize=net.resize,
        placement=net.placement,
        dtype=net.dtype,
        lowering=net.lowering,
        decoder_features=widths,
        decoder_kernel_size=net.decoder_kernel_size,
        init_scheme=net.init_scheme,
    )
    count = len(enlarge) + sum(factor > 1 for factor in found.factors)
    if len(widths) not in (0, count) or min(*widths, 1, 1) < 1:
        raise ValueError(f"model.decoder_features {widths} takes one number for each of {count} stages, or none")
    _check_decoder(found)
    return found


def enlarging_stages(options: Any) -> tuple[int, ...]:
    """How many times each stage of the decoder enlarges, from the section `super_resolve` of a config.

    Raises:
      ValueError: the factor is unknown, or it is not the product of `stages`.
    """
    check_factor(options.factor)
    stages = tuple(options.stages)
    if not stages:
        return (2, 2) if options.factor == 4 else (options.factor,)
    if min(stages) < 2 or math.prod(stages) != options.factor:
        raise ValueError(
            f"super_resolve.stages {stages} is not a list of factors of 2 or more whose product is "
            f"super_resolve.factor {options.factor}: use () for the usual ones"
        )
    return stages


def _autoencoder(config: Any, image_shape: tuple[int, ...]) -> ConvAutoencoder:
    """The autoencoder with the same fields of `model`, which checks them. Factors of 1 pool nothing."""
    other = config.copy_and_resolve_references()
    other.model.decoder_features = ()
    if config.super_resolve.enlarges == "features":
        given = tuple(config.model.factors)
        if given != USUAL_FACTORS:
            raise ValueError(
                f"model.factors={given} has no effect with super_resolve.enlarges=features, which pools nothing: leave "
                f"it at its default, {USUAL_FACTORS}, or use super_resolve.enlarges=code"
            )
        other.model.factors = (1,) * len(other.model.features)
    net = build_model(other, image_shape)
    assert isinstance(net, ConvAutoencoder)
    return net


def _check_decoder(net: SuperResolver) -> None:
    """Refuses kernels that leave out pixels, and what the network itself refuses."""
    decoder = net.mirrored()
    if decoder.find_kind() is DECODERS["transpose"] and decoder.layer_kernel_size() < max(decoder.factors):
        raise ValueError(
            f"kernels of {decoder.layer_kernel_size()} pixels leave gaps between the pixels of a transposed "
            f"convolution by {max(decoder.factors)}: set model.decoder_kernel_size={max(decoder.factors)} or more, or "
            "super_resolve.stages=()"
        )
