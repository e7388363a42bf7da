"""The runs of a grid that `--only` names."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.ablate import grid
from experiments.ablate.grid import Cell
from experiments.ablate.tuning import Tuning


def select(cells: list[Cell], names: Sequence[str]) -> list[Cell]:
    """The runs with the given names, shared runs among them; all runs if no name is given.

    Raises:
      ValueError: there is no run of a name.
    """
    every = [*grid.shared_runs(cells), *cells]
    known = {cell.name for cell in every}
    for name in names:
        if name not in known:
            raise ValueError(f"there is no run {name!r} in this grid: --list prints their names")
    return [cell for cell in every if cell.name in names] if names else cells


def wanted(tuned: Tuning, names: Sequence[str]) -> tuple[list[Cell], list[str]]:
    """The trials (and their shared runs) among some names, and the names of the runs after the tuning.

    Raises:
      ValueError: there is no run of a name.
    """
    trials = [cell for cell in tuned.plan.folders if cell.name in names]
    others = [name for name in names if name not in {cell.name for cell in trials}]
    select(tuned.templates, others)
    return trials, others


def finals(tuned: Tuning, names: Sequence[str]) -> list[Cell]:
    """The runs after the tuning with the given names; all if no name is given.

    Raises:
      ValueError: the contender of a name does not go on.
    """
    cells = tuned.finals()
    known = {cell.name for cell in cells}
    for name in names:
        if name not in known:
            raise ValueError(
                f"--only={name!r}: its contender does not go on after the tuning; name it in tuning.always"
            )
    return select(cells, names)
