"""Noise that leaves parts of an image out: shares, shapes, and no dependence on what the image shows."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from aeden.random_keys import example_keys
from aeden.transforms.noise import HOLES, corrupt, hole_of


def holes(kind, level, count=200, shape=(28, 28), high=None):
    def noise(keys, images):
        return corrupt(keys, images, kind, level, high or level, True)

    keys = example_keys(jax.random.key(0), 0, jnp.arange(count))
    # As one program: compiled operation by operation it takes several times as long.
    return np.asarray(jax.jit(lambda keys, images: hole_of(noise, keys, images))(keys, jnp.zeros((count, *shape, 1))))[
        ..., 0
    ]


@pytest.mark.parametrize("kind", HOLES)
def test_the_level_is_the_share_left_out(kind):
    for level in (0.0, 0.1, 0.4, 1.0):
        assert holes(kind, level).mean() == pytest.approx(level, abs=0.015)


def test_strokes_have_the_share_in_every_image_and_blocks_on_average():
    strokes, blocks = (holes(kind, 0.25).mean(axis=(1, 2)) for kind in ("strokes", "blocks"))
    np.testing.assert_allclose(strokes, 0.25, atol=1.5 / 784)
    assert blocks.std() > 0.05


def test_blocks_are_whole_squares_of_a_grid_with_every_offset():
    corners = set()
    for hole in holes("blocks", 0.2):
        # Where rows differ, a block begins or ends: such rows are a multiple of 7 apart.
        edges = np.flatnonzero((hole[1:] != hole[:-1]).any(axis=1)) + 1
        assert len(set(edges % 7)) <= 1
        corners |= set(edges % 7)
    assert corners == set(range(7))


def test_strokes_are_few_connected_pieces_and_grow_with_the_level():
    thin, thick = holes("strokes", 0.1), holes("strokes", 0.3)
    assert (thick >= thin).all()  # the same key draws the same lines
    eight = np.ones((3, 3))
    # Four at most, but for one that leaves the image and comes back.
    assert np.mean([ndimage.label(hole, eight)[1] for hole in thick]) < 3.5
    depth = [ndimage.distance_transform_edt(hole).max() for hole in thick]
    assert np.mean(depth) > 1.5


@pytest.mark.parametrize("kind", HOLES)
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (29, 17)])
def test_any_size_and_all_channels(kind, shape, rng):
    images = jnp.asarray(rng.uniform(0.1, 1, (5, *shape, 3)), jnp.float32)
    keys = example_keys(jax.random.key(1), 0, jnp.arange(5))
    noisy = np.asarray(jax.jit(functools.partial(corrupt, kind=kind, low=0.4, high=0.4, clip=False))(keys, images))
    hole = holes(kind, 0.4, 1, shape).shape
    assert hole == (1, *shape)
    out = (noisy == 0).all(axis=-1)
    np.testing.assert_array_equal(noisy, np.where(out[..., None], 0, images))


def test_holes_are_those_of_the_noise_also_where_images_are_black_and_levels_vary():
    hole = holes("blocks", 0.1, high=0.9)
    keys = example_keys(jax.random.key(0), 0, jnp.arange(200))
    noisy = np.asarray(corrupt(keys, jnp.full((200, 28, 28, 1), 0.7), "blocks", 0.1, 0.9, True))
    np.testing.assert_array_equal(hole, noisy[..., 0] == 0)
    shares = hole.mean(axis=(1, 2))
    assert shares.min() < 0.2 < 0.8 < shares.max()
