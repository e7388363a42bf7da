"""The rows of a committed table that an entry of a verdict is about, and what they may not be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from aeden.runtime.files import Row
from aeden.runtime.identity import flatten
from aeden.tasks.execute import TASKS
from experiments.ablate.grid import kind
from experiments.settings.rows import read_rows, rows_at, runs_named


def rows_of(path: Path, entry: Any) -> list[Row]:
    """The rows of a table that an entry is about, with numbers as numbers; a value that a row lacks is left out.

    Raises:
      ValueError: there is no such table or column, or no such row.
    """
    if not path.is_file():
        raise ValueError("there is no such table: correct its path")
    rows, columns = read_rows(path)
    if entry.runs:
        rows, columns = runs_named(rows, entry.runs), columns | {"contender", "seed"}
    where = flatten(entry.where.to_dict())
    for column in ("contender", "seed", entry.metric, *entry.axes, *where, *(() if entry.data else ("dataset",))):
        if column not in columns:
            raise ValueError(f"the table has no column {column}: it has {', '.join(sorted(columns))}")
    _check_task(columns, entry)
    chosen = rows_at(rows, columns, wanted_values(entry))
    if not chosen:
        raise ValueError(f"no row has {kind('', where).removeprefix(', ')}: correct `where`")
    _check_cells(chosen, entry)
    rename = entry.rename.to_dict()
    for name in rename.keys() - {row["contender"] for row in chosen}:
        raise ValueError(f"the table has no contender {name!r}: correct `rename`")
    return [{**row, "contender": rename.get(row["contender"], row["contender"])} for row in chosen]


def _check_cells(rows: Iterable[Row], entry: Any) -> None:
    """Refuses rows without what every run has, and text in place of numbers. A run may lack its metric.

    Raises:
      ValueError: naming the row by its contender and seed, and the column.
    """
    needed = ("contender", "seed", *entry.axes, *(() if entry.data else ("dataset",)))
    for row in rows:
        which = f"the row of contender {row.get('contender')}, seed {row.get('seed')}"
        for column in needed:
            if column not in row:
                raise ValueError(f"{which} has no {column}: restore the table")
        if not isinstance(row["seed"], int) or not isinstance(row.get(entry.metric, 0.0), int | float):
            column = entry.metric if isinstance(row["seed"], int) else "seed"
            raise ValueError(f"{which} has no number as {column}, but {row[column]!r}: restore the table")


def _check_task(columns: Iterable[str], entry: Any) -> None:
    """Refuses an entry whose task does not read what its table varies, such as one that forgets to name its task.

    Raises:
      ValueError: naming the column.
    """
    for column in sorted(columns):
        section = column.partition(".")[0]
        readers = [name for name, task in TASKS.items() if section in task.sections]
        if "." in column and readers and entry.task not in readers:
            raise ValueError(
                f"the table has the column {column}, which task={entry.task} does not read: set the entry's task, to "
                f"{' or '.join(readers)}"
            )


def of_decoders(rows: Sequence[Row], entry: Any) -> list[Row]:
    """The rows whose contender is a decoder."""
    return [row for row in rows if row["contender"] not in entry.not_decoders]


def wanted_values(entry: Any) -> dict[str, tuple[Any, ...]]:
    """Column -> the values that its rows may have, by `where`."""
    where = flatten(entry.where.to_dict())
    return {column: value if isinstance(value, tuple) else (value,) for column, value in where.items()}


def check_rows(rows: Sequence[Row], contenders: Sequence[str], axes: Sequence[str], reference: str, entry: Any) -> None:
    """Refuses rows of unknown contenders, no row of the reference, and two runs where one is expected.

    Raises:
      ValueError: naming the contender or the rows.
    """
    present = {row["contender"] for row in rows}
    for name in sorted(present - set(contenders) - set(entry.not_decoders)):
        raise ValueError(
            f"the contender {name!r} is unknown: add it to config.contenders, rename it in the entry, or name it in "
            "the entry's `not_decoders`"
        )
    for name in entry.not_decoders:
        if name in contenders or name not in present:
            where = "is in config.contenders" if name in contenders else "has no run in the table"
            raise ValueError(f"{name!r} in `not_decoders` {where}: correct it")
    if reference not in present:
        raise ValueError(f"the table has no run of the reference {reference}")
    seen = set()
    for row in rows:
        run = (row["contender"], row["seed"], *(row[axis] for axis in axes))
        if run in seen:
            raise ValueError(
                f"two rows of {row['contender']} have seed {row['seed']}: name the column that tells them apart in "
                "`axes`, or choose its value in `where`"
            )
        seen.add(run)
    if not entry.data and len({row["dataset"] for row in rows} - {None}) > 1 and "dataset" not in axes:
        raise ValueError("the table has several data sets: add dataset to `axes`, or choose one in `where`")
