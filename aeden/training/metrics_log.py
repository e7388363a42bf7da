"""What a run measures as it goes: metrics.csv, TensorBoard events, and the progress line."""

from __future__ import annotations

import csv
import io
import sys
import time
from pathlib import Path
from typing import Any

from aeden.runtime.run_folder import write_text

Row = dict[str, int | float]


class Logbook:
    """Rows of metrics by step, in `metrics.csv` and as TensorBoard events. A process that may not write keeps none.

    Args:
      folder: the run folder, or None to write nothing.
      step: rows after this step are dropped: a resumed run writes them again.
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
        """Adds a row; `step` is one of its columns, and the others may be new."""
        self.rows.append(row)
        if self._path is None:
            return
        new = [name for name in row if name not in self._columns]
        if new:
            self._columns += new
            self._rewrite()
        else:
            with open(self._path, "a", newline="") as file:
                csv.DictWriter(file, self._columns, lineterminator="\n").writerow(row)
        for name, value in row.items():
            if name != "step":
                self._events.add_scalar(name, value, int(row["step"]))

    def close(self) -> None:
        """Flushes the events."""
        if self._events is not None:
            self._events.close()

    def __enter__(self) -> Logbook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> list[Row]:
        if self._path is None or not self._path.exists():
            return []
        with open(self._path, newline="") as file:
            whole = [row for row in csv.DictReader(file) if None not in row.values() and row.get("step")]
        # A row that a kill cut short is after the last checkpoint: it is dropped with the rest.
        return [{name: float(value) for name, value in row.items() if value} for row in whole]

    def _rewrite(self) -> None:
        assert self._path is not None
        text = io.StringIO()
        writer = csv.DictWriter(text, self._columns, lineterminator="\n")
        if self._columns:
            writer.writeheader()
        writer.writerows({**row, "step": int(row["step"])} for row in self.rows)
        write_text(self._path, text.getvalue())


class Progress:
    """A progress bar with loss, images/s and time left; plain lines, ten seconds apart, where there is no terminal.

    Args:
      total: images to train on, over the whole run.
      done: images trained on before this start.
      shown: whether this process shows anything.
    """

    SECONDS_BETWEEN_LINES = 10.0

    def __init__(self, total: int, done: int, shown: bool):
        self._total, self._done, self._start = total, done, done
        self._shown, self._bar, self._compiling = shown, None, True
        self._began = self._last_line = time.monotonic()
        if shown and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, initial=done, unit=" images", unit_scale=True, dynamic_ncols=True,
                             bar_format="{percentage:3.0f}% |{bar}| {desc}{rate_fmt}, {remaining} left")  # fmt: skip

    def advance(self, images: int, step: int, loss: float) -> None:
        """Counts images trained on; `loss` is shown beside them."""
        self._done += images
        first, self._compiling = self._compiling, False
        if first:
            # The first call to the devices compiles: it says nothing of the rate.
            self._began, self._start = time.monotonic(), self._done
        if self._bar is not None:
            self._bar.set_description_str(f"step {step}, loss {loss:.4f}, ", refresh=False)
            self._bar.update(images)
        elif self._shown and not first and time.monotonic() - self._last_line >= self.SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            rate = (self._done - self._start) / (self._last_line - self._began)
            left = clock((self._total - self._done) / rate)
            self.say(f"{self._done / self._total:4.0%}  step {step}  loss {loss:.4f}  {rate:.0f} images/s  {left} left")

    def say(self, text: str) -> None:
        """Prints a line without tearing the bar."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        elif self._shown:
            print(text, file=sys.stderr, flush=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()


def clock(seconds: float) -> str:
    """A time as people read it: minutes:seconds, or hours:minutes:seconds."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
