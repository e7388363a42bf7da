"""Figures of a grid: differences to the reference, results by noise level and by cost, spectra, and images."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aeden.measures.metric import decimals
from aeden.measures.paired_statistics import Comparison, mean_interval
from aeden.plots.style import (
    GRAY,
    INK,
    SMALLEST_LOGIT_SCALE,
    image_grid,
    panel,
    panels,
    plain_axes,
    row_label,
    show_image,
    show_signed,
)

# Distinct for readers with colour-vision deficiencies (Okabe & Ito 2008), on light and on dark pages.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7f7f7f")
MARKERS = "osD^vPX*"
# Resolution that layouts are computed for; `saved_figures` chooses the one that is written.
DPI = 100
# Colour by contender. Names that are not in it, such as baselines, are drawn in gray with broken lines.
Palette = Mapping[str, str]
# Name -> {noise level, or cost: one value per seed}.
Curves = Mapping[str, Mapping[float, Sequence[float]]]


def colours(names: Sequence[str]) -> dict[str, str]:
    """Assigns each contender a colour, which is the same in every figure."""
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}


def forest(comparisons: Mapping[str, Comparison], reference: str, unit: str, digits: int, palette: Palette) -> Figure:
    """Draws the mean difference to the reference with its interval, one line per comparison, and the margin as a band.

    Args:
      comparisons: label, which begins with the contender's name -> result.
      reference: the contender at 0.
      unit: metric and unit of the differences, e.g. "PSNR, dB".
      digits: number of decimals.
      palette: colour by contender.
    """
    count = len(comparisons)
    figure, axis = panel((7.2, 0.42 * count + 1.1), DPI)
    margin = max(one.margin for one in comparisons.values())
    if margin > 0:
        axis.axvspan(-margin, margin, color=GRAY, alpha=0.13, linewidth=0)
    for y, (label, one) in enumerate(reversed(list(comparisons.items()))):
        color = palette.get(label.split(",")[0], INK)
        if np.isfinite(one.low):
            axis.plot([one.low, one.high], [y, y], color=color, linewidth=2.2, solid_capstyle="round")
        axis.plot(one.mean, y, "o", color=color, markersize=6)
        # x as a share of the width, y in data coordinates.
        place = axis.get_yaxis_transform()
        axis.annotate(_interval(one, digits), (1.01, y), xycoords=place, va="center", fontsize=8, color=INK)
    axis.axvline(0, color=GRAY, linewidth=1, linestyle="--")
    axis.set_yticks(range(count), list(reversed(list(comparisons))), fontsize=9)
    axis.set_ylim(-0.6, count - 0.4)
    axis.set_xlabel(f"difference to {reference} ({unit})", fontsize=9, color=INK)
    finish(figure, axis)
    return figure


def _interval(one: Comparison, digits: int) -> str:
    """A mean difference with its interval, e.g. "-0.01 [-0.09, +0.07]  no difference shown"."""
    digits = decimals(digits, (one.high - one.low) / 2)
    interval = f"[{one.low:+.{digits}f}, {one.high:+.{digits}f}]" if np.isfinite(one.low) else "(one seed)"
    verdict = one.verdict()
    shown = f"  {verdict}" if verdict in ("no difference shown", "equal for practical use") else ""
    return f"{one.mean:+.{digits}f} {interval}{shown}"


def levels(curves: Curves, differences: Curves, labels: tuple[str, str], across: str, palette: Palette) -> Figure:
    """Draws the mean over seeds by noise level, with bands for its interval, and the differences to the reference.

    Args:
      curves: metric by name and level.
      differences: difference to the reference by name and level; {} leaves out the second panel.
      labels: metric and unit of each panel.
      across: label of the horizontal axes.
      palette: colour by contender.
    """
    shown = [curves, differences] if differences else [curves]
    figure, (axes,) = panels(1, len(shown), (4.6 * len(shown) + 1.4, 3.8), DPI)
    order = {name: i for i, name in enumerate(curves)}
    for axis, some, label in zip(axes, shown, labels, strict=False):
        _level_curves(axis, some, order, palette)
        axis.locator_params(axis="x", nbins=8)
        axis.set_xlabel(across, fontsize=9, color=INK)
        axis.set_ylabel(label, fontsize=9, color=INK)
    if differences:
        axes[1].axhline(0, color=GRAY, linewidth=1, linestyle="--")
    handles, names = axes[0].get_legend_handles_labels()
    axes[-1].legend(handles, names, frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))
    finish(figure, *axes)
    return figure


def _level_curves(axis: Axes, curves: Curves, order: Mapping[str, int], palette: Palette) -> None:
    """Draws curves with bands; `order` gives the index of each name's marker, so that it is the same in both panels."""
    dashes = itertools.cycle(("--", ":", "-."))
    for name, values in curves.items():
        # Values that are not finite have no place; the verdict says which are left out.
        defined = {x: [value for value in some if np.isfinite(value)] for x, some in values.items()}
        points = {x: some for x, some in defined.items() if some}
        if not points:
            continue
        x = sorted(points)
        color = palette.get(name, GRAY)
        axis.plot(
            x,
            [float(np.mean(points[level])) for level in x],
            color=color,
            marker=MARKERS[order[name] % len(MARKERS)],
            markersize=4,
            linewidth=1.6,
            label=name,
            linestyle="-" if name in palette else next(dashes),
        )
        bands = np.array([mean_interval(np.asarray(points[level])) for level in x])
        if np.isfinite(bands).all():
            axis.fill_between(x, bands[:, 0], bands[:, 1], color=color, alpha=0.18, linewidth=0)


def quality_by_cost(
    points: Mapping[str, tuple[float, Sequence[float]]], label: str, cost: str, palette: Palette
) -> Figure:
    """Draws the mean metric over seeds, with its interval, against cost.

    Args:
      points: contender -> (cost, metric of each seed).
      label: metric and unit.
      cost: label of the horizontal axis.
      palette: colour by contender.
    """
    figure, axis = panel((6.4, 3.8), DPI)
    for i, (name, (x, values)) in enumerate(points.items()):
        low, high = mean_interval(np.asarray(values))
        mean = float(np.mean(values))
        if np.isfinite(low):
            axis.plot([x, x], [low, high], color=palette[name], linewidth=1.6)
        axis.plot(x, mean, MARKERS[i % len(MARKERS)], color=palette[name], markersize=7)
        axis.annotate(name, (x, mean), xytext=(8, 4), textcoords="offset points", fontsize=8, color=INK)
    axis.margins(x=0.18, y=0.15)
    axis.set_xlabel(cost, fontsize=9, color=INK)
    axis.set_ylabel(label, fontsize=9, color=INK)
    finish(figure, axis)
    return figure


def spectra(curves: Mapping[str, Sequence[float]], size: int, palette: Palette) -> Figure:
    """Draws radially averaged power by spatial frequency.

    Args:
      curves: name -> power at 0, 1, 2 ... cycles per image.
      size: pixels along the shorter side of an image.
      palette: colour by contender.
    """
    figure, axis = panel((6.4, 3.6), DPI)
    dashes = itertools.cycle(("--", "-."))
    for name, power in curves.items():
        frequency = np.arange(1, len(power)) / size
        style = "-" if name in palette else next(dashes)
        color = palette.get(name, GRAY)
        axis.semilogy(frequency, np.maximum(power[1:], 1e-12), style, color=color, linewidth=1.6, label=name)
    axis.axvline(0.5, color=GRAY, linewidth=0.8, linestyle=":")
    axis.set_xlabel("cycles per pixel (dotted: Nyquist frequency of rows and columns)", fontsize=9, color=INK)
    axis.set_ylabel("power", fontsize=9, color=INK)
    axis.legend(frameon=False, fontsize=8)
    finish(figure, axis)
    return figure


def pictures(rows: Mapping[str, np.ndarray], crop: tuple[slice, slice], power: Mapping[str, np.ndarray]) -> Figure:
    """Draws the same images as restored by each method, an enlarged crop of the first, and the error's spectrum.

    Args:
      rows: name -> images [n, h, w, c] in [0, 1].
      crop: rows and columns of the enlarged part.
      power: name -> power spectrum of the residual [h, w], frequency 0 in the middle; for the rows that have one.
    """
    count = len(next(iter(rows.values())))
    figure, axes = panels(len(rows), count + 2, (0.85 * (count + 2) + 1.3, 0.9 * len(rows) + 0.3), DPI)
    logs = {name: np.log10(np.maximum(image, 1e-9)) for name, image in power.items()}
    low = min((float(log.min()) for log in logs.values()), default=0.0)
    high = max((float(log.max()) for log in logs.values()), default=1.0)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(line[:-1], [*images, images[0][crop]], strict=True):
            show_image(axis, np.clip(image, 0, 1))
        if name in logs:
            line[-1].imshow(logs[name], cmap="magma", vmin=low, vmax=high, interpolation="nearest")
        for axis in line:
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        row_label(line[0], name)
    axes[0, count].set_title("crop", fontsize=8, color=INK)
    axes[0, count + 1].set_title("error's\nspectrum", fontsize=8, color=INK)
    figure.tight_layout(pad=0.3, w_pad=0.5, h_pad=0.15)
    return figure


def responses(rows: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Draws how each decoder responds to a constant code and to an impulse.

    Responses to a constant share one colour scale per column, so that a decoder without ripple looks blank. Each
    response to an impulse has its own scale.

    Args:
      rows: contender -> {name, e.g. "impulse, trained": logits [h, w]}, the same names for each contender.
    """
    names = list(next(iter(rows.values())))
    figure, axes = panels(len(rows), len(names), (1.75 * len(names) + 1.0, 1.6 * len(rows) + 0.4), DPI)
    shared = {name: max(float(np.abs(row[name]).max()) for row in rows.values()) for name in names}
    for line, (contender, row) in zip(axes, rows.items(), strict=True):
        for axis, name in zip(line, names, strict=True):
            largest = max(
                shared[name] if name.startswith("constant") else float(np.abs(row[name]).max()), SMALLEST_LOGIT_SCALE
            )
            show_signed(axis, row[name], largest)
            axis.set(xticks=[], yticks=[])
            axis.set_xlabel(f"± {largest:.2g}", fontsize=7, color=GRAY, labelpad=2)
        row_label(line[0], contender)
    for axis, name in zip(axes[0], names, strict=True):
        axis.set_title(name, fontsize=8, color=INK)
    figure.tight_layout(pad=0.4)
    return figure


def side_by_side(sets: Mapping[str, np.ndarray], across: int = 8) -> Figure:
    """Draws the first `across`² images of each set, uint8 [n, h, w, c], as squares next to each other."""
    figure, (axes,) = panels(1, len(sets), (3.6 * len(sets), 3.9), DPI)
    for axis, (name, images) in zip(axes, sets.items(), strict=True):
        axis.imshow(image_grid(images[: across * across], across), interpolation="nearest")
        axis.set_title(name, fontsize=10, color=INK)
        axis.axis("off")
    figure.tight_layout(pad=0.6)
    return figure


def finish(figure: Figure, *axes: Axes) -> None:
    """Gives the axes of a figure the style of all, and the figure its layout."""
    for axis in axes:
        plain_axes(axis)
        axis.tick_params(labelsize=8, colors=INK)
    figure.tight_layout()
