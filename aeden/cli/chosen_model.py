"""Which model restores an image, with which of its channels, and what is to be said of that."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from aeden.data.image_files import DecodedImage
from aeden.inference.noise_level import NoiseEstimate, channels_share_noise, estimate_noise, far_from_training
from aeden.inference.restorer import Restorer

# Where there is less noise than this, it does not matter what the channels share: three gray levels of 255.
LITTLE_NOISE = 3 / 255


@dataclasses.dataclass(frozen=True, eq=False)
class Chosen:
    """How an image is restored.

    Attributes:
      restorer: the model.
      pixels: what it restores, [h, w, c]; a single channel of a colour image whose channels are all the same.
      estimate: of the noise.
      kind: the colours of the image and how the model takes them, in words.
      warning: what the result may suffer from; "" for nothing.
    """

    restorer: Restorer
    pixels: np.ndarray
    estimate: NoiseEstimate | None
    kind: str
    warning: str


def choose(restorers: Callable[[int], Restorer], decoded: DecodedImage) -> Chosen:
    """Chooses the model for an image.

    A model for colour is trained on noise that is drawn for each channel by itself. Where the channels share their
    noise (most JPEG files store colours with a quarter of the pixels), it takes most of it for detail. Such an image is
    left to the model for gray, channel by channel, if there is one.

    Args:
      restorers: channels of an image, 1 or 3 -> the model for it; the same one for both if there is one only.
      decoded: the image.
    """
    pixels = _distinct(decoded.pixels)
    channels, stored = pixels.shape[2], decoded.pixels.shape[2]
    estimate = estimate_noise(pixels, float(decoded.black), float(decoded.white))
    shared = channels > 1 and channels_share_noise(pixels)
    restorer = restorers(1 if shared else channels)
    kind = _kind(channels, stored, restorer)
    warning = far_from_training(restorer.noise, estimate)
    if (shared or channels == 1) and restorer.channels > 1 and estimate and estimate.level > LITTLE_NOISE:
        warning = "its noise is the same in all channels, of which a run for colour may leave most: take one for gray"
    return Chosen(restorer, pixels, estimate, kind, warning)


def choose_enlarger(enlarger: Restorer, decoded: DecodedImage) -> Chosen:
    """How a model of super-resolution takes an image. Its noise is not estimated: it is enlarged with the image.

    Args:
      enlarger: the model.
      decoded: the image.
    """
    pixels = _distinct(decoded.pixels)
    return Chosen(enlarger, pixels, None, _kind(pixels.shape[2], decoded.pixels.shape[2], enlarger), "")


def _distinct(pixels: np.ndarray) -> np.ndarray:
    """The pixels [h, w, c]; one of their channels if all are the same."""
    same = all(np.array_equal(pixels[:, :, 0], pixels[:, :, i]) for i in range(1, pixels.shape[2]))
    return pixels[:, :, :1] if same else pixels


def _kind(channels: int, stored: int, restorer: Restorer) -> str:
    """The colours of an image and how a model takes them, in words.

    Args:
      channels: those that differ.
      stored: those of the file.
      restorer: the model.
    """
    kind = ("gray" if channels == 1 else "colour") + " stored as colour" * (channels < stored)
    if channels == restorer.channels:
        return kind
    return kind + (", channel by channel" if restorer.channels == 1 else ", with a run for colour")
