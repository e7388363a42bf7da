"""Figures from plain results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SCALE = 3
INK, GRAY, BLUE, ORANGE, GREEN = "#1f2430", "#6b7280", "#1f6feb", "#d9730d", "#2e9e5b"


def save_samples(path: Path, title: str, rows: dict[str, np.ndarray], captions: dict[str, list[str]]) -> None:
    """A grid of images, a row a kind.

    Args:
      path: the PNG to write.
      title: what the images are.
      rows: name -> images [n, h, w, c] in [0, 1], c 1 or 3; a row named "error" may be signed, in [-1, 1].
      captions: name -> a line under each of the row's images.
    """
    count = len(next(iter(rows.values())))
    figure, axes = plt.subplots(
        len(rows), count, figsize=(0.95 * count + 1.0, 1.12 * len(rows) + 0.55), squeeze=False, dpi=150
    )
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for i, axis in enumerate(line):
            signed = name == "error"
            image = np.squeeze(images[i], -1) if images.shape[-1] == 1 else images[i]
            if signed and image.ndim == 3:
                image = image.mean(-1)
            axis.imshow(
                image if signed else np.clip(image, 0, 1),
                cmap="RdBu_r" if signed else "gray",
                vmin=-1 if signed else 0,
                vmax=1,
                interpolation="nearest",
            )
            axis.set(xticks=[], yticks=[])
            for spine in axis.spines.values():
                spine.set(color="#d0d4dc", linewidth=0.6)
            if name in captions:
                axis.set_xlabel(captions[name][i], fontsize=7, color=GRAY, labelpad=2)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9, color=INK, labelpad=6)
    figure.suptitle(title, fontsize=10, color=INK)
    figure.tight_layout(pad=0.5, w_pad=0.2, h_pad=0.3, rect=(0, 0, 1, 0.98))
    figure.savefig(path)
    plt.close(figure)


def image_grid(images: np.ndarray, across: int) -> np.ndarray:
    """Images, uint8 [n, h, w, c], side by side, three times as large, with a thin line between: uint8 [H, W, 3]."""
    n, h, w = images.shape[:3]
    down = -(-n // across)
    sheet = np.full((down * (SCALE * h + 2) + 2, across * (SCALE * w + 2) + 2, 3), 70, np.uint8)
    for i, image in enumerate(images):
        y, x = 2 + i // across * (SCALE * h + 2), 2 + i % across * (SCALE * w + 2)
        sheet[y : y + SCALE * h, x : x + SCALE * w] = image.repeat(SCALE, 0).repeat(SCALE, 1)
    return sheet


def plain_axes(axis: Any) -> None:
    """Two axes and a faint grid."""
    axis.grid(color="#e5e7eb", linewidth=0.7)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["bottom", "left"]].set_color(GRAY)
