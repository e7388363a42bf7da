"""The heat map of a verdict over settings: contenders against settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap

from aeden.plots.style import GRAY, GRID, INK, panel, save

# Marks of what is shown; a cell without a mark shows no difference.
MARKS = {"better": "▲", "worse": "▼", "equal for practical use": "="}
COLOURS, GRAY_ONLY = "RdBu", ListedColormap([GRID])


def save_heat_map(
    path: Path,
    title: str,
    sections: Mapping[str, Sequence[str]],
    columns: Sequence[str],
    values: np.ndarray,
    labels: Sequence[Sequence[str]],
    largest: float,
) -> None:
    """Draws one cell per setting and contender.

    Args:
      path: the PNG to write.
      title: what the colours mean.
      sections: name of a section -> names of its settings, one line each, top to bottom.
      columns: names of the contenders.
      values: [settings, contenders] in units that all share, above 0 where the contender is better; NaN for a cell
        without a value.
      labels: [settings][contenders], the text of each cell; "" for one that was not measured.
      largest: the value with the deepest colour.
    """
    count = sum(len(names) for names in sections.values())
    figure, axis = panel((3.9 + 0.82 * len(columns), 1.5 + 0.27 * (count + 1.2 * len(sections))))
    heights, y = [], 0.0
    for name, members in sections.items():
        axis.text(-0.5, y + 0.62, name, fontsize=8.5, color=INK, weight="bold", ha="left", va="center")
        y += 1.2
        heights += [y + line for line in range(len(members))]
        y += len(members)
    axis.set_facecolor("white")
    mesh: dict[str, Any] = {"cmap": COLOURS, "vmin": -largest, "vmax": largest, "edgecolors": "white", "linewidth": 1.5}
    for height, line, words in zip(heights, np.ma.masked_invalid(values), labels, strict=True):
        axis.pcolormesh(np.arange(len(columns) + 1) - 0.5, [height, height + 1], line[None], **mesh)
        for column, text in enumerate(words):
            if text and np.ma.getmaskarray(line)[column]:
                axis.pcolormesh(
                    [column - 0.5, column + 0.5], [height, height + 1], [[0]], **{**mesh, "cmap": GRAY_ONLY}
                )
            deep = abs(np.ma.filled(line, 0)[column]) > 0.62 * largest
            place = (column, height + 0.52)
            axis.text(
                *place,
                text or "·",
                fontsize=7.5,
                color="white" if deep else INK if text else GRAY,
                ha="center",
                va="center",
            )
    axis.set(xlim=(-0.5, len(columns) - 0.5), ylim=(y, 0), xticks=range(len(columns)))
    axis.set_xticklabels(columns, fontsize=8, rotation=30, ha="left")
    axis.xaxis.tick_top()
    axis.set_yticks([height + 0.5 for height in heights])
    axis.set_yticklabels([name for members in sections.values() for name in members], fontsize=8)
    axis.tick_params(length=0, colors=INK)
    axis.spines[:].set_visible(False)
    save(figure, path, title, title_size=9)
