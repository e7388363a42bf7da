"""Exact fast rewrites of the slow convolutions: arrays in, arrays out, the same numbers as the plain layer's.

A convolution of stride s joins a low-resolution grid to a high-resolution one: tap m of the kernel joins low[i] to
high[s*i + m - before]. Three maps come of it, each linear in both its arguments, and each the others' derivative:

    scatter  low, kernel -> high      the transposed convolution
    gather   high, kernel -> low      the convolution
    pair     low, high -> kernel      the kernel's gradient of either

So derivatives of every order are made of the same three, whichever way each is computed. They are reverse-mode only
(`jax.custom_vjp`); forward mode (`jax.jvp`) needs the plain layers.

Images are [batch, height, width, channels]; kernels are [rows, columns, channels of high, channels of low], which is a
convolution's [.., in, out] as well as Keras' [.., out, in] of a transposed one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from aeden.shapes import Array, Float

DIMENSIONS = ("NHWC", "HWIO", "NHWC")
Padding = str | Sequence[tuple[int, int]]
# Up to so many channels, a matrix product over the other side's channels beats XLA's convolution on a CPU.
NARROW = 4


@dataclasses.dataclass(frozen=True)
class Grid:
    """How the two sides meet, in pixels: tap m joins low[i] to high[stride*i + m - before], on each axis.

    Attributes:
      taps: kernel height and width.
      stride: of both axes.
      before: rows and columns of the whole result above and left of high; negative where high starts earlier.
      low, high: height and width of the two sides.
    """

    taps: tuple[int, int]
    stride: int
    before: tuple[int, int]
    low: tuple[int, int]
    high: tuple[int, int]

    def pads(self) -> list[tuple[int, int]]:
        """The padding of high under which the convolution yields low."""
        return [
            (before, (low - 1) * self.stride + taps - before - high)
            for taps, before, low, high in zip(self.taps, self.before, self.low, self.high, strict=True)
        ]


def convolution(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k l c f"], stride: int = 1, padding: Padding = "SAME"
) -> Float[Array, "b H W f"]:
    """`jax.lax.conv_general_dilated` of images, fast also where channels in or out are few.

    Args:
      x: [b, h, w, c].
      kernel: [k, l, c, features].
      stride: whole number from 1 up, for both axes.
      padding: "SAME", "VALID", or (before, after) of each axis.

    Returns:
      [b, ceil(h/stride), ceil(w/stride), features] for "SAME".
    """
    size, taps = _pair_of(x.shape[1:]), _pair_of(kernel.shape)
    pads = padding if not isinstance(padding, str) else lax.padtype_to_pads(size, taps, (stride, stride), padding)
    low = [(n + sum(pad) - k) // stride + 1 for n, k, pad in zip(size, taps, pads, strict=True)]
    grid = Grid(taps, stride, (pads[0][0], pads[1][0]), _pair_of(low), size)
    return _gather(grid, x, kernel)


def transposed_convolution(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k l f c"], stride: int, padding: Padding = "SAME"
) -> Float[Array, "b H W f"]:
    """Convolution transposed, equal to `flax.linen.ConvTranspose(transpose_kernel=True)` without its bias.

    Args:
      x: [b, h, w, c].
      kernel: [k, l, features, c], Keras' and `transpose_kernel`'s layout.
      stride: whole number from 1 up, for both axes.
      padding: "SAME" ([b, s*h, s*w, features]), "VALID" ([b, s*h + max(k - s, 0), ..., features]), or the (before,
        after) of each axis that `jax.lax.conv_transpose` takes. PyTorch's padding p and output_padding o are
        (k - 1 - p, k - 1 - p + o).
    """
    size, taps = _pair_of(x.shape[1:]), _pair_of(kernel.shape)
    if isinstance(padding, str):
        beyond = [max(k - stride, 0) for k in taps]
        # SAME is the padding of the strided convolution stride*size -> size, which this is the transpose of.
        high = [n * stride + (more if padding == "VALID" else 0) for n, more in zip(size, beyond, strict=True)]
        before = [0 if padding == "VALID" else more // 2 for more in beyond]
    else:
        high = [(n - 1) * stride + sum(pad) - k + 2 for n, k, pad in zip(size, taps, padding, strict=True)]
        before = [k - 1 - pad[0] for k, pad in zip(taps, padding, strict=True)]
    grid = Grid(taps, stride, _pair_of(before), size, _pair_of(high))
    return _scatter(grid, x, kernel)


def resized_convolution(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k l c f"], factor: int
) -> Float[Array, "b H W f"]:
    """Nearest resize by a factor, then a convolution with "SAME" padding, without the resized image.

    Pixels of one source are equal, so taps that fall on one source add up: the two layers are one transposed
    convolution of stride s whose kernel is the given one summed over s x s places. It multiplies ceil((k+s-1)/s)^2
    times a pixel where the plain form does k^2 times: 4 for 9 at k = 3, s = 2. The border is exact, zeros included. A
    bilinear resize gains nothing so: its kernel would be twice as wide, 9 for 9.

    Args:
      x: [b, h, w, c].
      kernel: [k, l, c, features].
      factor: whole number from 1 up, for both axes.

    Returns:
      [b, factor*h, factor*w, features].
    """
    flipped = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    for axis in (0, 1):
        places = [[(0, 0)] * axis + [(i, factor - 1 - i)] + [(0, 0)] * (3 - axis) for i in range(factor)]
        flipped = sum((jnp.pad(flipped, place) for place in places[1:]), jnp.pad(flipped, places[0]))
    before = [taps - 1 - (taps - 1) // 2 for taps in kernel.shape[:2]]
    high = [size * factor for size in x.shape[1:3]]
    grid = Grid(_pair_of(flipped.shape), factor, _pair_of(before), _pair_of(x.shape[1:]), _pair_of(high))
    return _scatter(grid, x, flipped)


def resized_taps(taps: int, factor: int) -> int:
    """Multiplications of `resized_convolution` a pixel in and pair of channels, for a kernel of taps x taps."""
    return (-(-(taps + factor - 1) // factor) * factor) ** 2


def max_pool(x: Float[Array, "b h w c"], factor: int) -> Float[Array, "b H W c"]:
    """Maximum over windows of factor x factor that do not overlap: [b, h, w, c] -> [b, h//factor, w//factor, c].

    Equals `flax.linen.max_pool(x, (factor, factor), (factor, factor))`, rows and columns beyond a whole window being
    left out, except in how a tie shares its gradient: `flax` gives all of it to the first maximum, this gives an equal
    share to each. XLA's gradient of a pooling window (select-and-scatter) is some 15 times slower on a CPU.
    """
    if factor == 1:
        return x
    b, h, w, c = x.shape
    H, W = h // factor, w // factor
    windows = x[:, : H * factor, : W * factor].reshape(b, H, factor, W, factor, c)
    return jnp.max(windows, axis=(2, 4))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _scatter(grid: Grid, low: Array, kernel: Array) -> Array:
    """high[s*i + m - before] = sum of low[i] kernel[m]."""
    if kernel.shape[2] <= NARROW:
        return _scatter_narrow(grid, low, kernel)
    return _scatter_by_phases(grid, low, kernel)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _gather(grid: Grid, high: Array, kernel: Array) -> Array:
    """low[i] = sum of high[s*i + m - before] kernel[m]."""
    if kernel.shape[3] <= NARROW:
        return _gather_narrow(grid, high, kernel)
    return _convolve(high, kernel, grid.stride, grid.pads())


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _pair(grid: Grid, low: Array, high: Array) -> Array:
    """kernel[m] = sum of high[s*i + m - before] low[i]."""
    if high.shape[3] <= NARROW:
        return _pair_narrow_high(grid, low, high)
    if low.shape[3] <= NARROW:
        return _pair_narrow_low(grid, low, high)
    shape = jax.ShapeDtypeStruct((*grid.taps, high.shape[3], low.shape[3]), low.dtype)
    if grid.stride == 1:
        (kernel,) = jax.linear_transpose(lambda k: _convolve(high, k, 1, grid.pads()), shape)(low)
    else:
        # By the same phases: XLA's own gradient of a dilated convolution is some ten times slower on a CPU.
        (kernel,) = jax.linear_transpose(lambda k: _scatter_by_phases(grid, low, k), shape)(high)
    return kernel


_scatter.defvjp(
    lambda grid, low, kernel: (_scatter(grid, low, kernel), (low, kernel)),
    lambda grid, saved, high: (_gather(grid, high, saved[1]), _pair(grid, saved[0], high)),
)
_gather.defvjp(
    lambda grid, high, kernel: (_gather(grid, high, kernel), (high, kernel)),
    lambda grid, saved, low: (_scatter(grid, low, saved[1]), _pair(grid, low, saved[0])),
)
_pair.defvjp(
    lambda grid, low, high: (_pair(grid, low, high), (low, high)),
    lambda grid, saved, kernel: (_gather(grid, saved[1], kernel), _scatter(grid, saved[0], kernel)),
)


def _scatter_by_phases(grid: Grid, low: Array, kernel: Array) -> Array:
    """A pixel's place modulo the stride, its phase, decides which taps of the kernel reach it: every s-th one.

    So the layer is s^2 small convolutions of stride 1 whose outputs interleave (sub-pixel convolution: Shi et al.
    2016, "Is the deconvolution layer the same as a convolutional layer?"), with just the multiplications it needs.
    """
    s, (height, width), (top, left) = grid.stride, grid.high, grid.before
    counts = (-(-height // s), -(-width // s))
    rows = []
    for r in range(top, top + s):
        columns = [_phase(low, kernel[r % s :: s, c % s :: s], (r // s, c // s), counts) for c in range(left, left + s)]
        rows.append(jnp.stack(columns, axis=3) if s > 1 else columns[0])
    if s == 1:
        return rows[0]
    interleaved = jnp.stack(rows, axis=2)  # (b, rows of strides, s, columns of strides, s, f)
    whole = interleaved.reshape(low.shape[0], counts[0] * s, counts[1] * s, kernel.shape[2])
    return whole[:, :height, :width]


def _phase(low: Array, taps: Array, first: tuple[int, int], counts: tuple[int, int]) -> Array:
    """One phase: the convolution of low with its taps, at the strides `first` to `first + counts - 1`.

    Only the strides that are wanted are computed: XLA's kernel gradient is fast where output and input have one size,
    and some ten times slower where the output is larger and cropped after.
    """
    if 0 in taps.shape:
        return jnp.zeros((low.shape[0], *counts, taps.shape[2]), low.dtype)
    pads = []
    for size, taken, start, count in zip(low.shape[1:3], taps.shape[:2], first, counts, strict=True):
        before = taken - 1 - start
        pads.append((before, count + taken - 1 - size - before))
    # Correlation with the taps reversed is convolution.
    return _convolve(low, jnp.flip(taps, (0, 1)).swapaxes(2, 3), 1, pads)


def _scatter_narrow(grid: Grid, low: Array, kernel: Array) -> Array:
    """Few channels out: what each tap makes of each pixel, in one matrix product, then sums of shifted planes."""
    products = _planes(kernel, low, contract=3)  # (k, l, f, b, h, w)
    shifted = [_onto_high(grid, products[m, n], (m, n)) for m, n in _each_tap(grid)]
    return jnp.moveaxis(sum(shifted[1:], shifted[0]), 0, 3).astype(low.dtype)


def _gather_narrow(grid: Grid, high: Array, kernel: Array) -> Array:
    """Few channels out: as `_scatter_narrow`, the other way."""
    products = _planes(kernel, high, contract=2)  # (k, l, f, b, H, W)
    shifted = [_from_high(grid, products[m, n], (m, n)) for m, n in _each_tap(grid)]
    return jnp.moveaxis(sum(shifted[1:], shifted[0]), 0, 3).astype(high.dtype)


def _pair_narrow_high(grid: Grid, low: Array, high: Array) -> Array:
    """Few channels at high: one matrix product of low with shifted copies of high, which are small."""
    planes = jnp.moveaxis(high, 3, 0)
    copies = jnp.stack([_from_high(grid, planes, tap) for tap in _each_tap(grid)])  # (taps, F, b, h, w)
    kernel = _product(copies.reshape(-1, low[..., 0].size), low.reshape(-1, low.shape[3]))
    return kernel.reshape(*grid.taps, high.shape[3], low.shape[3]).astype(low.dtype)


def _pair_narrow_low(grid: Grid, low: Array, high: Array) -> Array:
    """Few channels at low: one matrix product of high with shifted copies of low, which are small."""
    planes = jnp.moveaxis(low, 3, 0)
    copies = jnp.stack([_onto_high(grid, planes, tap) for tap in _each_tap(grid)])  # (taps, C, b, H, W)
    kernel = _product(copies.reshape(-1, high[..., 0].size), high.reshape(-1, high.shape[3]))
    return kernel.reshape(*grid.taps, low.shape[3], high.shape[3]).swapaxes(2, 3).astype(low.dtype)


def _planes(kernel: Array, x: Array, contract: int) -> Array:
    """The kernel's product with x over one of its channel axes: [k, l, other channels, b, h, w]."""
    weights = kernel if contract == 3 else kernel.swapaxes(2, 3)
    products = _product(weights.reshape(-1, x.shape[3]), x.reshape(-1, x.shape[3]), rows_of_both=True)
    return products.reshape(*weights.shape[:3], *x.shape[:3])


def _product(a: Array, b: Array, rows_of_both: bool = False) -> Array:
    """A matrix product a b, or a b^T, summed in float32 at least."""
    kept = jnp.float32 if a.dtype == jnp.bfloat16 else None
    return lax.dot_general(a, b, (((1,), (1 if rows_of_both else 0,)), ((), ())), preferred_element_type=kept)


def _onto_high(grid: Grid, planes: Array, tap: tuple[int, int]) -> Array:
    """Planes [.., h, w] of low laid on high's grid by one tap, zeros between: [.., H, W]."""
    edges = [(0, 0, 0)] * (planes.ndim - 2)
    for m, before, low, high in zip(tap, grid.before, grid.low, grid.high, strict=True):
        first = m - before
        edges.append((first, high - first - (low - 1) * grid.stride - 1, grid.stride - 1))
    return lax.pad(planes, jnp.zeros((), planes.dtype), edges)


def _from_high(grid: Grid, planes: Array, tap: tuple[int, int]) -> Array:
    """What one tap sees of planes [.., H, W] of high from each pixel of low: [.., h, w]."""
    edges = [(0, 0, 0)] * (planes.ndim - 2)
    for m, before, low, high in zip(tap, grid.before, grid.low, grid.high, strict=True):
        first = m - before
        edges.append((-first, first + (low - 1) * grid.stride + 1 - high, 0))
    seen = lax.pad(planes, jnp.zeros((), planes.dtype), edges)
    return seen[..., :: grid.stride, :: grid.stride]


def _each_tap(grid: Grid) -> list[tuple[int, int]]:
    return [(m, n) for m in range(grid.taps[0]) for n in range(grid.taps[1])]


def _convolve(x: Array, kernel: Array, stride: int, pads: Sequence[tuple[int, int]]) -> Array:
    # XLA's CPU convolution reads beyond its input where a padding is negative: crop first.
    crops = [slice(max(-a, 0), size - max(-b, 0)) for size, (a, b) in zip(x.shape[1:3], pads, strict=True)]
    x, pads = x[:, crops[0], crops[1]], [(max(a, 0), max(b, 0)) for a, b in pads]
    return lax.conv_general_dilated(x, kernel, (stride, stride), pads, dimension_numbers=DIMENSIONS)


def _pair_of(sizes: Sequence[Any]) -> tuple[int, int]:
    return int(sizes[0]), int(sizes[1])
