"""Convolutions with few channels on one side, as one matrix product and sums of shifted images.

With few channels, XLA's convolution on a CPU is slow, and a matrix product over the other side's channels is faster.
`aeden.nn.passes` documents the array layouts and chooses when to use these forms.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from aeden.nn.geometry import Geometry
from aeden.shapes import Array

# Up to this number of channels, the matrix product was measured to be faster on a CPU.
FEW = 4
# With more taps, the products of all taps need too much memory.
MOST_TAPS = 49


def is_few(geometry: Geometry, channels: int) -> bool:
    """Whether these forms are used for a side with so many channels."""
    return channels <= FEW and geometry.taps[0] * geometry.taps[1] <= MOST_TAPS


def scatter(geometry: Geometry, low: Array, kernel: Array) -> Array:
    """The transposed convolution low, kernel -> high, for few channels of `high`.

    One matrix product gives what each tap adds for each pixel; shifting and adding these planes gives the result.
    """
    products = _products_per_tap(kernel, low, contract=3)  # (k, l, f, b, h, w)
    shifted = [_place_on_high(geometry, products[m, n], (m, n)) for m, n in geometry.each_tap()]
    return jnp.moveaxis(sum(shifted[1:], shifted[0]), 0, 3).astype(low.dtype)


def gather(geometry: Geometry, high: Array, kernel: Array) -> Array:
    """The strided convolution high, kernel -> low, for few channels of `low`. Works like `scatter`, reversed."""
    products = _products_per_tap(kernel, high, contract=2)  # (k, l, f, b, H, W)
    shifted = [_take_from_high(geometry, products[m, n], (m, n)) for m, n in geometry.each_tap()]
    return jnp.moveaxis(sum(shifted[1:], shifted[0]), 0, 3).astype(high.dtype)


def correlate_few_high(geometry: Geometry, low: Array, high: Array) -> Array:
    """The kernel gradient low, high -> kernel, for few channels of `high`.

    It is one matrix product of `low` with shifted copies of `high`, which are small.
    """
    planes = jnp.moveaxis(high, 3, 0)
    copies = jnp.stack([_take_from_high(geometry, planes, tap) for tap in geometry.each_tap()])  # (taps, F, b, h, w)
    kernel = _product(copies.reshape(-1, low[..., 0].size), low.reshape(-1, low.shape[3]))
    return kernel.reshape(*geometry.taps, high.shape[3], low.shape[3]).astype(low.dtype)


def correlate_few_low(geometry: Geometry, low: Array, high: Array) -> Array:
    """The kernel gradient low, high -> kernel, for few channels of `low`.

    It is one matrix product of `high` with shifted copies of `low`, which are small.
    """
    planes = jnp.moveaxis(low, 3, 0)
    copies = jnp.stack([_place_on_high(geometry, planes, tap) for tap in geometry.each_tap()])  # (taps, C, b, H, W)
    kernel = _product(copies.reshape(-1, high[..., 0].size), high.reshape(-1, high.shape[3]))
    return kernel.reshape(*geometry.taps, low.shape[3], high.shape[3]).swapaxes(2, 3).astype(low.dtype)


def _products_per_tap(kernel: Array, x: Array, contract: int) -> Array:
    """The product of a kernel and x over the kernel's channel axis `contract`: [k, l, other channels, b, h, w]."""
    weights = kernel if contract == 3 else kernel.swapaxes(2, 3)
    products = _product(weights.reshape(-1, x.shape[3]), x.reshape(-1, x.shape[3]), transpose_second=True)
    return products.reshape(*weights.shape[:3], *x.shape[:3])


def _product(a: Array, b: Array, transpose_second: bool = False) -> Array:
    """The matrix product a b or a b^T, accumulated in float32 or wider."""
    accumulator = jnp.float32 if a.dtype in (jnp.bfloat16, jnp.float16) else None
    axis = 1 if transpose_second else 0
    return lax.dot_general(a, b, (((1,), (axis,)), ((), ())), preferred_element_type=accumulator)


def _place_on_high(geometry: Geometry, planes: Array, tap: tuple[int, int]) -> Array:
    """Puts planes [.., h, w] of `low` where one tap connects them on the grid of `high`, zeros between: [.., H, W]."""
    edges = [(0, 0, 0)] * (planes.ndim - 2)
    axes = zip(tap, geometry.strides, geometry.before, geometry.low, geometry.high, strict=True)
    for m, stride, before, low, high in axes:
        first = m - before
        edges.append((first, high - first - (low - 1) * stride - 1, stride - 1))
    return lax.pad(planes, jnp.zeros((), planes.dtype), edges)


def _take_from_high(geometry: Geometry, planes: Array, tap: tuple[int, int]) -> Array:
    """The pixels of planes [.., H, W] of `high` that one tap connects with each pixel of `low`: [.., h, w]."""
    edges = [(0, 0, 0)] * (planes.ndim - 2)
    axes = zip(tap, geometry.strides, geometry.before, geometry.low, geometry.high, strict=True)
    for m, stride, before, low, high in axes:
        first = m - before
        edges.append((-first, first + (low - 1) * stride + 1 - high, 0))
    aligned = lax.pad(planes, jnp.zeros((), planes.dtype), edges)
    return aligned[..., :: geometry.strides[0], :: geometry.strides[1]]
