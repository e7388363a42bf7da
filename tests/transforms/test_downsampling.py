"""Images of low resolution: compared with Pillow, and where their pixels lie."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from aeden.nn.resize import interpolate
from aeden.transforms import downsampling

# Compiled as a whole, which takes less time than one operation after the other.
DOWNSAMPLE = jax.jit(downsampling.downsample, static_argnums=(1, 2))
INTERPOLATE = jax.jit(interpolate, static_argnums=(1, 2, 3))


@pytest.mark.parametrize("factor", downsampling.FACTORS)
def test_anti_aliased_images_are_those_of_pillow(rng, factor):
    images = rng.uniform(size=(2, 24, 36, 3)).astype(np.float32)
    images[0, :12] = 1.0  # an edge, at which the kernel overshoots
    found = DOWNSAMPLE(jnp.asarray(images), factor, True)
    size = 36 // factor, 24 // factor
    for image, low in zip(images, found, strict=True):
        for c in range(3):
            expected = np.asarray(Image.fromarray(image[..., c]).resize(size, Image.Resampling.BICUBIC))
            np.testing.assert_allclose(low[..., c], np.clip(expected, 0.0, 1.0), atol=1e-5)


@pytest.mark.parametrize(("factor", "first"), [(2, 0), (3, 1), (4, 1)])
def test_without_anti_aliasing_one_pixel_of_each_square_is_kept(rng, factor, first):
    images = rng.uniform(size=(2, 12, 24, 1)).astype(np.float32)
    found = np.asarray(DOWNSAMPLE(jnp.asarray(images), factor, False))
    squares = images.reshape(2, 12 // factor, factor, 24 // factor, factor, 1)
    np.testing.assert_array_equal(found, squares[:, :, first, :, first])


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("factor", downsampling.FACTORS)
def test_an_enlarged_ramp_lies_where_it_lay(factor, antialias):
    """Interpolation returns a ramp, so a wrong position would show as an offset."""
    rows, columns = np.mgrid[:36, :36] / 200
    ramp = jnp.asarray(0.2 + 2 * rows + columns, jnp.float32)[None, ..., None]
    low = DOWNSAMPLE(ramp, factor, antialias)
    shift = downsampling.grid_shift(factor, antialias)
    for method in ("bilinear", "cubic"):
        back = INTERPOLATE(low, factor, method, shift)
        inside = slice(4 * factor, -4 * factor)
        np.testing.assert_allclose(back[:, inside, inside], ramp[:, inside, inside], atol=1e-5)


def test_images_are_cropped_at_the_bottom_and_right(rng):
    images = jnp.asarray(rng.uniform(size=(2, 28, 11, 1)), jnp.float32)
    np.testing.assert_array_equal(downsampling.crop_to_multiple(images, 3), images[:, :27, :9])
    with pytest.raises(ValueError, match="images of 2 x 11 are smaller than 3 x 3"):
        downsampling.crop_to_multiple(images[:, :2], 3)


def test_what_is_refused():
    images = jnp.zeros((1, 8, 9, 1))
    with pytest.raises(ValueError, match=r"super_resolve.factor 5 is unknown: use 2, 3, 4"):
        downsampling.downsample(images, 5, True)
    with pytest.raises(ValueError, match="a factor of 2 does not divide images of 8 x 9"):
        downsampling.downsample(images, 2, True)
