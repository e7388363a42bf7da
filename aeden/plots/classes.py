"""Figures of what a classifier has learned: filters, codes, confusions, errors, and error by number of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from aeden.plots.style import (
    BLUE,
    FRAME,
    GRAY,
    GREEN,
    GRID,
    INK,
    ORANGE,
    literal,
    panel,
    panels,
    plain_axes,
    save,
    show_image,
    show_signed,
)

MOST_FILTERS = 100
MOST_ERRORS, ERRORS_ACROSS = 20, 10
# Above this many classes, counts are left out of a confusion matrix, and only some classes are named.
MOST_COUNTS, MOST_NAMES = 30, 60
# Longest class name, in characters, that is printed above an image in full, and longest that fits there twice.
LONGEST_NAME, SHORT_NAME = 12, 5
METHODS = {
    "tsne": "t-SNE: nearby points are similar; distances between groups and sizes of groups mean little",
    "pca": "first two principal components",
}


def save_filters(path: Path, title: str, filters: np.ndarray) -> None:
    """Draws the kernels with the largest norms as images: blue below 0, red above, each on its own scale.

    Args:
      path: the PNG to write.
      title: which layer the filters belong to.
      filters: [n, h, w, c]; the mean over the channels is shown.
    """
    strongest = np.argsort(-np.linalg.norm(filters.reshape(len(filters), -1), axis=1))[:MOST_FILTERS]
    shown = filters[np.sort(strongest)].mean(-1)
    across = min(len(shown), 20)
    down = -(-len(shown) // across)
    figure, axes = panels(down, across, (max(0.5 * across + 0.4, 6.0), 0.5 * down + 0.9))
    for axis in axes.flat:
        axis.axis("off")
    for axis, image in zip(axes.flat, shown, strict=False):
        show_signed(axis, image, max(float(np.abs(image).max()), 1e-12))
    some = "" if len(shown) == len(filters) else f" ({len(shown)} strongest of {len(filters):,})"
    save(figure, path, f"{title}{some}", title_size=9, pad=0.4, w_pad=0.4, h_pad=0.4)


def save_embedding(
    path: Path, title: str, points: np.ndarray, labels: np.ndarray | None, classes: Sequence[str], method: str
) -> None:
    """Draws points in a plane, coloured by class, with the name of each class at the median of its points.

    Args:
      path: the PNG to write.
      title: what the points are.
      points: [n, 2].
      labels: [n], or None to draw all points in one colour.
      classes: their names.
      method: how the points were computed, "tsne" or "pca"; explained below the figure.
    """
    figure, axis = panel((6.4, 6.4))
    dots: dict[str, Any] = {"s": 5, "linewidths": 0, "alpha": 0.7}
    if labels is None:
        axis.scatter(points[:, 0], points[:, 1], color=BLUE, **dots)
    else:
        colors = matplotlib.colormaps["tab10" if len(classes) <= 10 else "tab20"]
        for k in np.unique(labels):
            members, color = points[labels == k], colors(k % 20)
            axis.scatter(members[:, 0], members[:, 1], color=color, **dots)
            _name_group(axis, members, literal(classes[k]), color)
    axis.set(xticks=[], yticks=[])
    axis.set_xlabel(METHODS[method], fontsize=8, color=GRAY)
    axis.spines[:].set(color=FRAME, linewidth=0.6)
    axis.set_title(title, fontsize=9, color=INK, wrap=True)
    save(figure, path)


def _name_group(axis: Axes, points: np.ndarray, name: str, color: Any) -> None:
    """Writes the name of a group in a box at the median of its points [n, 2]."""
    x, y = np.median(points, axis=0)
    axis.annotate(
        name,
        (x, y),
        ha="center",
        va="center",
        fontsize=12,
        color=INK,
        weight="bold",
        bbox={"boxstyle": "round,pad=0.2", "fc": "white", "ec": color, "alpha": 0.85},
    )


def save_confusion(path: Path, title: str, counts: np.ndarray, classes: Sequence[str]) -> None:
    """Draws a confusion matrix: each count as a number, shaded by its share of the row.

    Args:
      path: the PNG to write.
      title: what was tested.
      counts: int [classes, classes]; row: label, column: predicted class.
      classes: their names.
    """
    side = min(max(4.5, 0.48 * len(classes) + 1.4), 20.0)
    figure, axis = panel((side, side))
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    # Almost everything lies on the diagonal; the square root keeps a share of 1 % visible.
    axis.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= MOST_COUNTS:
        for i, j in np.argwhere(counts):
            color = "white" if shares[i, j] > 0.4 else INK
            axis.text(j, i, f"{counts[i, j]:,}", ha="center", va="center", fontsize=7, color=color)
    named = range(0, len(classes), -(-len(classes) // MOST_NAMES))
    axis.set(xticks=named, yticks=named)
    rotation = 90 if max(map(len, classes)) > 3 else 0
    axis.set_xticklabels([literal(classes[k]) for k in named], fontsize=8, rotation=rotation)
    axis.set_yticklabels([literal(classes[k]) for k in named], fontsize=8)
    axis.set_xlabel("predicted class", color=INK)
    axis.set_ylabel("label", color=INK)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_title(title, fontsize=9, color=INK, wrap=True)
    save(figure, path)


def save_errors(
    path: Path, title: str, images: np.ndarray, labels: np.ndarray, logits: np.ndarray, classes: Sequence[str]
) -> None:
    """Draws the most confident errors: the misclassified images with the highest predicted probability.

    Args:
      path: the PNG to write.
      title: what was tested.
      images: uint8 [n, h, w, c] with c 1 or 3.
      labels: [n].
      logits: [n, classes].
      classes: their names.
    """
    # Imported here: it takes a tenth of a second, and runs of other tasks import this file too.
    from scipy.special import softmax

    predicted, probability = logits.argmax(1), softmax(logits, axis=1).max(1)
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(-probability[wrong], kind="stable")][:MOST_ERRORS]
    captions = _error_captions(labels[worst], predicted[worst], probability[worst], classes)
    lines = max((caption.count("\n") + 1 for caption in captions), default=2)
    down = max(1, -(-len(worst) // ERRORS_ACROSS))
    figure, axes = panels(down, ERRORS_ACROSS, (0.95 * ERRORS_ACROSS, (0.96 + 0.12 * lines) * down + 0.6))
    for axis in axes.flat:
        axis.axis("off")
    for axis, i, caption in zip(axes.flat, worst, captions, strict=False):
        show_image(axis, images[i], white=255.0)
        axis.set_title(caption, fontsize=7, color=INK, pad=2)
    legend = " (label → predicted class, its probability)" if len(worst) else ""
    if not legend:
        axes[0, 0].text(0, 0.5, "no errors", fontsize=9, color=INK)
    heading = f"{title}; {len(wrong):,} errors in {len(labels):,}{legend}"
    save(figure, path, heading, title_size=9, top=0.96, pad=0.4, h_pad=0.8)


def _error_captions(
    labels: np.ndarray, predicted: np.ndarray, probability: np.ndarray, classes: Sequence[str]
) -> list[str]:
    """Label, predicted class and probability [n each] as two lines of text per image, or three if names are long."""
    names = [name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…" for name in classes]
    arrow = " → " if max(map(len, names)) <= SHORT_NAME else "\n→ "
    # Near certainty needs four digits; rounding must not turn it into 1.
    shown = [f"{min(p, 0.9999):.4f}" if p > 0.995 else f"{p:.2f}" for p in probability]
    names = [literal(name) for name in names]
    return [f"{names[i]}{arrow}{names[j]}\n{p}" for i, j, p in zip(labels, predicted, shown, strict=True)]


def save_budgets(path: Path, title: str, points: Mapping[str, Sequence[tuple[int, Sequence[float]]]]) -> None:
    """Draws test error by number of labels, both on logarithmic axes: one line per method, one dot per seed.

    Args:
      path: the PNG to write.
      title: what was tested.
      points: method -> (number of labels, accuracy of each seed in [0, 1]) of each budget.
    """
    figure, axis = panel((6.4, 4.2))
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
    axis.grid(which="minor", color=GRID, linewidth=0.6)
    axis.legend(frameon=False, fontsize=8)
    axis.set_title(title, fontsize=9, color=INK)
    save(figure, path)
