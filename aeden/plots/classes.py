"""Figures of what a network has learnt to see and to tell apart, from plain results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from scipy.special import softmax

from aeden.plots.style import BLUE, GRAY, GREEN, INK, ORANGE, plain_axes

matplotlib.use("Agg")
import matplotlib.pyplot as plt

MOST_FILTERS = 100
MOST_ERRORS = 20


def save_filters(path: Path, title: str, filters: np.ndarray) -> None:
    """The strongest kernels (largest norm) as images, blue below 0, red above, each on a scale of its own.

    Args:
      path: the PNG to write.
      title: whose they are.
      filters: [n, h, w, c]; of several channels the mean is shown.
    """
    strongest = np.argsort(-np.linalg.norm(filters.reshape(len(filters), -1), axis=1))[:MOST_FILTERS]
    shown = filters[np.sort(strongest)].mean(-1)
    across = min(len(shown), 20)
    down = -(-len(shown) // across)
    figure, axes = plt.subplots(
        down, across, figsize=(max(0.5 * across + 0.4, 6.0), 0.5 * down + 0.9), squeeze=False, dpi=150
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, image in zip(axes.flat, shown, strict=False):
        scale = max(float(np.abs(image).max()), 1e-12)
        axis.imshow(image, cmap="RdBu_r", vmin=-scale, vmax=scale, interpolation="nearest")
    some = "" if len(shown) == len(filters) else f" ({len(shown)} strongest of {len(filters):,})"
    figure.suptitle(f"{title}{some}", fontsize=9, color=INK, wrap=True)
    figure.tight_layout(pad=0.4, w_pad=0.15, h_pad=0.15, rect=(0, 0, 1, 0.97))
    figure.savefig(path)
    plt.close(figure)


def save_embedding(
    path: Path, title: str, points: np.ndarray, labels: np.ndarray | None, classes: tuple[str, ...], method: str
) -> None:
    """Points in a plane, coloured by class, each class named at the median of its points.

    Args:
      path: the PNG to write.
      title: what they are.
      points: [n, 2].
      labels: [n], or None for one colour.
      classes: their names.
      method: how the points were found, e.g. "tsne": for a line below.
    """
    figure, axis = plt.subplots(figsize=(6.4, 6.4), dpi=150)
    colors = plt.get_cmap("tab10" if len(classes) <= 10 else "tab20")
    dots: dict[str, Any] = {"s": 5, "linewidths": 0, "alpha": 0.7}
    if labels is None:
        axis.scatter(points[:, 0], points[:, 1], color=BLUE, **dots)
    for k in np.unique(labels) if labels is not None else ():
        own, color = points[labels == k], colors(k % 20)
        axis.scatter(own[:, 0], own[:, 1], color=color, **dots)
        frame = {"boxstyle": "round,pad=0.2", "fc": "white", "ec": color, "alpha": 0.85}
        place: dict[str, Any] = {"xy": np.median(own, axis=0), "ha": "center", "va": "center"}
        axis.annotate(classes[k], **place, fontsize=12, color=INK, weight="bold", bbox=frame)
    axis.set(xticks=[], yticks=[])
    name = {
        "tsne": "t-SNE: neighbours mean much, distances and sizes of groups little",
        "pca": "the first two principal components",
    }[method]
    axis.set_xlabel(name, fontsize=8, color=GRAY)
    axis.spines[:].set(color="#d0d4dc", linewidth=0.6)
    axis.set_title(title, fontsize=9, color=INK, wrap=True)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def save_confusion(path: Path, title: str, counts: np.ndarray, classes: tuple[str, ...]) -> None:
    """How many images of each class were taken for each: shares of the row as shades, counts as numbers.

    Args:
      path: the PNG to write.
      title: of what.
      counts: int [classes, classes], true classes down, told ones across.
      classes: their names.
    """
    side = min(max(4.5, 0.48 * len(classes) + 1.4), 20.0)
    figure, axis = plt.subplots(figsize=(side, side), dpi=150)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    # Almost everything lies on the diagonal: by the root of the share, one in a hundred is still to be seen.
    axis.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= 30:
        for (i, j), count in np.ndenumerate(counts):
            if count:
                dark = shares[i, j] > 0.4
                axis.text(j, i, f"{count:,}", ha="center", va="center", fontsize=7, color="white" if dark else INK)
    # Of very many classes some are named.
    named = range(0, len(classes), -(-len(classes) // 60))
    axis.set(xticks=named, yticks=named)
    long = max(map(len, classes)) > 3
    axis.set_xticklabels([classes[k] for k in named], fontsize=8, rotation=90 if long else 0)
    axis.set_yticklabels([classes[k] for k in named], fontsize=8)
    axis.set_xlabel("told", color=INK)
    axis.set_ylabel("label", color=INK)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_title(title, fontsize=9, color=INK, wrap=True)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def save_errors(
    path: Path, title: str, images: np.ndarray, labels: np.ndarray, logits: np.ndarray, classes: tuple[str, ...]
) -> None:
    """The images whose wrong class was told with the highest probability, with their label and what was told.

    Args:
      path: the PNG to write.
      title: of what.
      images: uint8 [n, h, w, c].
      labels: [n].
      logits: [n, classes].
      classes: their names.
    """
    confidence = softmax(logits, axis=1).max(1)
    told = logits.argmax(1)
    wrong = np.flatnonzero(told != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST_ERRORS]
    across = 10
    down = max(1, -(-len(worst) // across))
    figure, axes = plt.subplots(down, across, figsize=(0.95 * across, 1.2 * down + 0.6), squeeze=False, dpi=150)
    for axis in axes.flat:
        axis.axis("off")
    for axis, i in zip(axes.flat, worst, strict=False):
        image = images[i][..., 0] if images.shape[-1] == 1 else images[i]
        axis.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        # Four digits only where it takes them to tell it from certainty.
        shown = f"{min(confidence[i], 0.9999):.4f}" if confidence[i] > 0.995 else f"{confidence[i]:.2f}"
        axis.set_title(f"{classes[labels[i]]}, told {classes[told[i]]}\n{shown}", fontsize=7, color=INK, pad=2)
    if not len(worst):
        axes[0, 0].text(0, 0.5, "no errors", fontsize=9, color=INK)
    figure.suptitle(f"{title}; {len(wrong):,} errors in {len(labels):,}", fontsize=9, color=INK)
    figure.tight_layout(pad=0.4, h_pad=0.8, rect=(0, 0, 1, 0.96))
    figure.savefig(path)
    plt.close(figure)


def save_budgets(path: Path, title: str, points: dict[str, list[tuple[int, list[float]]]]) -> None:
    """Test error by number of labels, both on logarithmic axes: a line a method, its seeds as dots.

    Args:
      path: the PNG to write.
      title: of what.
      points: method -> (labels, accuracy of each seed) by budget.
    """
    figure, axis = plt.subplots(figsize=(6.4, 4.2), dpi=150)
    for (name, budgets), color in zip(points.items(), (GRAY, ORANGE, GREEN, BLUE), strict=False):
        labels = [count for count, _ in budgets]
        axis.plot(labels, [100 * (1 - np.mean(seeds)) for _, seeds in budgets], color=color, linewidth=1.5, label=name)
        for count, seeds in budgets:
            axis.scatter([count] * len(seeds), 100 * (1 - np.array(seeds)), color=color, s=10, alpha=0.6, linewidths=0)
    axis.set(xscale="log", yscale="log")
    axis.set_xlabel("labelled images", color=INK)
    axis.set_ylabel("test error (%)", color=INK)
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("{x:g}")
    axis.tick_params(which="both", labelsize=8)
    plain_axes(axis)
    axis.grid(which="minor", color="#e5e7eb", linewidth=0.6)
    axis.legend(frameon=False, fontsize=8)
    axis.set_title(title, fontsize=9, color=INK)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
