"""Tiles: restored as the whole image, whatever its size; blended where they share too little."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aeden.inference.finished_run import make_restorer
from aeden.inference.restorer import Restorer
from aeden.inference.tiles import calls, plan_tiles, restore_tiled, restored_rows
from aeden.nn.autoencoders import ConvAutoencoder, DenseAutoencoder
from aeden.nn.super_resolution import SuperResolver
from aeden.nn.unet import UNet


def restorer_of(network=ConvAutoencoder, **fields):
    # The plain layers are compiled faster.
    model = network(**{"features": (3, 4), "factors": (2, 2), "lowering": "reference", **fields})
    image = jnp.zeros((1, 8, 8, model.channels))
    params = jax.jit(model.init)(jax.random.key(0), image)["params"]
    # Larger than they start: the outputs then differ clearly from pixel to pixel.
    return make_restorer(model, jax.tree.map(lambda leaf: 2 * leaf, params), "network", {})


@pytest.fixture(scope="module")
def gray():
    return restorer_of()


def picture(height, width, channels=1):
    return np.random.default_rng(height * width).uniform(size=(height, width, channels)).astype(np.float32)


# Smaller than a tile, of its size, one pixel more or less, no multiples of the stride, narrow, a single pixel.
@pytest.mark.parametrize("shape", [(1, 1), (3, 70), (65, 131)])
def test_tiles_give_what_the_whole_image_gives(gray, shape):
    image = picture(*shape)
    whole = gray(image[None])[0]
    assert whole.std() > 0.01 or shape == (1, 1)
    np.testing.assert_allclose(restore_tiled(gray, image, tile=64), whole, atol=1e-5)


@pytest.mark.parametrize(
    "fields",
    [
        {"decoder": "subpixel", "features": (3,), "factors": (3,), "kernel_size": 5, "channels": 3},
        {"network": SuperResolver, "factors": (1, 1), "enlarge": (3,), "residual": True},
        {"network": SuperResolver, "factors": (1, 2), "enlarge": (2, 2), "decoder": "transpose"},
        {"network": UNet, "blocks": 1, "residual": True, "level_input": True, "use_bias": False},
    ],
    ids=str,
)
def test_tiles_of_other_networks_too(fields):
    restorer = restorer_of(**fields)
    image, level = picture(105, 58, restorer.channels), 0.2 if restorer.takes_level else None
    whole = restorer(image[None], level)[0]
    assert whole.std() > 0.01
    np.testing.assert_allclose(restore_tiled(restorer, image, tile=80, level=level), whole, atol=1e-5)


def test_fewer_shared_pixels_are_not_enough_without_blending(gray):
    """The oracle can fail: with half the radius the seams are there."""
    image = picture(130, 130)
    whole = gray(image[None])[0]
    assert np.abs(restore_tiled(gray, image, tile=64, overlap=0) - whole).max() > 1e-3


def recorder(function=lambda images: images, channels=1):
    """A restorer of this function, with a stride of 4 and a radius of 8, and the list of the shapes it was given."""
    shapes = []

    def compute(images, level):
        shapes.append(images.shape)
        return function(images)

    return Restorer("recorder", channels, 4, 8, {}, None, False, "edge", compute), shapes


@pytest.mark.parametrize("overlap", [None, 0, 4, 5, 12])
@pytest.mark.parametrize("shape", [(7, 200), (100, 50), (37, 37)])
def test_every_pixel_has_the_weight_one_and_all_tiles_one_shape(shape, overlap):
    (restorer, shapes), image = recorder(), picture(*shape)
    np.testing.assert_allclose(restore_tiled(restorer, image, tile=35, overlap=overlap), image, atol=1e-6)
    assert len(set(shapes)) == 1
    assert max(shapes[0]) <= 35


def test_images_of_many_sizes_share_a_few_sizes_of_tiles():
    restorer, _ = recorder()
    shapes = [(height, width) for height in range(40, 300, 7) for width in (50, 133, 400)]
    grids = {shape: plan_tiles(restorer, shape, 256, common=True) for shape in shapes}
    shared = {grid.tile for (height, width), grid in grids.items() if min(height, width) >= 64}
    assert {side for tile in shared for side in tile} == {64, 96, 128, 192, 256}
    for (height, width), grid in grids.items():
        assert grid.tile[0] <= height + 3
        for length, spans in ((height, grid.rows), (width, grid.columns)):
            assert [spans[0].start, *(one.stop for one in spans)] == [*(one.start for one in spans), length]
            # Far enough from the edges of its tile that are not those of the image.
            assert all(one.start - one.origin >= restorer.radius for one in spans[1:])
            assert all(one.origin + one.tile - one.stop >= restorer.radius for one in spans[:-1])
            assert spans[-1].origin + spans[-1].tile == -(-length // restorer.stride) * restorer.stride


def test_tiles_are_blended_without_a_seam():
    """Each tile of another brightness: with a hard border it would change at once."""
    restorer, shapes = recorder(lambda images: np.full_like(images, len(shapes)))
    smooth = restore_tiled(restorer, picture(16, 100), tile=40, overlap=10)[0, :, 0]
    assert np.abs(np.diff(smooth)).max() < 0.25
    assert smooth[0] == 1
    assert smooth[-1] == len(shapes)


@pytest.mark.parametrize("overlap", [None, 6])
def test_rows_come_in_order_and_each_once(overlap):
    image, called = picture(90, 20, 3), []
    restorer, shapes = recorder()
    grid = plan_tiles(restorer, (90, 20), 40, overlap)
    found = restored_rows(restorer, lambda r, c: image[r, c], image.shape, grid, progress=lambda: called.append(1))
    parts = list(found)
    assert [start for start, _ in parts] == np.cumsum([0, *(len(rows) for _, rows in parts)])[:-1].tolist()
    assert sum(len(rows) for _, rows in parts) == 90
    assert len(called) == len(grid) * calls(restorer, 3) == len(shapes)


def test_colour_through_a_gray_network_and_gray_through_one_for_colour(gray):
    colour = picture(20, 24, 3)
    by_channel = restore_tiled(gray, colour)
    for channel in range(3):
        alone = restore_tiled(gray, colour[..., channel : channel + 1])
        np.testing.assert_allclose(by_channel[..., channel : channel + 1], alone, atol=1e-6)
    mixing, shapes = recorder(lambda images: images * np.float32([0, 1, 2]), channels=3)
    image = picture(20, 24)
    np.testing.assert_allclose(restore_tiled(mixing, image), image, atol=1e-6)
    assert shapes == [(1, 20, 24, 3)]


def test_what_cannot_be_tiled_is_refused(gray):
    with pytest.raises(ValueError, match=f"tiles of 16 pixels are too small to share {2 * gray.radius}"):
        restore_tiled(gray, picture(64, 64), tile=16)
    restore_tiled(gray, picture(16, 16), tile=16)
    with pytest.raises(ValueError, match="negative"):
        restore_tiled(gray, picture(64, 64), overlap=-1)
    nothing, _ = recorder(lambda images: images * np.nan)
    with pytest.raises(ArithmeticError, match="not finite"):
        restore_tiled(nothing, picture(8, 8))


def test_the_smallest_tile_that_the_error_names_is_enough(gray):
    with pytest.raises(ValueError, match="too small") as refused:
        plan_tiles(gray, (200, 200), 8)
    plan_tiles(gray, (200, 200), int(str(refused.value).split("use ")[1].split()[0]))


def test_a_dense_network_takes_images_of_its_size_only(rng):
    model = DenseAutoencoder((6, 10, 1), (4,))
    params = model.init(jax.random.key(0), jnp.zeros((1, 6, 10, 1)))["params"]
    restorer = make_restorer(model, params, "dense", {})
    image = picture(6, 10)
    np.testing.assert_allclose(restore_tiled(restorer, image, tile=4), restorer(image[None])[0], atol=1e-6)
    with pytest.raises(ValueError, match="images of 10 x 6 pixels only, and this one has 6 x 10"):
        restore_tiled(restorer, picture(10, 6))
