"""The rows of a committed table."""

from __future__ import annotations

import csv
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aeden.runtime.files import Row


def read_rows(path: Path) -> tuple[list[Row], set[str]]:
    """The rows of a CSV file, with numbers as numbers and without the values that they lack; and its columns.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is no table, or has no row, or one that is longer than its head.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path.name} is no CSV table: restore it, or name another") from error
    if not rows or any(None in row for row in rows):
        raise ValueError(f"{path.name} has no row, or one that is longer than its head: restore it, or name another")
    rows = [row for row in rows if any(row.values())]  # spreadsheets write lines of commas only
    numbered = [{name: _value(text) for name, text in row.items() if text} for row in rows]
    return numbered, set(reader.fieldnames or ())


def rows_at(rows: Iterable[Row], columns: Container[str], place: Mapping[str, Sequence[Any]]) -> list[Row]:
    """The rows at a place: column -> values that they may have. Columns that the table lacks do not tell rows apart."""
    here = {column: values for column, values in place.items() if column in columns}
    return [row for row in rows if all(row.get(column) in values for column, values in here.items())]


def runs_named(rows: Iterable[Row], pattern: str) -> list[Row]:
    """The rows of runs among those of methods, with the columns `contender` and `seed`.

    Args:
      rows: of a table that `aeden evaluate` wrote: `method` says whose figures they are.
      pattern: regular expression for the whole name of a run, with the groups `contender` and `seed`.

    Raises:
      ValueError: the pattern is none or has not these groups, or no row matches it.
    """
    try:
        groups = set(re.compile(pattern).groupindex)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression ({error}): correct `runs`") from error
    if groups != {"contender", "seed"}:
        raise ValueError(f"the pattern {pattern!r} has not the groups contender and seed: correct `runs`")
    matches = [(row, re.fullmatch(pattern, str(row.get("method")))) for row in rows]
    found = [{**row, "contender": match["contender"], "seed": int(match["seed"])} for row, match in matches if match]
    if not found:
        raise ValueError(f"no method of the table is a run by {pattern!r}: correct `runs`")
    return found


def _value(text: str) -> Any:
    """A value of a table: bool, int or float if it reads as one, else the text."""
    if text in ("True", "False"):
        return text == "True"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text
