"""A trained network as a program of `jax.export`: one file, parameters included, that jax alone loads and runs.

The program holds plain convolutions (`lowering="reference"`), for CPUs, CUDA, ROCm and TPUs, and takes images of any
number, height and width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from aeden.nn.autoencoders import DenseAutoencoder
from aeden.nn.restore import restore, takes_level
from aeden.nn.super_resolution import SuperResolver
from aeden.nn.unet import Network, UNet
from aeden.shapes import Array, Float, PyTree

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


def check_program(model: Network | SuperResolver) -> None:
    """Refuses a network that continues images in one place and adds them, as they are, in another.

    Raises:
      ValueError: it does.
    """
    if isinstance(model, SuperResolver) and model.residual and model.stride > 1:
        raise ValueError(
            "there is no program of a network with super_resolve.enlarges=code and residual=True: export the "
            "parameters alone, with --format=safetensors"
        )


def make_program(model: Network | SuperResolver, params: PyTree, half: bool = False) -> bytes:
    """The program of a network, serialised.

    It maps float32 [n, h, w, channels] to restored images of the same shape in [0, 1], those of super-resolution s
    times as high and wide; that of a network which is told the noise level takes float32 [n] as well.

    Args:
      model: the network.
      params: its parameters.
      half: whether the parameters are kept as float16; they are computed with in float32.

    Raises:
      ValueError: see `check_program`.
    """
    check_program(model)
    with np.errstate(over="ignore"):
        kept = jax.tree.map(lambda leaf: np.asarray(leaf, np.float16 if half else np.float32), params)

    def compute(images: Array, *levels: Array) -> Array:
        # A part of the program: outside it, the conversion would put float32 values into the file.
        restored = jax.tree.map(lambda leaf: jax.lax.convert_element_type(leaf, jnp.float32), kept)
        return _any_size(model, restored, images, *levels)

    n, height, width = export.symbolic_shape("n, height, width")
    if isinstance(model, DenseAutoencoder):
        size: tuple[Any, ...] = model.shape
    else:
        model, size = model.clone(lowering="reference"), (height, width, model.channels)
    arguments = [jax.ShapeDtypeStruct((n, *size), jnp.float32)]
    if takes_level(model):
        arguments.append(jax.ShapeDtypeStruct((n,), jnp.float32))
    # GPUs and TPUs would round the factors to fewer bits. On a CPU it makes no difference.
    with jax.default_matmul_precision("highest"):
        traced = export.export(jax.jit(compute), platforms=PLATFORMS)(*arguments)
    return bytes(traced.serialize())


def load_program(content: bytes) -> Callable[..., Any]:
    """The function of a program: (images[, levels]) -> restored images."""
    return export.deserialize(bytearray(content)).call


def _any_size(model: Network | SuperResolver, params: PyTree, images: Float[Array, "n h w c"], *levels: Array) -> Array:
    """Restores images whose height and width are not known when the network is traced.

    The network itself asks whether they are multiples of its stride. Here they are continued to such multiples by
    indices, which need not be known, in the way in which the network does it.
    """
    if isinstance(model, DenseAutoencoder):
        return restore(model, params, images, *levels)
    height, width = images.shape[1:3]
    for axis, size in ((1, height), (2, width)):
        images = jnp.take(images, _continued(size, model.stride, isinstance(model, UNet)), axis=axis, mode="clip")
    restored = restore(model, params, images, *levels)
    scale = model.scale if isinstance(model, SuperResolver) else 1
    for axis, size in ((1, height), (2, width)):
        restored = jnp.take(restored, jnp.arange(scale * size), axis=axis, mode="clip")
    return restored


def _continued(size: Any, multiple: int, by_reflection: bool) -> Array:
    """The pixels along an axis of an image that is continued to a multiple: by reflection, or else by its last one."""
    places = jnp.arange((size + multiple - 1) // multiple * multiple)
    if not by_reflection:
        return jnp.minimum(places, size - 1)
    # Reflected again and again if it is shorter than what is missing; a single pixel has period 1.
    period = jnp.maximum(2 * (size - 1), 1)
    return jnp.minimum(places % period, period - places % period)
