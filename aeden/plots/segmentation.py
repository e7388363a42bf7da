"""Pictures of segmented images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from aeden.plots.style import DPI, FRAME, GRAY, INK, panels, row_label, save, show_image

# The background, and classes 1, 2, ... in turn: Paul Tol's scheme "muted", which colour-blind readers can tell, and two
# more of his. Names are written into the regions as well, since there may be more classes than colours.
BACKGROUND = "#f1f1f1"
CLASSES = (
    *("#CC6677", "#332288", "#DDCC77", "#117733", "#88CCEE"),
    *("#882255", "#44AA99", "#999933", "#AA4499", "#EE7733"),
)
# What an error is, and its colour.
RIGHT, MISSED, INVENTED, CONFUSED = "#f1f1f1", "#0072B2", "#E69F00", "#000000"
ERRORS = {
    "class taken for background": MISSED,
    "background taken for a class": INVENTED,
    "one class taken for another": CONFUSED,
}
PADDING: dict[str, Any] = {"pad": 0.5, "w_pad": 0.2, "h_pad": 0.3}
# The smallest region whose class is written into it, in pixels.
NAMED = 30


def save_segmentation(
    path: Path,
    title: str,
    images: np.ndarray,
    truth: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    names: Sequence[str],
) -> None:
    """Draws images, the true class of each pixel, and for each method its classes and its errors.

    Args:
      path: the PNG to write.
      title: what was trained.
      images: [n, h, w, c] in [0, 1] with c 1 or 3.
      truth: classes of the pixels [n, h, w], 0 for the background.
      predictions: name of the method -> classes of the pixels [n, h, w].
      names: the names of the classes.
    """
    save(segmentations(images, truth, predictions, names), path, title, top=0.98, **PADDING)


def segmentations(
    images: np.ndarray, truth: np.ndarray, predictions: Mapping[str, np.ndarray], names: Sequence[str]
) -> Figure:
    """The figure of `save_segmentation`, with the same arguments, without a title."""
    rows = 2 + 2 * len(predictions)
    figure, axes = panels(rows, len(images), (0.95 * len(images) + 1.0, 1.02 * rows + 0.75), DPI)
    for i, image in enumerate(images):
        show_image(axes[0, i], np.clip(image, 0, 1))
        _show_classes(axes[1, i], truth[i], names)
        for k, labels in enumerate(predictions.values()):
            _show_classes(axes[2 + 2 * k, i], labels[i], names)
            errors = axes[3 + 2 * k, i]
            errors.imshow(error_colours(truth[i], labels[i]), interpolation="nearest")
            # The last row leaves room for the legend.
            text = f"{np.mean(truth[i] == labels[i]):.1%} right" + "\n\n" * (k == len(predictions) - 1)
            errors.set_xlabel(text, fontsize=7, color=GRAY, labelpad=2)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set(color=FRAME, linewidth=0.6)
    texts = ["image", "truth", *(text for name in predictions for text in (name, "errors"))]
    for axis, text in zip(axes[:, 0], texts, strict=True):
        row_label(axis, text)
    handles = [Patch(facecolor=colour, label=text) for text, colour in ERRORS.items()]
    figure.legend(handles=handles, frameon=False, fontsize=8, labelcolor=INK, loc="lower center", ncols=len(handles))
    figure.tight_layout(**PADDING)
    return figure


def class_colours(labels: np.ndarray) -> np.ndarray:
    """The colour of each pixel's class: [h, w] -> float [h, w, 3]."""
    palette = np.array([to_rgb(colour) for colour in (BACKGROUND, *CLASSES)])
    return palette[np.where(labels > 0, (labels.astype(int) - 1) % len(CLASSES) + 1, 0)]


def error_colours(truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The colour of each pixel's error, see `ERRORS`: [h, w], [h, w] -> float [h, w, 3]."""
    kinds = np.select([truth == labels, labels == 0, truth == 0], [0, 1, 2], default=3)
    return np.array([to_rgb(colour) for colour in (RIGHT, MISSED, INVENTED, CONFUSED)])[kinds]


def _show_classes(axis: Axes, labels: np.ndarray, names: Sequence[str]) -> None:
    """Draws the classes of an image, with the name of each in the middle of its pixels, where there are enough."""
    axis.imshow(class_colours(labels), interpolation="nearest")
    for k in np.unique(labels[labels > 0]):
        rows, columns = np.nonzero(labels == k)
        if len(rows) >= NAMED:
            # The pixel of the class that is nearest to their middle: the middle of a C is no part of it.
            nearest = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
            where = (columns[nearest], rows[nearest])
            box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}
            axis.text(*where, names[k], fontsize=5, ha="center", va="center", color=INK, bbox=box)
