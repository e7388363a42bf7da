"""The baseline of segmentation, which is not a network: a threshold, connected components, the most similar glyph.

1. What stands out from its surroundings is separated by Otsu's threshold (Otsu 1979, "A threshold selection method from
   gray-level histograms"), in one of the three ways of `SEPARATIONS`.
2. Its connected components are scaled to squares of 16 x 16 pixels, and so are those of each class in the training
   labels.
3. A component is given the class of the training component with which it has the highest intersection over union; if
   that is lower than a limit, it is background.

The way of step 1 and the limit of step 3 are those with the highest mean IoU on images of the validation split.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy import ndimage

from aeden.measures import segmentation

# Side of the squares that components are scaled to, and the pixels that a component has at least.
SIDE, SMALLEST = 16, 8
# Training images whose components are compared with, and validation images that choose.
TRAINING_IMAGES, CHOOSING_IMAGES = 1000, 200
LIMITS = (0.0, 0.3, 0.4, 0.5, 0.6)
# Components compared at a time.
CHUNK = 4096
# Pixels that belong together are neighbours, also diagonally.
NEIGHBOURS = np.ones((3, 3), bool)

# An image [h, w] in [0, 1] -> how far each pixel stands out, positive or negative [h, w]
Separation = Callable[[np.ndarray], np.ndarray]


def _by_gray_value(image: np.ndarray) -> np.ndarray:
    """Above or below Otsu's threshold, whichever side has fewer pixels."""
    above = image - otsu(image)
    return np.where((above > 0) == (np.mean(above > 0) < 0.5), above, 0.0)


def _from_median(image: np.ndarray) -> np.ndarray:
    """Far from the median of the image."""
    return _far(image - np.median(image))


def _from_surroundings(image: np.ndarray) -> np.ndarray:
    """Far from the mean of the surroundings, with Gaussian weights whose deviation is a sixth of the image's side."""
    return _far(image - ndimage.gaussian_filter(image, min(image.shape) / 6))


def _far(difference: np.ndarray) -> np.ndarray:
    size = np.abs(difference)
    return np.where(size > otsu(size), difference, 0.0)


SEPARATIONS: dict[str, Separation] = {
    "gray value": _by_gray_value,
    "difference from the median": _from_median,
    "difference from the surroundings": _from_surroundings,
}


def otsu(values: np.ndarray) -> float:
    """The threshold between 256 levels that maximises the variance between the two sides (Otsu 1979)."""
    counts, edges = np.histogram(values, 256)
    centres = (edges[1:] + edges[:-1]) / 2
    below, sums = np.cumsum(counts), np.cumsum(counts * centres)
    above = below[-1] - below
    both = (below > 0) & (above > 0)
    if not both.any():
        return float(np.max(values))
    low, high = sums[both] / below[both], (sums[-1] - sums[both]) / above[both]
    between = below[both] * above[both] * (high - low) ** 2
    return float(edges[1:][both][int(np.argmax(between))])


@dataclasses.dataclass(frozen=True)
class Component:
    """Connected pixels of an image.

    Attributes:
      place: the rows and columns of their box.
      mask: which pixels of the box they are, bool [h, w].
    """

    place: tuple[slice, slice]
    mask: np.ndarray

    def scaled(self) -> np.ndarray:
        """The pixels scaled to a square, in its middle, with unchanged proportions: bool [SIDE * SIDE]."""
        height, width = self.mask.shape
        scale = SIDE / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = Image.fromarray(255 * self.mask.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
        square = np.zeros((SIDE, SIDE), bool)
        top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
        square[top : top + size[1], left : left + size[0]] = np.asarray(small) >= 128
        return square.ravel()


def components(mask: np.ndarray) -> list[Component]:
    """The connected components of a mask [h, w] that have `SMALLEST` pixels or more."""
    labels, _ = ndimage.label(mask, NEIGHBOURS)
    found = [
        Component(place, labels[place] == number) for number, place in enumerate(ndimage.find_objects(labels), start=1)
    ]
    return [one for one in found if one.mask.sum() >= SMALLEST]


@dataclasses.dataclass(frozen=True, eq=False)
class ThresholdBaseline:
    """The baseline, ready to use.

    Attributes:
      glyphs: the scaled components of the training labels, float32 [m, SIDE * SIDE] of 0 and 1.
      classes: their classes, int64 [m].
      separation: a key of `SEPARATIONS`.
      limit: the lowest intersection over union with a glyph that a component has, if it is no background.
    """

    glyphs: np.ndarray
    classes: np.ndarray
    separation: str = "gray value"
    limit: float = 0.0

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The class of each pixel of gray images [n, h, w] in [0, 1]: uint8 [n, h, w]."""
        return _painted(self._recognised(images, self.separation), self.limit, images.shape)

    def chosen(self, images: np.ndarray, truth: np.ndarray) -> ThresholdBaseline:
        """This baseline with the separation and the limit that suit some images best, by mean IoU.

        Args:
          images: gray, [n, h, w] in [0, 1].
          truth: the classes of their pixels, uint8 [n, h, w].
        """
        count = 1 + max(int(self.classes.max(initial=0)), int(truth.max(initial=0)))
        scores: dict[tuple[str, float], float] = {}
        for name in SEPARATIONS:
            recognised = self._recognised(images, name)
            for limit in LIMITS:
                prediction = _painted(recognised, limit, images.shape)
                pairs = truth.astype(np.int64) * count + prediction
                counts = np.bincount(pairs.ravel(), minlength=count * count).reshape(count, count)
                scores[name, limit] = segmentation.mean_iou(counts)
        separation, limit = max(scores, key=lambda key: scores[key])
        return dataclasses.replace(self, separation=separation, limit=limit)

    def _recognised(self, images: np.ndarray, separation: str) -> list[tuple[int, Component, int, float]]:
        """The components of all images: number of the image, component, class, intersection over union."""
        found = []
        for i, image in enumerate(images):
            apart = SEPARATIONS[separation](image.astype(np.float64))
            # Letters may touch others that are lighter where they are darker than what surrounds them.
            found += [(i, one) for mask in (apart > 0, apart < 0) for one in components(mask)]
        scaled = np.array([one.scaled() for _, one in found], np.float32).reshape(-1, SIDE * SIDE)
        classes, overlap = most_similar(scaled, self.glyphs, self.classes)
        return [(i, one, int(k), float(x)) for (i, one), k, x in zip(found, classes, overlap, strict=True)]


def learn(labels: np.ndarray) -> ThresholdBaseline:
    """The baseline whose glyphs are those of the first training labels, uint8 [n, h, w]."""
    glyphs, classes = [], []
    for image in labels[:TRAINING_IMAGES]:
        for k in np.unique(image[image > 0]):
            found = [one.scaled() for one in components(image == k)]
            glyphs += found
            classes += [int(k)] * len(found)
    return ThresholdBaseline(
        np.array(glyphs, np.float32).reshape(-1, SIDE * SIDE), np.array(classes, np.int64).reshape(-1)
    )


def most_similar(scaled: np.ndarray, glyphs: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Class of the glyph with the highest intersection over union, and that value, for each component.

    Args:
      scaled: components, float32 [n, pixels] of 0 and 1.
      glyphs, classes: see `ThresholdBaseline`; without glyphs everything is background.
    """
    found = np.zeros(len(scaled), np.int64)
    overlap = np.zeros(len(scaled))
    if not len(glyphs):
        return found, overlap
    for start in range(0, len(scaled), CHUNK):
        part = scaled[start : start + CHUNK]
        both = part @ glyphs.T
        union = part.sum(1)[:, None] + glyphs.sum(1)[None, :] - both
        values = both / np.maximum(union, 1)
        best = values.argmax(1)
        found[start : start + CHUNK] = classes[best]
        overlap[start : start + CHUNK] = values[np.arange(len(part)), best]
    return found, overlap


def _painted(recognised: list[tuple[int, Component, int, float]], limit: float, shape: tuple[int, ...]) -> np.ndarray:
    """The class of each pixel of all images: uint8 [n, h, w]."""
    labels = np.zeros(shape, np.uint8)
    for i, component, k, overlap in recognised:
        if overlap >= limit:
            labels[i][component.place][component.mask] = k
    return labels
