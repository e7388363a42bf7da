"""The shapes of drawn letters: from fonts, or from the handwritten digits of MNIST and the letters of notMNIST."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from aeden.data import mnist, notmnist
from aeden.data.dataset import Opened, hash_splits
from aeden.data.drawn_pages import page_fonts
from aeden.data.drawn_pages.page_fonts import Faces
from aeden.data.drawn_pages.page_random import Dice, Real
from aeden.data.splits import Split

# Letters are drawn this many times larger and averaged down, for smooth edges.
OVERSAMPLING = 2
# Share of the pixels of an image of MNIST or notMNIST that its letter covers: with fewer or more it shows none.
LEAST_COVERED, MOST_COVERED = 0.02, 0.9

# Height in pixels -> the letter in white on black, OVERSAMPLING times as large, with a black border of a pixel, which a
# rotation needs for smooth edges.
Letter = Callable[[Real], Image.Image]
# Dice, class from 0 -> one of its letters.
Choose = Callable[[Dice, int], Letter]


@dataclasses.dataclass(frozen=True, eq=False)
class Shapes:
    """The letters of the three splits; no shape is in two of them.

    Attributes:
      characters: the classes; class k of `choose` is the k-th of them, from 0.
      choose: split -> chooses a letter.
      keys: split -> what decides its letters, as texts.
      notes: messages for the user, one line each.
    """

    characters: str
    choose: dict[str, Choose]
    keys: dict[str, list[str]]
    notes: tuple[str, ...] = ()


def open_shapes(source: str, data_dir: str, characters: str) -> Shapes:
    """The shapes of some characters.

    Args:
      source: a key of `SOURCES`.
      data_dir: for "fonts" a folder of fonts, "" for those of matplotlib; else the data folder.
      characters: the classes.

    Raises:
      ValueError: the source is unknown, lacks a character, or has fonts of fewer than three families.
      DatasetNotFound: MNIST or notMNIST is neither on disk nor available for download.
      FileNotFoundError: the folder of fonts does not exist.
    """
    if source not in SOURCES:
        raise ValueError(f"unknown data.shapes {source!r}: use one of {', '.join(SOURCES)}")
    return SOURCES[source](data_dir, characters)


def from_fonts(faces: Faces, characters: str) -> Shapes:
    """Letters of fonts. Families are equally likely, and so are the faces of one."""

    def choose(split: str, dice: Dice, k: int) -> Letter:
        return functools.partial(font_letter, dice.choose(dice.choose(faces.families[split])), characters[k])

    keys = {
        split: [hashlib.sha256(Path(face).read_bytes()).hexdigest() for family in families for face in family]
        for split, families in faces.families.items()
    }
    return Shapes(characters, {split: functools.partial(choose, split) for split in keys}, keys, faces.notes)


def font_letter(face: str, character: str, height: Real) -> Image.Image:
    """A letter of a font file: a `Letter`. `height` is that of a capital letter of the face, in pixels."""
    return _glyph(face, max(8, round(OVERSAMPLING * height / _capital(face))), character)


@functools.cache
def _capital(face: str) -> float:
    """The height of a capital letter, as a share of the size of the font."""
    _, top, _, bottom = page_fonts.font(face, 200).getbbox("H")
    return (bottom - top) / 200


@functools.lru_cache(maxsize=30_000)
def _glyph(face: str, em: int, character: str) -> Image.Image:
    mask, _ = page_fonts.font(face, em).getmask2(character, "L")
    return ImageOps.expand(Image.frombytes("L", mask.size, bytes(mask)), 1)


def from_images(splits: Mapping[str, Split], name: str, characters: str) -> Shapes:
    """Letters of a data set of labelled images, white on black, [n, h, w, 1] in each split; all are equally likely.

    Raises:
      ValueError: there is no usable image of a character in a split.
    """
    choose: dict[str, Choose] = {}
    for title, split in splits.items():
        usable = _usable(split.images)
        by_class = []
        for character in characters:
            index = np.flatnonzero(usable & (split.labels == _label(split, character))).tolist()
            if not index:
                raise ValueError(
                    f"data.characters has {character!r}, and {name} has {', '.join(split.classes)}: name some of "
                    "these, or use data.shapes=fonts"
                )
            by_class.append(index)
        choose[title] = functools.partial(_choose_image, split.images, by_class)
    sha256 = hash_splits(dict(splits))
    return Shapes(characters, choose, {title: [name, sha256] for title in splits})


def _label(split: Split, character: str) -> int:
    return split.classes.index(character) if character in split.classes else -1


def _usable(images: np.ndarray) -> np.ndarray:
    """Which images show a letter; some of notMNIST are black or white: bool [n]."""
    covered = np.mean(images >= 128, axis=(1, 2, 3))
    return (covered >= LEAST_COVERED) & (covered <= MOST_COVERED)


def _choose_image(images: np.ndarray, by_class: list[list[int]], dice: Dice, k: int) -> Letter:
    return functools.partial(image_letter, images[dice.choose(by_class[k])][..., 0])


def image_letter(pixels: np.ndarray, height: Real) -> Image.Image:
    """The letter of an image, uint8 [h, w] with pixels of 128 or more: a `Letter`.

    `height` is that of the larger side of the box around it, in pixels.
    """
    rows, columns = (np.flatnonzero((pixels >= 128).any(axis)) for axis in (1, 0))
    part = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = OVERSAMPLING * height / max(part.shape)
    size = (max(1, round(scale * part.shape[1])), max(1, round(scale * part.shape[0])))
    large = Image.fromarray(np.ascontiguousarray(part)).resize(size, Image.Resampling.BICUBIC)
    return ImageOps.expand(large, 1)


def _fonts(data_dir: str, characters: str) -> Shapes:
    return from_fonts(page_fonts.find_faces(Path(data_dir).expanduser() if data_dir else None), characters)


def _images(name: str, open_set: Callable[[str, str, int], Opened], data_dir: str, characters: str) -> Shapes:
    opened = open_set(name, data_dir, 0)
    shapes = from_images(opened.splits, name, characters)
    return dataclasses.replace(shapes, notes=opened.notes)


SOURCES: dict[str, Callable[[str, str], Shapes]] = {
    "fonts": _fonts,
    "mnist": functools.partial(_images, "mnist", mnist.open_set),
    "notmnist": functools.partial(_images, "notmnist/small", notmnist.open_set),
}
