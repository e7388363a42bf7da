"""The heat map as a picture and as an HTML page whose cells and settings open what they come from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aeden.plots import settings as plots
from experiments.ablate.report.html import escape, note, page
from experiments.settings.document import relative
from experiments.settings.setting import Effect, Setting

# The difference with the deepest colour, in units of the margin: 0.5 dB of PSNR.
LARGEST = 5.0
STYLE = """<style>
body { max-width: 84rem; }
table.map { border-collapse: separate; border-spacing: 2px; font-size: .8rem; }
table.map th, table.map td { padding: .2rem .3rem; border: 0; } table.map th { cursor: default; text-align: center; }
table.map td.cell { text-align: center; color: #1f2430; border: 0; border-radius: 3px; }
table.map td.deep { color: #fff; } table.map td.cell a { color: inherit; text-decoration: none; }
table.map td.none { color: var(--gray); } table.map tr.section th { text-align: left; padding-top: 1rem; border: 0; }
dl.legend { display: grid; grid-template-columns: max-content auto; gap: .2rem 1rem; font-size: .8rem; }
dl.legend dd { margin: 0; }
table.map td:first-child a, table.map td:last-child a { color: var(--accent); }
</style>"""


def sections(settings: Sequence[Setting]) -> dict[str, list[Setting]]:
    """Settings by their section, in order of first occurrence."""
    found: dict[str, list[Setting]] = {}
    for one in settings:
        found.setdefault(one.section, []).append(one)
    return found


def label(effect: Effect | None, setting: Setting) -> str:
    """The text of a cell: the difference in the unit of the metric, and the mark of its verdict."""
    if effect is None:
        return ""
    number = f"{effect.comparison.mean:+.{setting.metric.digits}f}"
    return f"{number} {plots.MARKS.get(effect.word, '')}".strip()


def value(effect: Effect | None) -> float:
    """The value of a cell in units of the margin, above 0 where the contender is better; NaN without a margin."""
    return float(np.mean(list(effect.by_seed.values()))) if effect is not None and effect.by_seed else math.nan


def columns(settings: Sequence[Setting], config: Any) -> list[str]:
    """The contenders that some setting compares with the reference."""
    return [name for name in config.contenders if any(name in one.effects for one in settings)]


def save_picture(path: Path, settings: Sequence[Setting], config: Any) -> None:
    """Writes the heat map as PNG."""
    grouped, names = sections(settings), columns(settings, config)
    ordered = [one for members in grouped.values() for one in members]
    plots.save_heat_map(
        path,
        f"Difference to {config.reference}, in the unit of the metric (PSNR: dB); ▲ better, ▼ worse, = equal for "
        "practical use, else no difference shown; · not measured. Blue: better, red: worse",
        {name: [one.words for one in members] for name, members in grouped.items()},
        names,
        np.array([[value(one.effects.get(name)) for name in names] for one in ordered]),
        [[label(one.effects.get(name), one) for name in names] for one in ordered],
        LARGEST,
    )


def html(title: str, settings: Sequence[Setting], config: Any, folder: Path, root: Path) -> str:
    """The heat map as a page.

    Args:
      title: of the page.
      settings: all of them.
      config: see configs/settings/base.py.
      folder: where the page will lie.
      root: of the repository.
    """
    names = columns(settings, config)
    heads = "".join(f'<th scope="col" title="{escape(config.contenders[name])}">{escape(name)}</th>' for name in names)
    lines = [
        f'<div class=scroll><table class=map><thead><tr><th scope="col"></th>{heads}<th>table</th></tr></thead><tbody>'
    ]
    for section, members in sections(settings).items():
        lines.append(f'<tr class=section><th colspan="{len(names) + 2}">{escape(section)}</th></tr>')
        lines += [_line(one, names, folder, root) for one in members]
    body = [
        STYLE,
        f"<h1>{escape(title)}</h1>",
        note(
            f"Each cell is the mean difference to {config.reference} over paired seeds, in the unit of the metric "
            "(PSNR: dB). Blue: better; red: worse; the deepest colour is five times the smallest difference to act on. "
            "▲ better, ▼ worse, = equal for practical use: shown after correction; without a mark, no difference is "
            "shown. A gray cell has a metric without a margin. Hold the pointer over a cell for its interval. The name "
            "of a setting opens the page about its runs, the last column every run."
        ),
        *lines,
        "</tbody></table></div>",
        _legend([config.reference, *names], config),
    ]
    return page(title, body)


def _legend(names: Sequence[str], config: Any) -> str:
    """The contenders in plain words, also for readers without a pointer."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(config.contenders[name])}</dd>" for name in names)
    return f"<dl class=legend>{rows}</dl>"


def _line(setting: Setting, names: Sequence[str], folder: Path, root: Path) -> str:
    """The row of a setting."""
    table = relative(setting.table, folder, root)
    opened = relative(setting.report, folder, root) if setting.report else table
    cells = "".join(_cell(setting, setting.effects.get(name), name) for name in names)
    name = Path(setting.table).name
    return (
        f'<tr><td><a href="{escape(opened)}">{escape(setting.words)}</a></td>{cells}'
        f'<td><a href="{escape(table)}" title="{escape(name)}">table</a></td></tr>'
    )


def _cell(setting: Setting, effect: Effect | None, name: str) -> str:
    """The cell of a contender: its colour, and what is shown when the pointer rests on it."""
    if effect is None:
        return '<td class="cell none" title="not measured">·</td>'
    one, metric = effect.comparison, setting.metric
    ends = f"{metric.format_difference(one.low)} to {metric.format_difference(one.high)}"
    hint = (
        f"{name}, {setting.words}: {effect.word}; {metric.label} {metric.format_difference(one.mean)}, 95 % interval "
        f"{ends}, corrected p = {one.corrected:.2g}, {one.pairs} seeds"
    )
    colour, deep = _colour(value(effect))
    return f'<td class="cell{deep}" style="background:{colour}" title="{escape(hint)}">{label(effect, setting)}</td>'


def _colour(margins: float) -> tuple[str, str]:
    """Background of a cell, and " deep" if its text must be white."""
    if math.isnan(margins):
        return "#e5e7eb", ""
    share = min(abs(margins) / LARGEST, 1.0)
    end = (33, 102, 172) if margins > 0 else (178, 24, 43)
    red, green, blue = (round(247 + share * (channel - 247)) for channel in end)
    return f"#{red:02x}{green:02x}{blue:02x}", " deep" if share > 0.62 else ""
