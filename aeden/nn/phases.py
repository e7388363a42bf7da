"""The transposed convolution and the kernel gradient as small convolutions of stride 1, one per phase.

The phase of a pixel of the high-resolution image is its position modulo the strides. Only some taps of the kernel reach
a given phase, so each phase is a convolution of stride 1 with a part of the kernel, without multiplications by inserted
zeros (sub-pixel convolution: Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?").
`aeden.nn.passes` documents the array layouts and chooses when to use these forms.

All convolutions here have the order of axes that XLA's CPU kernels need (batch first, features last, also for the
kernel gradient). In another order, XLA reorders the axes itself, except inside loops (`lax.scan`), where it computes a
convolution up to 80 times more slowly.
"""

from __future__ import annotations

from functools import reduce

import jax.numpy as jnp
from jax import lax

from aeden.nn.geometry import Geometry, convolve
from aeden.shapes import Array

FLAT_DIMENSIONS = ("NWC", "WIO", "NWC")
# Up to a spread of this size, the sums over both axes are one loop; for more, rows are summed first, then columns.
FEW_SUMMANDS = 2


def scatter(geometry: Geometry, low: Array, kernel: Array) -> Array:
    """The transposed convolution low, kernel -> high: one convolution per phase, whose outputs are interleaved.

    With a spread, each pixel of `high` is a sum of pixels of these outputs, see `Geometry.without_spread`.
    """
    plain = geometry.without_spread()
    if max(geometry.spread) > FEW_SUMMANDS:
        return sums(geometry, scatter(plain, low, kernel))
    counts = [[-(-(size - r) // s) for r in range(s)] for size, s in zip(plain.high, plain.strides, strict=True)]
    phases = [
        [_phase(plain, low, kernel, (r, c), (rows, columns)) for c, columns in enumerate(counts[1])]
        for r, rows in enumerate(counts[0])
    ]
    (s, t), (height, width), (down, right) = geometry.strides, geometry.high, geometry.spread
    if s == t == down == right == 1:
        return phases[0][0]
    whole = (-(-height // s), -(-width // t))

    def pixels(row: int, column: int) -> Array:
        """Pixels (row, column) of each s x t block of the image before the sums."""
        phase = phases[row % s][column % t]
        part = phase[:, row // s : row // s + whole[0], column // t : column // t + whole[1]]
        return jnp.pad(part, ((0, 0), *((0, n - size) for n, size in zip(whole, part.shape[1:3], strict=True)), (0, 0)))

    def summed(row: int, column: int) -> Array:
        return reduce(jnp.add, [pixels(row + i, column + j) for i in range(down) for j in range(right)])

    blocks = jnp.stack([jnp.stack([summed(r, c) for c in range(t)], axis=3) for r in range(s)], axis=2)
    return blocks.reshape(low.shape[0], whole[0] * s, whole[1] * t, kernel.shape[2])[:, :height, :width]


def _phase(geometry: Geometry, low: Array, kernel: Array, phase: tuple[int, int], counts: tuple[int, int]) -> Array:
    """The pixels stride*i + phase of the transposed convolution, for i = 0 to count - 1 on each axis.

    Only these are computed, and only the taps that reach them are used.
    """
    first, offsets = zip(
        *(divmod(r + b, s) for r, b, s in zip(phase, geometry.before, geometry.strides, strict=True)), strict=True
    )
    taps = kernel[offsets[0] :: geometry.strides[0], offsets[1] :: geometry.strides[1]]
    if 0 in taps.shape:
        return jnp.zeros((low.shape[0], *counts, taps.shape[2]), low.dtype)
    pads = []
    for size, length, start, count in zip(low.shape[1:3], taps.shape[:2], first, counts, strict=True):
        before = length - 1 - start
        pads.append((before, count + length - 1 - size - before))
    # XLA correlates; with the taps reversed, this is a convolution.
    return convolve(low, jnp.flip(taps, (0, 1)).swapaxes(2, 3), (1, 1), pads)


def correlate(geometry: Geometry, low: Array, high: Array) -> Array:
    """The kernel gradient low, high -> kernel: for each phase and each column of its taps, one convolution.

    With q = m // stride and r = m % stride, tap m connects low[i] with pixel i + q of phase r. Rows are laid one behind
    the other, so that an image is a line of h * (w + shifts) pixels, with zeros between its rows. A shift by q columns
    is then a shift by q pixels of the line, and one by q rows a shift by q * (w + shifts) pixels: a convolution along
    the line, whose stride is the length of a row, gives all rows of taps for one shift of columns. In this convolution
    the channels of `low` are the batch, the images are the input features and the phase of `high` is the kernel.
    """
    (rows, columns), (s, t), (h, w) = geometry.taps, geometry.strides, geometry.low
    extra = -(-columns // t) - 1
    taps: dict[tuple[int, int], Array] = {}
    for r in range(min(s, rows)):
        shifts = len(range(r, rows, s))
        edges = ((0, 0), (shifts - 1, shifts - 1), (0, extra), (0, 0))
        line = jnp.pad(low, edges).transpose(3, 1, 2, 0).reshape(low.shape[3], -1, low.shape[0])
        for c in range(min(t, columns)):
            phase = _phase_of(geometry, high, (r, c), (h + shifts - 1, w + extra))
            phase = phase.transpose(1, 2, 0, 3).reshape(-1, low.shape[0], high.shape[3])
            for q in range(len(range(c, columns, t))):
                # (channels of low, row shifts in reverse order, channels of high)
                sums = lax.conv_general_dilated(line, phase, (w + extra,), [(q, 0)], dimension_numbers=FLAT_DIMENSIONS)
                for i in range(shifts):
                    taps[(shifts - 1 - i) * s + r, q * t + c] = sums[:, i].T
    kernel = jnp.stack([taps[tap] for tap in geometry.each_tap()])
    return kernel.reshape(rows, columns, *kernel.shape[1:])


def correlate_many(geometry: Geometry, low: Array, high: Array) -> Array:
    """The kernel gradient of stride 1 for images `low` and `high` of one size, as one convolution.

    The channels of `low` are the batch, the images are the features and `high` is the kernel: output pixel t is the
    sum of low[i + t - k + 1 + before] high[i], which is the gradient of tap k - 1 - t.
    """
    pads = [(k - 1 - before, before) for k, before in zip(geometry.taps, geometry.before, strict=True)]
    sums = convolve(low.transpose(3, 1, 2, 0), high.transpose(1, 2, 0, 3), (1, 1), pads)
    return jnp.flip(sums, (1, 2)).transpose(1, 2, 3, 0)


def _phase_of(geometry: Geometry, high: Array, phase: tuple[int, int], counts: tuple[int, int]) -> Array:
    """The pixels stride*i + phase - before of `high` for i = 0 to count - 1, and zeros for those beyond its border."""
    slices, edges = [], [(0, 0, 0)]
    axes = zip(phase, geometry.before, geometry.strides, geometry.high, counts, strict=True)
    for offset, before, stride, size, count in axes:
        first = -(-max(before - offset, 0) // stride)  # the first i inside the image
        start = stride * first + offset - before
        inside = max(0, min(count - first, -(-(size - start) // stride)))
        slices.append(slice(start, start + stride * inside, stride) if inside else slice(0, 0))
        edges.append((first, count - first - inside, 0) if inside else (0, count, 0))
    return lax.pad(high[:, slices[0], slices[1]], jnp.zeros((), high.dtype), [*edges, (0, 0, 0)])


def gathered_sums(geometry: Geometry, high: Array) -> Array:
    """The transpose of the sums of `Geometry.without_spread`: `high` -> the image before them."""
    down, right = geometry.spread
    rows = [((0, 0), (i, down - 1 - i), (0, 0), (0, 0)) for i in range(down)]
    columns = [((0, 0), (0, 0), (j, right - 1 - j), (0, 0)) for j in range(right)]
    if max(down, right) <= FEW_SUMMANDS:
        edges = [((0, 0), row[1], column[2], (0, 0)) for row in rows for column in columns]
        return reduce(jnp.add, [jnp.pad(high, edge) for edge in edges])
    high = reduce(jnp.add, [jnp.pad(high, edge) for edge in rows])
    return reduce(jnp.add, [jnp.pad(high, edge) for edge in columns])


def sums(geometry: Geometry, image: Array) -> Array:
    """The sums of `Geometry.without_spread`: the image before them -> `high`."""
    (height, width), (down, right) = geometry.high, geometry.spread
    if max(down, right) <= FEW_SUMMANDS:
        shifts = [(i, j) for i in range(down) for j in range(right)]
        return reduce(jnp.add, [image[:, i : i + height, j : j + width] for i, j in shifts])
    image = reduce(jnp.add, [image[:, i : i + height] for i in range(down)])
    return reduce(jnp.add, [image[:, :, j : j + width] for j in range(right)])
