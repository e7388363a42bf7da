"""What a grid's report says about its tuning, from made-up trials; and a whole tuned grid, killed and continued."""

import csv
import re
import signal
import time

import numpy as np
import pytest
from conftest import start
from test_report import make_result, text_of
from test_tuning import BEST, figure, finish, look

from aeden.runtime import files
from experiments.ablate.report import tuning as section
from experiments.ablate.report import tuning_figures

GRID = """
from configs import smoke
from configs.ablations import grid_base

def get_config():
    config = grid_base.get_config()
    config.experiment = smoke.get_config()
    config.experiment.data.limit, config.experiment.model.features = 64, (4, 4)
    config.experiment.epochs, config.experiment.steps = 0.0, 4
    config.contenders.nearest = {"model": {"decoder": "upsample"}}
    config.contenders.k3 = {"model": {"decoder": "transpose"}}
    config.tuning.fields = {"learning_rate": (1.0, 1e9)}
    config.tuning.trials = 3
    config.seeds = 1
    config.reference = "nearest"
    config.baselines = config.costs = False
    return config
"""


@pytest.fixture
def result(settings, tmp_path):
    """The result of a grid whose k3 has its best rate at the edge, and whose trials diverge at the highest rate."""
    settings.tuning.fields = {"learning_rate": (1e-3, 1e-1)}
    settings.tuning.trials, settings.tuning.widenings = 4, 0
    settings.axes = {"batch_size": (32, 64)}
    state = look(settings, tmp_path)
    top = max(cell.tuned["learning_rate"] for cell in state.open)
    for cell in state.open:
        wild = cell.contender == "nearest" and cell.tuned["learning_rate"] == top
        psnr = figure(cell.config, {**BEST, "k3": 1.0})
        finish(state.plan.folders[cell], cell.config, float("nan") if wild else psnr)
    made = make_result(settings, tmp_path, psnr=20.0)
    return type(made)(**{**made.__dict__, "tuning": look(settings, tmp_path)})


def test_the_section_shows_what_was_tried_and_warns_of_edges(result, tmp_path):
    parts = section.sections(result)
    text = text_of(parts)
    assert "4 trials of each contender at each setting, the same for all: learning_rate from 0.001 to 0.1." in text
    assert text.count("k3, batch_size=32: its best trial has the highest value tried, learning_rate=0.0316") == 1
    assert "nearest, batch_size=32: its best" not in text
    assert sum(part.count("<figure") for part in parts) == 2
    table = [re.split(r"\s{2,}", text_of([row]).strip()) for row in re.findall("<tr>.*?</tr>", parts[-2])]
    assert table[0] == [
        *("contender", "batch_size", "learning_rate", "validation PSNR, dB: chosen", "best", "rank by"),
        *("expected best of 1", "expected best of 3", "trials", "failed", "best at an edge", "goes on"),
    ]
    assert "Rank: the mean of the best third of a contender's finished trials, rounded up, which decides who" in text
    assert "left out are not shown to be worse. Those that go on are compared with the reference only." in text
    choices = result.tuning.choices()
    finished = choices["nearest, batch_size=32"].finished
    counted = [*finished, min(finished)]
    one, best = np.mean(counted), max(counted)
    # Of the four sets of three trials, three have the best.
    three = 0.75 * best + 0.25 * sorted(counted)[2]
    assert table[1] == [
        *("nearest", "32", "0.01", *[f"{best:.3f}"] * 3, f"{one:.3f}", f"{three:.3f}"),
        *("4", "1", "no", "yes"),
    ]
    assert {path.name for path in (tmp_path / "figures").iterdir()} >= {"tuning.png", "expected_best.svg"}


def test_a_grid_without_tuning_has_no_section(settings, tmp_path):
    assert section.sections(make_result(settings, tmp_path, psnr=20.0)) == []


def test_many_contenders_are_told_apart():
    names = [str(i) for i in range(40)]
    styles = tuning_figures.Styles(names, names)
    assert len({(styles.colour(name), styles.marker(name)) for name in names}) == 40


def test_the_chosen_point_is_at_its_own_height():
    """Several trials may have its value: a field of integers has few."""
    trials = [(2.0, 20.0), (1.0, 19.0), (2.0, 20.5), (2.0, 19.5), (4.0, None)]
    styles = tuning_figures.Styles(["k3"], ["k3"])
    for x, y in trials[:4]:
        chosen = {"": {"field": {"k3": (x, y)}}}
        figure = tuning_figures.by_value({"": {"field": {"k3": trials}}}, chosen, "PSNR, dB", styles, True)
        assert figure.axes[0].lines[-1].get_xydata().tolist() == [[x, y]]
    # One that is far worse than the others lies on the border with its trial.
    trials += [(8.0, -500.0)]
    chosen = {"": {"field": {"k3": trials[-1]}}}
    figure = tuning_figures.by_value({"": {"field": {"k3": trials}}}, chosen, "PSNR, dB", styles, True)
    points, best = figure.axes[0].lines[-2:]
    assert best.get_xydata().tolist()[0] in points.get_xydata().tolist()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_panel_shows_the_best_and_cuts_off_what_is_far_worse(sign):
    usual = np.linspace(20, 21, 9)
    low, high = tuning_figures.limits([*(sign * usual), sign * -50.0, None], sign > 0)
    assert low < sign * 20.5 < high
    assert -50 not in (low, high)
    best, border = (high, low) if sign > 0 else (low, high)
    assert abs(best) > 21
    assert 18 < abs(border) <= 20


@pytest.mark.proof
def test_a_tuned_grid_that_is_killed_ends_as_one_that_is_not(tmp_path):
    """Its trials at the higher rates diverge, which neither fails the grid nor is repeated."""
    (tmp_path / "tuned.py").write_text(GRID)
    options = (f"--config={tmp_path / 'tuned.py'}", "--jobs=1")
    for name, kills in (("whole", ()), ("killed", ("runs/trial*/summary.json", "runs/trial*/diverged.json"))):
        folder = tmp_path / name
        for pattern in kills:
            process = start("experiments.ablate", *options, f"--workdir={folder}")
            while process.poll() is None and not list(folder.glob(pattern)):
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=600)
        before = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*.json")}
        out, err = start("experiments.ablate", *options, f"--workdir={folder}").communicate(timeout=600)
        assert re.search(r"tuned k3: learning_rate=\S+, chosen from", out), err
        assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    tables = []
    for name in ("whole", "killed"):
        for table in ("tuning.csv", "results.csv"):
            with open(tmp_path / name / table) as file:
                tables.append([{**row, "wall_seconds": None} for row in csv.DictReader(file)])
    assert tables[:2] == tables[2:]
    assert sum(row["validation_psnr"] == "" for row in tables[0]) == 2
    record = files.read_json(tmp_path / "whole/tuning.json")
    assert record["choices"] == files.read_json(tmp_path / "killed/tuning.json")["choices"]
    assert "<h2>Tuning</h2>" in (tmp_path / "whole/report.html").read_text()
