"""Convolutions rewritten to be faster on a CPU. They return the same numbers as the plain layers, up to rounding.

They are plain functions on arrays, for any JAX code: images [..., height, width, channels] with any leading batch axes
(also none), kernels [rows, columns, in, out], or [.., out, in] for a transposed convolution. Kernels and strides may be
rectangular. Derivatives of every order work, in forward and in reverse mode (`jax.grad`, `jax.jvp`, `jax.linearize`),
and so do `jax.vmap`, `jax.pmap`, `jax.shard_map` and sharded arrays, see `aeden.nn.passes`. Dilated convolutions have
no fast form here. docs/fast-layers.md has examples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from aeden.nn import passes
from aeden.nn.geometry import Geometry
from aeden.shapes import Array, Float

Padding = str | int | Sequence[int | tuple[int, int]]
Pair = int | Sequence[int]


def convolution(
    x: Float[Array, "*b h w c"],
    kernel: Float[Array, "k l d f"],
    stride: Pair = 1,
    padding: Padding = "SAME",
    groups: int = 1,
) -> Float[Array, "*b H W f"]:
    """`jax.lax.conv_general_dilated` of images, also fast for few input or output channels, and for groups.

    Args:
      x: [..., h, w, c].
      kernel: [k, l, c / groups, features].
      stride: positive integer, or (stride of the rows, stride of the columns).
      padding: "SAME", "VALID", "SAME_LOWER", pixels on every side, or for each axis a number of pixels or
        (before, after).
      groups: number of groups of channels that are convolved separately (`feature_group_count`).

    Returns:
      [..., ceil(h/stride), ceil(w/stride), features] for "SAME".

    Raises:
      ValueError: the shapes do not fit, the stride is less than 1, or the padding is unknown.
    """
    size, taps, strides = x.shape[-3:-1], kernel.shape[:2], two(stride, "stride")
    _check_channels(x, kernel, groups * kernel.shape[2])
    if kernel.shape[3] % groups:
        raise ValueError(f"{kernel.shape[3]} features cannot be split into {groups} groups")
    pads = explicit_padding(padding, also=("SAME_LOWER",))
    if isinstance(pads, str):
        pads = lax.padtype_to_pads(size, taps, strides, pads)
    low = [max(0, (n + sum(pad) - k) // s + 1) for n, k, s, pad in zip(size, taps, strides, pads, strict=True)]
    geometry = Geometry(_pair(taps), strides, (pads[0][0], pads[1][0]), _pair(low), _pair(size))
    if groups == 1:
        return _with_one_batch_axis(partial(passes.gather, geometry), x, kernel)

    def grouped(x: Array, kernel: Array) -> Array:
        """One group after the other. XLA's grouped convolutions have gradients that are far slower on a CPU."""
        x, kernel = (each.reshape(*each.shape[:3], groups, each.shape[3] // groups) for each in (x, kernel))
        out = jax.vmap(partial(passes.gather, geometry), (3, 3), 3)(x, kernel)
        return out.reshape(*out.shape[:3], groups * out.shape[4])

    return _with_one_batch_axis(grouped, x, kernel)


def transposed_convolution(
    x: Float[Array, "*b h w c"],
    kernel: Float[Array, "k l m n"],
    stride: Pair,
    padding: Padding = "SAME",
    transpose_kernel: bool = True,
) -> Float[Array, "*b H W f"]:
    """Transposed convolution, equal to `flax.linen.ConvTranspose` without its bias.

    Args:
      x: [..., h, w, c].
      kernel: [k, l, features, c], the layout of Keras and of Flax's `transpose_kernel`.
      stride: positive integer, or (stride of the rows, stride of the columns).
      padding: "SAME" ([..., s*h, s*w, features]), "VALID" ([..., s*h + max(k - s, 0), ..., features]), or for each axis
        the (before, after) that `jax.lax.conv_transpose` takes. PyTorch's padding p and output_padding o are
        (k - 1 - p, k - 1 - p + o).
      transpose_kernel: False if the kernel is [k, l, c, features] with both axes reversed, as by default in Flax,
        Haiku and `jax.lax.conv_transpose`.

    Raises:
      ValueError: the shapes do not fit, the stride is less than 1, or the padding is unknown.
    """
    if not transpose_kernel:
        kernel = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
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
    return _with_one_batch_axis(partial(passes.scatter, geometry), x, kernel)


def resized_convolution(
    x: Float[Array, "*b h w c"], kernel: Float[Array, "k l c f"], factor: Pair, padding: Padding = "SAME"
) -> Float[Array, "*b H W f"]:
    """Nearest-neighbour resize by a factor, then a convolution, without computing the resized image.

    A nearest resize by s writes s x s equal pixels for each pixel. It is the insertion of s - 1 zeros between pixels,
    followed by sums of s x s neighbours, and such sums can be exchanged with a convolution. So the two layers are a
    transposed convolution of stride s, followed by sums of s x s neighbours. That needs k^2/s^2 multiplications per
    output pixel in place of k^2: 2.25 in place of 9 for k = 3, s = 2. The border is exact, including the zero padding.

    Args:
      x: [..., h, w, c].
      kernel: [k, l, c, features].
      factor: positive integer, or (factor of the rows, factor of the columns).
      padding: of the convolution, as in `convolution` but for "SAME_LOWER".

    Returns:
      [..., factor*h, factor*w, features] for "SAME".

    Raises:
      ValueError: the shapes do not fit, the factor is less than 1, or the padding is unknown.
    """
    factors = two(factor, "factor")
    _check_channels(x, kernel, kernel.shape[2])
    size, taps, pads = x.shape[-3:-1], kernel.shape[:2], explicit_padding(padding)
    if isinstance(pads, str):
        pads = [((k - 1) // 2, k // 2) if pads == "SAME" else (0, 0) for k in taps]
    before = [k - 1 - pad[0] for k, pad in zip(taps, pads, strict=True)]
    high = [max(0, n * s + sum(pad) - k + 1) for n, s, pad, k in zip(size, factors, pads, taps, strict=True)]
    geometry = Geometry(_pair(taps), factors, _pair(before), _pair(size), _pair(high), spread=factors)
    flipped = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    return _with_one_batch_axis(partial(passes.scatter, geometry), x, flipped)


def resized_taps(taps: int, factor: int) -> int:
    """Multiplications of a nearest resize and a convolution per input pixel, input channel and output channel.

    Pixels that the resize made equal count once. This is the definition by which contenders are matched, see
    docs/method.md; `resized_convolution` itself needs taps^2.

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


def explicit_padding(padding: Padding, axes: int = 2, also: Sequence[str] = ()) -> str | list[tuple[int, int]]:
    """A padding as a name or as the (before, after) of each axis, from all forms that Flax takes.

    Args:
      padding: a name, pixels on every side, or for each axis a number of pixels or (before, after).
      axes: number of axes.
      also: names that are known besides "SAME" and "VALID".

    Raises:
      ValueError: the padding is unknown.
    """
    if isinstance(padding, str):
        if padding.upper() not in ("SAME", "VALID", *also):
            raise ValueError(f"unknown padding {padding!r}: use 'SAME', 'VALID' or (before, after) of each axis")
        return padding.upper()
    pads = (padding,) * axes if isinstance(padding, int) else tuple(padding)
    if len(pads) != axes:
        raise ValueError(f"a padding has (before, after) of each axis, not {padding}")
    return [(each, each) if isinstance(each, int) else (int(each[0]), int(each[1])) for each in pads]


def _with_one_batch_axis(function: Callable[[Array, Array], Array], x: Array, kernel: Array) -> Array:
    """Applies a function of images [b, h, w, c] and a kernel to images with any leading axes.

    If the mesh has explicit axes, the result is sharded like the batch axes of `x`.
    """

    def flattened(x: Array, kernel: Array) -> Array:
        if x.ndim == 4:
            return function(x, kernel)
        out = function(x.reshape(math.prod(x.shape[:-3]), *x.shape[-3:]), kernel)
        return out.reshape(*x.shape[:-3], *out.shape[1:])

    sharding = jax.typeof(x).sharding
    mesh = sharding.mesh
    kinds = zip(mesh.axis_names, mesh.axis_types, strict=True)
    explicit = tuple(name for name, kind in kinds if kind == AxisType.Explicit)
    if not explicit:
        return flattened(x, kernel)
    batch = NamedSharding(mesh, PartitionSpec(*sharding.spec[: x.ndim - 3], None, None, None))
    result: Array = jax.sharding.auto_axes(flattened, axes=explicit, out_sharding=batch)(x, kernel)
    return result


def _check_channels(x: Array, kernel: Array, channels: int) -> None:
    if x.ndim < 3 or x.shape[-1] != channels:
        raise ValueError(
            f"images of shape {x.shape} do not fit a kernel of shape {kernel.shape}: [..., h, w, {channels}]"
        )


def _pair(sizes: Sequence[int]) -> tuple[int, int]:
    """The first two of some sizes, height and width, as a tuple of plain integers."""
    return int(sizes[0]), int(sizes[1])
