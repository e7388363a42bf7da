"""How far from a pixel of a restored image the pixels lie that it depends on.

Tiles that overlap by at least so much are restored as the whole image is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from flax import linen as nn

from aeden.nn.decoders import Decoder
from aeden.shapes import Array, Float, Key

# Pixels from the first to the last one, along one axis.
Interval = tuple[int, int]


def radius(decoder: Decoder, kernel_size: int, blocks: int, bottom: int, pools: Sequence[int] | None = None) -> int:
    """The largest distance, along an axis, of an input pixel that an output pixel depends on, in pixels of the input.

    It is found from the output back to the input, for each position within the total stride. The way through the bottom
    reaches at least as far as every skip connection.

    Args:
      decoder: the decoder.
      kernel_size: height and width of the encoder's kernels, in pixels.
      blocks: convolutions of each stage of the encoder.
      bottom: convolutions after the last max-pool.
      pools: factors of the encoder's max-pools, last to first; None for those of the decoder, as in a mirrored network.
        Where their product is smaller, the output is larger than the input.

    Raises:
      ValueError: the decoder reads at points that depend on the image, so that there is no such distance.
    """
    if decoder.find_kind().moves:
        raise ValueError(
            f"decoder {decoder.kind!r} reads at points that depend on the image, so that its receptive field has no "
            "fixed size: use another decoder, or choose the overlap of tiles"
        )
    reaches = {factor: layer_reach(decoder, factor) for factor in set(decoder.factors)}
    pools = decoder.factors if pools is None else pools
    scale = math.prod(decoder.factors) // math.prod(pools)
    largest = 0
    for position in range(math.prod(decoder.factors)):
        interval = _convolved((position, position), decoder.kernel_size)
        for factor in reversed(decoder.factors):
            interval = _convolved(interval, decoder.kernel_size, decoder.blocks - 1)
            interval = _enlarged(interval, reaches[factor])
        interval = _convolved(interval, kernel_size, bottom)
        for factor in pools:
            interval = interval[0] * factor, interval[1] * factor + factor - 1
            interval = _convolved(interval, kernel_size, blocks)
        largest = max(largest, position // scale - interval[0], interval[1] - position // scale)
    return largest


def layer_reach(decoder: Decoder, factor: int) -> tuple[Interval, ...]:
    """Which pixels of its input an enlarging layer reads, along one axis.

    Returns:
      For each row of the output modulo the factor: the first and the last row that are read, relative to the row of the
      input that lies at the same place. They are where the gradient of the layer, with random parameters, is not 0.
    """
    # Lanczos kernels of five pixels reach furthest of all resizes.
    centre = decoder.layer_kernel_size() + 6
    size = 2 * centre + 1
    layer = decoder.find_kind().make_layer(decoder, 1, factor, "layer")
    keys = jax.random.split(jax.random.key(0), 3)
    inputs = [jax.random.normal(keys[0], (1, size, size, factor**2))]
    if decoder.find_kind().unpools:
        inputs.append(jax.random.normal(keys[1], (1, size * factor, size * factor, factor**2)))
    touched = _gradients(layer, inputs, keys[2], centre * factor, factor)
    reach = []
    for rows in touched:
        read = np.flatnonzero(rows) - centre
        # A kernel smaller than the factor leaves rows that read nothing; the skip connection does at the same place.
        reach.append((int(read[0]), int(read[-1])) if len(read) else (0, 0))
    return tuple(reach)


def _gradients(
    layer: nn.Module, inputs: list[Array], key: Key[Array, ""], row: int, count: int
) -> Float[np.ndarray, "n h"]:
    """How much the rows of a layer's output, from `row` on, change with each row of its first input: [count, h]."""
    params = jax.jit(layer.init)(key, *inputs)

    def output_rows(x: Array) -> Array:
        output: Any = layer.apply(params, x, *inputs[1:])
        return output[0, row : row + count].sum(axis=(1, 2))

    jacobian = jax.jit(jax.jacrev(output_rows))(inputs[0])
    return np.abs(np.asarray(jacobian, np.float32)).sum(axis=(1, 3, 4))


def _convolved(interval: Interval, kernel_size: int, count: int = 1) -> Interval:
    """What the pixels of an interval read through `count` convolutions with "SAME" padding."""
    return interval[0] - count * ((kernel_size - 1) // 2), interval[1] + count * (kernel_size // 2)


def _enlarged(interval: Interval, reach: tuple[Interval, ...]) -> Interval:
    """What the pixels of an interval read through a layer that enlarges, see `layer_reach`."""
    first, last = interval
    factor = len(reach)
    # Of the rows at either end, the outermost need not read furthest.
    low = [row // factor + reach[row % factor][0] for row in range(first, min(last, first + factor - 1) + 1)]
    high = [row // factor + reach[row % factor][1] for row in range(max(first, last - factor + 1), last + 1)]
    return min(low), max(high)
