"""What the demo computes: an image, noise, and what each run makes of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from PIL import Image

from aeden.inference.noise_level import estimate_noise
from aeden.inference.restorer import Restorer
from aeden.inference.tiles import restore_tiled
from aeden.measures.checkerboard import power_spectrum
from aeden.measures.image_quality import psnr
from aeden.random_keys import Stream, example_keys, stream_key
from aeden.transforms.noise import KINDS, corrupt

# In place of a kind of noise: the image is restored as it is.
NONE = "none"
# Longer images are scaled down, so that an answer takes seconds.
LONGEST = 512


@dataclasses.dataclass(frozen=True, eq=False)
class Card:
    """One of the images that are shown side by side.

    Attributes:
      title: what it is.
      caption: what is to be said of it.
      image: float32 [h, w, c] in [0, 1]; None if it could not be restored, and the caption says why.
      difference: float32 [h, w], mean over the channels of the image minus the clean one, or minus the one that was
        given if there is no clean one; None if there is nothing to compare with.
      spectrum: float32 [h, w], log10 of the power at each frequency, without the mean, frequency 0 in the middle.
    """

    title: str
    caption: str
    image: np.ndarray | None = None
    difference: np.ndarray | None = None
    spectrum: np.ndarray | None = None


def make_card(title: str, caption: str, image: np.ndarray, reference: np.ndarray | None = None) -> Card:
    """A card of an image [h, w, c]; `reference` has the same shape and is what it is compared with, if anything."""
    shown = np.clip(image, 0, 1).astype(np.float32)
    # The mean would outshine all other frequencies.
    power = np.asarray(power_spectrum(jnp.asarray(shown - shown.mean(axis=(0, 1)))[None]))[0]
    difference = None if reference is None else (shown - reference).mean(axis=2)
    return Card(title, caption, shown, difference, np.log10(np.maximum(power, 1e-12)))


def shrink(image: np.ndarray, longest: int) -> np.ndarray:
    """An image [h, w, c] scaled down so that no side is longer, by means over areas; smaller ones stay as they are."""
    height, width = image.shape[:2]
    if max(height, width) <= longest:
        return image
    ratio = longest / max(height, width)
    return _resize(image, (max(1, round(height * ratio)), max(1, round(width * ratio))))


def fit(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image [h, w, c] in another size, for runs that take one size only.

    Its middle, in the shape of the size, is scaled by means over areas. An image of this size stays as it is.
    """
    height, width = image.shape[:2]
    scale = min(height / size[0], width / size[1])
    rows, columns = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    top, left = (height - rows) // 2, (width - columns) // 2
    middle = image[top : top + rows, left : left + columns]
    return middle if middle.shape[:2] == size else _resize(middle, size)


def _resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The means over areas of an image [h, w, c]."""
    channels = [
        np.asarray(Image.fromarray(np.ascontiguousarray(channel)).resize(size[::-1], Image.Resampling.BOX))
        for channel in np.moveaxis(image.astype(np.float32), 2, 0)
    ]
    return np.stack(channels, axis=-1)


def add_noise(image: np.ndarray, kind: str, level: float, seed: int) -> np.ndarray:
    """An image float32 [h, w, c] in [0, 1] with noise, clipped to [0, 1] as it would be in a file.

    Args:
      image: without noise.
      kind: one of `aeden.transforms.noise.KINDS`, or `NONE`.
      level: in the unit of the kind.
      seed: another one gives other noise.

    Raises:
      ValueError: unknown kind, or a level out of the kind's range.
    """
    if kind == NONE:
        return image
    keys = example_keys(stream_key(seed, Stream.TEST), 0, jnp.zeros(1, jnp.int32))
    return np.asarray(corrupt(keys, jnp.asarray(image)[None], kind, level, level, clip=True))[0]


def compare(restorers: Mapping[str, Restorer], clean: np.ndarray, kind: str, level: float, seed: int) -> list[Card]:
    """Adds noise to an image and restores it with each run.

    A run that takes images of one size gets the image in this size (`fit`), and noise is added there.

    Args:
      restorers: name -> run.
      clean: float32 [h, w, c] in [0, 1]. With the kind `NONE` it is restored as it is.
      kind, level, seed: see `add_noise`.

    Returns:
      The clean and the noisy image, or only the one that was given, and a card for each run.

    Raises:
      ValueError: unknown kind, or a level out of the kind's range.
    """
    given = add_noise(clean, kind, level, seed)
    if kind == NONE:
        cards = [make_card("Your image", f"{_size(clean)}, {_noise(given)}", clean)]
    else:
        cards = [
            make_card("Clean", _size(clean), clean),
            make_card("Noisy", f"PSNR {_decibels(given, clean)}", given, clean),
        ]
    for name, restorer in restorers.items():
        try:
            cards.append(_restored(name, restorer, clean, kind, level, seed))
        except (ValueError, ArithmeticError) as error:
            cards.append(Card(name, f"error: {error}"))
    return cards


def _restored(name: str, restorer: Restorer, clean: np.ndarray, kind: str, level: float, seed: int) -> Card:
    """The card of a run.

    Raises:
      ValueError, ArithmeticError: it cannot restore the image.
    """
    notes = []
    if restorer.size is not None and restorer.size != clean.shape[:2]:
        clean = fit(clean, restorer.size)
        notes.append(f"at {_size(clean)}, the only size of this run")
    if clean.shape[2] != restorer.channels:
        notes.append("each colour channel by itself" if restorer.channels == 1 else "by a run for colour")
    given = add_noise(clean, kind, level, seed)
    restored = restore_tiled(restorer, given, level=_told(restorer, given, kind, level))
    if kind == NONE:
        reference, said = given, _noise(restored)
    else:
        reference, said = clean, f"PSNR {_decibels(restored, clean)}"
        if restorer.size == clean.shape[:2] and notes:
            notes.append(f"noisy: {_decibels(given, clean)}")
        trained = restorer.noise.get("kind")
        if trained in KINDS and trained != kind:  # it may not even see what is left out
            notes.append(f"trained on {trained.replace('_', ' ')} noise")
    return make_card(name, "; ".join([said, *notes]), restored, reference)


def _told(restorer: Restorer, given: np.ndarray, kind: str, level: float) -> float | None:
    """The noise level that a run is told: the chosen one if it knows this noise, else the estimate.

    Raises:
      ValueError: it needs a level, and none is known.
    """
    if not restorer.takes_level:
        return None
    trained = restorer.noise["kind"]
    if kind == trained:
        return level
    if trained != "gaussian":
        raise ValueError(f"this run is told the level of {trained} noise, which cannot be estimated: choose this noise")
    estimate = estimate_noise(given)
    if estimate is None:
        raise ValueError("the image is too small for an estimate of its noise, which this run is told: add noise")
    return estimate.level


def _decibels(estimate: np.ndarray, target: np.ndarray) -> str:
    value = psnr(jnp.clip(jnp.asarray(estimate), 0.0, 1.0)[None], jnp.asarray(target)[None])[0]
    return f"{float(value):.2f} dB"


def _noise(image: np.ndarray) -> str:
    estimate = estimate_noise(image)
    return "too small to estimate its noise" if estimate is None else f"noise about {estimate.level:.3f}"


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]} x {image.shape[0]} pixels"


def first_noise(restorers: Mapping[str, Restorer]) -> tuple[str, float]:
    """The noise that the page starts with: kind and middle of the levels that the first run was trained on."""
    noise = next(iter(restorers.values())).noise
    low = float(noise.get("level", 0.0))
    kind = noise.get("kind")
    return (kind, (low + max(low, float(noise.get("level_max", 0.0)))) / 2) if kind in KINDS else (NONE, 0.1)
