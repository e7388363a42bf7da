"""`pages`: pages of text and line art drawn from fonts, without any download.

Articles, forms, screenshots, slides, charts and drawings, and strokes like handwriting; as on a screen, scanned or
photographed, in gray. Text consists of words without meaning. As for glyphs, the fonts are those shipped with
matplotlib or those in a folder, and no family is in two splits. A page is decided by its split, number, size and fonts:
the same version of Pillow draws it again, bit for bit.
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
from aeden.data.drawn_pages.page_canvas import Page
from aeden.data.drawn_pages.page_finish import BORDERS, SHARES, finish
from aeden.data.drawn_pages.page_fonts import Faces, find_faces
from aeden.data.drawn_pages.page_random import Dice, Real
from aeden.data.drawn_pages.page_scenes import SHARES as SCENES
from aeden.data.drawn_pages.page_scenes import draw_scene, make_theme
from aeden.data.saved_arrays import save_arrays
from aeden.data.splits import Split
from aeden.runtime.cache import cache_folder, only_one

COUNTS = {"train": 4000, "validation": 200, "test": 100}
SIZE = 256
# Raise it with every change of what is drawn, so that pages of an earlier version are not taken from the cache.
VERSION = 1


def open_set(name: str, data_dir: str, limit: int) -> Opened:
    """Draws the pages, or reads them from the cache: a source of `aeden.data.sources.SOURCES`.

    Args:
      name: "pages".
      data_dir: a folder of fonts; "" for the fonts of matplotlib.
      limit: draw only the first `limit` pages of each split; 0 for all: 4,000, 200 and 100.

    Returns:
      train, validation and test: images uint8 [n, 256, 256, 1] without labels.

    Raises:
      ValueError: fonts of fewer than three families.
      FileNotFoundError: the folder of fonts does not exist.
    """
    fonts = Path(data_dir).expanduser() if data_dir else None
    faces = find_faces(fonts)
    counts = {split: min(limit or count, count) for split, count in COUNTS.items()}
    key = _key(faces)
    arrays = cache_folder() / "arrays"
    arrays.mkdir(parents=True, exist_ok=True)
    whole, folder = arrays / key, arrays / (key if counts == COUNTS else f"{key}-{limit}")
    with only_one(arrays / f"{key}.lock"):
        if not whole.exists() and not folder.exists():
            drawn = _draw(counts, fonts)
            try:
                save_arrays(drawn, folder)
            except OSError as error:  # a full disk, for example: the pages in memory are as good
                notes = (*faces.notes, f"the pages drawn are not kept for the next start: {error}")
                return Opened({split: Split(images) for split, images in drawn.items()}, notes)
    found = whole if whole.exists() else folder
    splits = {split: Split(np.load(found / f"{split}.npy", mmap_mode="r")[:count]) for split, count in counts.items()}
    return Opened(splits, faces.notes, arrays=found)


def draw_page(
    index: int, height: int = SIZE, width: int = SIZE, split: str = "test", font_folder: Path | None = None
) -> np.ndarray:
    """Draws one page: uint8 [height, width, 1].

    A page of 256 x 256 pixels is the image `index` of the split. Another size is another page. Pages below 500 pixels
    mostly show a part of a page, larger ones, for example of 1,000 x 700, mostly a whole page.

    Args:
      index: number of the page, from 0.
      height, width: size in pixels, at least 32.
      split: "train", "validation" or "test"; decides the fonts too.
      font_folder: folder of fonts; None for the fonts of matplotlib.

    Raises:
      ValueError: unknown split, a negative index, a page that is too small, or fonts of fewer than three families.
      FileNotFoundError: the folder of fonts does not exist.
    """
    if split not in COUNTS:
        raise ValueError(f"unknown split {split!r}: use {', '.join(COUNTS)}")
    if index < 0:
        raise ValueError(f"page {index} does not exist: pages are counted from 0")
    if min(height, width) < 32:
        raise ValueError(f"a page of {height} x {width} pixels is too small: use at least 32 x 32")
    dice = Dice("page", split, index, height, width)
    scene = dice.weighted(SCENES)
    kind = dice.weighted(SHARES[scene])
    theme = make_theme(dice, scene, find_faces(font_folder).families[split])
    border = round(BORDERS[kind] * max(height, width))
    # Drawn finer or coarser than it is shown, as after a change of resolution. A fax has no gray to smooth it.
    ratio = dice.weighted({1.0: 6, 2.0: 1.5, 1.5: 1, 0.7: 0.7}) if kind != "fax" else 1.0
    page = Page(height + 2 * border, width + 2 * border, ratio, theme, dice)
    if scene != "drawing" or dice.chance(0.5):
        _put_paper(page, border, kind)
    draw_scene(page, scene)
    return finish(page.image, height, width, border, kind, dice)[:, :, None]


def _put_paper(page: Page, border: int, kind: str) -> None:
    """Sets the page's frame, and draws what lies beyond its edges where they are seen."""
    dice, height, width = page.dice, page.height - 2 * border, page.width - 2 * border
    whole = min(height, width) >= 500 and dice.chance(0.85)
    paper_width = width * (dice.uniform(0.94, 1) if whole else dice.uniform(0.9, 2.5))
    paper_height = height * (dice.uniform(0.94, 1) if whole else dice.uniform(0.9, 3))

    def place(paper: Real, view: Real) -> Real:
        if paper <= view:
            return border + dice.uniform(0, view - paper)
        # A third begins within the view; most of the others begin before it.
        return border + (dice.uniform(0, 0.1) * view if dice.chance(0.35) else -dice.uniform(0, paper - view))

    left, top = place(paper_width, width), place(paper_height, height)
    frame = (left, top, left + paper_width, top + paper_height)
    if kind == "screen" or dice.chance(0.5):  # a page without edges: the paper goes on
        page.frame = frame
        return
    desk = dice.choose((0.9, 0.5, 0.2, dice.uniform(0, 1)))
    page.box((0, 0, page.width, page.height), fill=desk)
    for k in range(dice.integer(0, 4)):  # a shadow
        page.box(
            (frame[0] + 4 - k, frame[1] + 4 - k, frame[2] + 4 - k, frame[3] + 4 - k), fill=min(1.0, desk + 0.1 * k)
        )
    page.box(frame, fill=0.0, line=dice.choose((-1.0, 0.3)))
    page.frame = frame


def _key(faces: Faces) -> str:
    """A name for the pages that these fonts and versions give."""
    key: list[str | None] = [str(VERSION), PIL.__version__, features.version("freetype2"), str(SIZE)]
    for split, families in faces.families.items():
        key += [split, *(hashlib.sha256(Path(face).read_bytes()).hexdigest() for family in families for face in family)]
    return f"pages-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:20]}"


def _draw(counts: dict[str, int], fonts: Path | None) -> dict[str, np.ndarray]:
    total = sum(counts.values())
    if total > 500:
        print(f"drawing {total:,} pages from fonts, once: less than a minute ...", file=sys.stderr, flush=True)
    drawn = {}
    for split, count in counts.items():
        drawn[split] = np.empty((count, SIZE, SIZE, 1), np.uint8)
        for index in range(count):
            drawn[split][index] = draw_page(index, split=split, font_folder=fonts)
    return drawn
