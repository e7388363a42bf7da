"""Figures of a grid's tuning: results by the value of a field, and the expected best by the number of trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from aeden.plots.style import GRAY, INK, panels, plain_axes
from experiments.ablate.report.figures import DPI, MARKERS, PALETTE

# (value of the field, result; None if the trial diverged) of each trial.
Points = Sequence[tuple[float, float | None]]
# The part of a panel's height that lies beyond the best result, and the part of the results that the panel must show.
HEADROOM, SHOWN = 0.08, 0.75


class Styles:
    """Colour and marker of each contender: no two of up to 64 share both.

    Args:
      names: the contenders; the first ones get the colours that other figures give them.
      ranking: the contenders in the order of the legends.
    """

    def __init__(self, names: Sequence[str], ranking: Sequence[str]):
        self._index = {name: i for i, name in enumerate(names)}
        self.ranking = list(ranking)

    def colour(self, name: str) -> str:
        """The colour of a contender."""
        return PALETTE[self._index[name] % len(PALETTE)]

    def marker(self, name: str) -> str:
        """The marker of a contender."""
        i = self._index[name]
        return MARKERS[(i + i // len(PALETTE)) % len(MARKERS)]


def by_value(
    rows: Mapping[str, Mapping[str, Mapping[str, Points]]],
    chosen: Mapping[str, Mapping[str, Mapping[str, tuple[float, float]]]],
    label: str,
    styles: Styles,
    higher_is_better: bool,
) -> Figure:
    """Draws the result of each trial by the value of a field: a row of panels per setting, a column per field.

    Args:
      rows: setting -> field -> contender -> its trials, as (value, result).
      chosen: setting -> field -> contender -> the chosen trial, as (value, result), whose point is filled.
      label: metric and unit.
      styles: of the contenders.
      higher_is_better: whether a higher result is better. Results far worse than most are drawn at the border.
    """
    fields = list(next(iter(rows.values())))
    figure, axes = panels(len(rows), len(fields), (4.6 * len(fields) + 1.6, 3.6 * len(rows)), DPI)
    for line, (setting, columns) in zip(axes, rows.items(), strict=True):
        for axis, (field, contenders) in zip(line, columns.items(), strict=True):
            low, high = limits([y for points in contenders.values() for _, y in points], higher_is_better)
            for name, points in contenders.items():
                border = low if higher_is_better else high
                known = sorted((x, border if y is None else float(np.clip(y, low, high))) for x, y in points)
                xs, ys = zip(*known, strict=True)
                colour, marker = styles.colour(name), styles.marker(name)
                axis.plot(xs, ys, color=colour, linewidth=0.8, alpha=0.7, clip_on=False)
                axis.plot(xs, ys, marker, color=colour, markersize=3.5, markerfacecolor="none", clip_on=False)
                x, y = chosen[setting][field][name]
                best = {"markersize": 8, "markeredgecolor": INK, "label": name}
                axis.plot(x, float(np.clip(y, low, high)), marker, color=colour, clip_on=False, **best)
            _log_ticks(axis)
            span = high - low
            axis.set_ylim(low - 0.03 * span, high + 0.03 * span)
            _finish(axis, field, label, setting)
    _legend(figure, axes, styles)
    return figure


def _log_ticks(axis: Axes) -> None:
    """A logarithmic horizontal axis with plain numbers, also where it spans less than a decade."""
    axis.set_xscale("log")
    first, last = axis.get_xlim()
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if last < 1000 * first else (1.0,)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())


def limits(results: Sequence[float | None], higher_is_better: bool) -> tuple[float, float]:
    """The range of results that a panel shows: all of them, unless a quarter are far worse than the others."""
    known = np.array([y for y in results if y is not None])
    sign = 1.0 if higher_is_better else -1.0
    best, usual = sign * np.max(sign * known), sign * np.quantile(sign * known, 1 - SHOWN)
    span = 1.5 * abs(best - usual) or 1.0
    worst = sign * max(float(np.min(sign * known)), sign * best - span)
    beyond = best + sign * HEADROOM * abs(best - worst)
    return min(worst, beyond), max(worst, beyond)


def by_trials(rows: Mapping[str, Mapping[str, np.ndarray]], label: str, styles: Styles) -> Figure:
    """Draws the expected best result by the number of trials, one panel per setting.

    Args:
      rows: setting -> contender -> expected best of 1, 2, ... trials.
      label: metric and unit.
      styles: of the contenders.
    """
    figure, axes = panels(1, len(rows), (4.6 * len(rows) + 1.6, 3.6), DPI)
    for axis, (setting, contenders) in zip(axes[0], rows.items(), strict=True):
        for name, curve in contenders.items():
            axis.plot(
                np.arange(1, len(curve) + 1),
                curve,
                color=styles.colour(name),
                marker=styles.marker(name),
                markersize=3.5,
                linewidth=1.2,
                label=name,
            )
        axis.locator_params(axis="x", integer=True)
        _finish(axis, "number of trials", label, setting)
    _legend(figure, axes, styles)
    return figure


def _finish(axis: Axes, across: str, label: str, title: str) -> None:
    plain_axes(axis)
    axis.tick_params(labelsize=8, colors=INK)
    axis.set_xlabel(across, fontsize=9, color=INK)
    axis.set_ylabel(label, fontsize=9, color=INK)
    if title:
        axis.set_title(title, fontsize=9, color=GRAY)


def _legend(figure: Figure, axes: np.ndarray, styles: Styles) -> None:
    """One legend to the right of the first row."""
    # A contender may be missing from a panel.
    both = [axis.get_legend_handles_labels() for axis in axes.flat]
    known = {name: handle for handles, names in both for handle, name in zip(handles, names, strict=True)}
    order = [name for name in styles.ranking if name in known]
    figure.tight_layout()
    place = {"loc": "upper left", "bbox_to_anchor": (1.02, 1.02)}
    axes[0, -1].legend([known[name] for name in order], order, frameon=False, fontsize=8, **place)
