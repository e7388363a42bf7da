"""The ranges of the fields of networks and noise: also of recorded ones, which are built without a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aeden.nn.convolution import LOWERINGS
from aeden.nn.decoders import DECODERS
from aeden.nn.initializers import INITS
from aeden.nn.layers import PLACEMENTS, RESIZE_METHODS
from aeden.tasks.model_from_config import ARCHITECTURES, DTYPES
from aeden.tasks.ranges import Choice, Flag, Number, Range, Several, check_value
from aeden.tasks.super_resolve.model_from_config import ENLARGED
from aeden.transforms.downsampling import FACTORS
from aeden.transforms.noise import KINDS

# Steps and examples are counted in int32, seeds are uint32, and numbers are float32.
MOST, MOST_SEEDS, SMALLEST, LARGEST = 2**31 - 1, 2**32 - 1, 1.2e-38, 3.4e38


def count(low: int = 0, high: int = MOST) -> Number:
    """The range of whole numbers from `low` to `high`."""
    return Number(low, high, whole=True)


FLAG = Flag()
LEVEL = Number(0, 1e6)
CHANNELS, KERNEL, FACTOR = count(1, 65_536), 255, count(1, 256)

NETWORK_RANGES: dict[str, Range] = {
    "noise.kind": Choice(tuple(KINDS)),
    "noise.level": LEVEL,
    "noise.level_max": LEVEL,
    "noise.clip": FLAG,
    "model.architecture": Choice(tuple(ARCHITECTURES)),
    "model.hidden": Several(CHANNELS, 1),
    "model.tied": FLAG,
    "model.decoder": Choice(tuple(DECODERS)),
    "model.resize": Choice(tuple(RESIZE_METHODS)),
    "model.placement": Choice(tuple(PLACEMENTS)),
    "model.features": Several(CHANNELS, 1),
    "model.decoder_features": Several(CHANNELS),
    "model.factors": Several(FACTOR, 1),
    "model.stages": count(0, 16),
    "model.skip": FLAG,
    "model.blocks": count(1, 64),
    "model.residual": FLAG,
    "model.bias": FLAG,
    "model.level_input": FLAG,
    "model.kernel_size": count(1, KERNEL),
    "model.decoder_kernel_size": count(0, KERNEL),
    "model.init": Choice(tuple(INITS)),
    "model.dtype": Choice(tuple(DTYPES)),
    "model.lowering": Choice(tuple(LOWERINGS)),
    "super_resolve.factor": Number(min(FACTORS), max(FACTORS), whole=True),
    "super_resolve.antialias": FLAG,
    "super_resolve.enlarges": Choice(ENLARGED),
    "super_resolve.stages": Several(FACTOR),
    "super_resolve.residual": FLAG,
}


def check_recorded(section: str, recorded: Mapping[str, Any]) -> None:
    """Checks the range of every field of a recorded section: `noise`, `model` or `super_resolve`; absent ones pass.

    Raises:
      ValueError: naming the first field that is out of its range, its value and the range.
    """
    for name, allowed in NETWORK_RANGES.items():
        of, _, field = name.partition(".")
        if of == section and field in recorded:
            check_value(name, recorded[field], allowed)
