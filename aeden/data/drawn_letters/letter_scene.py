"""One image of letters over a texture, and the class of each of its pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from aeden.data.drawn_letters.letter_shapes import OVERSAMPLING, Choose
from aeden.data.drawn_letters.letter_textures import background, grain
from aeden.data.drawn_pages.page_random import Dice, Real

# Lowest height of a letter in pixels, the highest as a share of the image's side, and rotation in degrees either way.
LEAST_HEIGHT, MOST_HEIGHT, TURN = 12.0, 0.625, 20.0
# An image of this side has one letter at most, one twice as large two, and so on.
SIDE_PER_LETTER = 16
# The tone of a letter is the first of so many that differs by LEAST_CONTRAST or more from nine tenths of the pixels it
# covers, else the best of them.
TONES, LEAST_CONTRAST = 8, 60
# Highest standard deviation of the grain, in gray values.
MOST_GRAIN = 8.0


def draw_scene(
    dice: Dice,
    size: int,
    choose: Choose,
    classes: int,
    photos: Sequence[np.ndarray] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Draws letters one above the other: an image uint8 [size, size], and the class of each pixel, uint8 [size, size].

    Class 0 is the background, class k the k-th character. A pixel belongs to the letter that was drawn last of those
    that cover half of it or more.

    Args:
      dice: decides everything.
      size: height and width in pixels.
      choose: chooses a letter of a class.
      classes: number of classes besides the background, all equally likely.
      photos: see `letter_textures.background`.
    """
    image, labels = background(dice, size, photos), np.zeros((size, size), np.uint8)
    for _ in range(dice.integer(1, size // SIDE_PER_LETTER)):
        k = dice.integer(0, classes - 1)
        letter = choose(dice, k)
        height, angle = dice.uniform(LEAST_HEIGHT, MOST_HEIGHT * size), dice.uniform(-TURN, TURN)
        centre = (dice.uniform(0.1, 0.9) * size, dice.uniform(0.1, 0.9) * size)
        covered = coverage(letter(height), angle, centre, size)
        inside = covered >= 0.5
        image += covered * (_tone(dice, image[inside]) - image)
        labels[inside] = k + 1
    # The standard deviation of `grain` is 1 / sqrt(6).
    image += dice.uniform(0, MOST_GRAIN) * 6**0.5 * grain(dice, size)
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8), labels


def coverage(letter: Image.Image, angle: Real, centre: tuple[Real, Real], size: int) -> np.ndarray:
    """The share of each pixel that a letter covers: float64 [size, size].

    Args:
      letter: see `letter_shapes.Letter`.
      angle: rotation in degrees, counter-clockwise.
      centre: row and column of the middle of the letter's box.
      size: height and width of the result, in pixels.
    """
    turned = letter.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    canvas = Image.new("L", (OVERSAMPLING * size, OVERSAMPLING * size))
    top, left = (
        round(OVERSAMPLING * at - side / 2) for at, side in zip(centre, (turned.height, turned.width), strict=True)
    )
    canvas.paste(turned, (left, top))
    return np.asarray(canvas.reduce(OVERSAMPLING), np.float64) / 255.0


def _tone(dice: Dice, covered: np.ndarray) -> Real:
    """A gray value that can be told from what it covers, values [n] of 0 to 255; darker or lighter."""
    tones = np.array([dice.uniform(0, 255) for _ in range(TONES)])
    if not len(covered):
        return float(tones[0])
    contrast = np.sort(np.abs(covered[None, :] - tones[:, None]), axis=1)[:, len(covered) // 10]
    enough = contrast >= LEAST_CONTRAST
    # argmax is the first of several that are equal.
    return float(tones[int(np.argmax(enough if enough.any() else contrast))])
