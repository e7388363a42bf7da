"""Runs a grid from its first run to its report."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from absl import flags

from aeden.runtime import processes, run_folder
from aeden.runtime.distributed import placement
from aeden.runtime.processes import Interrupted, cores
from aeden.tasks.execute import announce
from aeden.tasks.unused_values import check_known
from experiments import cli
from experiments.ablate import grid, launch, seed_groups, selection, tuning, tuning_checks, tuning_record, verdict
from experiments.ablate.grid import Cell
from experiments.ablate.plan import Plan, make_plan
from experiments.ablate.progress import Progress, last_line, say
from experiments.ablate.search_space import Search

# Minutes that a submitted job may take by default. The default of submitit, 5, would stop most runs.
TIMEOUT_MIN = 240
JOBS = flags.DEFINE_integer(
    "jobs", 0, "Runs at the same time; 0 for one per GPU, or one per core without a GPU.", lower_bound=0
)
LAUNCHER = flags.DEFINE_enum("launcher", "local", ["local", "slurm"], "Processes here, or jobs of a SLURM cluster.")
SLURM = flags.DEFINE_list(
    "slurm",
    [],
    "Options of each job, e.g. slurm_partition=gpu,timeout_min=60,gpus_per_node=1; "
    f"timeout_min is {TIMEOUT_MIN} by default.",
)
ONLY = flags.DEFINE_multi_string("only", [], 'Runs to do, named as in --list, e.g. --only="transpose, seed 0".')
LIST = flags.DEFINE_bool("list", False, "Print the name and the command of every run, and do nothing.")
# Cores of a run on a CPU. With one, the last bits of its result do not depend on how many runs share the machine.
CORES = 1

# (runs of the grid, name of each failed run -> its error) -> text to print
Report = Callable[[Plan, dict[str, str]], str]


def run_grid(name: str, settings: Any, workdir: Path, report: Report) -> None:
    """Runs what is not finished of a grid and prints its report.

    Args:
      name: name of the grid.
      settings: its config.
      workdir: its folder.
      report: writes the results, and returns what to print.

    Raises:
      ValueError: the grid is invalid.
      RunFolderError: the folder is in use, or holds runs on other data.
      Interrupted: SIGINT or SIGTERM arrived.
      ChildProcessError: runs failed. The others were reported.
    """
    if any(flag.value is not None for flag in (cli.COORDINATOR, cli.PROCESSES, cli.PROCESS)):
        raise ValueError("a grid starts the processes of its runs itself: --coordinator is for experiments.main")
    # The runs need the accelerators.
    jax.config.update("jax_platforms", "cpu")
    cells = grid.expand(settings)
    tuned = tuning.look(name, settings, cells, workdir) if settings.tuning.fields else None
    # With tuning, these are the runs before the chosen values are filled in.
    plan = make_plan(name, settings, cells, workdir)
    chosen = plan if tuned else _chosen(plan, ONLY.value)
    # What an earlier version has finished stays finished, even if a check has come since.
    grid.check(cell for cell in plan.folders if not plan.is_finished(cell))
    check_known(settings.experiment.to_dict(), cli.defaults())
    verdict.check(settings.metric, plan.cells, settings.margin)
    seed_groups.check(settings, plan.folders, seed_groups.TOGETHER.value)
    if tuned is not None:
        selection.wanted(tuned, ONLY.value)
        tuning_checks.check_values(tuned.open)
    if LIST.value:
        _list(chosen, tuned)
        return
    if tuned is not None:
        tuning_checks.check_effect(settings, tuned.open)
    workdir.mkdir(parents=True, exist_ok=True)
    for dataset in {id(one): one for one in map(grid.dataset_of, (cell.config for cell in plan.folders))}.values():
        announce(dataset)
    _check_data(plan)
    with run_folder.locked(workdir), processes.stop_signals():
        if tuned is not None:
            _check_data(tuned.plan)
            tuned = tune(tuned, ONLY.value)
            if tuned is None:
                return
            plan = make_plan(name, settings, tuned.finals(), workdir)
            # Looking for the runs reads every record in the folder.
            chosen = make_plan(name, settings, selection.finals(tuned, ONLY.value), workdir) if ONLY.value else plan
            _check_data(plan)
        failures = run_cells(chosen)
        # Also of the runs that --only does not name: their results are still those of the grid.
        print(report(plan, failures))
    _raise(failures, chosen)
    page = workdir / "report.html"  # there is none if no run is finished
    print(f"report: {page}\nrun: {workdir}" if page.exists() else f"run: {workdir}")


def _chosen(plan: Plan, names: Sequence[str]) -> Plan:
    """The plan of the runs with the given names, with the folders that the whole grid has; all if no name is given."""
    return make_plan(plan.name, plan.settings, selection.select(plan.cells, names), plan.workdir) if names else plan


def _list(plan: Plan, tuned: tuning.Tuning | None) -> None:
    """Prints the name and the command of every run that is wanted, trials first."""
    if tuned is not None:
        trials, others = selection.wanted(tuned, ONLY.value)
        for cell in trials if ONLY.value else tuned.plan.folders:
            print(f"{cell.name}\n    {command(tuned.plan, cell)}")
        if ONLY.value and not others:
            return
        if tuned.open:
            print(f"the runs after the tuning are known once its trials have ended: {len(tuned.open)} have not")
            return
        plan = make_plan(plan.name, plan.settings, selection.finals(tuned, others), plan.workdir)
    for cell in plan.folders:
        print(f"{cell.name}\n    {command(plan, cell)}")


def _check_data(plan: Plan) -> None:
    """Refuses runs that exist with other data.

    Raises:
      RunFolderError: naming both data sets.
    """
    for cell, folder in plan.folders.items():
        run_folder.check_data(folder, grid.dataset_of(cell.config).identity())


def _raise(failures: Mapping[str, str], plan: Plan) -> None:
    """Raises ChildProcessError if runs failed."""
    if failures:
        listed = "; ".join(f"{name}: {error}" for name, error in failures.items())
        raise ChildProcessError(f"{len(failures)} of {len(plan.folders)} runs failed: {listed}")


def tune(tuned: tuning.Tuning, names: Sequence[str]) -> tuning.Tuning | None:
    """Runs the trials that have not ended, and writes tuning.csv and tuning.json.

    Args:
      tuned: the tuning stage as it is now.
      names: names of the runs that are wanted, trials among them; none for all.

    Returns:
      The tuning stage after that; None if only trials are wanted.

    Raises:
      ValueError: there is no run of a name, or all trials of a contender diverged.
      ChildProcessError: trials failed for other reasons than that they diverged.
    """
    settings, workdir = tuned.plan.settings, tuned.plan.workdir
    trials, others = selection.wanted(tuned, names)
    if others and tuned.open:
        raise ValueError(f"--only={others[0]!r}: {len(tuned.open)} trials of the tuning have to end first")
    if tuned.summaries:
        tuning_record.write(tuned)
    while todo := _todo(tuned, trials) if names else tuned.open:
        say(f"tuning: {len(tuned.plan.cells)} trials, {len(todo)} of them to be run")
        plan = make_plan(tuned.plan.name, settings, todo, workdir)
        _check_data(plan)
        failures = run_cells(plan)
        before = tuned.searches
        tuned, trials = tuning.look(tuned.plan.name, settings, tuned.templates, workdir), []
        _say_widened(before, tuned.searches)
        tuning_record.write(tuned)
        _raise(failures, plan)
        tuning_checks.check_values(tuned.open)
    if names and not others:
        print(f"tuning: {len(tuned.open)} of {len(tuned.plan.cells)} trials have not ended")
        return None
    return tuned


def _todo(tuned: tuning.Tuning, named: Sequence[Cell]) -> list[Cell]:
    """Those of the named trials, and of the named shared runs of trials, that have not ended."""
    shared = [cell for cell in tuned.plan.shared if cell in named and not tuned.plan.is_finished(cell)]
    return [*shared, *(cell for cell in tuned.open if cell in named)]


def _say_widened(before: Mapping[str, Search], now: Mapping[str, Search]) -> None:
    """Says which ranges have grown, and why there are more trials than were asked for."""
    for place, search in now.items():
        for name, (low, high) in search.ranges.items():
            if (low, high) != before[place].ranges[name]:
                where = f" at {place}" if place else ""
                say(
                    f"tuning{where}: the best trial of a contender lies at the edge of tuning.fields.{name}, so the "
                    f"range grows to {low:.3g} to {high:.3g} for all"
                )


def job(plan: Plan, cell: Cell) -> launch.Job:
    """The process that makes or continues a run."""
    arguments = ["-m", "experiments.main", *plan.arguments(cell), *_options()]
    return launch.Job(cell.name, arguments, plan.folders[cell] / "log.txt")


def _options() -> list[str]:
    """The options of every process that works on runs."""
    count = cli.CORES.value or (0 if on_gpus() else CORES)
    # Within a job of a cluster, a run would take itself for one process of several.
    options = ["--distributed=off"] if cli.DISTRIBUTED.value == "off" or placement.in_cluster() else []
    options += [f"--cpu_cores={count}"] if count else []
    options += [f"--cpu_devices={cli.DEVICES.value}"] if cli.DEVICES.value else []
    return options if cli.COMPILATION_CACHE.value else [*options, "--nocompilation_cache"]


def on_gpus() -> bool:
    """Whether runs have GPUs: those of this machine, or those that the cluster is asked for."""
    if LAUNCHER.value == "slurm":
        return any("gpu" in option or "gres" in option for option in SLURM.value)
    return bool(launch.gpus())


def command(plan: Plan, cell: Cell) -> str:
    """The command line that makes a run without the grid."""
    return shlex.join(["python", *job(plan, cell).arguments])


def run_cells(plan: Plan) -> dict[str, str]:
    """Runs what is not finished, shared runs first; returns name -> error of each run that failed.

    Raises:
      Interrupted: see `run_grid`.
    """
    _check_stop()
    waiting = [cell for cell in plan.folders if not plan.has_ended(cell)]
    progress = Progress(plan, len(plan.folders) - len(waiting))
    failures = _run_wave(plan, [cell for cell in waiting if cell.is_shared], progress)
    ready: list[Cell] = []
    for cell in waiting:
        if cell.shared is not None and cell.shared.name in failures:
            failures[cell.name] = f"it needs {cell.shared.name}, which failed: {failures[cell.shared.name]}"
            progress.end(cell.name, f"FAILED: {failures[cell.name]}")
        elif not cell.is_shared:
            ready.append(cell)
    number = seed_groups.number(ready, local=LAUNCHER.value == "local")
    jobs = seed_groups.jobs(plan, ready, number, _options())
    seed_groups.train(jobs, lambda: _launch(jobs, plan.workdir, progress), progress)
    return failures | _run_wave(plan, ready, progress)


def _run_wave(plan: Plan, cells: list[Cell], progress: Progress) -> dict[str, str]:
    """Runs some cells at the same time; returns name -> error of each run that failed."""
    jobs = {cell.name: job(plan, cell) for cell in cells}
    by_name = {cell.name: cell for cell in cells}
    failures: dict[str, str] = {}
    if not cells:
        return failures
    with contextlib.closing(_launch(list(jobs.values()), plan.workdir, progress)) as ended:
        for one, status in ended:
            if status == 0 and plan.is_finished(by_name[one.name]):
                progress.end(one.name, "done")
                continue
            error = last_line(one.log, one.offset) or f"ended with status {status}"
            if plan.record_divergence(by_name[one.name], error):
                progress.end(one.name, f"diverged: {error}")
            else:
                failures[one.name] = error
                progress.end(one.name, f"FAILED: {error}")
    return failures


def _launch(jobs: list[launch.Job], workdir: Path, progress: Progress) -> launch.Ended:
    def on_poll(running: int) -> None:
        progress.update(running)
        _check_stop()

    if LAUNCHER.value == "local":
        # A run that may use several cores needs a seat with as many.
        fitting = cores() // cli.CORES.value if cli.CORES.value and not launch.gpus() else 0
        return launch.run_local(jobs, launch.seats(JOBS.value or fitting), on_poll)
    try:
        import submitit
    except ImportError:
        raise ValueError("--launcher=slurm needs submitit: pip install '.[slurm]'") from None
    executor = submitit.AutoExecutor(folder=workdir / "slurm")
    options = {"timeout_min": str(TIMEOUT_MIN), **dict(option.partition("=")[::2] for option in SLURM.value)}
    executor.update_parameters(**{name: int(v) if v.isdigit() else v for name, v in options.items()})
    return launch.run_submitted(jobs, executor, on_poll)


def _check_stop() -> None:
    """Stops the grid if it was asked to; the runs are asked to save.

    Raises:
      Interrupted: SIGINT or SIGTERM has arrived.
    """
    if processes.stop_requested():
        raise Interrupted("stopped; runs that had begun to train have saved: run the same command again to go on")
