"""Contenders at equal steps, seconds and multiplications: the numbers by hand, and the section of the report."""

import csv
import dataclasses
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
from test_report import make_result, rows_of, text_of
from test_tuning import BEST, figure, finish, look

from aeden.measures.paired_statistics import compare, holm
from experiments.ablate import convergence, grid, metrics, verdict
from experiments.ablate.convergence import RunsOfLength
from experiments.ablate.report import convergence as section
from experiments.ablate.report import convergence_figure, denoise
from experiments.ablate.report.grid_result import Denoising

PSNR = metrics.of_task("denoise")["psnr"]
LENGTHS = (1.0, 4.0, 16.0)
STEPS = 100


def made_up(contender, epochs, seed):
    """A value of a run: it rises with the length, k3 catches up, and sub varies much over the seeds."""
    k3 = 0.2 * math.log(epochs) - 0.5 + 0.02 * (seed % 3 - 1)
    own = {"nearest": 0.0, "k3": k3, "sub": 0.4 * (-1) ** seed}[contender]
    return 20 + 0.1 * seed + 0.3 * math.log(epochs) + own + 0.01 * ((seed * 7) % 5)


def rows_of_lengths(seeds=9):
    """Three contenders at three lengths; sub has not the longest one."""
    return [
        {"contender": name, "epochs": epochs, "seed": seed, "steps": int(STEPS * epochs), "psnr": psnr}
        for seed in range(seeds)
        for epochs in LENGTHS
        for name in ("nearest", "k3", "sub")
        if (name, epochs) != ("sub", 16.0)
        for psnr in [made_up(name, epochs, seed)]
    ]


def per_step(**costs):
    """Cost of a step of each contender at each length."""
    return {grid.kind(name, {"epochs": epochs}): cost for name, cost in costs.items() for epochs in LENGTHS}


def compared(rows, **costs):
    found = convergence.runs_by_length(rows, ["epochs"], "epochs", "psnr", per_step(**costs))
    listed = convergence.comparisons(found, "nearest", PSNR)
    return {grid.kind(one.contender, one.setting): one for one in listed}


def test_values_between_two_lengths_by_hand():
    points = [RunsOfLength({}, 100.0, {0: 20.0, 1: 21.0}), RunsOfLength({}, 400.0, {0: 22.0, 1: 20.0, 2: 5.0})]
    points.append(RunsOfLength({}, 1600.0, {0: 23.0}))
    # 200 is half-way from 100 to 400 on a logarithmic scale, 100 * sqrt(2) a quarter of the way.
    assert convergence.at_cost(points, 200.0)[0] == pytest.approx({0: 21.0, 1: 20.5})
    assert convergence.at_cost(points, 100 * math.sqrt(2))[0] == pytest.approx({0: 20.5, 1: 20.75})
    assert convergence.at_cost(points, 800.0)[0] == pytest.approx({0: 22.5})
    for cost in (101.0, 250.0, 399.0, 1599.0):
        expected = np.interp(np.log(cost), np.log([100, 400, 1600]), [20, 22, 23])
        assert convergence.at_cost(points, cost)[0][0] == pytest.approx(expected)


def test_a_length_of_its_own_is_taken_as_it_is():
    points = [RunsOfLength({}, 100.0, {0: 20.0}), RunsOfLength({}, 300.0, {0: 22.0, 1: 20.0})]
    # 0.1 * 3 * 1000 and 300 differ by rounding.
    assert convergence.at_cost(points, 0.1 * 3 * 1000) == ({0: 22.0, 1: 20.0}, "")
    assert convergence.at_cost(points, 100.0) == ({0: 20.0}, "")


def test_nothing_is_extrapolated():
    points = [RunsOfLength({}, 100.0, {0: 20.0}), RunsOfLength({}, 400.0, {0: 22.0})]
    assert convergence.at_cost(points, 99.9) == ({}, "not run that short")
    assert convergence.at_cost(points, 400.1) == ({}, "not run that long")
    assert convergence.at_cost(points[:1], 100.1) == ({}, "not run that long")


def test_at_equal_steps_it_is_the_verdict_of_the_grid():
    rows = rows_of_lengths()
    found = compared(rows, nearest=1.0, k3=1.0, sub=1.0)
    expected = verdict.comparisons(rows, ["nearest", "k3", "sub"], ["epochs"], "nearest", PSNR)
    assert {label: one.comparison for label, one in found.items() if one.comparison} == expected
    assert (found["sub, epochs=16"].comparison, found["sub, epochs=16"].reason) == (None, "not run that long")
    assert [one.cost for one in found.values()] == [100.0, 100.0, 400.0, 400.0, 1600.0, 1600.0]


def test_a_contender_of_half_the_cost_is_compared_at_twice_its_steps():
    rows = rows_of_lengths()
    found = compared(rows, nearest=2.0, k3=1.0, sub=8.0)
    values = {
        epochs: [
            (made_up("k3", epochs, seed) + made_up("k3", 4 * epochs, seed)) / 2  # half-way to four times the steps
            for seed in range(9)
        ]
        for epochs in (1.0, 4.0)
    }
    reference = {epochs: [made_up("nearest", epochs, seed) for seed in range(9)] for epochs in LENGTHS}
    for epochs in (1.0, 4.0):
        one = found[f"k3, epochs={epochs:g}"].comparison
        assert one.mean == pytest.approx(np.mean(values[epochs]) - np.mean(reference[epochs]))
        assert one.pairs == 9
    # Four times the cost: sub's shortest run costs as much as the reference's middle one.
    one = found["sub, epochs=4"].comparison
    assert one.mean == pytest.approx(np.mean([made_up("sub", 1.0, seed) for seed in range(9)] - np.array(reference[4])))
    # Not run that short: it is compared at its own cost, here that of the middle length again.
    assert (found["sub, epochs=1"].cost, found["sub, epochs=1"].comparison.mean) == (800.0, pytest.approx(one.mean))
    # Not run that long: the reference is interpolated, half-way between two lengths.
    longest = found["k3, epochs=16"]
    ours = np.mean([made_up("k3", 16.0, seed) for seed in range(9)])
    assert longest.cost == 1600.0
    assert longest.comparison.mean == pytest.approx(ours - np.mean([*reference[4.0], *reference[16.0]]))


def test_each_kind_of_cost_is_a_family_of_its_own():
    rows = rows_of_lengths()
    for costs, comparisons in (((1.0, 1.0, 1.0), 5), ((2.0, 1.0, 0.1), 3)):
        found = compared(rows, **dict(zip(("nearest", "k3", "sub"), costs, strict=True)))
        made = [one.comparison for one in found.values() if one.comparison]
        assert len(made) == comparisons
        assert [one.corrected for one in made] == holm([one.p for one in made])
        assert [one.corrected_equal for one in made] == holm([one.p_equal for one in made])
        assert all(one.margin == PSNR.margin for one in made)


def test_only_shared_seeds_of_both_lengths_count():
    def lacks(row, *which):
        return (row["contender"], row["epochs"], row["seed"]) in which

    rows = [row for row in rows_of_lengths() if not lacks(row, ("k3", 4.0, 0), ("nearest", 1.0, 1), ("k3", 1.0, 2))]
    found = compared(rows, nearest=2.0, k3=1.0, sub=2.0)
    assert found["k3, epochs=1"].comparison.pairs == 6
    rows = [row for row in rows if row["contender"] != "sub" or row["seed"] > 6 or row["epochs"] > 1]
    rows = [row for row in rows if row["contender"] != "nearest" or row["seed"] < 7]
    assert compared(rows, nearest=2.0, k3=1.0, sub=2.0)["sub, epochs=1"].reason == "no shared seed"


@pytest.mark.parametrize(("cost", "which"), [(0.5, "short"), (20.0, "long")])
def test_a_single_length_out_of_reach_says_that_the_reference_has_none_there(cost, which):
    rows = [row for row in rows_of_lengths() if row["contender"] != "k3" or row["epochs"] == 1.0]
    one = compared(rows, nearest=1.0, k3=cost, sub=1.0)["k3, epochs=1"]
    assert (one.comparison, one.cost) == (None, 100 * cost)
    assert one.reason == f"reference not run that {which}"


def test_other_axes_have_curves_of_their_own():
    rows = [
        {**row, "model.stages": stages, "psnr": row["psnr"] + stages * (row["contender"] == "k3")}
        for row in rows_of_lengths()
        for stages in (1, 2)
    ]
    axes = ["epochs", "model.stages"]
    labels = {grid.kind(row["contender"], {name: row[name] for name in axes}): 1.0 for row in rows}
    found = convergence.runs_by_length(rows, axes, "epochs", "psnr", labels)
    assert list(found) == ["model.stages=1", "model.stages=2"]
    listed = convergence.comparisons(found, "nearest", PSNR)
    means = {grid.kind(one.contender, one.setting): one.comparison.mean for one in listed if one.comparison}
    for epochs in LENGTHS:
        one, two = (means[f"k3, epochs={epochs:g}, model.stages={stages}"] for stages in (1, 2))
        assert two - one == pytest.approx(1.0)


def test_the_axis_of_the_length():
    assert convergence.length_axis([{"epochs": 1.0, "model.stages": 1}, {"epochs": 2.0, "model.stages": 1}]) == "epochs"
    assert convergence.length_axis([{"steps": 10}, {"steps": 20}]) == "steps"
    assert convergence.length_axis([{"epochs": 1.0}, {"epochs": 1.0}]) is None
    assert convergence.length_axis([{"noise.level": 0.1}, {"noise.level": 0.2}]) is None


def test_rows_of_the_table_for_other_programs():
    better = compare({"k3": ([1.0, 1.2, 1.1], [0.5, 0.6, 0.7])}, margin=0.1)["k3"]
    one = convergence.AtCost("k3", {"epochs": 4.0}, 400.0, better)
    assert convergence.row("seconds", one, PSNR) == {
        **{"contender": "k3", "epochs": 4.0, "equal": "seconds", "cost": 400.0},
        **{"difference": pytest.approx(0.5), "low": better.low, "high": better.high},
        **{"corrected": better.p, "corrected_equal": better.p_equal, "verdict": "no difference shown", "pairs": 3},
    }
    single = dataclasses.replace(one, comparison=compare({"k3": ([1.0], [0.5])})["k3"])
    assert [convergence.row("steps", single, PSNR)[name] for name in ("low", "high", "pairs")] == ["", "", 1]
    none = convergence.AtCost("k3", {"epochs": 4.0}, 400.0, None, "not run that long")
    found = convergence.row("steps", none, PSNR)
    assert [found[name] for name in ("difference", "corrected", "verdict", "pairs")] == ["", "", "not run that long", 0]


@pytest.fixture
def result(settings, tmp_path):
    """The result of a grid of three lengths, where a step of k3 takes half the time of the others."""
    settings.contenders.sub = {"model": {"decoder": "subpixel"}}
    settings.axes, settings.leave_out, settings.seeds = {"epochs": LENGTHS}, ("sub, epochs=16",), 9
    settings.experiment.batch_size = 10
    made = make_result(settings, tmp_path, psnr=20.0)
    for row in made.rows:
        row["steps"] = int(STEPS * row["epochs"])
        row["psnr"] = made_up(row["contender"], row["epochs"], row["seed"])
    timed = {
        cell.kind: {
            # The longest run's network was timed on a slower moment.
            "training_ms": (10.0 if cell.contender == "k3" else 20.0) * (3.0 if cell.config.epochs == 16 else 1.0),
            "multiplications": {"nearest": 4000, "k3": 4000, "sub": 16000}[cell.contender],
        }
        for cell in made.plan.cells
    }
    return dataclasses.replace(made, denoising=Denoising([], timed))


def test_costs_of_a_step(result, monkeypatch):
    costs = section.step_costs(result, "epochs")
    assert list(costs) == ["steps", "seconds", "multiplications"]
    assert costs["steps"]["k3, epochs=4"] == 1.0
    # The median over the lengths, two of which sub has.
    assert {costs["seconds"][f"k3, epochs={epochs}"] for epochs in (1, 4, 16)} == {0.01}
    assert {costs["seconds"][f"sub, epochs={epochs}"] for epochs in (1, 4)} == {0.02}
    assert costs["multiplications"]["sub, epochs=4"] == 10 * 16000
    # Without timings the multiplications come from the networks.
    monkeypatch.setattr(section, "dataset_of", lambda config: SimpleNamespace(image_shape=(28, 28, 1)))
    costs = section.step_costs(dataclasses.replace(result, denoising=Denoising()), "epochs")
    assert list(costs) == ["steps", "multiplications"]
    encoder = 28**2 * 9 * 1 * 8 + 14**2 * 9 * 8 * 8
    decoder = 7**2 * 9 * 8 * 8 + 14**2 * 9 * 8 * 8 + 28**2 * 9 * 8 * 1
    assert costs["multiplications"]["k3, epochs=1"] == 10 * (encoder + decoder)


def test_the_section_has_a_figure_a_table_and_a_file(result, tmp_path, monkeypatch):
    drawn = {}
    draw = convergence_figure.convergence
    monkeypatch.setattr(
        convergence_figure, "convergence", lambda rows, *others: drawn.update(rows) or draw(rows, *others)
    )
    title, shown, lines, text = section.section(result)
    assert title == "<h2>Convergence</h2>"
    assert list(drawn[""]) == ["training steps", "seconds of training", "multiplications of forward passes"]
    curves, ticks = drawn[""]["seconds of training"]
    assert ticks == pytest.approx([2.0, 8.0, 32.0])
    assert list(curves["k3"]) == pytest.approx([1.0, 4.0, 16.0])
    assert list(curves["sub"]) == pytest.approx([2.0, 8.0])
    assert {"convergence.png", "convergence.svg"} <= {path.name for path in (tmp_path / "figures").iterdir()}
    assert "backward passes take about twice as many again" in text_of([shown])
    table = rows_of([lines])[1:]
    assert [row[:2] for row in table] == [[name, f"{epochs}"] for epochs in LENGTHS for name in ("k3", "sub")]
    by_kind = {tuple(row[:2]): row[2:] for row in table}
    assert by_kind["k3", "1.0"][:2] == ["-0.50 [-0.51, -0.49]", "worse"]
    # In the same time k3 takes twice the steps, half-way to its middle length: 0.25 ln 4 - 0.5.
    assert by_kind["k3", "1.0"][2].startswith("-0.15 [-0.1")
    assert by_kind["k3", "16.0"][2].startswith("+0.2")
    assert by_kind["sub", "16.0"][:4] == ["not run that long", "", "not run that long", ""]
    # Each of its steps takes four times the multiplications: its middle length is compared with the longest one.
    assert by_kind["sub", "16.0"][4].startswith(f"{-0.3 * math.log(4) + 0.4 / 9:+.2f} [")
    assert by_kind["sub", "1.0"][4] == by_kind["sub", "4.0"][4]
    assert by_kind["sub", "1.0"][1] == "not shown"
    assert '"Equal": for practical use' in text_of([text])
    with open(tmp_path / "convergence.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["equal"] for row in rows] == 6 * ["steps"] + 6 * ["seconds"] + 6 * ["multiplications"]
    expected = verdict.comparisons(result.rows, result.contenders, ["epochs"], "nearest", PSNR)
    assert float(rows[0]["difference"]) == expected["k3, epochs=1"].mean
    assert (rows[0]["verdict"], rows[0]["pairs"], rows[5]["verdict"]) == ("worse", "9", "not run that long")


def test_the_section_without_timings_and_of_few_runs(result, tmp_path, monkeypatch):
    monkeypatch.setattr(section, "dataset_of", lambda config: SimpleNamespace(image_shape=(28, 28, 1)))
    result = dataclasses.replace(result, denoising=Denoising())
    parts = section.section(result)
    assert "seconds" not in text_of(parts[:3])
    alone = dataclasses.replace(result, rows=[row for row in result.rows if row["contender"] == "nearest"])
    assert len(section.section(alone)) == 2
    one = dataclasses.replace(result, rows=[row for row in result.rows if row["seed"] == 0 and row["epochs"] == 1])
    assert not re.search(r"\b(nan|inf)\b", text_of(section.section(one)))


def test_runs_that_lack_the_metric_have_no_figure(result, tmp_path):
    for row in result.rows:
        del row["psnr"]
    title, text = section.section(result)
    assert (title, text_of([text]).strip()) == ("<h2>Convergence</h2>", "No finished run has a value of PSNR.")
    assert not (tmp_path / "figures/convergence.png").exists()


def test_a_grid_of_one_length_has_no_such_section(settings, tmp_path):
    settings.axes = {"epochs": (1.0,), "noise": {"level": (0.1, 0.4)}}
    assert section.section(make_result(settings, tmp_path, psnr=20.0)) == []
    assert not (tmp_path / "convergence.csv").exists()


def test_the_tuned_values_are_listed_by_length(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(section, "dataset_of", lambda config: SimpleNamespace(image_shape=(28, 28, 1)))
    settings.axes, settings.leave_out = {"epochs": (1.0, 2.0)}, ("k3, epochs=2",)
    settings.tuning.fields = {"learning_rate": (1e-3, 1e-1)}
    settings.tuning.trials, settings.tuning.widenings = 3, 0
    state = look(settings, tmp_path)
    rates = sorted({cell.tuned["learning_rate"] for cell in state.open})
    best = {"epochs=1": {**BEST, "nearest": rates[1], "k3": rates[2]}, "epochs=2": {**BEST, "nearest": rates[0]}}
    for cell in state.open:
        finish(state.plan.folders[cell], cell.config, figure(cell.config, best[cell.place]))
    made = make_result(settings, tmp_path, psnr=20.0)
    for row in made.rows:
        row["steps"] = int(STEPS * row["epochs"])
    parts = section.section(dataclasses.replace(made, tuning=look(settings, tmp_path)))
    assert re.findall(r"<th scope[^>]*>(.*?)</th>", parts[-2]) == ["contender", "tuned field", "epochs=1", "epochs=2"]
    assert rows_of(parts[-2:-1])[1:] == [
        ["nearest", "learning_rate", f"{rates[1]:g}", f"{rates[0]:g} (best trial: lowest)"],
        ["k3", "learning_rate", f"{rates[2]:g} (best trial: highest)", ""],
    ]


def test_amounts_are_readable():
    shown = [convergence_figure._amount(x) for x in (0.05, 3.42, 99.4, 1290.0, 123456.0, 4.128e11, 0.0004)]
    assert shown == ["0.05", "3.4", "99", "1,290", "123,456", "4.1·10¹¹", "4.0·10⁻⁴"]


def test_a_denoising_grid_shows_it(result, monkeypatch):
    for name in ("levels", "artifacts", "pictures"):
        monkeypatch.setattr(denoise, name, lambda result: [])
    for module in ("robustness", "costs", "baseline_table"):
        monkeypatch.setattr(getattr(denoise, module), "section", lambda result: [])
    assert denoise.sections(result)[0] == "<h2>Convergence</h2>"
