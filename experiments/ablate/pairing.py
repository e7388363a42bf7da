"""Makes the networks of contenders equal in size to that of the reference."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax

from aeden.nn.autoencoders import DenseAutoencoder
from aeden.nn.decoders import DECODERS
from aeden.nn.parameters import count_parameters, make_init
from aeden.tasks.model_from_config import build_model, stages
from aeden.tasks.segment.model_from_config import build_segmenter
from aeden.tasks.super_resolve.model_from_config import build_super_resolver

# Of each stage of a decoder, first to last.
Channels = tuple[int, ...]

PAIRINGS = ("none", "parameters", "multiplications")
# Widths are scaled in steps of 1 / STEPS_OF_SCALE, up to LARGEST_SCALE times ...
STEPS_OF_SCALE = 16
LARGEST_SCALE = 8
# ... and in steps of one channel if the size is then further than this from that of the reference. Grids were published
# with 2.4 %, and their runs must stay the same.
CLOSE = 0.025
# Widths on either side of the target that are tried: sizes do not quite grow with the width if channels form groups.
NEIGHBOURS = 3
# Any shape that the networks accept: the number of parameters does not depend on it.
SOME_SHAPE = (8, 8, 1)
# Value of config.task -> (config, image shape) -> network, where it is not `build_model`.
BUILDERS: dict[str, Callable[..., Any]] = {"segment": build_segmenter, "super_resolve": build_super_resolver}


def paired(config: Any, reference: Any, pairing: str, image_shape: tuple[int, ...] | None) -> tuple[int, ...]:
    """Channels of a contender's decoder stages with which its network is closest in size to the reference.

    They are those of the mirrored encoder, all scaled by the same factor and rounded: to whole channels, or for
    "bilinear_additive" to groups that it can add. The factor is a number of sixteenths if that comes close enough. If
    the unscaled channels are the closest, they are kept as they are, so that the same run serves grids with another
    pairing.

    Args:
      config: the contender.
      reference: the reference.
      pairing: "parameters" or "multiplications" (per image): the size of the whole network.
      image_shape: [height, width, channels]; needed for multiplications.

    Raises:
      ValueError: the decoder's channels cannot be scaled, and its size is not that of the reference.
    """
    kept, target = tuple(config.model.decoder_features), size(reference, pairing, image_shape)
    if size(config, pairing, image_shape) == target:
        return kept
    if DECODERS[config.model.decoder].unpools:
        raise ValueError(
            f"pairing={pairing} cannot scale decoder {config.model.decoder!r}, whose stages start with the encoder's "
            "channels: leave this contender out with leave_out, or set pairing=none"
        )

    def error(channels: Channels) -> float:
        other = config.copy_and_resolve_references()
        other.model.decoder_features = channels
        return size(other, pairing, image_shape) / target - 1.0

    features, factors = _decoder_stages(network(config, image_shape or SOME_SHAPE), config)
    widths, group = kept or features, _group(config.model.decoder, factors)
    channels = _closest(_in_sixteenths(widths, group), error, 1)
    if abs(error(channels)) > CLOSE:
        finer = _closest(_channel_by_channel(widths, group), error, NEIGHBOURS)
        channels = min(channels, finer, key=lambda some: abs(error(some)))
    return kept if channels == widths else channels


def size(config: Any, pairing: str, image_shape: tuple[int, ...] | None) -> int:
    """Number of parameters, or of multiplications per image, of the network of a config.

    Args:
      config, pairing, image_shape: see `paired`.
    """
    shape = image_shape or SOME_SHAPE
    model = network(config, shape)
    if pairing == "multiplications":
        return model.multiplications(*shape[:2])
    return count_parameters(jax.eval_shape(make_init(model, shape), jax.random.key(0)))


def network(config: Any, image_shape: tuple[int, ...]) -> Any:
    """The network of a config, for images [height, width, channels] as the data have them."""
    return BUILDERS.get(config.task, build_model)(config, image_shape)


def _decoder_stages(net: Any, config: Any) -> tuple[Channels, tuple[int, ...]]:
    """Channels and factor of each stage of a decoder, first to last."""
    if isinstance(net, DenseAutoencoder):
        features, factors = stages(config.model)
        return tuple(reversed(features)), tuple(reversed(factors))
    decoder = net.mirrored()
    return tuple(decoder.features), tuple(decoder.factors)


def _closest(path: Sequence[Channels], error: Callable[[Channels], float], around: int) -> Channels:
    """The channels whose size is closest to the target, of a sequence in which sizes grow.

    Args:
      path: the sequence.
      error: channels -> their size over the target, minus 1.
      around: how many entries on either side of the crossing are compared.
    """
    above = bisect.bisect_left(path, 0.0, hi=len(path) - 1, key=error)
    return min(path[max(0, above - around) : above + around], key=lambda channels: abs(error(channels)))


def _in_sixteenths(widths: Channels, group: int) -> list[Channels]:
    """Widths times 1/16, 2/16, ..., rounded to multiples of a group."""
    scales = range(1, STEPS_OF_SCALE * LARGEST_SCALE + 1)
    return [
        tuple(group * max(1, round(width * scale / (STEPS_OF_SCALE * group))) for width in widths) for scale in scales
    ]


def _channel_by_channel(widths: Channels, group: int) -> list[Channels]:
    """All widths from one group on, scaled by a common factor; one stage after the other gains one group."""
    gains = sorted(
        ((count - 0.5) * group / width, stage)
        for stage, width in enumerate(widths)
        for count in range(2, LARGEST_SCALE * width // group + 1)
    )
    channels, path = [group] * len(widths), [(group,) * len(widths)]
    for _, stage in gains:
        channels[stage] += group
        path.append(tuple(channels))
    return path


def _group(decoder: str, factors: tuple[int, ...]) -> int:
    """What the channels of each stage must be a multiple of."""
    return math.lcm(*(factor**2 for factor in factors)) if decoder == "bilinear_additive" else 1
