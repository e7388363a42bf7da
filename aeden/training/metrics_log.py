"""The log of a training: rows of metrics by step, in metrics.csv and as TensorBoard events."""

from __future__ import annotations

import csv
import io
import math
import shutil
import sys
from pathlib import Path
from typing import Any

from aeden.runtime.files import naming, write_text

Row = dict[str, int | float]


def _numbers(cells: dict[str, str]) -> Row | None:
    """A row of metrics.csv; None if it cannot be read, or has fewer cells than columns."""
    try:
        row: Row = {name: float(value) for name, value in cells.items() if value != ""}
        return row if math.isfinite(row["step"]) else None
    except (KeyError, TypeError, ValueError):  # TypeError: more cells than columns
        return None


class MetricsLog:
    """Rows of metrics by step, in `metrics.csv` and as TensorBoard events.

    Args:
      folder: the run folder; None to write nothing, in processes that are not the primary one.
      step: the step to resume at. Existing rows after it are dropped, because the resumed run writes them again.
    """

    def __init__(self, folder: Path | None, step: int = 0):
        self._path = folder / "metrics.csv" if folder else None
        self.rows: list[Row] = [row for row in self._read() if row["step"] <= step]
        self._columns: list[str] = list(dict.fromkeys(name for row in self.rows for name in row))
        self._events: Any = None
        if folder is not None:
            from tensorboardX import SummaryWriter

            self._events = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1, flush_secs=10)
            self._rewrite()

    def write(self, row: Row) -> None:
        """Adds a row. `step` must be one of its columns; other columns may be new."""
        self.rows.append(row)
        if self._path is None:
            return
        new = [name for name in row if name not in self._columns]
        if new:
            self._columns += new
            self._rewrite()
        else:
            with naming(self._path), open(self._path, "a", newline="") as file:
                csv.DictWriter(file, self._columns, lineterminator="\n").writerow(row)
        for name, value in row.items():
            if name != "step":
                self._events.add_scalar(name, value, int(row["step"]))

    def close(self) -> None:
        """Flushes the events."""
        if self._events is not None:
            self._events.close()

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> list[Row]:
        if self._path is None or not self._path.exists():
            return []
        with naming(self._path), open(self._path, newline="", errors="replace") as file:
            rows = [_numbers(cells) for cells in csv.DictReader(file)]
        whole = [row for row in rows if row is not None]
        # A row that was cut short by a kill is after the last checkpoint, and dropped with the others there.
        if None in rows[:-1]:
            kept = self._path.with_name("metrics.csv.damaged")
            shutil.copyfile(self._path, kept)
            print(
                f"{self._path} is damaged: {len(whole)} of its {len(rows)} rows can be read and are kept; {kept} "
                "is a copy of the damaged file",
                file=sys.stderr,
            )
        return whole

    def _rewrite(self) -> None:
        assert self._path is not None
        text = io.StringIO()
        writer = csv.DictWriter(text, self._columns, lineterminator="\n")
        if self._columns:
            writer.writeheader()
        writer.writerows({**row, "step": int(row["step"])} for row in self.rows)
        write_text(self._path, text.getvalue())
