"""`letters`: letters of several sizes over textures or photos, and which pixel belongs to which; without any download.

For segmentation (`task="segment"`). As for pages, the fonts are those shipped with matplotlib or those in a folder, and
no family is in two splits. The shapes of MNIST or notMNIST can take their place. An image is decided by its split,
number, side, classes, shapes and photos: the same version of Pillow draws it again, bit for bit.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import PIL
from PIL import features

from aeden.data.dataset import Opened
from aeden.data.drawn_letters.letter_photos import Photos, no_photos, open_photos
from aeden.data.drawn_letters.letter_scene import draw_scene
from aeden.data.drawn_letters.letter_shapes import Shapes, open_shapes
from aeden.data.drawn_pages.page_random import Dice
from aeden.data.drawn_pages.page_words import BASIC
from aeden.data.saved_arrays import save_arrays
from aeden.data.splits import Split
from aeden.runtime.cache import cache_folder, only_one

COUNTS = {"train": 8000, "validation": 500, "test": 1000}
# Height and width of an image, in pixels, if nothing else is asked for.
SIDE = 64
# Room for a letter, and a gigabyte in all.
LEAST_SIDE, MOST_SIDE = 32, 256
# The classes of notMNIST.
CHARACTERS = "ABCDEFGHIJ"
# Raise it with every change of what is drawn, so that images of an earlier version are not taken from the cache.
VERSION = 1


def open_set(
    name: str,
    data_dir: str,
    limit: int,
    characters: str = CHARACTERS,
    photos: str = "",
    shapes: str = "fonts",
    side: int = SIDE,
) -> Opened:
    """Draws the images, or reads them from the cache: a source of `aeden.data.sources.SOURCES`.

    Args:
      name: "letters".
      data_dir: a folder of fonts; "" for the fonts of matplotlib. For other shapes the data folder.
      limit: draw only the first `limit` images of each split; 0 for all: 8,000, 500 and 1,000.
      characters: the classes besides the background.
      photos: a folder or archive of photos, each of `side` x `side` pixels or more, behind half of the images; "" for
        none.
      shapes: where the shapes of the letters come from, a key of `letter_shapes.SOURCES`.
      side: height and width of an image, in pixels.

    Returns:
      train, validation and test: images uint8 [n, side, side, 1] with the class of each pixel.

    Raises:
      ValueError: the characters cannot be drawn, fonts of fewer than three families, or photos that cannot be used.
      FileNotFoundError: the folder of fonts or of photos does not exist.
      DatasetNotFound: MNIST or notMNIST is neither on disk nor available for download.
    """
    check_characters(characters)
    drawn_from = open_shapes(shapes, data_dir, characters)
    source = Path(photos).expanduser()
    if photos and not source.exists():
        raise FileNotFoundError(f"there is no image folder or archive {photos}: correct data.photos")
    behind = open_photos(source, side) if photos else no_photos()
    notes, classes = drawn_from.notes + behind.notes, ("background", *characters)
    counts = {split: min(limit or count, count) for split, count in COUNTS.items()}
    key = _key(drawn_from, behind, side)
    arrays = cache_folder() / "arrays"
    arrays.mkdir(parents=True, exist_ok=True)
    whole, folder = arrays / key, arrays / (key if counts == COUNTS else f"{key}-{limit}")
    with only_one(arrays / f"{key}.lock"):
        if not whole.exists() and not folder.exists():
            drawn = _draw(counts, drawn_from, behind, side)
            try:
                save_arrays(drawn, folder)
            except OSError as error:  # a full disk, for example: the images in memory are as good
                notes = (*notes, f"the images drawn are not kept for the next start: {error}")
                return Opened(_splits(drawn, counts, classes), notes)
    found = whole if whole.exists() else folder
    names = (f"{split}_{kind}" for split in COUNTS for kind in ("images", "labels"))
    kept = {name: np.load(found / f"{name}.npy", mmap_mode="r") for name in names}
    return Opened(_splits(kept, counts, classes), notes, arrays=found)


def check_characters(characters: str) -> None:
    """Refuses classes that cannot be drawn or told apart.

    Raises:
      ValueError: there are none, one of them is twice, or is no letter of A-Z, a-z and no digit.
    """
    for at, character in enumerate(characters):
        if character not in BASIC:
            raise ValueError(
                f"data.characters {characters!r} has {character!r}: use letters of A-Z and a-z, and digits"
            )
        if character in characters[:at]:
            raise ValueError(f"data.characters {characters!r} has {character!r} twice: name each class once")
    if not characters:
        raise ValueError("data.characters is empty: name one class or more, e.g. ABCDEFGHIJ")


def draw_image(
    index: int, split: str, shapes: Shapes, photos: Photos | None = None, side: int = SIDE
) -> tuple[np.ndarray, np.ndarray]:
    """Draws one example: an image uint8 [side, side], and the class of each pixel, uint8 [side, side].

    Args:
      index: number of the example in its split, from 0.
      split: "train", "validation" or "test"; decides the shapes and the photos too.
      shapes: the letters, classes 1, 2, ...; 0 is the background.
      photos: the photos; None for none.
      side: height and width in pixels.
    """
    dice = Dice("letters", split, index, shapes.characters)
    behind = [] if photos is None else photos.images[split]
    return draw_scene(dice, side, shapes.choose[split], len(shapes.characters), behind)


def _draw(counts: dict[str, int], shapes: Shapes, photos: Photos, side: int) -> dict[str, np.ndarray]:
    total = sum(counts.values())
    if total > 1000:
        print(f"drawing {total:,} images of letters, once ...", file=sys.stderr, flush=True)
    drawn: dict[str, np.ndarray] = {}
    for split, count in counts.items():
        images, labels = (np.empty((count, side, side), np.uint8) for _ in range(2))
        for index in range(count):
            images[index], labels[index] = draw_image(index, split, shapes, photos, side)
        drawn |= {f"{split}_images": images[..., None], f"{split}_labels": labels}
    return drawn


def _splits(arrays: dict[str, np.ndarray], counts: dict[str, int], classes: tuple[str, ...]) -> dict[str, Split]:
    return {
        split: Split(arrays[f"{split}_images"][:count], classes=classes, pixel_labels=arrays[f"{split}_labels"][:count])
        for split, count in counts.items()
    }


def _key(shapes: Shapes, photos: Photos, side: int) -> str:
    """A name for the images that these shapes and photos, this side and these versions give."""
    key: list[str | None] = [str(VERSION), PIL.__version__, features.version("freetype2"), str(side), shapes.characters]
    for split, parts in shapes.keys.items():
        key += [split, *parts, *photos.hashes[split]]
    return f"letters-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:20]}"
