"""What a reader should know of a grid's runs before the verdict, for the printed text and for the report."""

from __future__ import annotations

from collections.abc import Mapping

from aeden.tasks.task import Summary
from experiments.ablate import collapsed, divergence, unequal
from experiments.ablate.grid import Cell
from experiments.ablate.plan import Plan


def titled(plan: Plan, summaries: Mapping[Cell, Summary]) -> dict[str, list[str]]:
    """Title -> sentences, without those of which there are none.

    Args:
      plan: the runs of the grid.
      summaries: summary of each finished run.
    """
    found = {
        "Runs that diverged": divergence.sentences(plan),
        "Runs that restored nothing": collapsed.sentences(summaries),
        "Networks that are not of equal size": unequal.sentences(plan),
    }
    return {title: lines for title, lines in found.items() if lines}
