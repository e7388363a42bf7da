"""Draws the runs of a table against their steps, seconds and multiplications, as the report of a grid does.

    python -m experiments.ablate.draw_convergence --table=results/longer-mnist.csv --out=docs/convergence.png \
        --seconds=nearest=0.0176,k3=0.017,k4=0.0203,subpixel=0.0305

For tables of runs that were made on several machines, or that are not complete. Costs are those of a training step.
Each panel has the runs as dots and a line through their medians; contenders without a cost are left out of its panel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from aeden.runtime.files import Row
from experiments import own_flags
from experiments.ablate import convergence, metrics, run_table
from experiments.ablate.grid import kind
from experiments.ablate.report import convergence_figure, figures
from experiments.ablate.trial_pairs import costs_of

FLAGS = flags.FlagValues()
TABLE = flags.DEFINE_string("table", None, "The runs: the results.csv of a grid.", flag_values=FLAGS)
OUT = flags.DEFINE_string("out", None, "The image file to write.", flag_values=FLAGS)
LENGTH = flags.DEFINE_string("length", "epochs", "The column that sets the length.", flag_values=FLAGS)
REFERENCE = flags.DEFINE_string("reference", "nearest", "Whose lengths are marked on the axes.", flag_values=FLAGS)
METRIC = flags.DEFINE_string("metric", "psnr", "What is drawn: a metric of denoising.", flag_values=FLAGS)
SECONDS = flags.DEFINE_list("seconds", [], "CONTENDER=SECONDS of a training step, ...", flag_values=FLAGS)
MULTIPLICATIONS = flags.DEFINE_list(
    "multiplications", [], "CONTENDER=MULTIPLICATIONS of a forward pass of a batch, ...", flag_values=FLAGS
)


def read(path: Path, length: str, metric: str) -> list[Row]:
    """The runs of a table, one row each with contender, length, seed, steps and metric.

    Raises:
      OSError: the file cannot be read.
      ValueError: see `run_table.read`; two runs of a contender have the same length and seed, or no value is finite.
    """
    columns: dict[str, Callable[[str], Any]] = {"contender": str, length: run_table.positive, "seed": int}
    columns |= {"steps": run_table.count, metric: run_table.figure}
    remedy = f"use the results.csv of a grid with an axis of {length}"
    rows = run_table.read(path, columns, remedy)
    run_table.check_unique(rows, ["contender", length, "seed"], path, "keep those of one setting of the other axes")
    if not any(math.isfinite(row[metric]) for row in rows):
        raise ValueError(f"{path} has no finite {metric}: {remedy}")
    return rows


def panel(
    rows: Sequence[Row], length: str, metric: str, costs: Mapping[str, float]
) -> dict[str, dict[float, list[float]]]:
    """Contender -> cost -> the values of its runs."""
    by_kind = {
        kind(row["contender"], {length: row[length]}): costs[row["contender"]]
        for row in rows
        if row["contender"] in costs
    }
    members = convergence.runs_by_length(rows, [length], length, metric, by_kind)[""]
    return {name: {one.cost: list(one.values.values()) for one in lengths} for name, lengths in members.items()}


def run() -> None:
    """Draws the table that the flags name.

    Raises:
      ValueError: a flag has an invalid value, or what `read` raises.
      OSError: the table cannot be read, or the figure not be written.
    """
    if not TABLE.value or not OUT.value:
        raise ValueError(f"name a file: --{(OUT if TABLE.value else TABLE).name}=FILE")
    if LENGTH.value not in convergence.LENGTHS:
        raise ValueError(f"--length={LENGTH.value}: use {' or '.join(convergence.LENGTHS)}")
    metric = metrics.for_verdict("denoise", METRIC.value)
    rows = read(Path(TABLE.value), LENGTH.value, METRIC.value)
    contenders = list(dict.fromkeys(row["contender"] for row in rows))
    kinds: dict[str, dict[str, float]] = {"training steps": dict.fromkeys(contenders, 1.0)}
    kinds |= {"seconds of training": costs_of(SECONDS, contenders)} if SECONDS.value else {}
    kinds |= (
        {"multiplications of forward passes": costs_of(MULTIPLICATIONS, contenders)} if MULTIPLICATIONS.value else {}
    )
    for what, costs in kinds.items():
        if REFERENCE.value not in contenders or REFERENCE.value not in costs:
            raise ValueError(f"--reference={REFERENCE.value} has no {what} in {TABLE.value} and the flags")
    curves = {what: panel(rows, LENGTH.value, METRIC.value, costs) for what, costs in kinds.items()}
    line = {what: (some, list(some[REFERENCE.value])) for what, some in curves.items()}
    palette = figures.colours(contenders)
    drawn = convergence_figure.convergence({"": line}, metric.axis_label, palette, bool(metric.higher_is_better))
    drawn.savefig(OUT.value, dpi=150)


def main() -> None:
    """Parses the flags and draws; an error is one line."""
    own_flags.run(FLAGS, __doc__, run, "--table=results.csv")


if __name__ == "__main__":
    main()
