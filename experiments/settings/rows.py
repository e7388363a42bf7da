"""The rows of a committed table."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from aeden.runtime.files import Row


def read_rows(path: Path) -> tuple[list[Row], set[str]]:
    """The rows of a CSV file, with numbers as numbers and without the values that they lack; and its columns."""
    with path.open() as file:
        reader = csv.DictReader(file)
        rows = [{name: _value(text) for name, text in row.items() if text} for row in reader]
        return rows, set(reader.fieldnames or ())


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
