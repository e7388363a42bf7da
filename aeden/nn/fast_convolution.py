"""Convolutions rewritten to be faster on a CPU. They return the same numbers as the plain layers, up to rounding.

A convolution of stride s connects a low-resolution image `low` with a high-resolution image `high`: tap m of the kernel
connects low[i] with high[s*i + m - before] (see `aeden.nn.geometry`). This gives three functions:

    scatter    low, kernel -> high      the transposed convolution
    gather     high, kernel -> low      the strided convolution
    correlate  low, high -> kernel      the kernel gradient of either

Each is linear in both arguments, and its derivatives are the other two. Derivatives of every order therefore use these
three functions only. They are reverse-mode (`jax.custom_vjp`); forward mode (`jax.jvp`) needs the plain layers.

Images are [batch, height, width, channels]. Kernels are [rows, columns, channels of high, channels of low], which is
the usual layout [.., in, out] for a convolution and Keras' layout [.., out, in] for a transposed one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from aeden.nn import few_channels
from aeden.nn.geometry import Geometry, convolve
from aeden.shapes import Array, Float

Padding = str | Sequence[tuple[int, int]]


def convolution(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k l c f"], stride: int = 1, padding: Padding = "SAME"
) -> Float[Array, "b H W f"]:
    """`jax.lax.conv_general_dilated` of images, also fast for few input or output channels.

    Args:
      x: [b, h, w, c].
      kernel: [k, l, c, features].
      stride: positive integer, for both axes.
      padding: "SAME", "VALID", or (before, after) of each axis.

    Returns:
      [b, ceil(h/stride), ceil(w/stride), features] for "SAME".
    """
    size, taps = _two(x.shape[1:]), _two(kernel.shape)
    pads = padding if not isinstance(padding, str) else lax.padtype_to_pads(size, taps, (stride, stride), padding)
    low = [(n + sum(pad) - k) // stride + 1 for n, k, pad in zip(size, taps, pads, strict=True)]
    geometry = Geometry(taps, stride, (pads[0][0], pads[1][0]), _two(low), size)
    return _gather(geometry, x, kernel)


def transposed_convolution(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k l f c"], stride: int, padding: Padding = "SAME"
) -> Float[Array, "b H W f"]:
    """Transposed convolution, equal to `flax.linen.ConvTranspose(transpose_kernel=True)` without its bias.

    Args:
      x: [b, h, w, c].
      kernel: [k, l, features, c], the layout of Keras and of `transpose_kernel`.
      stride: positive integer, for both axes.
      padding: "SAME" ([b, s*h, s*w, features]), "VALID" ([b, s*h + max(k - s, 0), ..., features]), or the (before,
        after) of each axis that `jax.lax.conv_transpose` takes. PyTorch's padding p and output_padding o are
        (k - 1 - p, k - 1 - p + o).
    """
    size, taps = _two(x.shape[1:]), _two(kernel.shape)
    if isinstance(padding, str):
        beyond = [max(k - stride, 0) for k in taps]
        # This is the transpose of the strided convolution stride*size -> size, whose padding "SAME" is used here.
        high = [n * stride + (more if padding == "VALID" else 0) for n, more in zip(size, beyond, strict=True)]
        before = [0 if padding == "VALID" else more // 2 for more in beyond]
    else:
        high = [(n - 1) * stride + sum(pad) - k + 2 for n, k, pad in zip(size, taps, padding, strict=True)]
        before = [k - 1 - pad[0] for k, pad in zip(taps, padding, strict=True)]
    geometry = Geometry(taps, stride, _two(before), size, _two(high))
    return _scatter(geometry, x, kernel)


def resized_convolution(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k l c f"], factor: int
) -> Float[Array, "b H W f"]:
    """Nearest-neighbour resize by a factor, then a "SAME" convolution, without computing the resized image.

    Pixels of the resized image that come from one source pixel are equal, so the taps that read them can be added up.
    The two layers together are one transposed convolution of stride s, whose kernel is the given kernel summed over
    s x s shifts. It needs ceil((k+s-1)/s)^2 multiplications per output pixel, where the plain form needs k^2: 4 in
    place of 9 for k = 3, s = 2. The border is exact, including the zero padding. A bilinear resize would gain nothing:
    its kernel would be twice as wide and need 9 in place of 9.

    Args:
      x: [b, h, w, c].
      kernel: [k, l, c, features].
      factor: positive integer, for both axes.

    Returns:
      [b, factor*h, factor*w, features].
    """
    summed = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    for axis in (0, 1):
        shifts = [[(0, 0)] * axis + [(i, factor - 1 - i)] + [(0, 0)] * (3 - axis) for i in range(factor)]
        summed = sum((jnp.pad(summed, shift) for shift in shifts[1:]), jnp.pad(summed, shifts[0]))
    before = [taps - 1 - (taps - 1) // 2 for taps in kernel.shape[:2]]
    high = [size * factor for size in x.shape[1:3]]
    geometry = Geometry(_two(summed.shape), factor, _two(before), _two(x.shape[1:]), _two(high))
    return _scatter(geometry, x, summed)


def resized_taps(taps: int, factor: int) -> int:
    """Multiplications of `resized_convolution` per input pixel, input channel and output channel.

    Args:
      taps: height and width of the kernel.
      factor: factor of the resize.
    """
    return (-(-(taps + factor - 1) // factor) * factor) ** 2


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _scatter(geometry: Geometry, low: Array, kernel: Array) -> Array:
    """high[s*i + m - before] = sum of low[i] kernel[m]."""
    if kernel.shape[2] <= few_channels.FEW:
        return few_channels.scatter(geometry, low, kernel)
    return _scatter_by_phases(geometry, low, kernel)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _gather(geometry: Geometry, high: Array, kernel: Array) -> Array:
    """low[i] = sum of high[s*i + m - before] kernel[m]."""
    if kernel.shape[3] <= few_channels.FEW:
        return few_channels.gather(geometry, high, kernel)
    return convolve(high, kernel, geometry.stride, geometry.pads())


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _correlate(geometry: Geometry, low: Array, high: Array) -> Array:
    """kernel[m] = sum of high[s*i + m - before] low[i]."""
    if high.shape[3] <= few_channels.FEW:
        return few_channels.correlate_few_high(geometry, low, high)
    if low.shape[3] <= few_channels.FEW:
        return few_channels.correlate_few_low(geometry, low, high)
    shape = jax.ShapeDtypeStruct((*geometry.taps, high.shape[3], low.shape[3]), low.dtype)
    if geometry.stride == 1:
        (kernel,) = jax.linear_transpose(lambda k: convolve(high, k, 1, geometry.pads()), shape)(low)
    else:
        # Transposing the phases avoids XLA's own gradient of a dilated convolution, about ten times slower on a CPU.
        (kernel,) = jax.linear_transpose(lambda k: _scatter_by_phases(geometry, low, k), shape)(high)
    return kernel


_scatter.defvjp(
    lambda geometry, low, kernel: (_scatter(geometry, low, kernel), (low, kernel)),
    lambda geometry, saved, high: (_gather(geometry, high, saved[1]), _correlate(geometry, saved[0], high)),
)
_gather.defvjp(
    lambda geometry, high, kernel: (_gather(geometry, high, kernel), (high, kernel)),
    lambda geometry, saved, low: (_scatter(geometry, low, saved[1]), _correlate(geometry, low, saved[0])),
)
_correlate.defvjp(
    lambda geometry, low, high: (_correlate(geometry, low, high), (low, high)),
    lambda geometry, saved, kernel: (_gather(geometry, saved[1], kernel), _scatter(geometry, saved[0], kernel)),
)


def _scatter_by_phases(geometry: Geometry, low: Array, kernel: Array) -> Array:
    """`_scatter` as s^2 small convolutions of stride 1, whose outputs are interleaved.

    The phase of an output pixel is its position modulo the stride s. Only every s-th tap of the kernel reaches a given
    phase, so each phase is a convolution with a part of the kernel. No multiplication by an inserted zero is left
    (sub-pixel convolution: Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?").
    """
    s, (height, width), (top, left) = geometry.stride, geometry.high, geometry.before
    counts = (-(-height // s), -(-width // s))
    rows = []
    for r in range(top, top + s):
        columns = [_phase(low, kernel[r % s :: s, c % s :: s], (r // s, c // s), counts) for c in range(left, left + s)]
        rows.append(jnp.stack(columns, axis=3) if s > 1 else columns[0])
    if s == 1:
        return rows[0]
    interleaved = jnp.stack(rows, axis=2)  # (b, counts[0], s, counts[1], s, f)
    whole = interleaved.reshape(low.shape[0], counts[0] * s, counts[1] * s, kernel.shape[2])
    return whole[:, :height, :width]


def _phase(low: Array, taps: Array, first: tuple[int, int], counts: tuple[int, int]) -> Array:
    """One phase: rows and columns `first` to `first + counts - 1` of the convolution of `low` with the phase's taps.

    Only the needed rows and columns are computed: XLA's kernel gradient is fast if output and input have the same size,
    and about ten times slower if the output is larger and cropped afterwards.
    """
    if 0 in taps.shape:
        return jnp.zeros((low.shape[0], *counts, taps.shape[2]), low.dtype)
    pads = []
    for size, length, start, count in zip(low.shape[1:3], taps.shape[:2], first, counts, strict=True):
        before = length - 1 - start
        pads.append((before, count + length - 1 - size - before))
    # XLA correlates; with the taps reversed, this is a convolution.
    return convolve(low, jnp.flip(taps, (0, 1)).swapaxes(2, 3), 1, pads)


def _two(sizes: Sequence[Any]) -> tuple[int, int]:
    """The first two of some sizes: height and width."""
    return int(sizes[0]), int(sizes[1])
