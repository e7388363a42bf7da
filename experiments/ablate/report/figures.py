"""Figures of a grid of experiments: who differs from whom, by level, by cost, by spectrum, and in pictures."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np

from aeden.measures.paired_statistics import Comparison, bootstrap_interval
from aeden.plots.style import GRAY, INK, image_grid, plain_axes

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# Told apart by people who see colours otherwise too (Okabe & Ito 2008), in both light and dark.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7f7f7f")
MARKERS = "osD^vPX*"
Figure = Any


def colours(names: Sequence[str]) -> dict[str, str]:
    """The colour of each contender, the same in every figure."""
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}


def forest(
    comparisons: Mapping[str, Comparison], reference: str, unit: str, places: int, palette: Mapping[str, str]
) -> Figure:
    """A line a comparison: the mean difference to the reference and its interval.

    Args:
      comparisons: label, which begins with the contender's name -> what was found.
      reference: who is at 0.
      unit: of the differences, e.g. "PSNR, dB".
      places: digits behind the point.
      palette: colour by contender.
    """
    count = len(comparisons)
    figure, axis = plt.subplots(figsize=(7.2, 0.42 * count + 1.1))
    for y, (label, found) in enumerate(reversed(list(comparisons.items()))):
        color = palette.get(label.split(",")[0], INK)
        if np.isfinite(found.low):
            axis.plot([found.low, found.high], [y, y], color=color, linewidth=2.2, solid_capstyle="round")
        axis.plot(found.mean, y, "o", color=color, markersize=6)
        shown = found.verdict() != "no difference shown"
        axis.annotate(
            f"{found.mean:+.{places}f} [{found.low:+.{places}f}, {found.high:+.{places}f}]"
            f"{'' if shown else '  not shown'}",
            (1.01, y),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            color=INK,
        )
    axis.axvline(0, color=GRAY, linewidth=1, linestyle="--")
    axis.set_yticks(range(count), list(reversed(list(comparisons))), fontsize=9)
    axis.set_ylim(-0.6, count - 0.4)
    axis.set_xlabel(f"difference to {reference} ({unit})", fontsize=9, color=INK)
    _finish(figure, axis)
    return figure


Curves = Mapping[str, Mapping[float, Sequence[float]]]


def levels(
    curves: Curves, differences: Curves, labels: tuple[str, str], across: str, palette: Mapping[str, str]
) -> Figure:
    """A curve a contender with the band of its interval over seeds, and beside it their differences to the reference.

    Args:
      curves: name -> {level: a value a seed}; names without a colour are drawn broken in gray.
      differences: the same, of what is compared with the reference; {} for no second figure.
      labels: what the two show, with units.
      across: what the levels are.
      palette: colour by contender.
    """
    shown = [curves, differences] if differences else [curves]
    figure, axes = plt.subplots(1, len(shown), figsize=(4.6 * len(shown) + 1.4, 3.8), squeeze=False)
    order = {name: i for i, name in enumerate(curves)}
    for axis, some, label in zip(axes[0], shown, labels, strict=False):
        _curves(axis, some, order, palette)
        axis.set_xlabel(across, fontsize=9, color=INK)
        axis.set_ylabel(label, fontsize=9, color=INK)
    if differences:
        axes[0][1].axhline(0, color=GRAY, linewidth=1, linestyle="--")
    handles, names = axes[0][0].get_legend_handles_labels()
    axes[0][-1].legend(handles, names, frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))
    _finish(figure, *axes[0])
    return figure


def _curves(axis: Any, curves: Curves, order: Mapping[str, int], palette: Mapping[str, str]) -> None:
    """Markers by the place of each name in the order, so that they are the same in every figure."""
    dashes = itertools.cycle(("--", ":", "-."))
    for name, points in curves.items():
        x = sorted(points)
        means = [float(np.mean(points[level])) for level in x]
        color = palette.get(name, GRAY)
        axis.plot(
            x,
            means,
            color=color,
            marker=MARKERS[order[name] % len(MARKERS)],
            markersize=4,
            linewidth=1.6,
            label=name,
            linestyle="-" if name in palette else next(dashes),
        )
        bands = [bootstrap_interval(np.asarray(points[level])) for level in x]
        if all(np.isfinite(bands).ravel()):
            axis.fill_between(x, *np.transpose(bands), color=color, alpha=0.18, linewidth=0)


def quality_by_cost(
    points: Mapping[str, tuple[float, Sequence[float]]], label: str, cost: str, palette: Mapping[str, str]
) -> Figure:
    """Where each contender lies: what it costs, and what it restores, a value a seed with its interval."""
    figure, axis = plt.subplots(figsize=(6.4, 3.8))
    for i, (name, (x, values)) in enumerate(points.items()):
        low, high = bootstrap_interval(np.asarray(values))
        mean = float(np.mean(values))
        if np.isfinite(low):
            axis.plot([x, x], [low, high], color=palette[name], linewidth=1.6)
        axis.plot(x, mean, MARKERS[i % len(MARKERS)], color=palette[name], markersize=7)
        axis.annotate(name, (x, mean), xytext=(8, 4), textcoords="offset points", fontsize=8, color=INK)
    axis.margins(x=0.18, y=0.15)
    axis.set_xlabel(cost, fontsize=9, color=INK)
    axis.set_ylabel(label, fontsize=9, color=INK)
    _finish(figure, axis)
    return figure


def spectra(curves: Mapping[str, Sequence[float]], size: int, palette: Mapping[str, str]) -> Figure:
    """Radially averaged power by spatial frequency; a name without a colour is drawn dashed in gray."""
    figure, axis = plt.subplots(figsize=(6.4, 3.6))
    for name, power in curves.items():
        frequency = np.arange(1, len(power)) / size
        axis.semilogy(
            frequency,
            np.maximum(power[1:], 1e-12),
            color=palette.get(name, GRAY),
            linewidth=1.6,
            label=name,
            linestyle="-" if name in palette else "--",
        )
    axis.axvline(0.5, color=GRAY, linewidth=0.8, linestyle=":")
    axis.set_xlabel("cycles a pixel (dotted: Nyquist frequency of rows and columns)", fontsize=9, color=INK)
    axis.set_ylabel("power", fontsize=9, color=INK)
    axis.legend(frameon=False, fontsize=8)
    _finish(figure, axis)
    return figure


def pictures(rows: Mapping[str, np.ndarray], crop: tuple[slice, slice], power: Mapping[str, np.ndarray]) -> Figure:
    """The same images by every contender, a crop of the first enlarged, and the spectrum of what is wrong with them.

    Args:
      rows: name -> images [n, h, w, c] in [0, 1].
      crop: rows and columns of the enlarged part.
      power: name -> [h, w], the residual's power, frequency 0 in the middle; for the rows that have one.
    """
    count = len(next(iter(rows.values())))
    figure, axes = plt.subplots(len(rows), count + 2, figsize=(0.85 * (count + 2) + 1.3, 0.9 * len(rows) + 0.3))
    logs = {name: np.log10(np.maximum(image, 1e-9)) for name, image in power.items()}
    low, high = _limits(logs)
    for line, (name, images) in zip(np.atleast_2d(axes), rows.items(), strict=True):
        for axis, image in zip(line, [*images, images[0][crop]], strict=False):
            axis.imshow(np.clip(image, 0, 1).squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        if name in logs:
            line[-1].imshow(logs[name], cmap="magma", vmin=low, vmax=high, interpolation="nearest")
        else:
            line[-1].set_visible(False)
        for axis in line:
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9, color=INK, labelpad=6)
    for i, title in ((count, "crop"), (count + 1, "error's\nspectrum")):
        np.atleast_2d(axes)[0][i].set_title(title, fontsize=8, color=INK)
    np.atleast_2d(axes)[0][count + 1].set_visible(True)
    figure.tight_layout(pad=0.3, w_pad=0.15, h_pad=0.15)
    return figure


def responses(rows: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """What each decoder makes of a code: images [h, w] of either sign, by contender and by what they show.

    Constants are on one scale in each column, so that a decoder that keeps them is blank; an impulse's is its own.
    """
    names = list(next(iter(rows.values())))
    figure, axes = plt.subplots(
        len(rows), len(names), figsize=(1.75 * len(names) + 1.0, 1.6 * len(rows) + 0.4), squeeze=False
    )
    shared = {name: max(float(np.abs(row[name]).max()) for row in rows.values()) for name in names}
    for line, (contender, row) in zip(axes, rows.items(), strict=True):
        for axis, name in zip(line, names, strict=True):
            largest = max(shared[name] if name.startswith("constant") else float(np.abs(row[name]).max()), 1e-9)
            axis.imshow(row[name], cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.set_xlabel(f"± {largest:.2g}", fontsize=7, color=GRAY, labelpad=2)
        line[0].set_ylabel(contender, rotation=0, ha="right", va="center", fontsize=9, color=INK, labelpad=6)
    for axis, name in zip(axes[0], names, strict=True):
        axis.set_title(name, fontsize=8, color=INK)
    figure.tight_layout(pad=0.4)
    return figure


def _limits(logs: Mapping[str, np.ndarray]) -> tuple[float, float]:
    if not logs:
        return 0.0, 1.0
    return min(float(x.min()) for x in logs.values()), max(float(x.max()) for x in logs.values())


def _finish(figure: Figure, *axes: Any) -> None:
    for axis in axes:
        plain_axes(axis)
        axis.tick_params(labelsize=8, colors=INK)
    figure.tight_layout()


def close(figure: Figure) -> None:
    """Lets go of a figure's memory."""
    plt.close(figure)


def side_by_side(sets: Mapping[str, np.ndarray], across: int = 8) -> Figure:
    """Sets of images beside each other under their names: uint8 [n, h, w, c] each, a square of them shown."""
    figure, axes = plt.subplots(1, len(sets), figsize=(3.6 * len(sets), 3.9), squeeze=False)
    for axis, (name, images) in zip(axes[0], sets.items(), strict=True):
        axis.imshow(image_grid(images[: across * across], across), interpolation="nearest")
        axis.set_title(name, fontsize=10, color=INK)
        axis.axis("off")
    figure.tight_layout(pad=0.6)
    return figure
