"""Text, JSON and CSV files, written completely or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class DamagedFileError(ValueError):
    """A file that aeden wrote cannot be read any more."""


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON file at once or not at all, and through to the disk."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a text file at once or not at all, and through to the disk."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
      DamagedFileError: the file is not valid JSON.
    """
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise DamagedFileError(f"{path} is damaged ({error}): delete it, or choose another --workdir") from error


Row = dict[str, Any]


def write_csv(path: Path, rows: list[Row]) -> None:
    """A row a run; empty where a run lacks what others have."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def columns(rows: Iterable[Row]) -> list[str]:
    """The names that any row has, in the order in which they first come."""
    return list(dict.fromkeys(name for row in rows for name in row))
