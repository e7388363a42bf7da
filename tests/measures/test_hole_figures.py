"""The error inside and outside of holes, compared with sums written in NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest

from aeden.measures.holes import hole_figures, hole_sums


def test_figures_are_those_of_all_values_inside_and_outside(rng):
    estimate, target = rng.uniform(size=(2, 6, 5, 4, 3))
    hole, mask = rng.uniform(size=(6, 5, 4, 1)) < 0.3, np.array([True] * 4 + [False] * 2)
    sums = hole_sums(*(jnp.asarray(x, jnp.float32) for x in (estimate, target)), jnp.asarray(hole), jnp.asarray(mask))
    means = {place: {name: value / mask.sum() for name, value in both.items()} for place, both in sums.items()}
    found = hole_figures(means)
    squares = ((estimate - target) ** 2)[mask]
    inside = np.broadcast_to(hole[mask], squares.shape)
    assert found["psnr_inside"] == pytest.approx(-10 * np.log10(squares[inside].mean()), abs=1e-4)
    assert found["psnr_outside"] == pytest.approx(-10 * np.log10(squares[~inside].mean()), abs=1e-4)
    assert found["hole_share"] == pytest.approx(inside.mean())


def test_no_hole_has_no_figure(rng):
    images = jnp.asarray(rng.uniform(size=(2, 3, 3, 1)), jnp.float32)
    found = hole_figures(hole_sums(images, images, jnp.zeros((2, 3, 3, 1), bool), jnp.ones(2, bool)))
    assert np.isnan(found["psnr_inside"])
    assert found["psnr_outside"] == pytest.approx(100.0)
    assert found["hole_share"] == 0
