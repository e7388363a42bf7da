"""What a grid says of runs whose metric is NaN or infinite."""

import csv
import dataclasses
import json
import math

import numpy as np
import pytest
from test_convergence import LENGTHS, compared, rows_of_lengths
from test_report import PROVENANCE, make_result, rows_of, text_of

from aeden.runtime import files
from experiments.ablate import convergence, metrics, outcome, seed_values, verdict
from experiments.ablate.report import convergence as section
from experiments.ablate.report import costs, figures, page
from experiments.ablate.report.grid_result import Denoising

BCE = metrics.for_verdict("denoise", "bce")
NAMES = ["nearest", "k3", "k4"]


def rows_with(**wrong):
    """Eight seeds of three contenders, of which k4 is worse by much, with some values replaced."""
    values = {name: {seed: 0.1 + 0.001 * seed + (name == "k4") for seed in range(8)} for name in NAMES}
    for name, some in wrong.items():
        values[name] |= some
    return [{"contender": name, "seed": seed, "bce": x} for name, some in values.items() for seed, x in some.items()]


def said(rows, reference="nearest"):
    found = verdict.comparisons(rows, NAMES, [], reference, BCE)
    gaps = seed_values.gaps(rows, NAMES, [], reference, BCE)
    record = verdict.as_json(found, verdict.seed_spreads(rows, NAMES, [], reference, BCE), reference, BCE, gaps)
    return json.loads(json.dumps(record, allow_nan=False))


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_seed_without_a_finite_value_is_left_out_and_named(wrong):
    rows = rows_with(k4={3: wrong}, nearest={5: wrong})
    record = said(rows)
    without = [row for row in rows if row["seed"] not in (3, 5)]
    k3 = [row for row in without if row["contender"] != "k4"] + [row for row in rows_with() if row["seed"] == 3]
    names = {one["contender"]: one for one in record["comparisons"]}
    expected = verdict.comparisons(without, NAMES, [], "nearest", BCE)["k4"]
    assert (names["k4"]["pairs"], names["k4"]["p"], names["k4"]["mean"]) == (6, expected.p, expected.mean)
    assert (names["k3"]["pairs"], names["k3"]["mean"]) == (7, 0.0)
    assert names["k3"]["low"] == verdict.comparisons(k3, NAMES, [], "nearest", BCE)["k3"].low
    assert (record["undefined"], record["not_compared"]) == ({"nearest": 1, "k4": 1}, [])
    assert record["text"].endswith(
        " BCE is not defined (NaN or infinite) in 1 of 8 runs of nearest, 1 of 8 runs of k4: their seeds are left out "
        "of the pairs, so do not take a contender for better that lacks some."
    )
    spreads = {one["contender"]: one["seeds"] for one in record["spreads"]}
    assert spreads == {"nearest": 7, "k3": 8, "k4": 7}


def test_a_contender_without_a_finite_value_is_not_compared():
    """It was "better (+nan nats, corrected p = 0)"."""
    record = said(rows_with(k3=dict.fromkeys(range(8), math.nan)))
    assert [one["contender"] for one in record["comparisons"]] == ["k4"]
    assert record["not_compared"] == ["k3"]
    assert record["text"].startswith("By BCE, over 8 paired seeds, compared with nearest: k4 is worse (+1.0")
    assert record["text"].endswith(
        " BCE is not defined (NaN or infinite) in 8 of 8 runs of k3: their seeds are left out of the pairs. Not "
        "compared, because no pair is left: k3."
    )
    assert "k3 is" not in record["text"]
    assert [one["contender"] for one in record["spreads"]] == ["nearest", "k4"]


def test_a_reference_without_a_finite_value_leaves_nothing_to_compare():
    record = said(rows_with(nearest=dict.fromkeys(range(8), math.nan)))
    assert (record["comparisons"], record["not_compared"]) == ([], ["k3", "k4"])
    assert record["text"] == (
        "By BCE, nothing can be compared with nearest. BCE is not defined (NaN or infinite) in 8 of 8 runs of nearest: "
        "their seeds are left out of the pairs. Not compared, because no pair is left: k3, k4."
    )
    # A contender of other seeds is not compared anyway.
    rows = [{**row, "seed": row["seed"] + 8 * (row["contender"] == "k3")} for row in rows_with(nearest={0: math.nan})]
    assert seed_values.gaps(rows, NAMES, [], "nearest", BCE) == seed_values.Gaps({"nearest": (1, 8)}, [])


def test_finite_values_leave_no_gap():
    assert seed_values.gaps(rows_with(), NAMES, [], "nearest", BCE) == seed_values.Gaps({}, [])
    assert verdict.NO_GAPS.sentences(BCE) == []


@pytest.fixture
def result(settings, tmp_path):
    """A grid on BCE whose k3 has NaN under both seeds."""
    settings.metric = "bce"
    made = make_result(settings, tmp_path, bce=0.1, psnr=20.0)
    for row in made.rows:
        if row["contender"] == "k3":
            row["bce"] = math.nan
    return dataclasses.replace(made, comparisons={})


def test_the_report_says_what_is_left_out(result):
    assert "2 of 2 runs of k3: their seeds are left out" in text_of(page.opening(result))
    assert rows_of(page.comparison(result))[2][2] == "not compared: not defined"
    assert [row[0] for row in rows_of(page.spreads(result))[1:]] == ["nearest"]
    cost = {"parameters": 5, "multiplications": 10**6, "forward_ms": 1.0, "training_ms": 5.0}
    timed = {cell.kind: cost for cell in result.plan.cells}
    assert "<figure" in "".join(costs.section(dataclasses.replace(result, denoising=Denoising([], timed))))


def test_a_whole_grid_of_which_a_contender_has_nan(settings, tmp_path, monkeypatch):
    settings.metric, settings.costs, settings.baselines = "bce", False, False
    plan = make_result(settings, tmp_path, bce=0.1).plan
    monkeypatch.setattr(outcome, "command", lambda plan, cell: cell.name)
    for cell in plan.cells:
        plan.folders[cell].mkdir(parents=True)
        bce = math.nan if cell.contender == "k3" else 0.1 + 0.01 * cell.seed
        both = {name: {"psnr": 20.0, "mse": 0.01, "bce": bce} for name in ("noisy", "test")}
        summary = {**PROVENANCE, "task": "denoise", "parameters": 5, "wall_seconds": 1.0, "levels": {}, **both}
        files.write_json(plan.folders[cell] / "summary.json", summary)
    text = outcome.write(plan, {}, [])
    assert "Not compared, because no pair is left: k3." in text
    assert "better" not in text
    assert "worse" not in text

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    record = json.loads((tmp_path / "verdict.json").read_text(), parse_constant=refuse)
    assert (record["undefined"], record["not_compared"], record["comparisons"]) == ({"k3": 2}, ["k3"], [])
    assert "Not compared, because no pair is left: k3." in text_of([(tmp_path / "report.html").read_text()])


def test_lengths_are_compared_over_finite_values():
    def with_nan(wrong):
        return [{**row, "psnr": math.nan} if wrong(row) else row for row in rows_of_lengths()]

    costs_of = {"nearest": 1.0, "k3": 1.0, "sub": 1.0}
    rows = with_nan(lambda row: (row["contender"], row["epochs"]) == ("k3", 4.0) and row["seed"] < 2)
    found = compared(rows, **costs_of)
    without = [row for row in rows if math.isfinite(row["psnr"])]
    assert found == compared(without, **costs_of)
    assert (found["k3, epochs=4"].comparison.pairs, found["k3, epochs=1"].comparison.pairs) == (7, 9)
    found = compared(with_nan(lambda row: (row["contender"], row["epochs"]) == ("k3", 4.0)), **costs_of)
    assert (found["k3, epochs=4"].comparison, found["k3, epochs=4"].reason) == (None, "not defined")
    assert found["k3, epochs=16"].comparison.pairs == 9
    found = compared(with_nan(lambda row: (row["contender"], row["epochs"]) == ("nearest", 4.0)), **costs_of)
    assert {found[f"{name}, epochs=4"].reason for name in ("k3", "sub")} == {"reference not defined"}
    # Nor is a value interpolated beside a length that has none.
    points = [convergence.RunsOfLength({}, 100.0, {0: 20.0}), convergence.RunsOfLength({}, 400.0, {})]
    assert convergence.at_cost(points, 200.0) == ({}, "not defined")


def test_the_section_of_lengths_shows_what_is_finite(settings, tmp_path, monkeypatch):
    settings.axes, settings.seeds = {"epochs": LENGTHS}, 3
    made = make_result(settings, tmp_path, psnr=20.0)
    monkeypatch.setattr(section, "step_costs", lambda result, length: {"steps": {c.kind: 1.0 for c in made.plan.cells}})
    for row in made.rows:
        row["steps"] = int(100 * row["epochs"])
        if row["contender"] == "k3" and (row["epochs"] == 4.0 or row["seed"] == 0):
            row["psnr"] = math.nan
    parts = section.section(made)
    assert "<figure" in parts[1]
    assert [row[2] for row in rows_of(parts) if row and row[0] == "k3"][1] == "not defined"
    with open(tmp_path / "convergence.csv") as file:
        assert [(row["verdict"], row["pairs"]) for row in csv.DictReader(file)][1] == ("not defined", "0")
    for row in made.rows:
        row["psnr"] = math.nan
    assert "No finished run has a value of PSNR." in text_of(section.section(made))


def test_curves_by_level_show_what_is_finite():
    curves = {"k3": {0.1: [20.0, math.nan, 21.0], 0.2: [math.nan], 0.3: [20.0, 20.5]}, "k4": {0.1: [math.inf]}}
    figure = figures.levels(curves, {}, ("PSNR, dB", ""), "noise level", {"k3": "#0072b2", "k4": "#d55e00"})
    (line,) = figure.axes[0].lines
    assert np.array_equal(line.get_xydata(), [[0.1, 20.5], [0.3, 20.25]])
