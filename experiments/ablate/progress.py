"""The progress line of a grid."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

from aeden.training import progress
from experiments.ablate.grid import Cell
from experiments.ablate.plan import Plan


class Progress:
    """One line about the whole grid: how much is done, what runs, how long the rest will take.

    Args:
      plan: all runs.
      finished: number of runs that were finished before.
    """

    SECONDS_BETWEEN_LINES = 30.0

    def __init__(self, plan: Plan, finished: int):
        self._folders = {cell.name: (cell, folder) for cell, folder in plan.folders.items()}
        self._before = finished
        self._ended: set[str] = set()
        self._began = self._last = time.monotonic()
        self._done_before = self._done()

    def update(self, running: int) -> None:
        """Prints the line if the last one is old enough."""
        terminal = sys.stderr.isatty()
        if time.monotonic() - self._last < (1.0 if terminal else self.SECONDS_BETWEEN_LINES):
            return
        self._last = time.monotonic()
        line = f"{self._line()}, {running} running"
        print(f"\r\033[K{line}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)

    def end(self, name: str, result: str) -> None:
        """Prints that a run has ended, and how."""
        self._ended.add(name)
        self.note(name, result)

    def note(self, name: str, result: str) -> None:
        """Prints what happened to a run, or to several."""
        clear = "\r\033[K" if sys.stderr.isatty() else ""
        print(f"{clear}{self._line()}: {name}: {result}", file=sys.stderr, flush=True)

    def _line(self) -> str:
        total, done = len(self._folders), self._done()
        passed, new = time.monotonic() - self._began, done - self._done_before
        left = f", {progress.format_time(passed * (total - done) / new)} left" if new > 0.02 else ""
        return f"[{self._before + len(self._ended)}/{total} runs{left}]"

    def _done(self) -> float:
        """The work that is done, in runs. Running ones count in part, by their metrics log."""
        unfinished = [both for name, both in self._folders.items() if name not in self._ended]
        return len(self._ended) + sum(part_done(cell, folder) for cell, folder in unfinished)


def part_done(cell: Cell, folder: Path) -> float:
    """The part of a run that is done, by its metrics log, in [0, 1]; 0 if it is unknown."""
    if (folder / "summary.json").exists():
        return 1.0
    with contextlib.suppress(OSError, ValueError, IndexError):
        step, epoch = (folder / "metrics.csv").read_text().splitlines()[-1].split(",")[:2]
        return min(float(step) / cell.config.steps if cell.config.steps else float(epoch) / cell.config.epochs, 1.0)
    return 0.0


def last_line(log: Path, offset: int = 0) -> str:
    """The last error in a log, or its last line that is not empty; "" if there is none.

    Args:
      log: the file.
      offset: number of bytes to skip.
    """
    with contextlib.suppress(OSError):
        text = log.read_bytes()[offset:].decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("error: ")]
        return (errors or lines or [""])[-1].removeprefix("error: ")
    return ""


def say(text: str) -> None:
    """Prints a message on standard error."""
    print(text, file=sys.stderr, flush=True)
