"""Random moves: each is an affine map, and none is beyond what was asked for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from aeden.transforms.augmentation import move


@pytest.fixture
def images(rng):
    return jnp.asarray(rng.uniform(size=(6, 11, 14, 2)), jnp.float32)


@pytest.fixture
def keys():
    return jax.random.split(jax.random.key(0), 6)


def test_every_move_is_an_affine_map_of_the_numbers_drawn(images, keys):
    moved = jax.jit(lambda k, x: move(k, x, 2.0, 30.0, 0.2))(keys, images)
    centre = np.array([5.0, 6.5])
    for key, image, mine in zip(keys, np.asarray(images), np.asarray(moved), strict=True):
        dy, dx, turn, zoom = np.asarray(jax.random.uniform(key, (4,), minval=-1.0))
        angle, scale = np.deg2rad(30 * turn), 1 + 0.2 * zoom
        back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / scale
        offset = centre - back @ (centre + 2 * np.array([dy, dx]))
        for k in range(2):
            its = ndimage.affine_transform(image[..., k], back, offset, order=1, mode="nearest")
            np.testing.assert_allclose(mine[..., k], its, atol=1e-4)


def test_an_image_is_moved_by_its_own_key(images, keys):
    whole, alone = move(keys, images, 2.0, 0.0, 0.0), move(keys[3:4], images[3:4], 2.0, 0.0, 0.0)
    np.testing.assert_array_equal(whole[3], alone[0])
    assert not np.allclose(whole, images)


def test_without_moves_nothing_changes(images, keys):
    assert move(keys, images, 0.0, 0.0, 0.0) is images


@pytest.mark.parametrize(
    ("moves", "match"),
    [
        ((-1.0, 0.0, 0.0), r"augment.shift -1"),
        ((0.0, 181.0, 0.0), r"augment.turn 181.*from 0 to 180"),
        ((0.0, 0.0, 1.0), r"augment.zoom 1"),
        ((float("nan"), 0.0, 0.0), r"augment.shift nan"),
    ],
)
def test_moves_out_of_range(images, keys, moves, match):
    with pytest.raises(ValueError, match=match):
        move(keys, images, *moves)
