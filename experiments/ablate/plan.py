"""The runs of a grid and their folders. Existing runs are found by their config, whatever their folders are called."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aeden.runtime import files, provenance, run_folder
from aeden.runtime.files import DamagedFileError
from aeden.runtime.identity import flatten
from aeden.tasks.execute import TASKS
from aeden.training import divergence
from experiments.ablate.grid import SHARED_RUN, Cell, defaults, identity_of, shared_runs

# The file in the folder of a run that diverged. Delete the folder to run it again.
DIVERGED = "diverged.json"


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """The runs of a grid and their folders.

    Attributes:
      name: name of the grid.
      settings: the config of the grid.
      workdir: folder of the grid. New runs lie in `runs/` below it.
      cells: the runs of the contenders, in the order of the grid.
      folders: the folder of each run, existing or new, also of shared runs.
      shared_folders: for each run that needs a shared run, the folder of that run as the config of this one says it.
    """

    name: str
    settings: Any
    workdir: Path
    cells: list[Cell]
    folders: dict[Cell, Path]
    shared_folders: dict[Cell, str]

    @property
    def shared(self) -> list[Cell]:
        """The shared runs, which come before all others."""
        return [cell for cell in self.folders if cell.is_shared]

    def arguments(self, cell: Cell) -> list[str]:
        """The options of `experiments.main` that make or continue a run."""
        config = cell.arguments(self.shared_folders.get(cell, SHARED_RUN))
        return [*config, f"--workdir={self.folders[cell]}"]

    def is_finished(self, cell: Cell) -> bool:
        """Whether a run has a summary."""
        return run_folder.finished(self.folders[cell]) is not None

    def divergence(self, cell: Cell) -> str:
        """The error of a run that diverged; "" for other runs."""
        path = self.folders[cell] / DIVERGED
        if cell.is_shared or not path.exists() or self.is_finished(cell):
            return ""
        record = files.read_json(path)
        if not isinstance(record, dict) or "error" not in record:
            raise DamagedFileError(f"{path} does not say how the run diverged: delete its folder to run it again")
        return str(record["error"])

    def record_divergence(self, cell: Cell, error: str) -> bool:
        """Records in the folder of a run that it diverged; False if the error is another.

        A shared run is not recorded: without it, others cannot be run, so that it failed.
        """
        diverged = not cell.is_shared and divergence.MESSAGE.match(error) is not None
        if diverged:
            files.write_json(self.folders[cell] / DIVERGED, {"error": error, **provenance.provenance()})
        return diverged

    def has_ended(self, cell: Cell) -> bool:
        """Whether a run is finished, or diverged: it would diverge again."""
        return self.is_finished(cell) or bool(self.divergence(cell))

    def label(self, cell: Cell) -> str:
        """The folder of a run in tables: its name in `runs/`, or its path in the folder of the grid."""
        folder = self.folders[cell]
        return folder.name if folder.parent == self.workdir / "runs" else str(folder.relative_to(self.workdir))


def make_plan(name: str, settings: Any, cells: Sequence[Cell], workdir: Path) -> Plan:
    """Finds the folder of each run of a grid.

    A run that exists in `workdir/*/*/` is recognised by the fields that define its experiment. It stays the same run if
    the defaults gain a field, and if an earlier version named its folder. A run that does not exist gets a new folder
    in `workdir/runs/`.

    Args:
      name: name of the grid.
      settings: its config.
      cells: its runs, or some of them. The shared runs that they need are added.
      workdir: folder of the grid.
    """
    recorded = _recorded_runs(workdir)
    folders: dict[Cell, Path] = {}
    shared_folders: dict[Cell, str] = {}
    # Shared runs come first, because the others are recognised by the folder of their shared run.
    for cell in dict.fromkeys([*shared_runs(cells), *cells]):
        shared_folder = None if cell.shared is None else folders[cell.shared]
        found = _find(cell, shared_folder, recorded)
        folders[cell] = _new_folder(cell, workdir, recorded) if found is None else found.folder
        if shared_folder is not None:
            shared_folders[cell] = str(shared_folder) if found is None else _spelling(cell, shared_folder, found)
    wanted = [cell for cell in cells if not cell.is_shared]
    return Plan(name, settings, workdir, wanted, folders, shared_folders)


@dataclasses.dataclass(frozen=True)
class _RecordedRun:
    """A run folder, the config that it was created with (dotted name -> value), and what identifies the run."""

    folder: Path
    fields: dict[str, Any]
    identity: dict[str, Any]


def _recorded_runs(workdir: Path) -> list[_RecordedRun]:
    """Every run in the folder of a grid, finished ones first."""
    folders = sorted(path.parent for path in workdir.glob("*/*/config.json"))
    folders.sort(key=lambda folder: not (folder / "summary.json").exists())
    runs = []
    for folder in folders:
        # A folder without a readable record is no run of the grid. If it has the name of one, that run reports it.
        with contextlib.suppress(DamagedFileError):
            fields = flatten(run_folder.recorded_config(folder) or {})
            if fields.get("task", defaults()["task"]) in TASKS:
                runs.append(_RecordedRun(folder, fields, identity_of(fields)))
    return runs


def _new_folder(cell: Cell, workdir: Path, recorded: Sequence[_RecordedRun]) -> Path:
    """The folder of a run that does not exist yet. If another experiment has its name, a number is added."""
    taken, name = {run.folder for run in recorded}, cell.folder
    numbers = itertools.count(2)
    folder = workdir / "runs" / name
    while folder in taken:
        folder = workdir / "runs" / f"{name}-{next(numbers)}"
    return folder


def _find(cell: Cell, shared_folder: Path | None, recorded: Sequence[_RecordedRun]) -> _RecordedRun | None:
    """The recorded run of the same experiment as a cell; None if there is none."""
    wanted: dict[str, dict[str, Any]] = {}
    for run in recorded:
        path = SHARED_RUN if shared_folder is None else _spelling(cell, shared_folder, run)
        if path not in wanted:
            wanted[path] = cell.identity(path)
        if {**run.identity, **{name: run.fields.get(name) for name in cell.varied}} == wanted[path]:
            return run
    return None


def _spelling(cell: Cell, shared_folder: Path, run: _RecordedRun) -> str:
    """The folder of the shared run as a recorded run calls it: an absolute path may name the same folder."""
    for name in cell.references:
        path = run.fields.get(name)
        if path and Path(path).resolve() == shared_folder.resolve():
            return path
    return str(shared_folder)
