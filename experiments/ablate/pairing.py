"""Makes the networks of contenders equal in size to that of the reference."""

from __future__ import annotations

import bisect
from typing import Any

import jax

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

    They are those of the mirrored encoder, all scaled by the same factor. If the unscaled channels are the closest,
    they are kept as they are, so that the same run serves grids with another pairing.

    Args:
      config: the contender.
      reference: the reference.
      pairing: "parameters" or "multiplications" (per image): the size of the whole network.
      image_shape: [height, width, channels]; needed for multiplications.
    """
    shape = image_shape or SOME_SHAPE

    def size(some: Any) -> int:
        model = build_model(some, shape)
        if pairing == "multiplications":
            return model.multiplications(*shape[:2])
        return count_parameters(jax.eval_shape(make_init(model, shape), jax.random.key(0)))

    def scaled(scale: int) -> Any:
        other = config.copy_and_resolve_references()
        other.model.decoder_features = tuple(max(1, round(width * scale / STEPS_OF_SCALE)) for width in widths)
        return other

    widths = config.model.decoder_features or tuple(reversed(stages(config.model)[0]))
    target = size(reference)
    # Sizes grow with the width: take the first that is not smaller than the target, or the one before it.
    scales = range(1, STEPS_OF_SCALE * LARGEST_SCALE)
    above = bisect.bisect_left(scales, target, key=lambda scale: size(scaled(scale))) + 1
    nearest = min((above - 1 or 1, above), key=lambda scale: abs(size(scaled(scale)) - target))
    channels = tuple(scaled(nearest).model.decoder_features)
    return tuple(config.model.decoder_features) if channels == tuple(widths) else channels
