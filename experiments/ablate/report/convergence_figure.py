"""The figure of a grid whose runs have several lengths: quality against steps, seconds and multiplications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from aeden.plots.style import GRAY, INK, panels
from experiments.ablate.report.figures import DPI, MARKERS, Curves, Palette, finish
from experiments.ablate.report.tuning_figures import limits

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def convergence(
    rows: Mapping[str, Mapping[str, tuple[Curves, Sequence[float]]]],
    label: str,
    palette: Palette,
    higher_is_better: bool,
) -> Figure:
    """Draws every run by its cost, and a line through the medians over seeds, on logarithmic axes of cost.

    Args:
      rows: setting -> kind of cost and its unit -> metric by contender and cost, and the costs to mark on the axis: a
        row of panels per setting, a column per kind of cost; at least one setting.
      label: metric and unit.
      palette: colour by contender.
      higher_is_better: whether a higher value is better. Values far worse than most are drawn at the border.
    """
    count = max(len(line) for line in rows.values())
    figure, axes = panels(len(rows), count, (3.5 * count + 1.2, 3.5 * len(rows)), DPI)
    for line, (setting, columns) in zip(axes, rows.items(), strict=True):
        for axis, (across, (curves, ticks)) in zip(line, columns.items(), strict=True):
            _curves(axis, curves, palette, higher_is_better)
            axis.set_xscale("log")
            axis.set_xticks(ticks, [_amount(x) for x in ticks])
            axis.xaxis.set_minor_locator(NullLocator())
            axis.set_xlabel(across, fontsize=9, color=INK)
            axis.set_title(setting, fontsize=9, color=GRAY)
        line[0].set_ylabel(label, fontsize=9, color=INK)
    handles = {
        name: handle for axis in axes.flat for handle, name in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    names = [name for name in palette if name in handles]
    place = {"loc": "upper left", "bbox_to_anchor": (1.02, 1.02)}
    axes[0, -1].legend([handles[name] for name in names], names, frameon=False, fontsize=8, **place)
    finish(figure, *axes.flat)
    return figure


def _curves(axis: Axes, curves: Curves, palette: Palette, higher_is_better: bool) -> None:
    """Draws the runs and medians of one panel."""
    low, high = limits([y for some in curves.values() for ys in some.values() for y in ys], higher_is_better)
    for name, marker in zip(palette, MARKERS * len(palette), strict=False):
        costs = sorted(cost for cost, values in curves.get(name, {}).items() if values)
        if not costs:
            continue
        runs = [(x, y) for x in costs for y in np.clip(curves[name][x], low, high)]
        style: dict[str, Any] = {"color": palette[name], "clip_on": False}
        axis.plot(*zip(*runs, strict=True), ".", markersize=4, alpha=0.45, markeredgewidth=0, **style)
        medians = np.clip([np.median(curves[name][x]) for x in costs], low, high)
        axis.plot(costs, medians, marker=marker, markersize=4.5, linewidth=1.4, label=name, **style)
    span = high - low
    axis.set_ylim(low - 0.03 * span, high + 0.03 * span)


def _amount(x: float) -> str:
    """A positive number in few digits: "1,290", "3.4", or "4.1·10¹¹"."""
    if 0.01 <= x < 1e6:
        return f"{x:,.0f}" if x >= 100 else f"{x:.2g}"
    digits, exponent = f"{x:.1e}".split("e")
    return f"{digits}·10{str(int(exponent)).translate(SUPERSCRIPTS)}"
