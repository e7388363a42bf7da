"""Convolutions rewritten to be faster on a CPU. They return the same numbers as the plain layers, up to rounding.

They are plain functions on arrays, for any JAX code: images [..., height, width, channels] with any leading batch axes
(also none), kernels [rows, columns, in, out], or [.., out, in] for a transposed convolution. Kernels and strides may be
rectangular. `jax.grad`, `jax.jvp`, `jax.linearize`, `jax.vmap` and `jax.pmap` work to every order, see
`aeden.nn.passes`. Dilated and grouped convolutions have no fast form here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp
from jax import lax

from aeden.nn import passes
from aeden.nn.geometry import Geometry
from aeden.shapes import Array, Float

Padding = str | int | Sequence[int | tuple[int, int]]
Pair = int | Sequence[int]


def convolution(
    x: Float[Array, "*b h w c"], kernel: Float[Array, "k l c f"], stride: Pair = 1, padding: Padding = "SAME"
) -> Float[Array, "*b H W f"]:
    """`jax.lax.conv_general_dilated` of images, also fast for few input or output channels.

    Args:
      x: [..., h, w, c].
      kernel: [k, l, c, features].
      stride: positive integer, or (stride of the rows, stride of the columns).
      padding: "SAME", "VALID", pixels on every side, or for each axis a number of pixels or (before, after).

    Returns:
      [..., ceil(h/stride), ceil(w/stride), features] for "SAME".

    Raises:
      ValueError: the shapes do not fit, the stride is less than 1, or the padding is unknown.
    """
    size, taps, strides = x.shape[-3:-1], kernel.shape[:2], two(stride, "stride")
    _check_channels(x, kernel, kernel.shape[2])
    pads = explicit_padding(padding)
    if isinstance(pads, str):
        pads = lax.padtype_to_pads(size, taps, strides, pads)
    low = [max(0, (n + sum(pad) - k) // s + 1) for n, k, s, pad in zip(size, taps, strides, pads, strict=True)]
    geometry = Geometry(_pair(taps), strides, (pads[0][0], pads[1][0]), _pair(low), _pair(size))
    return _with_one_batch_axis(lambda images: passes.gather(geometry, images, kernel), x)


def transposed_convolution(
    x: Float[Array, "*b h w c"], kernel: Float[Array, "k l f c"], stride: Pair, padding: Padding = "SAME"
) -> Float[Array, "*b H W f"]:
    """Transposed convolution, equal to `flax.linen.ConvTranspose(transpose_kernel=True)` without its bias.

    Args:
      x: [..., h, w, c].
      kernel: [k, l, features, c], the layout of Keras and of `transpose_kernel`.
      stride: positive integer, or (stride of the rows, stride of the columns).
      padding: "SAME" ([..., s*h, s*w, features]), "VALID" ([..., s*h + max(k - s, 0), ..., features]), or for each axis
        the (before, after) that `jax.lax.conv_transpose` takes. PyTorch's padding p and output_padding o are
        (k - 1 - p, k - 1 - p + o).

    Raises:
      ValueError: the shapes do not fit, the stride is less than 1, or the padding is unknown.
    """
    size, taps, strides = x.shape[-3:-1], kernel.shape[:2], two(stride, "stride")
    _check_channels(x, kernel, kernel.shape[3])
    pads = explicit_padding(padding)
    if isinstance(pads, str):
        beyond = [max(k - s, 0) for k, s in zip(taps, strides, strict=True)]
        # This is the transpose of the strided convolution stride*size -> size, whose padding "SAME" is used here.
        more = beyond if pads == "VALID" else (0, 0)
        high = [n * s + extra for n, s, extra in zip(size, strides, more, strict=True)]
        before = [0 if pads == "VALID" else each // 2 for each in beyond]
    else:
        high = [(n - 1) * s + sum(pad) - k + 2 for n, s, k, pad in zip(size, strides, taps, pads, strict=True)]
        before = [k - 1 - pad[0] for k, pad in zip(taps, pads, strict=True)]
    geometry = Geometry(_pair(taps), strides, _pair(before), _pair(size), (max(high[0], 0), max(high[1], 0)))
    return _with_one_batch_axis(lambda images: passes.scatter(geometry, images, kernel), x)


def resized_convolution(
    x: Float[Array, "*b h w c"], kernel: Float[Array, "k l c f"], factor: Pair
) -> Float[Array, "*b H W f"]:
    """Nearest-neighbour resize by a factor, then a "SAME" convolution, without computing the resized image.

    A nearest resize by s writes s x s equal pixels for each pixel. It is the insertion of s - 1 zeros between pixels,
    followed by sums of s x s neighbours, and such sums can be exchanged with a convolution. So the two layers are a
    transposed convolution of stride s, followed by sums of s x s neighbours. That needs k^2/s^2 multiplications per
    output pixel in place of k^2: 2.25 in place of 9 for k = 3, s = 2. The border is exact, including the zero padding.

    Args:
      x: [..., h, w, c].
      kernel: [k, l, c, features].
      factor: positive integer, or (factor of the rows, factor of the columns).

    Returns:
      [..., factor*h, factor*w, features].

    Raises:
      ValueError: the shapes do not fit, or the factor is less than 1.
    """
    factors = two(factor, "factor")
    _check_channels(x, kernel, kernel.shape[2])
    before = [taps - 1 - (taps - 1) // 2 for taps in kernel.shape[:2]]
    size = _pair(x.shape[-3:-1])
    high = (size[0] * factors[0], size[1] * factors[1])
    geometry = Geometry(_pair(kernel.shape), factors, _pair(before), size, high, spread=factors)
    flipped = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    return _with_one_batch_axis(lambda images: passes.scatter(geometry, images, flipped), x)


def resized_taps(taps: int, factor: int) -> int:
    """Multiplications of `resized_convolution` per input pixel, input channel and output channel.

    Args:
      taps: height and width of the kernel.
      factor: factor of the resize.
    """
    return (-(-(taps + factor - 1) // factor) * factor) ** 2


def two(value: Pair, name: str) -> tuple[int, int]:
    """(rows, columns) from one integer for both or from a pair.

    Raises:
      ValueError: there are not one or two values, or one is less than 1.
    """
    values = (value, value) if isinstance(value, int) else tuple(int(each) for each in value)
    if len(values) == 1:
        values *= 2
    if len(values) != 2 or min(values) < 1:
        raise ValueError(f"a {name} is a positive integer or two of them, not {value}")
    return _pair(values)


def explicit_padding(padding: Padding) -> str | list[tuple[int, int]]:
    """A padding as "SAME", "VALID" or the (before, after) of both axes, from all forms that Flax takes.

    Raises:
      ValueError: the padding is unknown.
    """
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise ValueError(f"unknown padding {padding!r}: use 'SAME', 'VALID' or (before, after) of each axis")
        return padding
    axes = (padding, padding) if isinstance(padding, int) else tuple(padding)
    if len(axes) != 2:
        raise ValueError(f"a padding has (before, after) of both axes, not {padding}")
    return [(each, each) if isinstance(each, int) else (int(each[0]), int(each[1])) for each in axes]


def _with_one_batch_axis(function: Callable[[Array], Array], x: Array) -> Array:
    """Applies a function of images [b, h, w, c] to images with any leading axes."""
    if x.ndim == 4:
        return function(x)
    out = function(x.reshape(math.prod(x.shape[:-3]), *x.shape[-3:]))
    return out.reshape(*x.shape[:-3], *out.shape[1:])


def _check_channels(x: Array, kernel: Array, channels: int) -> None:
    if x.ndim < 3 or x.shape[-1] != channels:
        raise ValueError(
            f"images of shape {x.shape} do not fit a kernel of shape {kernel.shape}: [..., h, w, {channels}]"
        )


def _pair(sizes: Sequence[int]) -> tuple[int, int]:
    """The first two of some sizes, height and width, as a tuple of plain integers."""
    return int(sizes[0]), int(sizes[1])
