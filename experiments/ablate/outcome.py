"""What a grid leaves beside its runs: tables, verdict, and the page that shows them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aeden.runtime import files, provenance
from experiments.ablate import baselines, metrics, results, verdict
from experiments.ablate.grid import Cell, digests
from experiments.ablate.report import page
from experiments.ablate.report.grid_result import Denoising, GridResult, Runs


def write(
    name: str,
    settings: Any,
    cells: list[Cell],
    commands: list[str],
    failures: dict[str, str],
    workdir: Path,
    tell: Callable[[str], None],
) -> str:
    """Writes results.csv, results.md, levels.csv, baselines.csv, verdict.json and report.html of what is finished.

    Args:
      name: of the grid.
      settings: its config.
      cells: its runs.
      commands: what makes each of them alone.
      failures: error by run.
      workdir: holds the runs, and takes the files.
      tell: called with what is being done.

    Returns:
      The table and the verdict, to print.
    """
    folders = {cell: workdir / "runs" / cell.folder for cell in cells}
    finished = {cell: row for cell in cells if (row := results.row(cell, folders[cell])) is not None}
    if not finished:
        return "no run is finished: there is nothing to report"
    rows, restoring = list(finished.values()), settings.experiment.task == "denoise"
    timed = costs(cells, workdir, tell) if settings.costs and restoring else {}
    for cell, row in finished.items() if restoring else ():
        cost = timed.get(cell.kind, {})
        row |= {
            "multiplications": cost.get("multiplications", ""),
            "ms": cost.get("training_ms", ""),
            "forward_ms": cost.get("forward_ms", ""),
        }
    files.write_csv(workdir / "results.csv", rows)
    axes = list(cells[0].setting)
    found = verdict.comparisons(rows, list(settings.contenders), axes, settings.reference, settings.metric)
    summaries = {cell: files.read_json(folders[cell] / "summary.json") for cell in finished}
    cause = results.causes(summaries.values())
    said = verdict.as_json(found, settings.reference, settings.metric, settings.margin)
    files.write_json(workdir / "verdict.json", {**said, "failures": failures, **cause})
    tested = [row for cell in finished for row in results.levels(cell, folders[cell])] if restoring else []
    compared = None
    if restoring:
        files.write_csv(workdir / "levels.csv", tested)
    if restoring and settings.baselines:
        compared = baselines.compare_grid(cells, workdir / "baselines", tell)
        files.write_csv(workdir / "baselines.csv", compared.rows)
    runs, denoising = Runs(cells, commands, summaries, failures), Denoising(tested, timed, compared)
    page.write(GridResult(name, settings, workdir, runs, rows, found, denoising))
    names = [figure for figure in metrics.FIGURES[settings.experiment.task] if figure in rows[0]][:7]
    table = results.table(rows, [*names, "parameters"], ["contender", "dataset", *axes])
    files.write_text(workdir / "results.md", table)
    return f"{table}\n{said['text']}"


def costs(cells: list[Cell], workdir: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """What the contenders cost, timed in a process of its own once all runs have ended; kept for the next time, while
    configs, code and machine are the same.
    """
    path = workdir / "cost.json"
    if path.exists():
        kept = files.read_json(path)
        if (
            timing_key(kept) == timing_key(provenance.provenance())
            and digests(cells).items() <= kept.get("configs", {}).items()
        ):
            return kept["costs"]
    tell("timing the contenders ...")
    given = [word for word in sys.argv[1:] if word.startswith("--config")]
    made = subprocess.run(
        [sys.executable, "-m", "experiments.ablate.cost", *given, f"--output={path}"], capture_output=True, text=True
    )
    if made.returncode:
        said = made.stderr.strip().splitlines() or [f"ended with status {made.returncode}"]
        tell(f"nothing was timed: {said[-1]}")
        return {}
    return files.read_json(path)["costs"]


def timing_key(cause: dict[str, Any]) -> tuple[Any, ...]:
    """What timings depend on, beside the configs."""
    return cause["versions"], cause["commit"], cause["hardware"]["processor"]
