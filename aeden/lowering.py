"""Exact fast rewrites of the slow convolutions: arrays in, arrays out, the same numbers as the plain layer's.

Images are [batch, height, width, channels].
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from aeden.shapes import Array, Float

DIMENSIONS = ("NHWC", "HWIO", "NHWC")


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def transposed_convolution(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k l f c"], stride: int, padding: str
) -> Float[Array, "b H W f"]:
    """Convolution transposed by phases, equal to `flax.linen.ConvTranspose(transpose_kernel=True)` without its bias.

    An output pixel's place modulo the stride, its phase, decides which taps of the kernel reach it: every s-th one. So
    the layer is s^2 small convolutions of stride 1 whose outputs interleave (sub-pixel convolution: Shi et al. 2016,
    "Is the deconvolution layer the same as a convolutional layer?"), with just the multiplications that the layer
    needs. The kernel's gradient goes through the same phases: XLA's own is some ten times slower on a CPU. The
    input's gradient is the strided convolution that the layer is the transpose of.

    Args:
      x: [b, h, w, c].
      kernel: [k, l, features, c], Keras' and `transpose_kernel`'s layout.
      stride: whole number from 1 up, for both axes.
      padding: "SAME" ([b, s*h, s*w, features]) or "VALID" ([b, s*h + max(k - s, 0), ..., features]).
    """
    return _by_phases(x, kernel, stride, padding)


def _forward(x: Array, kernel: Array, stride: int, padding: str) -> tuple[Array, tuple[Array, Array]]:
    return _by_phases(x, kernel, stride, padding), (x, kernel)


def _backward(stride: int, padding: str, saved: tuple[Array, Array], grad: Array) -> tuple[Array, Array]:
    x, kernel = saved
    _, kernel_gradient = jax.vjp(lambda k: _by_phases(x, k, stride, padding), kernel)
    pads = []
    for size, full, taps in zip(x.shape[1:3], grad.shape[1:3], kernel.shape[:2], strict=True):
        _, start = _output_range(size, taps, stride, padding)
        pads.append((start, (size - 1) * stride + taps - start - full))
    x_gradient = lax.conv_general_dilated(grad, kernel, (stride, stride), pads, dimension_numbers=DIMENSIONS)
    return x_gradient, kernel_gradient(grad)[0]


transposed_convolution.defvjp(_forward, _backward)


def _by_phases(x: Array, kernel: Array, stride: int, padding: str) -> Array:
    (height, top), (width, left) = (
        _output_range(size, taps, stride, padding) for size, taps in zip(x.shape[1:3], kernel.shape[:2], strict=True)
    )
    counts = (-(-height // stride), -(-width // stride))
    rows = []
    for r in range(top, top + stride):
        columns = [
            _phase(x, kernel[r % stride :: stride, c % stride :: stride], (r // stride, c // stride), counts)
            for c in range(left, left + stride)
        ]
        rows.append(jnp.stack(columns, axis=3))
    grid = jnp.stack(rows, axis=2)  # (b, rows of strides, s, columns of strides, s, f)
    whole = grid.reshape(x.shape[0], counts[0] * stride, counts[1] * stride, kernel.shape[2])
    return whole[:, :height, :width]


def _phase(x: Array, taps: Array, first: tuple[int, int], counts: tuple[int, int]) -> Array:
    """One phase: the convolution of x with its taps, at the strides `first` to `first + counts - 1`.

    Only the strides that are wanted are computed: XLA's kernel gradient is fast where output and input have one size,
    and some ten times slower where the output is larger and cropped after.
    """
    if 0 in taps.shape:
        return jnp.zeros((x.shape[0], *counts, taps.shape[2]), x.dtype)
    pads = []
    for size, taken, start, count in zip(x.shape[1:3], taps.shape[:2], first, counts, strict=True):
        before = taken - 1 - start
        pads.append((before, count + taken - 1 - size - before))
    # Correlation with the taps reversed is convolution.
    flipped = jnp.flip(taps, (0, 1)).swapaxes(2, 3)
    return lax.conv_general_dilated(x, flipped, (1, 1), pads, dimension_numbers=DIMENSIONS)


def _output_range(size: int, taps: int, stride: int, padding: str) -> tuple[int, int]:
    """The output's size along an axis, and where it starts in the full, uncropped, result."""
    if padding == "VALID":
        return size * stride + max(taps - stride, 0), 0
    # SAME padding of the strided convolution s*size -> size, which this is the transpose of.
    return size * stride, max(taps - stride, 0) // 2
