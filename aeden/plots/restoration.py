"""Figures of restored images and of a decoder's responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from aeden.plots.style import GRAY, INK, SMALLEST_LOGIT_SCALE, panels, save, save_samples, show_signed

# PSNR of images that are equal (`aeden.measures.image_quality.psnr`), but for rounding.
EXACT = 99.9


def save_restoration(
    path: Path,
    title: str,
    images: Mapping[str, np.ndarray],
    psnr: Mapping[str, Sequence[float] | np.ndarray],
) -> None:
    """Draws clean, noisy and restored images, one row each, and the error (restored minus clean).

    Args:
      path: the PNG to write.
      title: what was trained.
      images: "clean", "noisy" and "restored" -> images [n, h, w, c] in [0, 1] with c 1 or 3.
      psnr: "noisy" and "restored" -> PSNR of each image in dB, written below it.
    """
    rows = {name: images[name] for name in ("clean", "noisy", "restored")}
    rows["error"] = images["restored"] - images["clean"]
    save_samples(path, title, rows, {name: _captions(values) for name, values in psnr.items()})


def save_super_resolution(
    path: Path,
    title: str,
    images: Mapping[str, np.ndarray],
    psnr: Mapping[str, Sequence[float] | np.ndarray],
) -> None:
    """Draws images of low resolution, their bicubic enlargement, the restored and the true images, and the error.

    Args:
      path: the PNG to write.
      title: what was trained.
      images: "low" -> images [n, h/s, w/s, c]; "bicubic", "restored" and "clean" -> images [n, h, w, c], in [0, 1] with
        c 1 or 3.
      psnr: "bicubic" and "restored" -> PSNR of each image in dB, written below it.
    """
    names = {"low resolution": "low", "bicubic": "bicubic", "restored": "restored", "truth": "clean"}
    rows = {label: images[name] for label, name in names.items()}
    rows["error"] = images["restored"] - images["clean"]
    captions = {name: _captions(psnr[name]) for name in ("bicubic", "restored")}
    save_samples(path, title, rows, captions)


def save_responses(path: Path, title: str, responses: Mapping[str, np.ndarray]) -> None:
    """Draws how a decoder responds to a constant code and to an impulse.

    Args:
      path: the PNG to write.
      title: what was trained.
      responses: name, e.g. "impulse, trained" -> logits [h, w], each drawn on its own colour scale of 0.001 or more.
    """
    figure, axes = panels(1, len(responses), (2.3 * len(responses), 2.9))
    for axis, (name, image) in zip(axes[0], responses.items(), strict=True):
        largest = max(float(np.abs(image).max()), SMALLEST_LOGIT_SCALE)
        show_signed(axis, image, largest)
        axis.set(xticks=[], yticks=[])
        axis.set_title(name, fontsize=9, color=INK)
        axis.set_xlabel(f"logits, ± {largest:.2g}", fontsize=7, color=GRAY)
    save(figure, path, f"{title}: response of the decoder to a code")


def _captions(psnr: Sequence[float] | np.ndarray) -> list[str]:
    """The PSNR of images in dB, as text. That of an exact image is 100 dB by definition."""
    return ["exact" if value >= EXACT else f"{value:.1f} dB" for value in psnr]
