"""Augmentation, compared with SciPy's affine transform and NumPy's turns, and the ranges of its arguments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from aeden.transforms.augmentation import ORIENTATION, augment, orient


@pytest.fixture
def images(rng):
    return jnp.asarray(rng.uniform(size=(6, 11, 14, 2)), jnp.float32)


@pytest.fixture
def keys():
    return jax.random.split(jax.random.key(0), 6)


def test_augmentation_is_the_affine_map_of_the_drawn_numbers(images, keys):
    augmented = jax.jit(lambda k, x: augment(k, x, 2.0, 30.0, 0.2))(keys, images)
    centre = np.array([5.0, 6.5])
    for key, image, result in zip(keys, np.asarray(images), np.asarray(augmented), strict=True):
        dy, dx, turn, zoom = np.asarray(jax.random.uniform(key, (4,), minval=-1.0))
        angle, scale = np.deg2rad(30 * turn), 1 + 0.2 * zoom
        inverse = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / scale
        offset = centre - inverse @ (centre + 2 * np.array([dy, dx]))
        for k in range(2):
            expected = ndimage.affine_transform(image[..., k], inverse, offset, order=1, mode="nearest")
            np.testing.assert_allclose(result[..., k], expected, atol=1e-4)


def test_the_result_for_an_image_depends_on_its_own_key_only(images, keys):
    whole, alone = augment(keys, images, 2.0, 0.0, 0.0), augment(keys[3:4], images[3:4], 2.0, 0.0, 0.0)
    np.testing.assert_array_equal(whole[3], alone[0])
    assert not np.allclose(whole, images)


def test_augmentation_by_zero_returns_the_images(images, keys):
    assert augment(keys, images, 0.0, 0.0, 0.0) is images


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((-1.0, 0.0, 0.0), r"augment.shift -1"),
        ((0.0, 181.0, 0.0), r"augment.turn 181.*from 0 to 180"),
        ((0.0, 0.0, 1.0), r"augment.zoom 1"),
        ((float("nan"), 0.0, 0.0), r"augment.shift nan"),
    ],
)
def test_arguments_out_of_range_are_refused(images, keys, arguments, match):
    with pytest.raises(ValueError, match=match):
        augment(keys, images, *arguments)


@pytest.mark.parametrize(("flip", "turns"), [(True, True), (True, False), (False, True), (False, False)])
def test_orientations_are_those_of_numpy(rng, flip, turns):
    keys = jax.random.split(jax.random.key(3), 40)
    images = jnp.asarray(rng.uniform(size=(40, 5, 5, 2)), jnp.float32)
    oriented = jax.jit(lambda k, x: orient(k, x, flip, turns))(keys, images)
    drawn = set()
    for key, image, result in zip(keys, np.asarray(images), np.asarray(oriented), strict=True):
        flip_key, turn_key = jax.random.split(jax.random.fold_in(key, ORIENTATION))
        mirrored, quarters = bool(jax.random.bernoulli(flip_key)), int(jax.random.randint(turn_key, (), 0, 4))
        expected = np.fliplr(image) if flip and mirrored else image
        np.testing.assert_array_equal(result, np.rot90(expected, quarters) if turns else expected)
        drawn.add((mirrored, quarters))
    assert len(drawn) == 8
