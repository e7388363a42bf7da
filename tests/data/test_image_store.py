"""Images of different sizes in one array, and gray from colour as Pillow computes it."""

import numpy as np
from PIL import Image

from aeden.data.image_store import ImageStore, with_channels


def test_a_store_of_one_size_gives_back_its_images(rng):
    images = rng.integers(0, 256, (5, 3, 4, 3), dtype=np.uint8)
    store = ImageStore.of_array(images)
    assert len(store) == 5
    for i in range(5):
        np.testing.assert_array_equal(store[i], images[i])
    np.testing.assert_array_equal(store.select(np.array([4, 1]))[1], images[1])
    assert np.shares_memory(store[2], images)


def test_images_of_several_sizes_follow_each_other(rng):
    images = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((2, 3, 1), (1, 1, 3), (4, 2, 3))]
    lengths = np.array([image.size for image in images])
    values = np.concatenate([image.ravel() for image in images])
    store = ImageStore(values, np.array([image.shape for image in images]), np.cumsum(lengths) - lengths)
    for i, image in enumerate(images):
        np.testing.assert_array_equal(store[i], image)


def test_channels_are_converted_as_pillow_does(rng):
    colour = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    gray = np.asarray(Image.fromarray(colour).convert("L"))[..., None]
    np.testing.assert_array_equal(with_channels(colour, 1), gray)
    np.testing.assert_array_equal(with_channels(gray, 3), np.asarray(Image.fromarray(gray[..., 0]).convert("RGB")))
    assert with_channels(colour, 3) is colour
