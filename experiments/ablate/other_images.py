"""The runs of a grid, tested on other images: joins its table with one of `aeden evaluate`.

    aeden evaluate runs/ablations/NAME/runs/* --images my_test_photos -o evaluated.csv
    python -m experiments.ablate.other_images --table=runs/ablations/NAME/results.csv --evaluated=evaluated.csv \
        --output=other.csv

The result has a row for each run and set of images, with the contender and the seed of the run, so that it can be an
entry of a verdict (configs/settings/base.py). Runs that only one of the tables has, such as the trials of a tuning, and
methods without training are left out.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from aeden.runtime import files
from aeden.runtime.files import Row
from experiments import own_flags
from experiments.ablate import run_table

FLAGS = flags.FlagValues()
TABLE = flags.DEFINE_string("table", None, "The runs: the results.csv of a grid.", flag_values=FLAGS)
EVALUATED = flags.DEFINE_string("evaluated", None, "Their figures: the table of aeden evaluate.", flag_values=FLAGS)
OUTPUT = flags.DEFINE_string("output", None, "The CSV file to write.", flag_values=FLAGS)
# What a row takes of the run, and of its test; those of the second line only where a table has them.
OF_RUN, ALSO_OF_RUN = ("contender", "seed"), ("parameters", "learning_rate", "multiplications", "folder")
OF_TEST, ALSO_OF_TEST = ("set", "images", "psnr", "ssim"), ("factor", "antialias", "noise", "level", "clipped")


def join(table: Path, evaluated: Path) -> list[Row]:
    """The rows of the joined table.

    Args:
      table: the results.csv of a grid.
      evaluated: the table of `aeden evaluate`; its rows of single images are left out.

    Raises:
      OSError: a file cannot be read.
      ValueError: one is no such table, or they have no run in common.
    """
    wanted = dict.fromkeys((*OF_RUN, "folder"), str)
    runs = {row["folder"]: row for row in run_table.read(table, wanted, "use the results.csv of a grid", ALSO_OF_RUN)}
    needed = dict.fromkeys(("method", "image", *OF_TEST), str)
    tests = run_table.read(evaluated, needed, "use a table of aeden evaluate", ALSO_OF_TEST)
    rows = [
        {
            **{name: run[name] for name in (*OF_RUN, *ALSO_OF_RUN) if name in run},
            **{name: test[name] for name in (*OF_TEST, *ALSO_OF_TEST) if name in test},
        }
        for test in tests
        if not test["image"] and (run := runs.get(Path(test["method"]).name))
    ]
    if not rows:
        raise ValueError(
            f"{table} and {evaluated} have no run in common: evaluate the folders of the grid's runs, which are in its "
            "folder runs"
        )
    return rows


def run() -> None:
    """Writes the table that the flags name.

    Raises:
      ValueError: a flag is missing, or what `join` raises.
      OSError: what `join` raises, or the table cannot be written.
    """
    if not (TABLE.value and EVALUATED.value and OUTPUT.value):
        raise ValueError("name the tables: --table=results.csv --evaluated=table.csv --output=other.csv")
    rows = join(Path(TABLE.value), Path(EVALUATED.value))
    files.write_csv(Path(OUTPUT.value), rows)
    sets = {row["set"] for row in rows}
    print(f"{OUTPUT.value}: {len(rows)} rows of {len({row['folder'] for row in rows})} runs, {', '.join(sorted(sets))}")


def main() -> None:
    """Parses the flags and writes the table; an error is one line."""
    own_flags.run(FLAGS, __doc__, run, "--table=results.csv")


if __name__ == "__main__":
    main()
