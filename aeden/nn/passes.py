"""The three passes of a convolution: forward, input gradient and kernel gradient, as JAX primitives.

A convolution of stride s connects a low-resolution image `low` with a high-resolution image `high`: tap m of the kernel
connects low[i] with high[s*i + m - before] (see `aeden.nn.geometry`). This gives three functions:

    scatter    low, kernel -> high      the transposed convolution
    gather     high, kernel -> low      the strided convolution
    correlate  low, high -> kernel      the kernel gradient of either

Each is linear in both arguments, and its transposes are the other two. JAX therefore has derivatives of every order, in
forward mode and in reverse mode, and all of them use these three functions only.

Images are [batch, height, width, channels]. Kernels are [rows, columns, channels of high, channels of low], which is
the usual layout [.., in, out] for a convolution and Keras' layout [.., out, in] for a transposed one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from aeden.nn import few_channels, phases
from aeden.nn.geometry import Geometry, convolve
from aeden.shapes import Array

Shape = tuple[Any, ...]  # integers, or symbols in `jax.export`

# The kernel gradient of stride 1 is one convolution for at least so many images of at most so many pixels. Measured on
# CPUs, with AVX-512 and with AVX2: docs/performance.md.
MANY_IMAGES = 16
SMALL_IMAGE = 24 * 24


def scatter(geometry: Geometry, low: Array, kernel: Array) -> Array:
    """The transposed convolution: high[s*i + m - before] is the sum of low[i] kernel[m]."""
    return _bind(_SCATTER, geometry, low, kernel)


def gather(geometry: Geometry, high: Array, kernel: Array) -> Array:
    """The strided convolution: low[i] is the sum of high[s*i + m - before] kernel[m]."""
    return _bind(_GATHER, geometry, high, kernel)


def correlate(geometry: Geometry, low: Array, high: Array) -> Array:
    """The kernel gradient: kernel[m] is the sum of high[s*i + m - before] low[i]."""
    return _bind(_CORRELATE, geometry, low, high)


def _scatter(geometry: Geometry, low: Array, kernel: Array) -> Array:
    if 0 in low.shape or 0 in kernel.shape:
        return jnp.zeros((low.shape[0], *geometry.high, kernel.shape[2]), low.dtype)
    if few_channels.is_few(geometry, kernel.shape[2]):
        return phases.sums(geometry, few_channels.scatter(geometry.without_spread(), low, kernel))
    return phases.scatter(geometry, low, kernel)


def _gather(geometry: Geometry, high: Array, kernel: Array) -> Array:
    if 0 in high.shape or 0 in kernel.shape or 0 in geometry.low:
        return jnp.zeros((high.shape[0], *geometry.low, kernel.shape[3]), high.dtype)
    geometry, high = geometry.without_spread(), phases.gathered_sums(geometry, high)
    if few_channels.is_few(geometry, kernel.shape[3]):
        return few_channels.gather(geometry, high, kernel)
    return convolve(high, kernel, geometry.strides, geometry.pads())


def _correlate(geometry: Geometry, low: Array, high: Array) -> Array:
    if 0 in low.shape or 0 in high.shape:
        return jnp.zeros((*geometry.taps, high.shape[3], low.shape[3]), low.dtype)
    geometry, high = geometry.without_spread(), phases.gathered_sums(geometry, high)
    if few_channels.is_few(geometry, high.shape[3]):
        return few_channels.correlate_few_high(geometry, low, high)
    if few_channels.is_few(geometry, low.shape[3]):
        return few_channels.correlate_few_low(geometry, low, high)
    many = not isinstance(low.shape[0], int) or low.shape[0] >= MANY_IMAGES  # symbolic in jax.export
    many_small = many and geometry.low[0] * geometry.low[1] <= SMALL_IMAGE
    if geometry.strides == (1, 1) and geometry.low == geometry.high and many_small:
        return phases.correlate_many(geometry, low, high)
    return phases.correlate(geometry, low, high)


def _bind(primitive: Primitive, geometry: Geometry, left: Array, right: Array) -> Array:
    if left.dtype != right.dtype:
        raise TypeError(f"a convolution needs arguments of one type, not {left.dtype} and {right.dtype}")
    left, right = _varying_alike(left, right)
    result: Array = primitive.bind(left, right, geometry=geometry)
    return result


def _varying_alike(left: Array, right: Array) -> tuple[Array, Array]:
    """Marks both as varying over each mesh axis of `jax.shard_map` over which one varies, as JAX's operations do."""
    axes = [_varying_axes(x) for x in (left, right)]
    left, right = (
        lax.pcast(x, tuple(sorted(more, key=str)), to="varying") if more else x
        for x, more in ((left, axes[1] - axes[0]), (right, axes[0] - axes[1]))
    )
    return left, right


def _varying_axes(x: Array) -> frozenset[Any]:
    """The mesh axes of `jax.shard_map` over which an array varies; JAX has renamed the attribute that says so."""
    kind = jax.typeof(x)
    varying = getattr(getattr(kind, "manual_axis_type", None), "varying", None)
    return frozenset(getattr(kind, "vma", ()) if varying is None else varying)


def _primitive(
    name: str,
    function: Callable[[Geometry, Array, Array], Array],
    shape: Callable[[Geometry, Shape, Shape], Shape],
    batched: bool,
) -> Primitive:
    """A primitive (left, right) -> result that is lowered to `function`.

    Args:
      name: of the primitive in jaxprs.
      function: (geometry, left, right) -> result.
      shape: (geometry, shape of left, shape of right) -> shape of the result.
      batched: whether `left` and the result have a batch axis in front and `right` has none.
    """
    primitive = Primitive(f"aeden_{name}")

    def call(left: Array, right: Array, *, geometry: Geometry) -> Array:
        return function(geometry, left, right)

    def abstract(left: Any, right: Any, *, geometry: Geometry) -> Any:
        return left.update(shape=shape(geometry, left.shape, right.shape), weak_type=False)

    def vmap(arguments: tuple[Array, Array], axes: tuple[int | None, int | None], *, geometry: Geometry) -> Any:
        bind = partial(primitive.bind, geometry=geometry)
        left, right = (x if axis is None else jnp.moveaxis(x, axis, 0) for x, axis in zip(arguments, axes, strict=True))
        if batched and axes[1] is None:
            out = bind(left.reshape(left.shape[0] * left.shape[1], *left.shape[2:]), right)
            return out.reshape(*left.shape[:2], *out.shape[1:]), 0
        mapped = [x for x, axis in ((left, axes[0]), (right, axes[1])) if axis is not None]

        def one(values: list[Array]) -> Any:
            rest = iter(values)
            return bind(*(x if axis is None else next(rest) for x, axis in ((left, axes[0]), (right, axes[1]))))

        return lax.map(one, mapped), 0

    primitive.def_impl(jax.jit(call, static_argnames="geometry"))
    primitive.def_abstract_eval(abstract)
    batching.primitive_batchers[primitive] = vmap
    mlir.register_lowering(primitive, mlir.lower_fun(call, multiple_results=False))
    return primitive


_SCATTER = _primitive("scatter", _scatter, lambda g, low, kernel: (low[0], *g.high, kernel[2]), batched=True)
_GATHER = _primitive("gather", _gather, lambda g, high, kernel: (high[0], *g.low, kernel[3]), batched=True)
_CORRELATE = _primitive("correlate", _correlate, lambda g, low, high: (*g.taps, high[3], low[3]), batched=False)

ad.defbilinear(
    _SCATTER,
    lambda high, low, kernel, geometry: gather(geometry, high, kernel),
    lambda high, low, kernel, geometry: correlate(geometry, low, high),
)
ad.defbilinear(
    _GATHER,
    lambda low, high, kernel, geometry: scatter(geometry, low, kernel),
    lambda low, high, kernel, geometry: correlate(geometry, low, high),
)
ad.defbilinear(
    _CORRELATE,
    lambda kernel, low, high, geometry: gather(geometry, high, kernel),
    lambda kernel, low, high, geometry: scatter(geometry, low, kernel),
)
