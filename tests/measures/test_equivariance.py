"""Shift equivariance of filters, of a pooling, and of what the border of a window does to both."""

import numpy as np
import pytest
from scipy import ndimage

from aeden.measures import equivariance


@pytest.fixture
def canvas(rng):
    """Images of 12 x 8 pixels, 4 more at each border, and 3 more rows above and columns to the left."""
    return rng.uniform(size=(5, 23, 19, 2))


def blur(images, taps=(1, 4, 6, 4, 1)):
    """Binomial, zero outside the image: equivariant except close to the border."""
    for axis in (1, 2):
        images = ndimage.convolve1d(images, np.array(taps) / sum(taps), axis=axis, mode="constant")
    return images


def pool(images, size=4):
    """The mean of each block, repeated: equivariant to shifts by multiples of the size only."""
    n, h, w, c = images.shape
    blocks = images.reshape(n, h // size, size, w // size, size, c).mean(axis=(2, 4))
    return blocks.repeat(size, 1).repeat(size, 2)


def test_a_filter_is_equivariant_if_the_margin_is_wider_than_it_reaches(canvas):
    assert equivariance.shift_errors(lambda x: blur(x, (1, 2, 1)), canvas, 4, 4).max() < 1e-30
    # Shifted by three pixels, an image lies one pixel from the border: too close for a filter of five pixels.
    assert equivariance.shift_errors(blur, canvas, 4, 4).min() > 1e-6


def test_a_pooling_by_the_definition(canvas):
    """A sum over images, shifts and pixels, with an image shifted pixel by pixel in place of a window."""
    found = equivariance.shift_errors(pool, canvas, 4, 4)
    assert found.shape == (5,)
    expected, differences = np.zeros(5), 0
    restored = pool(canvas[:, 3:, 3:])
    for down in range(4):
        for right in range(4):
            if (down, right) == (0, 0):
                continue
            shifted = np.empty((5, 20, 16, 2))
            for i in range(20):
                for j in range(16):
                    shifted[:, i, j] = canvas[:, 3 + i - down, 3 + j - right]
            restored_shifted = pool(shifted)
            for i in range(4, 16):
                for j in range(4, 12):
                    difference = restored_shifted[:, i + down, j + right] - restored[:, i, j]
                    expected += (difference**2).sum(axis=-1)
                    differences += 2
    np.testing.assert_allclose(found, expected / differences, rtol=1e-12)


@pytest.mark.parametrize(("period", "count"), [(2, 3), (3, 8), (4, 15), (8, 15)])
def test_shifts_are_all_there_are_or_evenly_spread(period, count):
    found = equivariance.shifts(period)
    assert len(set(found)) == len(found) == count
    assert (0, 0) not in found
    assert {axis[i] for axis in found for i in (0, 1)} == set(range(period))


def test_decibels_are_of_the_squared_difference_and_capped():
    assert equivariance.decibels(0.01) == pytest.approx(20)
    assert equivariance.decibels(0.0) == 100
