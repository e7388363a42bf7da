"""The progress line of a grid."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

from aeden.training import progress
from experiments.ablate.grid import Cell


class Progress:
    """One line over the whole grid: how much is done, what runs, how long it will take.

    Args:
      cells: all runs, finished ones too.
      folders: of each, by name.
      finished: how many were done before.
    """

    SECONDS_BETWEEN_LINES = 30.0

    def __init__(self, cells: list[Cell], folders: dict[str, Path], finished: int):
        self._cells, self._folders, self._before = {cell.name: cell for cell in cells}, folders, finished
        self._ended: set[str] = set()
        self._began = self._last = time.monotonic()
        self._started = self._done()

    def tell(self, running: int) -> None:
        """Shows where things stand, from time to time."""
        terminal = sys.stderr.isatty()
        if time.monotonic() - self._last < (1.0 if terminal else self.SECONDS_BETWEEN_LINES):
            return
        self._last = time.monotonic()
        line = f"{self._line()}, {running} running"
        print(f"\r\033[K{line}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)

    def say(self, name: str, what: str) -> None:
        """Says that a run has ended."""
        self._ended.add(name)
        clear = "\r\033[K" if sys.stderr.isatty() else ""
        print(f"{clear}{self._line()}: {name}: {what}", file=sys.stderr, flush=True)

    def _line(self) -> str:
        total, share = len(self._cells), self._done()
        gone, made = time.monotonic() - self._began, share - self._started
        left = f", {progress.format_time(gone * (total - share) / made)} left" if made > 0.02 else ""
        return f"[{self._before + len(self._ended)}/{total} runs{left}]"

    def _done(self) -> float:
        """How many runs' worth of work is done, of running ones by their logbooks."""
        unfinished = [name for name in self._cells if name not in self._ended]
        return len(self._ended) + sum(part_done(self._cells[name], self._folders[name]) for name in unfinished)


def part_done(cell: Cell, folder: Path) -> float:
    """How much of a run is done by its logbook, in [0, 1]; 0 where that is not known."""
    if (folder / "summary.json").exists():
        return 1.0
    with contextlib.suppress(OSError, ValueError, IndexError):
        step, epoch = (folder / "metrics.csv").read_text().splitlines()[-1].split(",")[:2]
        return min(float(step) / cell.config.steps if cell.config.steps else float(epoch) / cell.config.epochs, 1.0)
    return 0.0


def last_line(log: Path, offset: int = 0) -> str:
    """The last line of a run's log that says something, of what was written after so many bytes."""
    with contextlib.suppress(OSError):
        text = log.read_bytes()[offset:].decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("error: ")]
        return (errors or lines or [""])[-1].removeprefix("error: ")
    return ""


def say(text: str) -> None:
    """Tells what is being done."""
    print(text, file=sys.stderr, flush=True)
