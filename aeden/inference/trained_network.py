"""From a recorded config and parameters to a network that restores images."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from aeden.inference.restorer import Restorer
from aeden.nn.autoencoders import ConvAutoencoder, DenseAutoencoder
from aeden.nn.decoders import DECODERS
from aeden.nn.parameters import count_parameters
from aeden.nn.restore import restore, takes_level
from aeden.nn.super_resolution import SuperResolver
from aeden.nn.unet import Network, UNet
from aeden.shapes import PyTree
from aeden.tasks.model_from_config import CONV_ONLY, UNET_ONLY, build_model
from aeden.tasks.network_ranges import check_recorded
from aeden.tasks.super_resolve.model_from_config import build_super_resolver

Built = TypeVar("Built", bound=Network | SuperResolver)

# The fields of `model` and their defaults, as in `configs/base.py`, for runs that are older than a field. The package
# is installed without `configs/`.
MODEL_DEFAULTS: dict[str, Any] = {
    **CONV_ONLY,
    **UNET_ONLY,
    "architecture": "conv",
    "hidden": (512,),
    "tied": False,
    "init": "he",
    "dtype": "float32",
}


def build_network(folder: Path, recorded: dict[str, Any], params: PyTree) -> Network:
    """The network of a recorded config, checked against its parameters.

    Args:
      folder: where it was found, for messages.
      recorded: the section `model` of its config, as it was written.
      params: its parameters.

    Raises:
      ValueError: they do not fit.
    """

    def build() -> tuple[Network, tuple[int, ...]]:
        # A number that is far too large would not be refused below, but computed with for hours.
        check_recorded("model", recorded)
        parts = ConfigDict({"model": {**MODEL_DEFAULTS, **recorded}})
        shape = _image_shape(parts.model, params)
        return build_model(parts, shape), shape

    return _fitting(folder, build, params)


def build_enlarger(folder: Path, settings: Mapping[str, Any], params: PyTree) -> SuperResolver:
    """The network of a recorded config of super-resolution, checked against its parameters.

    Args:
      folder: where it was found, for messages.
      settings: its config, as it was written, with the sections `model` and `super_resolve`.
      params: its parameters.

    Raises:
      ValueError: they do not fit.
    """

    def build() -> tuple[SuperResolver, tuple[int, ...]]:
        model, options = settings["model"], settings["super_resolve"]
        check_recorded("model", model)
        check_recorded("super_resolve", options)
        missing = [field for field in ("factor", "antialias", "enlarges", "stages", "residual") if field not in options]
        if missing:
            raise ValueError(f"super_resolve.{missing[0]} is missing")
        parts = ConfigDict({"model": {**MODEL_DEFAULTS, **model}, "super_resolve": options})
        shape = _image_shape(parts.model, params)
        return build_super_resolver(parts, shape), shape

    return _fitting(folder, build, params)


def _fitting(folder: Path, build: Callable[[], tuple[Built, tuple[int, ...]]], params: PyTree) -> Built:
    """The network that is built, which takes these parameters.

    Args:
      folder: where it was found, for messages.
      build: gives the network, and the height, width and channels of an image for it.
      params: its parameters.

    Raises:
      ValueError: it cannot be built, or does not fit.
    """
    try:
        model, shape = build()
        wanted = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, *shape)))["params"]
        fits = _shapes(wanted) == _shapes(params)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"{folder}: its network cannot be built ({reason}): take another run") from error
    if not fits:
        raise ValueError(f"{folder}: the file of its parameters does not fit its config.json: take another run")
    return model


def _shapes(params: PyTree) -> dict[str, tuple[int, ...]]:
    """Path of each parameter -> its shape."""
    return {jax.tree_util.keystr(path): np.shape(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(params)}


def _image_shape(model: ConfigDict, params: PyTree) -> tuple[int, int, int]:
    """Height, width and channels of the images that parameters are for; any size for a convolutional network.

    A run does not record them. A dense network has one input for each value of an image: a square gray image if that is
    possible, or else a square colour image.
    """
    if model.architecture != "dense":
        return 32, 32, int(np.shape(params["decoder"]["out"]["kernel"])[-1])
    values = int(np.shape(params["encoder_0"]["kernel"])[0])
    for channels in (1, 3):
        side = math.isqrt(values // channels)
        if side * side * channels == values:
            return side, side, channels
    raise ValueError("a dense network restores square images only")


def make_restorer(
    model: Network | SuperResolver, params: PyTree, name: str, noise: dict[str, Any], seed: int | None = None
) -> Restorer:
    """A restorer of a network and its parameters.

    Args:
      model: the network.
      params: its parameters.
      name: what it is called in messages.
      noise: the `noise` section of the config it was trained with.
      seed: of its training; None if unknown.
    """
    number = count_parameters(params)
    on_device = jax.device_put(params)
    compiled = jax.jit(functools.partial(restore, model))

    def compute(images: np.ndarray, level: float | None) -> np.ndarray:
        levels = None if level is None else np.full(len(images), level, np.float32)
        return np.asarray(compiled(on_device, images, levels), np.float32)

    if isinstance(model, DenseAutoencoder):
        height, width, channels = model.shape
        return Restorer(
            name, channels, 1, max(height, width), noise, (height, width), False, "edge", compute, number, seed
        )
    padding = "reflect" if isinstance(model, UNet) else "edge"
    radius, told = radius_of(model), takes_level(model)
    scale = model.scale if isinstance(model, SuperResolver) else 1
    return Restorer(
        name, model.channels, model.stride, radius, noise, None, told, padding, compute, number, seed, scale
    )


def restorer_of(
    folder: Path, model: Network | SuperResolver, params: PyTree, settings: Mapping[str, Any], name: str
) -> Restorer:
    """A restorer of what `build_network` or `build_enlarger` built.

    Args:
      folder: where it was found, for messages.
      model, params: the network.
      settings: its config, as it was written, with the section `noise`, and `super_resolve` if it enlarges.
      name: what it is called in messages.

    Raises:
      ValueError: see `recorded_noise`.
    """
    made = make_restorer(model, params, name, recorded_noise(folder, settings["noise"]), settings.get("seed"))
    if not isinstance(model, SuperResolver):
        return made
    return dataclasses.replace(made, antialias=settings["super_resolve"]["antialias"])


@functools.lru_cache
def radius_of(model: ConvAutoencoder | UNet | SuperResolver) -> int:
    """The distance, in pixels of the input along an axis, of the farthest input pixel that an output pixel depends on.

    The decoder `point_sampling` reads where its learnt offsets lead. For it, the distance is that of a bilinear resize
    and two pixels more at the input of each of its layers.
    """
    if DECODERS[model.decoder].moves:
        return model.clone(decoder="upsample", resize="bilinear").receptive_radius() + 4 * model.stride
    return model.receptive_radius()


def recorded_noise(folder: Path, recorded: dict[str, Any]) -> dict[str, Any]:
    """The section `noise` of a recorded config, checked.

    Args:
      folder: where it was found, for messages.
      recorded: the section, as it was written.

    Raises:
      ValueError: a field that restoring needs is missing, or one is out of its range.
    """
    try:
        check_recorded("noise", recorded)
        missing = [name for name in ("kind", "level") if name not in recorded]
        if missing:
            raise ValueError(f"noise.{missing[0]} is missing")
    except ValueError as error:
        raise ValueError(
            f"{folder}: the noise in its config.json cannot be used ({error}): take another run"
        ) from error
    return dict(recorded)
