"""The measurement of seeds trained at once: its table, what it refuses, and that it times every way."""

import csv

import pytest
from absl import flags
from conftest import start

from experiments.benchmark import seeds


def test_the_table_has_a_column_for_each_figure():
    rows = [{"way": "vmap", "seeds": 2, "steps_per_second": 12.34567}, {"way": "map", "error": "no memory"}]
    lines = list(csv.DictReader(seeds.table(rows).splitlines()))
    assert tuple(lines[0]) == seeds.COLUMNS
    assert (lines[0]["steps_per_second"], lines[0]["error"]) == ("12.35", "")
    assert (lines[1]["steps_per_second"], lines[1]["error"]) == ("", "no memory")


@pytest.mark.parametrize(
    ("option", "match"),
    [
        ("--ways=scan", "--ways=scan: use vmap, map, processes"),
        ("--lowerings=quick", "--lowerings=quick: use reference, fast, auto"),
        ("--numbers=1,none", "--numbers=1,none: use positive whole numbers"),
    ],
)
def test_choices_that_there_are_not_are_refused(option, match):
    seeds.FLAGS(["seeds", option])
    try:
        with pytest.raises(ValueError, match=match):
            seeds.check()
    finally:
        for flag in (seeds.CHOSEN_WAYS, seeds.CHOSEN_LOWERINGS, seeds.NUMBERS):
            seeds.FLAGS[flag.name].unparse()
    assert isinstance(seeds.FLAGS, flags.FlagValues)


@pytest.mark.proof
def test_every_way_is_timed_by_processes_of_its_own(tmp_path):
    options = ("--config.data.limit=64", "--config.model.features=(2, 2)", "--numbers=2", "--lowerings=fast")
    process = start(
        "experiments.benchmark.seeds",
        "--config=configs/smoke.py",
        *options,
        "--seconds=0.1",
        f"--output={tmp_path / 't'}",
    )
    out, err = process.communicate(timeout=600)
    rows = list(csv.DictReader(out.splitlines()))
    assert [(row["way"], row["seeds"], row["error"]) for row in rows] == [
        (way, "2", "") for way in ("vmap", "map", "processes")
    ], err
    assert all(float(row["all_steps_per_second"]) > 0 for row in rows)
    assert (tmp_path / "t").read_text() == out
