"""The fonts of drawn pages: which of them can be used, what characters they have, and their images."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageFont

from aeden.data.drawn_pages.page_random import Real
from aeden.data.drawn_pages.page_words import BASIC, CHARACTERS
from aeden.data.glyphs import font_files, split_families

# A code point without a character: fonts draw their sign for missing characters.
_MISSING = "\U0010ffff"


@dataclasses.dataclass(frozen=True)
class Faces:
    """The font files of the three splits.

    Attributes:
      families: split -> families -> paths of font files.
      notes: one line about the files that were left out; empty if there are none.
    """

    families: dict[str, tuple[tuple[str, ...], ...]]
    notes: tuple[str, ...] = ()


@functools.lru_cache(maxsize=8)
def find_faces(folder: Path | None) -> Faces:
    """The usable fonts of a folder, or those of matplotlib for None, divided by family.

    Files that are damaged, of fixed size, or without the letters A-Z, a-z and the digits are left out.

    Raises:
      ValueError: fonts of fewer than three families are left.
      FileNotFoundError: the folder does not exist.
    """
    files = font_files(folder)
    useless = [path for path in files if not _is_usable(path)]
    notes: tuple[str, ...] = ()
    if useless:
        names = ", ".join(path.name for path in useless[:3]) + (", ..." if len(useless) > 3 else "")
        notes = (f"{len(useless)} of {len(files)} font files were left out, damaged or without the letters: {names}",)
    try:
        shares = split_families([path for path in files if path not in useless])
    except ValueError as error:
        raise ValueError("; ".join([f"{error} in {folder}", *notes, "choose a folder of fonts, or none"])) from error
    families = {
        split: tuple(tuple(str(path) for path in family) for family in share) for split, share in shares.items()
    }
    return Faces(families, notes)


def _is_usable(path: Path) -> bool:
    try:
        return held(str(path)).issuperset(BASIC)
    except (OSError, ValueError):
        return False


@functools.lru_cache(maxsize=256)
def font(face: str, size: int) -> ImageFont.FreeTypeFont:
    """A face in a size of whole pixels.

    The basic layout needs no optional library, so pages do not depend on one. `ImageFont.truetype` would put a font of
    the system with the same file name in the place of a damaged file.

    Raises:
      OSError: the file is no font that FreeType reads.
    """
    return ImageFont.FreeTypeFont(face, size, layout_engine=ImageFont.Layout.BASIC)


@functools.cache
def held(face: str) -> frozenset[str]:
    """The characters of `page_words.CHARACTERS` that a face has.

    Raises:
      OSError: the file is no font that FreeType reads.
    """
    sample = font(face, 24)
    missing = bytes(sample.getmask(_MISSING))
    return frozenset(c for c in CHARACTERS if (mask := bytes(sample.getmask(c))) and any(mask) and mask != missing)


class Glyph(NamedTuple):
    """A character to be drawn: its coverage, where that begins relative to the place on the line, and its width.

    Attributes:
      mask: image of mode L, 255 where the character covers a pixel.
      left, top: pixels from the place on the line to the mask's corner.
      advance: pixels to the place of the next character.
    """

    mask: Image.Image
    left: int
    top: int
    advance: int


@functools.lru_cache(maxsize=30_000)
def glyph(face: str, size: int, phase: Real, character: str) -> Glyph:
    """A character of a face, moved to the right by `phase`, a part of a pixel.

    Pages have the same characters again and again, and drawing one from its outline takes most of the time.
    """
    drawn = font(face, size)
    coverage, (left, top) = drawn.getmask2(character, "L", anchor="ls", start=(phase, 0))
    mask = Image.frombytes("L", coverage.size, bytes(coverage))
    return Glyph(mask, left, top, round(drawn.getlength(character)))


@functools.cache
def is_style(face: str, *styles: str) -> bool:
    """Whether the family, style or file name of a face contains one of these words in small letters."""
    family, style = font(face, 24).getname()
    names = f"{family} {style} {Path(face).stem}".lower()
    return any(word in names for word in styles)
