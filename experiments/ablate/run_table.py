"""Tables of runs and trials, as grids write them, read again: errors name the file, the line and the column."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aeden.runtime.files import Row


def read(path: Path, columns: Mapping[str, Callable[[str], Any]], remedy: str, also: Sequence[str] = ()) -> list[Row]:
    """Some columns of a table.

    Args:
      path: a CSV file.
      columns: column -> what makes its value of its text, and raises ValueError if it cannot.
      remedy: what to do about a file that is no such table.
      also: columns whose text is wanted too, where the table has them.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is no table, a column is missing, a row is cut short, or a text is no such value.
    """
    if not path.is_file():
        raise ValueError(f"there is no table {path}: {remedy}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is no CSV table: {remedy}") from error
    if not rows:
        raise ValueError(f"{path} has no row: {remedy}")
    for name in columns:
        if name not in rows[0]:
            raise ValueError(f"{path} has no column {name}: {remedy}")
    wanted: dict[str, Callable[[str], Any]] = {
        **columns,
        **dict.fromkeys((name for name in also if name in rows[0]), str),
    }
    return [_parsed(row, wanted, f"{path}, line {i}") for i, row in enumerate(rows, 2)]


def _parsed(row: Mapping[str, str | None], columns: Mapping[str, Callable[[str], Any]], where: str) -> Row:
    found = {}
    for name, parse in columns.items():
        text = row[name]
        if text is None:
            raise ValueError(f"{where}: the row is cut short, {name} is missing; remove it, or write the table again")
        try:
            found[name] = parse(text)
        except ValueError as error:
            raise ValueError(f"{where}: {name}={text!r} is no value of this column; mend it") from error
    return found


def figure(text: str) -> float:
    """A value of a metric; NaN for "", which stands for that of a run that diverged."""
    return float(text or "nan")


def positive(text: str) -> float:
    """A length, finite and above 0.

    Raises:
      ValueError: it is something else.
    """
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError(f"{text} is not above 0")
    return value


def count(text: str) -> int:
    """A number of steps, 1 or more.

    Raises:
      ValueError: it is something else.
    """
    return int(positive(str(int(text))))


def check_unique(rows: Sequence[Row], columns: Sequence[str], path: Path, remedy: str) -> None:
    """Refuses rows with the same values in some columns, one of which would silently replace the other.

    Raises:
      ValueError: naming the values and the remedy.
    """
    seen = set()
    for row in rows:
        values = tuple(row[name] for name in columns)
        if values in seen:
            same = ", ".join(f"{name}={value}" for name, value in zip(columns, values, strict=True))
            raise ValueError(f"{path} has two rows with {same}: {remedy}")
        seen.add(values)
