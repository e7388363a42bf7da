"""Runs a grid of experiments and compares its contenders, seed by seed.

    python -m experiments.ablate --config=configs/ablations/gans_mnist.py [--jobs=N] [--launcher=local|slurm]

Every run is one of `experiments.main` in a folder of its own, in a process of its own. The same command again runs what
is not finished, and goes on with what was interrupted; a run that fails is listed, and the others go on without it.
"""

from __future__ import annotations

import contextlib
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
from absl import flags

from aeden.runtime import run_folder
from aeden.runtime.processes import Interrupted
from experiments import cli
from experiments.ablate import grid, launch, outcome, verdict
from experiments.ablate.grid import Cell
from experiments.ablate.progress import Progress, last_line, say

# Minutes a submitted job may take where nothing is said; submitit's own 5 would stop most runs.
TIMEOUT_MIN = 240
JOBS = flags.DEFINE_integer("jobs", 0, "Runs beside each other; 0 for one a GPU, or else one a core.")
LAUNCHER = flags.DEFINE_enum("launcher", "local", ["local", "slurm"], "Processes here, or jobs of a SLURM cluster.")
SLURM = flags.DEFINE_list(
    "slurm", [], f"Of each job, e.g. slurm_partition=gpu,timeout_min=60,gpus_per_node=1; timeout_min is {TIMEOUT_MIN}."
)
ONLY = flags.DEFINE_multi_string("only", [], 'Runs to do, by name as in --list, e.g. --only="transpose, seed 0".')
LIST = flags.DEFINE_bool("list", False, "Print every run's name and command, and do nothing.")
CORES = 1


def job(cell: Cell, workdir: Path) -> launch.Job:
    """The process that makes a run. One core: so a run's last bits do not depend on how many sit beside it."""
    folder = workdir / "runs" / cell.folder
    arguments = ["-m", "experiments.main", *cell.arguments(), f"--workdir={folder}"]
    return launch.Job(cell.name, [*arguments, *([] if on_gpus() else [f"--cpu_cores={CORES}"])], folder / "log.txt")


def on_gpus() -> bool:
    """Whether runs have GPUs: those of this machine, or those that are asked of the cluster."""
    if LAUNCHER.value == "slurm":
        return any("gpu" in word or "gres" in word for word in SLURM.value)
    return bool(launch.gpus())


def commands(cells: list[Cell], workdir: Path) -> list[str]:
    """What to type for each run alone."""
    return [shlex.join(["python", *job(cell, workdir).arguments]) for cell in cells]


def select(cells: list[Cell], names: list[str]) -> list[Cell]:
    """The runs of some names; all of them for none.

    Raises:
      ValueError: there is no run of a name.
    """
    known = {cell.name for cell in cells}
    for name in names:
        if name not in known:
            raise ValueError(f"there is no run {name!r} in this grid: --list prints their names")
    return [cell for cell in cells if not names or cell.name in names]


def run_cells(cells: list[Cell], workdir: Path) -> dict[str, str]:
    """Runs what is not finished; returns the error of each run that failed, by name.

    Raises:
      Interrupted: it was asked to stop.
    """
    folders = {cell.name: workdir / "runs" / cell.folder for cell in cells}
    waiting = [cell for cell in cells if run_folder.finished(folders[cell.name]) is None]
    progress = Progress(cells, folders, len(cells) - len(waiting))
    jobs = [job(cell, workdir) for cell in waiting]
    failures: dict[str, str] = {}
    with contextlib.closing(_launch(jobs, workdir, progress)) as ended:
        for one, status in ended:
            if status == 0 and run_folder.finished(folders[one.name]) is not None:
                progress.say(one.name, "done")
            else:
                failures[one.name] = last_line(one.log, one.offset) or f"ended with status {status}"
                progress.say(one.name, f"FAILED: {failures[one.name]}")
    return failures


def _launch(jobs: list[launch.Job], workdir: Path, progress: Progress) -> launch.Ended:
    if LAUNCHER.value == "local":
        return launch.run_local(jobs, launch.seats(JOBS.value), progress.tell)
    try:
        import submitit
    except ImportError:
        raise ValueError("--launcher=slurm needs submitit: pip install '.[slurm]'") from None
    executor = submitit.AutoExecutor(folder=workdir / "slurm")
    options = {"timeout_min": str(TIMEOUT_MIN), **dict(word.partition("=")[::2] for word in SLURM.value)}
    executor.update_parameters(**{name: int(v) if v.isdigit() else v for name, v in options.items()})
    return launch.run_submitted(jobs, executor, progress.tell)


def main() -> None:
    """Runs the grid and prints what it showed.

    Raises:
      ChildProcessError: runs failed; the others were reported.
    """
    # The runs take the accelerators.
    jax.config.update("jax_platforms", "cpu")
    settings, workdir = cli.CONFIG.value, Path(cli.WORKDIR.value or f"runs/ablations/{cli.config_name()}")
    cells = select(grid.expand(settings), ONLY.value)
    if LIST.value:
        for cell in cells:
            print(f"{cell.name}\n    {commands([cell], workdir)[0]}")
        return
    grid.check(cells)
    verdict.check(settings.metric, cells)
    workdir.mkdir(parents=True, exist_ok=True)
    for cell in cells:
        run_folder.check_data(workdir / "runs" / cell.folder, grid.dataset_of(cell.config).identity())
    with run_folder.locked(workdir), _stoppable():
        failures = run_cells(cells, workdir)
        print(outcome.write(cli.config_name(), settings, cells, commands(cells, workdir), failures, workdir, say))
    if failures:
        listed = "; ".join(f"{name}: {error}" for name, error in failures.items())
        raise ChildProcessError(f"{len(failures)} of {len(cells)} runs failed: {listed}")
    print(f"report: {workdir / 'report.html'}\nrun: {workdir}")


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM and SIGINT stop it: what runs is asked to save."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("stopped; what ran has saved: run the same command again to go on") from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
