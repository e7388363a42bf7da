"""How well holes are filled in: the error inside them and outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from aeden.measures.image_quality import SMALLEST_MSE
from aeden.measures.metric import Metric
from aeden.shapes import Array, Bool, Float, PyTree

PSNR_INSIDE = Metric("psnr_inside", "PSNR inside holes", "dB", higher_is_better=True, digits=2, margin=0.1)
PSNR_OUTSIDE = Metric("psnr_outside", "PSNR outside holes", "dB", higher_is_better=True, digits=2, margin=0.1)


def hole_sums(
    estimate: Float[Array, "b h w c"],
    target: Float[Array, "b h w c"],
    hole: Bool[Array, "b h w 1"],
    mask: Bool[Array, b],
) -> PyTree:
    """Sums over the images that the mask marks: squared errors and number of values inside and outside of holes."""
    squares, marked = jnp.square(estimate - target), mask[:, None, None, None]
    places = {"inside": marked & hole, "outside": marked & ~hole}
    return {
        name: {
            "squares": jnp.sum(jnp.where(place, squares, 0.0)),
            "values": jnp.sum(jnp.broadcast_to(place, squares.shape).astype(jnp.float32)),
        }
        for name, place in places.items()
    }


def hole_figures(means: Mapping[str, Any]) -> dict[str, float]:
    """The figures of the means of `hole_sums` over a split.

    Returns:
      `psnr_inside` and `psnr_outside` in dB, of the mean squared error over all values of the split that are inside or
      outside of holes (not a mean of each image's dB: a hole may be a few pixels); NaN where there is none.
      `hole_share`, the share of the values inside.
    """
    values = {name: float(sums["values"]) for name, sums in means.items()}
    found = {
        f"psnr_{name}": float(-10 * np.log10(max(float(sums["squares"]) / values[name], SMALLEST_MSE)))
        if values[name]
        else float("nan")
        for name, sums in means.items()
    }
    return {**found, "hole_share": values["inside"] / sum(values.values())}
