"""What the drop-in layers of `aeden.nn.layers` (Flax linen) and `aeden.nn.nnx_layers` (Flax nnx) share.

Both have the attributes of Flax's own layers under the same names, plus `lowering`. The functions here read these
attributes: they say whether a layer is computed by its fast form, and compute it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from aeden.nn import fast_convolution
from aeden.nn.fast_convolution import Padding, explicit_padding
from aeden.shapes import Array

LOWERINGS = ("reference", "fast", "auto")
# Options of Flax's layers for which the fast forms have only the value that changes nothing.
WITHOUT_FAST_FORM = (
    "kernel_dilation",
    "input_dilation",
    "precision",
    "preferred_element_type",
    "conv_general_dilated",
    "conv_general_dilated_cls",
)
# What `jnp.pad` calls the paddings of Flax's convolutions that continue the image.
CONTINUED = {"CIRCULAR": "wrap", "REFLECT": "reflect"}


def is_fast(lowering: str, without_fast_form: Sequence[str] = ()) -> bool:
    """Whether `lowering` selects the fast implementation. "auto" does so on CPUs only, as measured.

    Args:
      lowering: one of `LOWERINGS`.
      without_fast_form: options of the layer that only the plain implementation has. "auto" then selects that one.

    Raises:
      ValueError: the lowering is unknown, or it is "fast" and an option has no fast form.
    """
    if lowering not in LOWERINGS:
        raise ValueError(f"unknown lowering {lowering!r}: use one of {', '.join(LOWERINGS)}")
    if lowering == "fast" and without_fast_form:
        options = ", ".join(without_fast_form)
        raise ValueError(f"lowering 'fast' does not support {options}: use 'auto' or 'reference', which do")
    on_cpu = jax.default_backend() == "cpu"
    return lowering == "fast" or (lowering == "auto" and on_cpu and not without_fast_form)


def computes_fast(layer: Any, **also: Any) -> bool:
    """Whether a layer is computed by its fast form, given its `lowering` and all its other options.

    Args:
      layer: a convolution or transposed convolution of Flax linen or nnx, with an attribute `lowering`.
      also: arguments of the call that have no fast form unless they are None.

    Raises:
      ValueError: the lowering is unknown, or it is "fast" and an option has no fast form.
    """
    neutral = (None, 1, lax.conv_general_dilated)
    options = {name: getattr(layer, name, None) for name in WITHOUT_FAST_FORM} | also
    unsupported = [f"{name}={value}" for name, value in options.items() if not _is_neutral(value, neutral)]
    if len(_kernel_size(layer)) > 2:
        unsupported.append(f"kernel_size={layer.kernel_size}")
    if layer.padding == "CIRCULAR" and hasattr(layer, "transpose_kernel"):
        unsupported.append("padding='CIRCULAR'")
    return is_fast(layer.lowering, unsupported)


def _is_neutral(value: Any, neutral: tuple[Any, ...]) -> bool:
    if isinstance(value, list | tuple):
        return all(each == 1 for each in value)
    return any(value is each or (isinstance(value, int) and value == each) for each in neutral)


def convolution(layer: Any, x: Array, kernel: Array) -> Array:
    """The fast form of Flax's `Conv` without its bias.

    Args:
      layer: the layer, see `computes_fast`.
      x: [..., h, w, c], or [..., length, c] if the kernel has one axis.
      kernel: [k, l, c / groups, features], or [k, c / groups, features].
    """
    padding, size = layer.padding, _kernel_size(layer)
    if isinstance(padding, str):
        if padding in CONTINUED:
            edges = [((k - 1) // 2, k // 2) for k in size]
            around = [(0, 0)] * (x.ndim - 1 - len(size))
            x, padding = jnp.pad(x, [*around, *edges, (0, 0)], mode=CONTINUED[padding]), "VALID"
        elif padding == "CAUSAL" and len(size) == 1:
            padding = [(size[0] - 1, 0)]

    def function(x: Array, kernel: Array, strides: tuple[int, ...], padding: Padding) -> Array:
        return fast_convolution.convolution(x, kernel, strides, padding, layer.feature_group_count)

    return _as_images(function, x, kernel, per_axis(layer.strides, len(size)), padding)


def transposed_convolution(layer: Any, x: Array, kernel: Array) -> Array:
    """The fast form of Flax's `ConvTranspose` without its bias.

    Args:
      layer: the layer, see `computes_fast`.
      x: [..., h, w, c], or [..., length, c] if the kernel has one axis.
      kernel: [k, l, c, features], or [k, l, features, c] with `transpose_kernel`; one axis less for a length.
    """

    def function(x: Array, kernel: Array, strides: tuple[int, ...], padding: Padding) -> Array:
        return fast_convolution.transposed_convolution(x, kernel, strides, padding, layer.transpose_kernel)

    return _as_images(function, x, kernel, per_axis(layer.strides, len(_kernel_size(layer))), layer.padding)


def merges_resize(layer: Any) -> bool:
    """Whether the fast form of a `ResizeConv` is `resized_convolution`, without computing the resized image."""
    size = _kernel_size(layer)
    plain = set(per_axis(layer.strides, len(size))) == {1} and layer.feature_group_count == 1
    known = not isinstance(layer.padding, str) or layer.padding in ("SAME", "VALID")
    # Beyond a factor of 4, the sums of neighbours take longer than they save.
    enlarges = 1 < max(per_axis(layer.factor, len(size))) <= 4
    return computes_fast(layer) and layer.method == "nearest" and plain and known and enlarges


def resized_convolution(layer: Any, x: Array, kernel: Array) -> Array:
    """The fast form of a nearest resize by the layer's `factor` and of Flax's `Conv` after it, without the bias."""
    factors = per_axis(layer.factor, len(_kernel_size(layer)))
    return _as_images(fast_convolution.resized_convolution, x, kernel, factors, layer.padding)


def with_bias(x: Array, bias: Array | None) -> Array:
    """Adds a bias [features] to [..., features]; None adds nothing."""
    return x if bias is None else x + bias.reshape((1,) * (x.ndim - 1) + (-1,))


def masked(layer: Any, kernel: Any) -> Any:
    """The kernel times the layer's mask, if it has one.

    Raises:
      ValueError: the mask does not have the kernel's shape.
    """
    if layer.mask is None:
        return kernel
    if layer.mask.shape != kernel.shape:
        raise ValueError(f"a mask has the kernel's shape {kernel.shape}, not {layer.mask.shape}")
    return kernel * layer.mask


def per_axis(value: int | Sequence[int] | None, axes: int) -> tuple[int, ...]:
    """One integer for each axis, from all forms that Flax takes; None is 1."""
    if value is None or isinstance(value, int):
        return (1 if value is None else value,) * axes
    return tuple(value)


def _kernel_size(layer: Any) -> tuple[int, ...]:
    """Sizes of the kernel. As in Flax, one integer is a kernel of one axis."""
    return per_axis(layer.kernel_size, 1)


def _as_images(
    function: Callable[[Array, Array, tuple[int, ...], Padding], Array],
    x: Array,
    kernel: Array,
    strides: tuple[int, ...],
    padding: Padding,
) -> Array:
    """Applies a function of images; sequences [..., length, c] are images of one row."""
    if len(strides) == 2:
        return function(x, kernel, strides, padding)
    pads = padding if isinstance(padding, str) else [(0, 0), *explicit_padding(padding, 1)]
    return function(x[..., None, :, :], kernel[None], (1, *strides), pads)[..., 0, :, :]
