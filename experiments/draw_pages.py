"""Draws pages of text and line art as PNG files, for example to test on.

    python -m experiments.draw_pages --out=pages --count=20 --height=1000 --width=700

The pages are those of `aeden.data.pages`; the same command draws the same files again. It overwrites nothing.
With --noise=0.2 they are noisy: Gaussian noise of this standard deviation, for values in [0, 1], clipped.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from absl import flags
from PIL import Image

from aeden.data import pages
from aeden.data.drawn_pages import page_fonts
from experiments import own_flags

# A set of flags of its own, as other commands have flags of the same names.
FLAGS = flags.FlagValues()
OUT = flags.DEFINE_string("out", None, "Folder for the files; made if it does not exist.", flag_values=FLAGS)
COUNT = flags.DEFINE_integer("count", 20, "Number of pages.", lower_bound=1, flag_values=FLAGS)
FIRST = flags.DEFINE_integer("first", 0, "Number of the first page.", lower_bound=0, flag_values=FLAGS)
HEIGHT = flags.DEFINE_integer("height", 1000, "Height in pixels.", lower_bound=32, flag_values=FLAGS)
WIDTH = flags.DEFINE_integer("width", 700, "Width in pixels.", lower_bound=32, flag_values=FLAGS)
SPLIT = flags.DEFINE_enum("split", "test", list(pages.COUNTS), "Decides the fonts.", flag_values=FLAGS)
NOISE = flags.DEFINE_float("noise", 0.0, "Noise to add, white is 1.", 0.0, 10.0, flag_values=FLAGS)
FONTS = flags.DEFINE_string("fonts", "", "Folder of fonts; by default those of matplotlib.", flag_values=FLAGS)


def draw(
    out: Path, numbers: range, height: int, width: int, split: str, fonts: Path | None, noise: float = 0.0
) -> None:
    """Writes pages to `out` as SPLIT-NUMBER.png, gray.

    Args:
      out: the folder; made if it does not exist.
      numbers: the numbers of the pages.
      height, width, split, fonts: see `aeden.data.pages.draw_page`.
      noise: standard deviation of the Gaussian noise that is added, for values in [0, 1]; the sum is clipped to them.

    Raises:
      ValueError: one of the files exists, or what `draw_page` raises.
      OSError: a file cannot be written, or the folder of fonts does not exist.
    """
    paths = {index: out / f"{split}-{index:04}.png" for index in numbers}
    there = [path for path in paths.values() if path.exists()]
    if there:
        raise ValueError(f"{there[0]} exists: choose another --out, or remove it")
    for note in page_fonts.find_faces(fonts).notes:
        print(f"note: {note}", file=sys.stderr)
    out.mkdir(parents=True, exist_ok=True)
    for index, path in paths.items():
        image = with_noise(pages.draw_page(index, height, width, split, fonts), noise, index)
        temporary = path.with_suffix(".part")
        Image.fromarray(image[:, :, 0]).save(temporary, format="PNG")
        os.replace(temporary, path)


def with_noise(image: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """An image uint8 of any shape with Gaussian noise of the standard deviation `noise`, where white is 1; clipped."""
    if not noise:
        return image
    noisy = image + 255 * noise * np.random.default_rng(seed).standard_normal(image.shape)
    return noisy.round().clip(0, 255).astype(np.uint8)


def run() -> None:
    """Draws the pages that the flags name.

    Raises:
      ValueError: no folder is named, or what `draw` raises.
      OSError: what `draw` raises.
    """
    if not OUT.value:
        raise ValueError("name a folder for the files: --out=FOLDER")
    numbers = range(FIRST.value, FIRST.value + COUNT.value)
    fonts = Path(FONTS.value).expanduser() if FONTS.value else None
    draw(Path(OUT.value).expanduser(), numbers, HEIGHT.value, WIDTH.value, SPLIT.value, fonts, NOISE.value)
    print(f"{COUNT.value} page{'s' * (COUNT.value > 1)} of {WIDTH.value} x {HEIGHT.value} pixels in {OUT.value}")


def main() -> None:
    """Parses the flags and draws; an error is one line."""
    own_flags.run(FLAGS, __doc__, run, "--count=20")


if __name__ == "__main__":
    main()
