"""How noisy an image is, estimated from its pixels alone."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import erf

# The high-pass filter of the wavelet db2 (Daubechies 1988). Its response to pixels that change linearly is 0.
_ROOT = math.sqrt(3.0)
HIGH_PASS = np.array([-1 - _ROOT, 3 + _ROOT, _ROOT - 3, 1 - _ROOT], np.float32) / (4 * math.sqrt(2.0))
# Standard deviation of max(n, 0) for a standard normal n: what is left of noise where an image is black or white.
CLIPPED = math.sqrt(0.5 - 0.5 / math.pi)
# The median of |n| for a standard normal n.
MEDIAN = 0.6744897501960817
# Rows to look at; of a taller image, evenly spread bands.
MOST_ROWS = 2048
BAND = 64
SMALLEST = 16
# An estimate is far from the levels of a training if it is so many times above or below.
FAR = 1.5
# Channels share their noise if their differences have less than this share of the noise that independent channels have.
# Colour photos with noise of 10 to 40 of 255 drawn for each channel have 0.7 to 1, stored as JPEG with subsampled
# colours at most 0.1.
SHARED = 0.5


@dataclasses.dataclass(frozen=True)
class NoiseEstimate:
    """What `estimate_noise` found.

    Attributes:
      level: standard deviation of the noise, for pixels in [0, 1].
      clipped: share of the pixels that are black or white, where noise is cut off.
    """

    level: float
    clipped: float


def estimate_noise(pixels: np.ndarray, black: float = 0.0, white: float = 1.0) -> NoiseEstimate | None:
    """The standard deviation of white Gaussian noise in an image.

    The median of the absolute values of the finest diagonal wavelet coefficients, divided by 0.6745 (Donoho and
    Johnstone 1994, "Ideal spatial adaptation by wavelet shrinkage"), mean over the channels. The wavelet is db2, as in
    scikit-image's `estimate_sigma`, which in contrast leaves out coefficients that are exactly 0: then the edges of a
    page without noise count as noise.

    Where an image is black or white, half of the noise is cut off, and its standard deviation falls to 0.58 of what it
    was. The estimate makes up for it: with a share p of black or white pixels, a share 2 p of the coefficients is
    taken to be smaller by this factor. Noise that was smoothed, e.g. by JPEG, is underestimated, and fine texture
    counts as noise.

    Args:
      pixels: [h, w, c], of any type.
      black, white: values of pixels that stand for 0 and 1.

    Returns:
      The estimate; None for an image of fewer than 16 x 16 pixels.
    """
    if min(pixels.shape[:2]) < SMALLEST:
        return None
    levels, clipped = [], []
    bands = [pixels[rows] for rows in _bands(len(pixels))]
    for channel in range(pixels.shape[2]):
        parts = [band[:, :, channel].astype(np.float32) for band in bands]
        median = float(np.median(np.concatenate([_magnitudes(part) for part in parts]))) / (white - black)
        share = float(np.mean([np.mean((part <= black) | (part >= white)) for part in parts]))
        levels.append(median / _median_of_unit_noise(min(1.0, 2.0 * share)))
        clipped.append(share)
    return NoiseEstimate(float(np.mean(levels)), float(np.mean(clipped)))


def channels_share_noise(pixels: np.ndarray) -> bool:
    """Whether the noise of a colour image is mostly the same in its channels.

    It is where a gray image is stored as colour, and in JPEG files whose colours are subsampled. The differences of
    channels with independent noise of standard deviation s have one of s times the root of 2.

    Args:
      pixels: [h, w, 3], of any type.

    Returns:
      Whether it is; True for an image without any noise, False for one of fewer than 16 x 16 pixels.
    """
    if min(pixels.shape[:2]) < SMALLEST:
        return False
    bands = [pixels[rows].astype(np.float32) for rows in _bands(len(pixels))]

    def noise(parts: list[np.ndarray]) -> float:
        return float(
            np.mean([np.median(np.concatenate([_magnitudes(one[..., i]) for one in parts])) for i in range(3)])
        )

    between = [band - np.roll(band, 1, axis=2) for band in bands]
    return noise(between) <= SHARED * math.sqrt(2.0) * noise(bands)


def highest_level(noise: Mapping[str, Any]) -> float:
    """The highest level of a section `noise` of a config, in the unit of its kind; 0 if there is no noise."""
    return max(noise.get("level") or 0.0, noise.get("level_max") or 0.0)


def far_from_training(noise: Mapping[str, Any], estimate: NoiseEstimate | None) -> str:
    """What is to be said if the noise of an image is far from what a run was trained on; "" if it is not.

    Only the levels of Gaussian noise can be compared with an estimate of Gaussian noise.

    Args:
      noise: the `noise` section of the run's config.
      estimate: of the image.
    """
    if estimate is None or noise["kind"] != "gaussian":
        return ""
    low = float(noise["level"])
    high = float(highest_level(noise))
    trained = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    if estimate.level > FAR * high:
        return f"its noise, about {estimate.level:.3f}, is far above the {trained} of the run: much of it may stay"
    if estimate.level < low / FAR:
        return f"its noise, about {estimate.level:.3f}, is far below the {trained} of the run: details may be lost"
    return ""


def _bands(height: int) -> list[slice]:
    """The rows to look at."""
    if height <= MOST_ROWS:
        return [slice(0, height)]
    starts = np.linspace(0, height - BAND, MOST_ROWS // BAND).astype(int)
    return [slice(int(start), int(start) + BAND) for start in starts]


def _magnitudes(image: np.ndarray) -> np.ndarray:
    """Absolute values of the finest diagonal wavelet coefficients of an image [h, w], those without its edges."""
    for _ in range(2):
        last = len(image) - 3
        image = sum(tap * image[i : last + i : 2] for i, tap in enumerate(HIGH_PASS)).T
    return np.abs(image).ravel()


def _median_of_unit_noise(clipped: float) -> float:
    """The median of |n|, where n is standard normal or, in the given share of cases, `CLIPPED` times as large."""

    def excess(size: float) -> float:
        return clipped * erf(size / CLIPPED / math.sqrt(2)) + (1 - clipped) * erf(size / math.sqrt(2)) - 0.5

    return float(brentq(excess, CLIPPED * MEDIAN / 2, 2 * MEDIAN))
