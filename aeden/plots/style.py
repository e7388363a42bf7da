"""What all figures share: colours, how a figure is created and saved, axes, and grids of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np

# Figures are only written to files, so no display is needed.
matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

DPI = 150
INK, GRAY, BLUE, ORANGE, GREEN = "#1f2430", "#6b7280", "#1f6feb", "#d9730d", "#2e9e5b"
GRID, FRAME = "#e5e7eb", "#d0d4dc"
# The row of `save_samples` whose values may be negative.
SIGNED_ROW = "error"
SIGNS = "red: too bright; blue: too dark"
# Enlargement, gap in pixels and gray value of the gap in `image_grid`.
SCALE, GAP, GAP_GRAY = 3, 2, 70
# Smallest colour scale of logits: with a smaller one, rounding errors would look like a pattern.
SMALLEST_LOGIT_SCALE = 1e-3


def panels(rows: int, columns: int, size: tuple[float, float], dpi: int = DPI) -> tuple[Figure, np.ndarray]:
    """A new figure and its axes.

    Args:
      rows, columns: number of axes.
      size: width and height in inches.
      dpi: pixels per inch.

    Returns:
      The figure and an object array of axes [rows, columns].
    """
    return plt.subplots(rows, columns, figsize=size, squeeze=False, dpi=dpi)


def panel(size: tuple[float, float], dpi: int = DPI) -> tuple[Figure, Axes]:
    """A new figure with a single pair of axes; see `panels`."""
    figure, axes = panels(1, 1, size, dpi)
    return figure, axes[0, 0]


def save(
    figure: Figure, path: Path, title: str = "", title_size: int = 10, top: float = 0.97, **padding: float
) -> None:
    """Adds a title, arranges the axes, writes the figure and closes it.

    Args:
      figure: made by `panels` or `panel`.
      path: the PNG to write.
      title: written above all axes; "" for none.
      title_size: font size of the title in points.
      top: share of the height, in [0, 1], that the axes may take below a title.
      **padding: `pad`, `w_pad` and `h_pad` of matplotlib's `tight_layout`.
    """
    if title:
        figure.suptitle(title, fontsize=title_size, color=INK, wrap=True)
    figure.tight_layout(rect=(0, 0, 1, top if title else 1), **padding)
    figure.savefig(path)
    close(figure)


def close(figure: Figure) -> None:
    """Frees the memory of a figure."""
    plt.close(figure)


def literal(text: str) -> str:
    """A text as matplotlib draws it letter by letter: between two dollars it would read a formula."""
    return text.replace("$", r"\$")


def plain_axes(axis: Axes) -> None:
    """Keeps only the left and bottom axis lines and adds a light grid."""
    axis.grid(color=GRID, linewidth=0.7)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["bottom", "left"]].set_color(GRAY)


def row_label(axis: Axes, text: str) -> None:
    """Writes the name of a row of images to the left of its first image."""
    axis.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=9, color=INK, labelpad=6)


def show_image(axis: Axes, image: np.ndarray, white: float = 1.0) -> None:
    """Draws an image [h, w, c] with c 1 or 3 and values in [0, white] (for c 3: in [0, 1], or uint8)."""
    shown = image[..., 0] if image.shape[-1] == 1 else image
    axis.imshow(shown, cmap="gray", vmin=0, vmax=white, interpolation="nearest")


def show_signed(axis: Axes, image: np.ndarray, largest: float) -> None:
    """Draws an image [h, w] with values in [-largest, largest]: blue below 0, white at 0, red above."""
    axis.imshow(image, cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="nearest")


def save_samples(path: Path, title: str, rows: Mapping[str, np.ndarray], captions: Mapping[str, Sequence[str]]) -> None:
    """Draws one row of images for each kind.

    Args:
      path: the PNG to write.
      title: what the images are.
      rows: name -> images [n, h, w, c] in [0, 1] with c 1 or 3. The row named "error" may have values in [-1, 1]; the
        mean over its channels is shown.
      captions: name of a row -> one line of text per image.
    """
    count = len(next(iter(rows.values())))
    height = 1.12 * len(rows) + (0.75 if SIGNED_ROW in rows else 0.55)
    figure, axes = panels(len(rows), count, (0.95 * count + 1.0, height))
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for i, (axis, image) in enumerate(zip(line, images, strict=True)):
            if name == SIGNED_ROW:
                show_signed(axis, image.mean(-1), 1.0)
            else:
                show_image(axis, np.clip(image, 0, 1))
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set(color=FRAME, linewidth=0.6)
            if name in captions:
                axis.set_xlabel(captions[name][i], fontsize=7, color=GRAY, labelpad=2)
        row_label(line[0], name)
        if name == SIGNED_ROW:
            # Wider than one image: it must not push the columns apart, so another one keeps its line free.
            line[-1].set_xlabel(" ", fontsize=7, labelpad=2)
            text = SIGNS if count > 1 else SIGNS.replace("; ", "\n")
            where = {"xy": (0, 0), "xycoords": "axes fraction", "xytext": (0, -3), "textcoords": "offset points"}
            line[0].annotate(text, **where, va="top", fontsize=7, color=GRAY).set_in_layout(count == 1)
    save(figure, path, title, top=0.98, pad=0.5, w_pad=0.2, h_pad=0.3)


def image_grid(images: np.ndarray, across: int) -> np.ndarray:
    """Arranges images in a grid, enlarged three times, with thin lines between them.

    Args:
      images: uint8 [n, h, w, c] with c 1 or 3.
      across: images per row.

    Returns:
      uint8 [H, W, 3].
    """
    n, h, w = images.shape[:3]
    down = -(-n // across)
    height, width = SCALE * h + GAP, SCALE * w + GAP
    sheet = np.full((down * height + GAP, across * width + GAP, 3), GAP_GRAY, np.uint8)
    for i, image in enumerate(images):
        y, x = GAP + i // across * height, GAP + i % across * width
        sheet[y : y + SCALE * h, x : x + SCALE * w] = image.repeat(SCALE, 0).repeat(SCALE, 1)
    return sheet
