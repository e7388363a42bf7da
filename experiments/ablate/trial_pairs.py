"""Contenders compared over the trials of a tuning: at the same learning rate, under the same seed.

    python -m experiments.ablate.trial_pairs --table=results/tuning-longer-mnist.csv --axes=epochs \
        --step_costs=nearest=17.6,k3=17.0,k4=20.3,subpixel=30.5

A tuning gives each contender the same trials. The runs after it compare contenders at the one rate that was chosen for
each; its trials compare them over the whole range of rates, on the validation split. It trains nothing: it reads the
table of a tuning and prints Markdown.

With `--step_costs`, what a training step of each contender costs (seconds, multiplications: any unit), it also compares
them at equal cost, if one of the axes is `epochs` or `steps` ("Convergence" in docs/method.md).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from aeden.measures.metric import Metric
from aeden.measures.paired_statistics import Comparison
from aeden.runtime.files import Row
from aeden.tasks.execute import TASKS
from aeden.tasks.from_config import check_choice
from experiments import own_flags
from experiments.ablate import convergence, metrics, run_table, seed_values, verdict
from experiments.ablate.grid import kind
from experiments.settings import document

FLAGS = flags.FlagValues()
TABLE = flags.DEFINE_string("table", None, "The trials: the tuning.csv of a grid.", flag_values=FLAGS)
AXES = flags.DEFINE_list("axes", [], "Columns that tell settings apart.", flag_values=FLAGS)
MATCH = flags.DEFINE_list("match", ["learning_rate"], "Columns that pair trials, with seed.", flag_values=FLAGS)
REFERENCE = flags.DEFINE_string("reference", "nearest", "The contender to compare with.", flag_values=FLAGS)
TASK = flags.DEFINE_string("task", "denoise", "Value of config.task of the trials.", flag_values=FLAGS)
METRIC = flags.DEFINE_string("metric", "psnr", "What is compared: a metric of the task.", flag_values=FLAGS)
STEP_COSTS = flags.DEFINE_list("step_costs", [], "CONTENDER=COST of a training step, ...", flag_values=FLAGS)
HEADS = ("trials", "difference [95 % interval]", "ahead", "corrected p", "verdict")


def read(path: Path, axes: Sequence[str], match: Sequence[str], metric: str) -> list[Row]:
    """The trials of a table: one row each with contender, axes, metric, steps, and `seed`, which pairs trials.

    Args:
      path: a CSV file.
      axes: columns that tell settings apart.
      match: columns of which the same values, with the same seed, make a pair.
      metric: the metric without `validation_`.

    Raises:
      OSError: the file cannot be read.
      ValueError: see `run_table.read`; or two trials of a contender at a setting would make one pair.
    """
    figure = f"validation_{metric}"
    columns: dict[str, Callable[[str], Any]] = {
        "contender": str,
        **dict.fromkeys(("seed", *match), str),
        **{name: run_table.positive if name in convergence.LENGTHS else str for name in axes},
        "steps": run_table.count,
        figure: run_table.figure,
    }
    rows = run_table.read(path, columns, "use the tuning.csv of a grid")
    remedy = "name the column that tells settings apart in --axes, or one that tells trials apart in --match"
    run_table.check_unique(rows, list(dict.fromkeys(("contender", *axes, "seed", *match))), path, remedy)
    pairs: dict[tuple[Any, ...], int] = {}
    return [
        {
            "contender": row["contender"],
            **{name: row[name] for name in axes},
            "seed": pairs.setdefault(tuple(row[name] for name in ("seed", *match)), len(pairs)),
            "steps": row["steps"],
            metric: row[figure],
        }
        for row in rows
    ]


def cells(found: Comparison, metric: Metric) -> list[str]:
    """The cells of a comparison, as in `HEADS`."""
    wins = f"{found.wins} of {found.pairs}"
    return [
        str(found.pairs),
        document.difference(found, metric),
        wins,
        f"{found.corrected:.3f}",
        verdict.word(found, metric),
    ]


def _digits(difference: float, metric: Metric) -> str:
    return f"{difference:+.{metric.digits}f}"


def at_equal_cost(
    rows: Sequence[Row], axes: Sequence[str], costs: Mapping[str, float], reference: str, metric: Metric
) -> str:
    """The comparisons at equal cost as Markdown.

    Raises:
      ValueError: no axis sets the length of the training.
    """
    settings = [{name: row[name] for name in axes} for row in rows]
    length = convergence.length_axis(settings)
    if length is None:
        raise ValueError(f"--step_costs needs several lengths: --axes with {' or '.join(convergence.LENGTHS)}")
    step_costs = {
        kind(row["contender"], setting): costs[row["contender"]]
        for row, setting in zip(rows, settings, strict=True)
        if row["contender"] in costs
    }
    found = convergence.runs_by_length(rows, axes, length, metric.name, step_costs)
    lines = [
        [
            kind(one.contender, one.setting),
            *(cells(one.comparison, metric) if one.comparison else ["", one.reason, "", "", ""]),
        ]
        for one in convergence.comparisons(found, reference, metric)
    ]
    return document.table(["at equal cost", *HEADS], lines)


def run() -> None:
    """Prints the comparisons of the table that the flags name.

    Raises:
      ValueError: a flag has an invalid value, or what `read` and `at_equal_cost` raise.
      OSError: what `read` raises.
    """
    if not TABLE.value:
        raise ValueError("name the trials: --table=FILE, the tuning.csv of a grid")
    check_choice("--task", TASK.value, TASKS)
    metric = metrics.for_verdict(TASK.value, METRIC.value)
    rows = read(Path(TABLE.value), AXES.value, MATCH.value, METRIC.value)
    contenders = list(dict.fromkeys(row["contender"] for row in rows))
    if REFERENCE.value not in contenders:
        raise ValueError(f"--reference={REFERENCE.value} has no trial in {TABLE.value}")
    costs = costs_of(STEP_COSTS, contenders)
    if costs and REFERENCE.value not in costs:
        raise ValueError(
            f"--step_costs has no cost of the reference {REFERENCE.value}, which the others are compared with"
        )
    pairs = seed_values.paired(seed_values.by_seed(rows, contenders, AXES.value, metric), REFERENCE.value)
    if not pairs:
        matched = ", ".join(["seed", *MATCH.value])
        raise ValueError(
            f"{TABLE.value} has no pair: no other contender has a trial with the {matched} of one of "
            f"{REFERENCE.value}; name other columns in --match"
        )
    compared = verdict.compared(pairs, metric, 0.0, tuned=False)
    lines = [[name, *cells(one, metric), _digits(_median(*pairs[name]), metric)] for name, one in compared.items()]
    print(document.table(["at the same rate and seed", *HEADS, "median difference"], lines))
    if costs:
        print("\n" + at_equal_cost(rows, AXES.value, costs, REFERENCE.value, metric))


def _median(values: Sequence[float], its: Sequence[float]) -> float:
    """The median of the differences: at high rates one of the two may collapse, which makes the mean say little."""
    return statistics.median(one - other for one, other in zip(values, its, strict=True))


def costs_of(flag: flags.FlagHolder[list[str]], contenders: Sequence[str]) -> dict[str, float]:
    """Contender -> cost of a flag that lists CONTENDER=COST.

    Raises:
      ValueError: it lists something else, costs that are not above 0, or none of the contenders.
    """
    said = f"--{flag.name}={','.join(flag.value)}"
    try:
        costs = {name: float(cost) for name, cost in (pair.split("=") for pair in flag.value)}
    except ValueError as error:
        raise ValueError(f"{said}: use CONTENDER=COST,CONTENDER=COST") from error
    if not all(0 < cost < math.inf for cost in costs.values()):
        raise ValueError(f"{said}: use costs above 0")
    for name in costs:
        if name not in contenders:
            raise ValueError(f"{said}: {name!r} is none of the contenders {', '.join(contenders)}")
    return costs


def main() -> None:
    """Parses the flags and prints the comparisons; an error is one line."""
    own_flags.run(FLAGS, __doc__, run, "--axes=epochs")


if __name__ == "__main__":
    main()
