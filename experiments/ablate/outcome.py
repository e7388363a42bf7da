"""Everything that a grid writes besides its runs: tables, verdict and report."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aeden.runtime import files, provenance, run_folder
from aeden.runtime.files import Row
from aeden.tasks.task import Summary
from experiments.ablate import (
    baselines,
    divergence,
    doubts,
    metrics,
    pairing,
    results,
    seed_groups,
    seed_values,
    tuning,
    tuning_record,
    verdict,
)
from experiments.ablate.grid import Cell, dataset_of, digests, expand
from experiments.ablate.plan import Plan
from experiments.ablate.progress import say
from experiments.ablate.report import page
from experiments.ablate.report.grid_result import Denoising, GridResult
from experiments.ablate.run import command

# The tasks whose networks are not timed: their multiplications are counted.
COUNTED = ("segment", "super_resolve")
# Number of metrics in results.md; results.csv has all.
SHOWN = 7
# The tables that only some grids have, and everything that a grid writes about its finished runs.
OPTIONAL = (
    "levels.csv",
    "baselines.csv",
    "convergence.csv",
    "noises.csv",
    "samples.csv",
    "figures/*.png",
    "figures/*.svg",
)
OUTPUTS = ("report.html", "verdict.json", "results.csv", "results.md", *OPTIONAL)


def write(plan: Plan, failures: dict[str, str], config_arguments: Sequence[str]) -> str:
    """Writes results.csv, results.md, levels.csv, baselines.csv, verdict.json and report.html of the finished runs.

    What an earlier call wrote is replaced. If no run is finished, or a table has no rows any more, it is removed.

    Args:
      plan: the runs of the grid.
      failures: name of each failed run -> its error.
      config_arguments: the options that choose the config of the grid, to time its networks in another process.

    Returns:
      The table and the verdict, to print.
    """
    summaries = {cell: read_summary(plan, cell) for cell in plan.cells if plan.is_finished(cell)}
    tuned = _tuning(plan)
    tuning_text = "" if tuned is None else f"\n{tuning_record.text(tuned)}"
    remove(plan.workdir, OPTIONAL if summaries else OUTPUTS)
    if not summaries:
        nothing = "no run is finished: there is nothing to report"
        return "\n".join(filter(None, (nothing, *divergence.sentences(plan), tuning_text)))
    settings, axes, task = plan.settings, list(plan.cells[0].setting), plan.settings.experiment.task
    metric = metrics.for_verdict(task, settings.metric)
    by_cell = {cell: results.row(cell, summary, plan.label(cell)) for cell, summary in summaries.items()}
    rows = list(by_cell.values())
    seed_groups.add_column(rows, list(summaries.values()))
    timed = _add_costs(plan, by_cell, config_arguments) if task == "denoise" else {}
    if task in COUNTED:
        _add_multiplications(by_cell)
    files.write_csv(plan.workdir / "results.csv", rows)
    names, reference = list(settings.contenders), settings.reference
    found = verdict.comparisons(rows, names, axes, reference, metric, settings.margin, bool(settings.tuning.fields))
    spreads = verdict.seed_spreads(rows, names, axes, reference, metric)
    gaps = seed_values.gaps(rows, names, axes, reference, metric)
    record = verdict.as_json(found, spreads, reference, metric, gaps, alone=len(names) == 1)
    causes = results.causes(summaries.values())
    failed = {"failures": failures, "diverged": divergence.counts(plan)}
    files.write_json(plan.workdir / "verdict.json", {**record, **failed, **causes})
    denoising = _denoising(plan, summaries, timed) if task == "denoise" else Denoising()
    trials = [] if tuned is None else [command(tuned.plan, cell) for cell in tuned.plan.folders]
    commands = [*trials, *(command(plan, cell) for cell in plan.folders)]
    result = GridResult(plan, commands, rows, summaries, failures, found, denoising, tuned)
    page.write(result)
    shown = [name for name in metrics.of_task(task) if name in rows[0]][:SHOWN]
    table = results.table(rows, [*shown, "parameters"], ["contender", "dataset", *axes])
    files.write_text(plan.workdir / "results.md", table)
    doubtful = [line for lines in doubts.titled(plan, summaries).values() for line in lines]
    said = [record["text"], *doubtful, result.note, seed_groups.sentence(summaries.values()), tuning_text]
    return "\n".join(filter(None, (table, *said)))


def remove(workdir: Path, patterns: Sequence[str]) -> None:
    """Removes files of an earlier call, which would look like those of now."""
    for path in (path for pattern in patterns for path in workdir.glob(pattern)):
        path.unlink()


def _tuning(plan: Plan) -> tuning.Tuning | None:
    """The tuning stage of the grid; None if it tunes nothing."""
    if not plan.settings.tuning.fields:
        return None
    return tuning.look(plan.name, plan.settings, expand(plan.settings), plan.workdir)


def read_summary(plan: Plan, cell: Cell) -> Summary:
    """The summary of a finished run, with NaN for figures that are not finite."""
    summary = run_folder.finished(plan.folders[cell])
    if summary is None:
        raise FileNotFoundError(f"{plan.folders[cell]} holds no finished run any more: run the same command again")
    return summary


def _add_costs(plan: Plan, rows: Mapping[Cell, Row], config_arguments: Sequence[str]) -> dict[str, Any]:
    """Times the networks, if the grid asks for it, and adds their costs to the rows of the runs."""
    timed = costs(plan, config_arguments) if plan.settings.costs else {}
    for cell, row in rows.items():
        cost = timed.get(cell.kind, {})
        row |= {
            "multiplications": cost.get("multiplications", ""),
            "ms": cost.get("training_ms", ""),
            "forward_ms": cost.get("forward_ms", ""),
        }
    return timed


def _add_multiplications(rows: Mapping[Cell, Row]) -> None:
    """Adds the multiplications per image, or per crop, to the rows of runs whose networks are not timed."""
    counted: dict[str, int] = {}
    for cell, row in rows.items():
        if cell.kind not in counted:
            counted[cell.kind] = pairing.size(cell.config, "multiplications", dataset_of(cell.config).image_shape)
        row["multiplications"] = counted[cell.kind]


def _denoising(plan: Plan, summaries: Mapping[Cell, Summary], timed: dict[str, Any]) -> Denoising:
    """Writes levels.csv and, if the grid asks for baselines, baselines.csv; returns what the report needs of them."""
    levels = [row for cell, summary in summaries.items() for row in results.levels(cell, summary)]
    files.write_csv(plan.workdir / "levels.csv", levels)
    compared = None
    if plan.settings.baselines and plan.settings.experiment.data.crop:
        say("no baselines: they need test images of one size, and data.crop is tested on whole images")
    elif plan.settings.baselines:
        compared = baselines.compare_grid(plan.cells, plan.workdir / "baselines", say)
        files.write_csv(plan.workdir / "baselines.csv", compared.rows)
    return Denoising(levels, timed, compared)


def costs(plan: Plan, config_arguments: Sequence[str]) -> dict[str, Any]:
    """The costs of the contenders, see `experiments.ablate.cost`; {} if they could not be timed.

    They are timed in a process of its own after all runs have ended. cost.json keeps them for the next time, as long as
    configs, code and machine are the same.
    """
    path = plan.workdir / "cost.json"
    if path.exists():
        kept = files.read_json(path)
        same_machine = timing_key(kept) == timing_key(provenance.provenance())
        if same_machine and digests(plan.cells).items() <= kept.get("configs", {}).items():
            return kept["costs"]
    say("timing the contenders ...")
    process = subprocess.run(cost_command(config_arguments, path), capture_output=True, text=True)
    if process.returncode:
        lines = process.stderr.strip().splitlines() or [f"ended with status {process.returncode}"]
        say(f"the contenders were not timed: {lines[-1]}")
        return {}
    return files.read_json(path)["costs"]


def cost_command(config_arguments: Sequence[str], path: Path) -> list[str]:
    """The command that times the networks of a grid and writes a file."""
    return [sys.executable, "-m", "experiments.ablate.cost", *config_arguments, f"--output={path}"]


def timing_key(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """What timings depend on besides the configs."""
    return record["versions"], record["commit"], record["hardware"]["processor"]
