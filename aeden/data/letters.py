"""`letters`: letters of several sizes over textures or photos, and which pixel belongs to which; without any download.

For segmentation (`task="segment"`). As for pages, the fonts are those shipped with matplotlib or those in a folder, and
no family is in two splits. An image is decided by its split, number, classes, fonts and photos: the same version of
Pillow draws it again, bit for bit.
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
from aeden.data.drawn_pages.page_fonts import Faces, find_faces
from aeden.data.drawn_pages.page_random import Dice
from aeden.data.drawn_pages.page_words import BASIC
from aeden.data.saved_arrays import save_arrays
from aeden.data.splits import Split
from aeden.runtime.cache import cache_folder, only_one

COUNTS = {"train": 8000, "validation": 500, "test": 1000}
SIZE = 64
# The classes of notMNIST.
CHARACTERS = "ABCDEFGHIJ"
# Raise it with every change of what is drawn, so that images of an earlier version are not taken from the cache.
VERSION = 1


def open_set(name: str, data_dir: str, limit: int, characters: str = CHARACTERS, photos: str = "") -> Opened:
    """Draws the images, or reads them from the cache: a source of `aeden.data.sources.SOURCES`.

    Args:
      name: "letters".
      data_dir: a folder of fonts; "" for the fonts of matplotlib.
      limit: draw only the first `limit` images of each split; 0 for all: 8,000, 500 and 1,000.
      characters: the classes besides the background.
      photos: a folder or archive of photos, each of 64 x 64 pixels or more, behind half of the images; "" for none.

    Returns:
      train, validation and test: images uint8 [n, 64, 64, 1] with the class of each pixel.

    Raises:
      ValueError: the characters cannot be drawn, fonts of fewer than three families, or photos that cannot be used.
      FileNotFoundError: the folder of fonts or of photos does not exist.
    """
    check_characters(characters)
    faces = find_faces(Path(data_dir).expanduser() if data_dir else None)
    behind = open_photos(Path(photos).expanduser(), SIZE) if photos else no_photos()
    notes, classes = faces.notes + behind.notes, ("background", *characters)
    counts = {split: min(limit or count, count) for split, count in COUNTS.items()}
    key = _key(faces, behind, characters)
    arrays = cache_folder() / "arrays"
    arrays.mkdir(parents=True, exist_ok=True)
    whole, folder = arrays / key, arrays / (key if counts == COUNTS else f"{key}-{limit}")
    with only_one(arrays / f"{key}.lock"):
        if not whole.exists() and not folder.exists():
            drawn = _draw(counts, faces, behind, characters)
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
    index: int, split: str, faces: Faces, characters: str = CHARACTERS, photos: Photos | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Draws one example: an image uint8 [64, 64], and the class of each pixel, uint8 [64, 64].

    Args:
      index: number of the example in its split, from 0.
      split: "train", "validation" or "test"; decides the fonts and the photos too.
      faces: the fonts.
      characters: the classes 1, 2, ...; 0 is the background.
      photos: the photos; None for none.
    """
    dice = Dice("letters", split, index, characters)
    behind = [] if photos is None else photos.images[split]
    return draw_scene(dice, SIZE, faces.families[split], characters, behind)


def _draw(counts: dict[str, int], faces: Faces, photos: Photos, characters: str) -> dict[str, np.ndarray]:
    total = sum(counts.values())
    if total > 1000:
        print(f"drawing {total:,} images of letters, once: less than a minute ...", file=sys.stderr, flush=True)
    drawn: dict[str, np.ndarray] = {}
    for split, count in counts.items():
        images, labels = (np.empty((count, SIZE, SIZE), np.uint8) for _ in range(2))
        for index in range(count):
            images[index], labels[index] = draw_image(index, split, faces, characters, photos)
        drawn |= {f"{split}_images": images[..., None], f"{split}_labels": labels}
    return drawn


def _splits(arrays: dict[str, np.ndarray], counts: dict[str, int], classes: tuple[str, ...]) -> dict[str, Split]:
    return {
        split: Split(arrays[f"{split}_images"][:count], classes=classes, pixel_labels=arrays[f"{split}_labels"][:count])
        for split, count in counts.items()
    }


def _key(faces: Faces, photos: Photos, characters: str) -> str:
    """A name for the images that these fonts, photos, classes and versions give."""
    key: list[str | None] = [str(VERSION), PIL.__version__, features.version("freetype2"), str(SIZE), characters]
    for split, families in faces.families.items():
        key += [split, *(hashlib.sha256(Path(face).read_bytes()).hexdigest() for family in families for face in family)]
        key += photos.hashes[split]
    return f"letters-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:20]}"
