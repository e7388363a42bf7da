"""Makes the networks of contenders equal in size to that of the reference."""

from __future__ import annotations

import bisect
import math
from typing import Any

import jax

from aeden.nn.decoders import DECODERS
from aeden.nn.parameters import count_parameters, make_init
from aeden.tasks.model_from_config import build_model, stages

PAIRINGS = ("none", "parameters", "multiplications")
# Widths are scaled in steps of 1 / STEPS_OF_SCALE, up to LARGEST_SCALE times.
STEPS_OF_SCALE = 16
LARGEST_SCALE = 8
# Any shape that the networks accept: the number of parameters does not depend on it.
SOME_SHAPE = (8, 8, 1)


def paired(config: Any, reference: Any, pairing: str, image_shape: tuple[int, ...] | None) -> tuple[int, ...]:
    """Channels of a contender's decoder stages with which its network is closest in size to the reference.

    They are those of the mirrored encoder, all scaled by the same factor and rounded: to whole channels, or for
    "bilinear_additive" to groups that it can add. If the unscaled channels are the closest, they are kept as they are,
    so that the same run serves grids with another pairing.

    Args:
      config: the contender.
      reference: the reference.
      pairing: "parameters" or "multiplications" (per image): the size of the whole network.
      image_shape: [height, width, channels]; needed for multiplications.

    Raises:
      ValueError: the decoder's channels cannot be scaled, and its size is not that of the reference.
    """
    shape = image_shape or SOME_SHAPE

    def size(some: Any) -> int:
        model = build_model(some, shape)
        if pairing == "multiplications":
            return model.multiplications(*shape[:2])
        return count_parameters(jax.eval_shape(make_init(model, shape), jax.random.key(0)))

    def scaled(scale: int) -> Any:
        other = config.copy_and_resolve_references()
        groups = (max(1, round(width * scale / (STEPS_OF_SCALE * group))) for width in widths)
        other.model.decoder_features = tuple(group * count for count in groups)
        return other

    kept, target = tuple(config.model.decoder_features), size(reference)
    if size(config) == target:
        return kept
    if DECODERS[config.model.decoder].unpools:
        raise ValueError(
            f"pairing={pairing} cannot scale decoder {config.model.decoder!r}, whose stages start with the encoder's "
            "channels: leave this contender out with leave_out, or set pairing=none"
        )
    features, factors = stages(config.model)
    widths, group = kept or tuple(reversed(features)), _group(config.model.decoder, factors)
    # Sizes grow with the width: take the first that is not smaller than the target, or the one before it.
    scales = range(1, STEPS_OF_SCALE * LARGEST_SCALE)
    above = bisect.bisect_left(scales, target, key=lambda scale: size(scaled(scale))) + 1
    nearest = min((above - 1 or 1, above), key=lambda scale: abs(size(scaled(scale)) - target))
    channels = tuple(scaled(nearest).model.decoder_features)
    return kept if channels == widths else channels


def _group(decoder: str, factors: tuple[int, ...]) -> int:
    """What the channels of each stage must be a multiple of."""
    return math.lcm(*(factor**2 for factor in factors)) if decoder == "bilinear_additive" else 1
