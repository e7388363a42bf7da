"""Figures of restored images and of a decoder's responses."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from aeden.measures import image_quality
from aeden.plots.style import GRAY, INK, save_samples


def save_restoration(path: Path, title: str, clean: np.ndarray, noisy: np.ndarray, restored: np.ndarray) -> None:
    """Images [n, h, w, c] in [0, 1] clean, noisy and restored, with the PSNR of each, and the error."""
    decibels = {
        name: [f"{x:.1f} dB" for x in np.asarray(image_quality.psnr(jnp.asarray(images), jnp.asarray(clean)))]
        for name, images in (("noisy", noisy), ("restored", restored))
    }
    rows = {"clean": clean, "noisy": noisy, "restored": restored, "error": restored - clean}
    save_samples(path, title, rows, decibels)


def save_responses(path: Path, title: str, pictures: dict[str, np.ndarray]) -> None:
    """How a decoder answers to a constant and to an impulse: images [h, w] of either sign, by what they show."""
    figure, axes = plt.subplots(1, len(pictures), figsize=(2.3 * len(pictures), 2.9), squeeze=False, dpi=150)
    for axis, (name, image) in zip(axes[0], pictures.items(), strict=True):
        largest = max(float(np.abs(image).max()), 1e-9)
        axis.imshow(image, cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.set_title(name, fontsize=9, color=INK)
        axis.set_xlabel(f"± {largest:.2g} in the logits", fontsize=7, color=GRAY)
    figure.suptitle(f"{title}: the decoder's answer to a code", fontsize=10, color=INK)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    figure.savefig(path)
    plt.close(figure)
