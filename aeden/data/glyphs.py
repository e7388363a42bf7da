"""`glyphs/letters` and `glyphs/digits`: letters A-J or digits 0-9 drawn from fonts, without any download.

notMNIST was made in the same way, from fonts on the web (Bulatov 2011). The fonts here are those shipped with
matplotlib, or those in a folder. Fonts are split by family, so the fonts of the test split are not in train. The same
fonts and the same version of Pillow give identical images, bit for bit.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from aeden.data.dataset import Opened
from aeden.data.splits import Split

CHARACTERS = {"letters": "ABCDEFGHIJ", "digits": "0123456789"}
COUNTS = {"train": 20_000, "validation": 2_000, "test": 2_000}
SIZE = 28
# Glyphs are drawn three times larger and averaged down, for smooth edges.
OVERSAMPLING = 3
# The faces shipped with matplotlib that contain the letters and digits; its other faces contain mathematical symbols.
MATPLOTLIB_FACES = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    *("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    *("cmb10", "cmmi10", "cmr10", "cmss10", "cmti10", "cmtt10"),
)


def open_set(name: str, data_dir: str, limit: int) -> Opened:
    """Draws "glyphs/letters" or "glyphs/digits": a source of `aeden.data.sources.SOURCES`.

    `data_dir` is a folder of fonts; "" for the fonts of matplotlib. Raises what `load` raises.
    """
    return Opened(load(name.split("/")[1], Path(data_dir).expanduser() if data_dir else None, limit))


def load(kind: str, font_folder: Path | None = None, limit: int = 0) -> dict[str, Split]:
    """Draws the three splits.

    Args:
      kind: "letters" (A-J) or "digits" (0-9).
      font_folder: folder of .ttf and .otf files, including its subfolders; None for the fonts of matplotlib.
      limit: draw only the first `limit` images of each split; 0 for all.

    Returns:
      train, validation and test: 20,000, 2,000 and 2,000 images [n, 28, 28, 1] with labels 0-9.

    Raises:
      ValueError: unknown kind, or fewer than three font families.
      FileNotFoundError: the font folder does not exist.
    """
    if kind not in CHARACTERS:
        raise ValueError(f"unknown glyphs {kind!r}: use glyphs/{' or glyphs/'.join(CHARACTERS)}")
    families = split_families(font_files(font_folder))
    return {
        name: _draw_split(name, [*itertools.chain(*families[name])], CHARACTERS[kind], count, limit or count)
        for name, count in COUNTS.items()
    }


def font_files(folder: Path | None) -> list[Path]:
    """The font files of a folder, or those of matplotlib for None, in a fixed order."""
    if folder is None:
        import matplotlib

        shipped = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        return [shipped / f"{face}.ttf" for face in MATPLOTLIB_FACES]
    if not folder.is_dir():
        raise FileNotFoundError(f"no font folder {folder}")
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".ttf", ".otf"))


def split_families(files: list[Path]) -> dict[str, list[list[Path]]]:
    """Divides font files among the splits by family: split -> families -> files.

    Families are ordered by a hash of their name. Test and validation get a tenth of them each, and at least one.

    Raises:
      ValueError: fewer than three families.
    """
    families: dict[str, list[Path]] = {}
    for path in files:
        families.setdefault(_family(path), []).append(path)
    if len(families) < 3:
        raise ValueError(f"fonts of at least three families are needed, one per split, found {len(families)}")
    names = sorted(families, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    tenth = math.ceil(len(names) / 10)
    shares = {"test": names[:tenth], "validation": names[tenth : 2 * tenth], "train": names[2 * tenth :]}
    return {split: [families[name] for name in share] for split, share in shares.items()}


def _family(path: Path) -> str:
    family = ImageFont.truetype(str(path), 12).getname()[0] or path.stem
    # The Computer Modern fonts have different family names, but their designs are related: keep them in one split.
    return "Computer Modern" if family.startswith("cm") else family


def _draw_split(name: str, faces: list[Path], characters: str, count: int, limit: int) -> Split:
    masters = [[_draw_master(face, character) for character in characters] for face in faces]
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(f"{name} {characters}".encode()).digest()[:8], "big"))
    labels = np.arange(count, dtype=np.int32) % len(characters)
    chosen = rng.integers(len(faces), size=count)  # the face of each image
    # Rotation (degrees), shear, scale, shift in x and y (pixels of the result).
    low, high = np.array([-10, -0.15, 0.8, -1.5, -1.5]), np.array([10, 0.15, 1.05, 1.5, 1.5])
    distortions = rng.uniform(low, high, size=(count, 5))
    # Random numbers are drawn for all images, so the first images are the same whatever the limit.
    specifications = list(zip(chosen, labels, distortions, strict=True))[:limit]
    images = np.stack([_distort(masters[face][label], *distortion) for face, label, distortion in specifications])
    return Split(images[..., None], labels[:limit], tuple(characters))


def _draw_master(face: Path, character: str) -> Image.Image:
    """A character in white on black, centred; its larger side spans about three quarters of the square."""
    side = SIZE * OVERSAMPLING
    font = ImageFont.truetype(str(face), side)
    left, top, right, bottom = font.getbbox(character)
    scale = 0.78 * side / max(bottom - top, right - left, 1)
    font = font.font_variant(size=max(1, round(side * scale)))
    left, top, right, bottom = font.getbbox(character)
    image = Image.new("L", (side, side))
    origin = ((side - left - right) / 2, (side - top - bottom) / 2)
    ImageDraw.Draw(image).text(origin, character, fill=255, font=font)
    return image


def _distort(master: Image.Image, rotation: float, shear: float, scale: float, dx: float, dy: float) -> np.ndarray:
    """An affine map about the centre, then the mean over OVERSAMPLING x OVERSAMPLING pixels: uint8 [28, 28]."""
    side, angle = master.size[0], math.radians(rotation)
    # Pillow expects the map from pixels of the result to pixels of the input.
    inverse = np.linalg.inv(
        scale
        * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        @ np.array([[1.0, shear], [0.0, 1.0]])
    )
    centre = np.full(2, side / 2)
    offset = centre - inverse @ (centre + OVERSAMPLING * np.array([dx, dy]))
    matrix = (*inverse[0], offset[0], *inverse[1], offset[1])
    distorted = master.transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    return np.asarray(distorted.reduce(OVERSAMPLING))
