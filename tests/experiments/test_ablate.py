"""A grid from its first run to its report: killed, continued, with a run that fails; and its page in a browser."""

import contextlib
import csv
import re
import shlex
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from browser import needs_browser, run_in
from conftest import start

from aeden.runtime import files, run_folder
from configs import smoke
from configs.ablations import grid_base
from experiments.ablate import baselines, grid, outcome, progress, selection
from experiments.ablate.plan import make_plan

GRID = """
from configs import smoke
from configs.ablations import grid_base

def get_config():
    config = grid_base.get_config()
    config.experiment = smoke.get_config()
    config.experiment.data.limit, config.experiment.model.features = 64, (4, 4)
    config.experiment.epochs, config.experiment.steps = 0.0, 4
    config.contenders.nearest = {"model": {"decoder": "upsample"}}
    config.contenders.wild = {"learning_rate": 1e30}
    config.seeds = 1
    config.reference = "nearest"
    config.baselines = config.costs = False
    return config
"""


@pytest.mark.proof
def test_a_grid_that_is_killed_goes_on_and_a_run_that_diverges_spares_the_others(tmp_path):
    (tmp_path / "two.py").write_text(GRID)
    options = (f"--config={tmp_path / 'two.py'}", f"--workdir={tmp_path / 'grid'}", "--jobs=1")
    first = start("experiments.ablate", *options)
    done: list = []
    while first.poll() is None and not done:
        done = list((tmp_path / "grid").glob("runs/*/summary.json"))
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    before = {path: path.stat().st_mtime_ns for path in done}
    for folder in (tmp_path / "grid/runs").iterdir():  # no process is left that holds the lock of a run
        with held(folder):
            pass

    again = start("experiments.ablate", *options)
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert re.search(r"wild, seed 0: diverged: the largest parameter is \S+ at step", err)
    assert before == {path: path.stat().st_mtime_ns for path in done}
    rows = (tmp_path / "grid/results.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["contender", "nearest"]
    assert {"psnr", "ssim", "parameters", "ms", "level", "seed"} <= set(rows[0].split(","))
    assert "Nothing to compare with nearest" in out
    assert "1 of 1 runs of wild diverged" in out
    page = (tmp_path / "grid/report.html").read_text()
    assert "1 of 1 runs of wild diverged" in page


# In the suite test_tuning.py lists a grid with another number.
@pytest.mark.parametrize(("option", "cores"), [((), 1), pytest.param(("--cpu_cores=2",), 2, marks=pytest.mark.proof)])
def test_runs_use_one_core_unless_another_number_is_chosen(tmp_path, option, cores):
    """The number decides their last bits."""
    command = ("--config=configs/ablations/quick.py", f"--workdir={tmp_path / 'grid'}", "--list", *option)
    out, err = start("experiments.ablate", *command, CUDA_VISIBLE_DEVICES="").communicate(timeout=300)
    lines = out.splitlines()
    assert lines[0] == "nearest, seed 0", err
    assert len(lines) == 2 * 12
    assert all(line.endswith(f" --cpu_cores={cores}") for line in lines[1::2])
    assert not (tmp_path / "grid").exists()


@pytest.mark.proof
def test_a_run_alone_ends_with_the_same_bits(tmp_path):
    """Once by its own command, once in the grid."""
    (tmp_path / "two.py").write_text(GRID.replace("wild", "k3").replace("1e30", "1e-2"))
    options = (f"--config={tmp_path / 'two.py'}", f"--workdir={tmp_path / 'grid'}")
    listed, err = start("experiments.ablate", *options, "--list").communicate(timeout=300)
    names, commands = listed.splitlines()[::2], listed.splitlines()[1::2]
    words = shlex.split(dict(zip(names, commands, strict=True))["k3, seed 0"])
    assert words[:3] == ["python", "-m", "experiments.main"], err
    out, err = start("experiments.ablate", *options).communicate(timeout=300)
    assert "compared with nearest" in out, err
    there = Path(next(word for word in words if word.startswith("--workdir=")).partition("=")[2])
    alone = tmp_path / "alone"
    _, err = start(*words[2:], f"--workdir={alone}").communicate(timeout=300)
    assert files.read_json(alone / "summary.json")["test"] == files.read_json(there / "summary.json")["test"], err
    assert (alone / "metrics.csv").read_bytes() == (there / "metrics.csv").read_bytes()


@pytest.mark.proof
def test_a_grid_killed_at_any_time_ends_with_the_table_of_an_uninterrupted_one(tmp_path):
    """It is killed once while a run trains and once between runs. Finished runs are not repeated."""
    (tmp_path / "two.py").write_text(
        GRID.replace("wild", "k3").replace("1e30", "1e-2").replace("seeds = 1", "seeds = 2")
    )
    options = [f"--config={tmp_path / 'two.py'}", "--jobs=1"]
    _, err = start("experiments.ablate", *options, f"--workdir={tmp_path / 'whole'}").communicate(timeout=600)
    tables = {}
    finished: dict = {}
    for pattern in ("runs/*/metrics.csv", "runs/*/summary.json", None):
        process = start("experiments.ablate", *options, f"--workdir={tmp_path / 'killed'}")
        seen = len(list((tmp_path / "killed").glob(pattern or "*")))
        while pattern and process.poll() is None and len(list((tmp_path / "killed").glob(pattern))) <= seen:
            time.sleep(0.02)
        if pattern:
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=600)
        assert all(path.stat().st_mtime_ns == stamp for path, stamp in finished.items())
        finished |= {path: path.stat().st_mtime_ns for path in (tmp_path / "killed").glob("runs/*/summary.json")}
    for name in ("whole", "killed"):
        with open(tmp_path / name / "results.csv") as file:
            tables[name] = [{**row, "wall_seconds": None} for row in csv.DictReader(file)]
    assert len(tables["whole"]) == 4, err
    assert tables["killed"] == tables["whole"]
    assert (tmp_path / "killed/results.md").read_bytes() == (tmp_path / "whole/results.md").read_bytes()


@contextlib.contextmanager
def held(folder):
    """The lock of a run folder, as soon as the process that holds it has ended."""
    for _ in range(600):
        with contextlib.suppress(run_folder.RunFolderError):
            with run_folder.locked(folder):
                yield
            return
        time.sleep(0.1)
    pytest.fail(f"{folder} is still in use")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The report of made-up runs: k3 is 0.2 dB worse than nearest, k4 is equal to it."""
    with pytest.MonkeyPatch.context() as patch:
        return made_up_report(tmp_path_factory.mktemp("report"), patch, np.random.default_rng(0))


def made_up_report(tmp_path, monkeypatch, rng):
    """The folder of a report and its text."""
    settings = grid_base.get_config()
    settings.experiment = smoke.get_config()
    settings.contenders.nearest = {"model": {"decoder": "upsample"}}
    settings.contenders.k3 = {"model": {"decoder": "transpose"}}
    settings.contenders.k4 = {"model": {"decoder": "transpose", "decoder_kernel_size": 4}}
    settings.seeds, settings.reference, settings.experiment.eval.levels = 8, "nearest", (0.2,)
    cells = grid.expand(settings)
    shared, means = rng.normal(21, 0.3, 8), {"nearest": 0.0, "k3": -0.2, "k4": 0.0}
    for cell in cells:
        folder = tmp_path / "runs" / cell.folder
        folder.mkdir(parents=True)
        psnr = float(shared[cell.seed] + means[cell.contender] + rng.normal(0, 0.02))
        figures = {"constant_ripple": 0.1, "impulse_unevenness": 0.2}
        spectrum = {"clean": np.geomspace(1, 1e-3, 21).tolist(), "restored": np.geomspace(1, 1e-4, 21).tolist()}
        files.write_json(
            folder / "summary.json",
            {
                "dataset": "glyphs/digits",
                "requested_dataset": "mnist",
                "dataset_sha256": "0",
                "task": "denoise",
                "seed": cell.seed,
                "steps": 20,
                "examples": {"train": 40},
                "parameters": 1905,
                "wall_seconds": 1.0,
                "noisy": {"psnr": 11.0, "ssim": 0.4, "mse": 0.08},
                "test": {"psnr": psnr, "ssim": 0.9, "bce": 0.09, "mse": 0.01},
                "commit": "c0ffee",
                "levels": {"0.2": {"noisy": {"psnr": 15.0, "ssim": 0.6}, "test": {"psnr": psnr + 2, "ssim": 0.95}}},
                "versions": {},
                "hardware": {"platform": "cpu", "processor": "a processor"},
                "artifacts": {
                    "initial": figures,
                    "trained": figures,
                    "residual": {
                        "harmonic_energy": 0.01,
                        "phase_variation": 0.1,
                        "spectrum_distance_db": 1.0,
                        "spectrum": spectrum,
                    },
                },
            },
        )
        images = dict(zip(("clean", "noisy", "restored"), rng.uniform(size=(3, 6, 28, 28, 1)), strict=True))
        pictures = {
            name: rng.normal(size=(28, 28)) for name in ("residual power", "constant, initial", "impulse, trained")
        }
        np.savez(folder / "examples.npz", **images, **pictures)
    cost = {"parameters": 1905, "multiplications": 10**6, "forward_ms": 2.0, "training_ms": 5.0}
    monkeypatch.setattr(outcome, "costs", lambda plan, *_: {cell.kind: cost for cell in plan.cells})
    monkeypatch.setattr(outcome, "command", lambda plan, cell: "python")  # which would need parsed flags

    def compare(data, folder):
        level = data.noise_fields["level"]
        made = [("noisy input", 11.0), ("median", 13.0 - level), ("Gaussian", 12.0), ("posterior mean", 14.0)]
        rows = [{"method": name, "psnr": psnr, "ssim": 0.5, "strength": None} for name, psnr in made]
        return rows, {name: np.full((6, 28, 28, 1), level) for name, _ in made}

    monkeypatch.setattr(baselines, "compare", compare)
    return tmp_path, outcome.write(make_plan("made up", settings, cells, tmp_path), {}, [])


def test_the_verdict_says_what_is_shown_and_what_is_not(report):
    folder, text = report
    said = files.read_json(folder / "verdict.json")
    assert said["text"] in text
    assert re.search(
        r"By PSNR, over 8 paired seeds, compared with nearest: k3 is worse \(-0\.2\d dB, \d\.\d times the spread over "
        r"seeds, 95 % interval -0\.2\d dB to -0\.\d+ dB, corrected p = 0\.016\); k4 is equal for practical use \(.*, "
        r"within the margin of 0\.1 dB, corrected p = .*\)\.",
        said["text"],
    )
    verdicts = {one["contender"]: one["verdict"] for one in said["comparisons"]}
    assert verdicts == {"k3": "lower", "k4": "equal for practical use"}
    assert [one["contender"] for one in said["spreads"]] == ["nearest", "k3", "k4"]
    assert (said["dataset"], said["requested_dataset"]) == ("glyphs/digits", "mnist")
    rows = (folder / "results.csv").read_text().splitlines()
    assert len(rows) == 25
    levels = (folder / "levels.csv").read_text().splitlines()
    assert levels[0].startswith("contender,dataset,seed,level,psnr,ssim")
    assert len(levels) == 1 + 2 * 24
    assert (folder / "baselines.csv").read_text().splitlines()[2] == "median,0.4,12.6,0.5,"
    assert {path.name for path in (folder / "figures").iterdir()} == {
        f"{name}.{kind}"
        for name in ("forest", "test_levels", "cost", "spectra", "responses", "pictures")
        for kind in ("png", "svg")
    }


def test_the_page_needs_no_network_and_says_what_stood_in(report):
    page = (report[0] / "report.html").read_text()
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "glyphs/digits, which stood in for mnist" in page
    assert page.count("<figure") == 6
    assert not re.search(r"\b(nan|inf)\b", page)


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_in_a_browser(report, tmp_path, width):
    """Nothing is wider than a phone's screen, and a click on a table head sorts the table."""
    script = (
        "const head = document.querySelectorAll('th')[1]; head.click(); head.click(); "
        "document.body.dataset.sort = head.getAttribute('aria-sort'); "
        "document.body.dataset.wide = document.documentElement.scrollWidth > innerWidth;"
    )
    shown = run_in(report[0] / "report.html", script, tmp_path, width)
    assert 'data-sort="descending"' in shown
    assert 'data-wide="false"' in shown


def test_only_asks_for_runs_that_exist():
    settings = grid_base.get_config()
    settings.experiment = smoke.get_config()
    settings.contenders.nearest = {"model": {"decoder": "upsample"}}
    settings.reference = "nearest"
    cells = grid.expand(settings)
    assert [cell.seed for cell in selection.select(cells, ["nearest, seed 3"])] == [3]
    assert selection.select(cells, []) == cells
    with pytest.raises(ValueError, match="no run 'nearest, seed 9'"):
        selection.select(cells, ["nearest, seed 9"])


def test_progress_counts_what_running_ones_have_done(tmp_path):
    settings = grid_base.get_config()
    settings.experiment = smoke.get_config()
    settings.contenders.nearest = {"model": {"decoder": "upsample"}}
    settings.reference = "nearest"
    cell = grid.expand(settings)[0]
    assert progress.part_done(cell, tmp_path) == 0
    (tmp_path / "metrics.csv").write_text("step,epoch,train_loss\n5,1.0,0.7\n")
    assert progress.part_done(cell, tmp_path) == 0.25
