"""The runs of a grid, tested on other images: joins its table with one of `aeden evaluate`.

    aeden evaluate runs/ablations/NAME/runs/*_seed?_* --images my_test_photos -o evaluated.csv
    python -m experiments.ablate.other_images --table=runs/ablations/NAME/results.csv --evaluated=evaluated.csv \
        --output=other.csv --baselines=other-baselines.csv

The first result has a row for each run and set of images, with the contender and the seed of the run, so that it can be
an entry of a verdict (configs/settings/base.py). Runs that the grid's table has not, such as the trials of a tuning,
are left out. A run that diverged has rows without figures, as in the grid's table. The second has the methods that need
no training: the `baselines` of that entry.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from aeden.runtime import files
from aeden.runtime.files import Row
from experiments import own_flags
from experiments.ablate import run_table

FLAGS = flags.FlagValues()
TABLE = flags.DEFINE_string("table", None, "The runs: the results.csv of a grid.", flag_values=FLAGS)
EVALUATED = flags.DEFINE_string("evaluated", None, "Their figures: the table of aeden evaluate.", flag_values=FLAGS)
AXES = flags.DEFINE_list("axes", [], "Columns of the grid that tell its settings apart.", flag_values=FLAGS)
OUTPUT = flags.DEFINE_string("output", None, "The CSV file to write.", flag_values=FLAGS)
BASELINES = flags.DEFINE_string(
    "baselines", None, "Another CSV file to write: methods that need no training.", flag_values=FLAGS
)
# What a row takes of its run, with the axes, and of its test; those that are optional only where a table has them.
OF_RUN, OPTIONAL_OF_RUN = ("contender", "seed"), ("parameters", "learning_rate", "multiplications")
CONDITION = ("factor", "antialias", "noise", "level", "clipped", "noise_seed")
# What is empty for a run that diverged.
FIGURES = ("psnr", "ssim")
# Columns and their text: what tells the tests of a run apart.
_Test = tuple[tuple[str, str], ...]


def join(table: Path, evaluated: Path, axes: Sequence[str]) -> list[Row]:
    """The rows of the joined table, in the order of the grid's.

    Args:
      table: the results.csv of a grid.
      evaluated: the table of `aeden evaluate`; its rows of single images are left out.
      axes: columns of the grid's table that tell its settings apart.

    Raises:
      OSError: a file cannot be read.
      ValueError: one is no such table, a run of the grid has no test, or two rows cannot be told apart.
    """
    runs, tests = _runs(table, axes), _tests(evaluated)
    found: dict[tuple[str, _Test], Row] = {}
    for row in tests:
        key = Path(row["method"]).name, _test(row)
        if key in found:
            raise ValueError(f"{evaluated} has two rows of {row['method']} for one test: leave one out")
        found[key] = row
    wanted = list(dict.fromkeys(test for _, test in found))
    _check_complete(runs, found, wanted, f"of the {len(runs)} runs of {table} have no row in {evaluated}")
    return [
        {
            **{name: run[name] for name in (*OF_RUN, *axes, *OPTIONAL_OF_RUN) if name in run},
            **dict(test),
            **{name: found.get((run["folder"], test), {}).get(name, "") for name in FIGURES},
            "folder": run["folder"],
        }
        for run in runs
        for test in wanted
    ]


def untrained(evaluated: Path) -> list[Row]:
    """The rows of the methods that need no training: those without parameters.

    Args:
      evaluated: the table of `aeden evaluate`; its rows of single images are left out.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is no such table, or has no such method.
    """
    rows = [row for row in _tests(evaluated) if row.get("parameters") == ""]
    if not rows:
        raise ValueError(f"{evaluated} has no method that needs no training: leave out --baselines, or use --classical")
    return [{"method": row["method"], **dict(_test(row)), **{name: row[name] for name in FIGURES}} for row in rows]


def _test(row: Row) -> _Test:
    """What tells the tests of a run apart: a set of images, and how they were made worse."""
    return tuple((name, row[name]) for name in ("set", "images", *CONDITION) if name in row)


def _check_complete(
    runs: Sequence[Row], found: Container[tuple[str, _Test]], wanted: Sequence[_Test], which: str
) -> None:
    """Refuses runs that lack a test; those that diverged have none.

    Raises:
      ValueError: naming one.
    """
    finite = [run["folder"] for run in runs if not math.isnan(run["psnr"])]
    absent = [folder for folder in finite if any((folder, test) not in found for test in wanted)]
    if absent or not wanted:
        named = f", such as {absent[0]}" if absent else ""
        raise ValueError(
            f"{len(absent or runs)} {which}{named}: evaluate all of their folders, which are in the folder runs of the "
            "grid, with all images in one command"
        )


def _runs(table: Path, axes: Sequence[str]) -> list[Row]:
    """The rows of the grid, each with the text of its columns, and `psnr` as a number."""
    texts = dict.fromkeys((*OF_RUN, *axes, "folder"), str)
    wanted: dict[str, Callable[[str], Any]] = {**texts, "psnr": run_table.figure}
    rows = run_table.read(table, wanted, "use the results.csv of a grid", OPTIONAL_OF_RUN)
    clash = sorted({*axes} & {*CONDITION, "set", "images"})
    if clash:
        raise ValueError(f"--axes={clash[0]} is a column of aeden evaluate: rename it in a copy of {table}")
    remedy = "name the columns that tell settings apart in --axes"
    run_table.check_unique(rows, [*OF_RUN, *axes], table, remedy)
    return rows


def _tests(evaluated: Path) -> list[Row]:
    """The rows of `aeden evaluate` that are means over images, each with the text of its columns."""
    texts = dict.fromkeys(("method", "image", "set", "images"), str)
    wanted: dict[str, Callable[[str], Any]] = {**texts, **dict.fromkeys(FIGURES, _finite)}
    rows = run_table.read(evaluated, wanted, "use a table of aeden evaluate", (*CONDITION, "parameters"))
    return [row for row in rows if not row["image"]]


def _finite(text: str) -> str:
    """The text of a finite number.

    Raises:
      ValueError: it is something else.
    """
    if not math.isfinite(float(text)):
        raise ValueError(f"{text} is not finite")
    return text


def run() -> None:
    """Writes the tables that the flags name.

    Raises:
      ValueError: a flag is missing, there is a file of the new name, or what `join` raises.
      OSError: what `join` raises, or the table cannot be written.
    """
    if not (TABLE.value and EVALUATED.value and OUTPUT.value):
        raise ValueError("name the tables: --table=results.csv --evaluated=table.csv --output=other.csv")
    output, baselines = Path(OUTPUT.value), Path(BASELINES.value) if BASELINES.value else None
    if baselines is not None and baselines.resolve() == output.resolve():
        raise ValueError(f"--output and --baselines are both {output}: name two files")
    for path in filter(None, (output, baselines)):
        if os.path.lexists(path):
            raise ValueError(f"{path} exists already: name another file, or remove it")
        if not path.parent.is_dir():
            raise ValueError(f"{path.parent} is no folder: make it, or write the table elsewhere")
    rows = join(Path(TABLE.value), Path(EVALUATED.value), AXES.value)
    methods = untrained(Path(EVALUATED.value)) if baselines else []
    files.write_csv(output, rows)
    sets = dict.fromkeys(row["set"] for row in rows)
    print(f"{output}: {len(rows)} rows, {len({row['folder'] for row in rows})} runs tested with {', '.join(sets)}")
    if baselines:
        files.write_csv(baselines, methods)
        print(f"{baselines}: {', '.join(dict.fromkeys(row['method'] for row in methods))}")


def main() -> None:
    """Parses the flags and writes the table; an error is one line."""
    own_flags.run(FLAGS, __doc__, run, "--table=results.csv")


if __name__ == "__main__":
    main()
