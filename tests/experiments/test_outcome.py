"""What a grid says of its runs: in tables, in a sentence, and what it refuses to reuse."""

import csv
import subprocess

import pytest

from aeden.measures.paired_statistics import compare
from aeden.runtime import files, provenance, run_folder
from experiments.ablate import baselines, grid, launch, metrics, outcome, progress, results, verdict
from experiments.ablate.report import denoise


@pytest.fixture
def settings(settings):
    settings.seeds = 1
    return settings


def test_rows_of_several_kinds_make_one_table(tmp_path):
    rows = [{"contender": "dense", "psnr": 1.0}, {"contender": "k3", "psnr": 2.0, "harmonic_energy": 0.1}]
    files.write_csv(tmp_path / "results.csv", rows)
    with open(tmp_path / "results.csv") as file:
        read = list(csv.DictReader(file))
    assert [row["harmonic_energy"] for row in read] == ["", "0.1"]
    assert files.columns(rows) == ["contender", "psnr", "harmonic_energy"]


def test_causes_are_listed_where_they_differ():
    one = {"dataset": "a", "requested_dataset": "a", "dataset_sha256": "0", "hardware": {}, "versions": {}}
    found = results.causes([{**one, "commit": "x"}, {**one, "commit": "y"}, {**one, "commit": "x"}])
    assert (found["dataset"], found["commit"]) == ("a", ["x", "y"])


def test_a_lost_run_does_not_make_the_verdict_contradict_itself():
    reference = [20.0 + 0.1 * i for i in range(8)]
    worse = [value - 0.5 - 0.01 * i for i, value in enumerate(reference)]
    pairs = {f"w{i}": (worse, reference) for i in range(4)} | {"lost": (worse[:7], reference[:7])}
    text = verdict.sentence(compare(pairs), "nearest", "psnr")
    assert text.startswith("By PSNR, over 7 to 8 paired seeds, beside nearest: w0 is worse (-0.5")
    assert "cannot show" not in text
    few = verdict.sentence(compare({"k3": ([1.0], [2.0])}), "nearest", "kid")
    assert few == (
        "By KID, over 1 paired seed, beside nearest: no difference shown for k3. 1 comparison over 1 seed cannot show "
        "a difference at the 5 % level, however large: that takes 6 seeds."
    )


@pytest.mark.parametrize(
    ("task", "metric", "match"),
    [
        ("denoise", "ease", "none that a verdict is about"),
        ("denoise", "kid", "no figure of a denoise run: use psnr"),
        ("stack", "psnr", "no figure of a stack run: use accuracy, cross_entropy"),
        ("gan", "kid", "gan.samples=0"),
    ],
)
def test_a_metric_that_runs_do_not_end_with_is_refused(settings, task, metric, match):
    settings.experiment.task, settings.experiment.gan.samples = task, 0
    with pytest.raises(ValueError, match=match):
        verdict.check(metric, grid.expand(settings))


def test_every_metric_of_a_verdict_is_some_tasks_figure():
    assert set(metrics.METRICS) <= {name for figures in metrics.FIGURES.values() for name in figures}


def test_a_range_of_levels_is_told_as_one(settings):
    settings.experiment.noise.level, settings.experiment.noise.level_max = 0.1, 0.5
    settings.experiment.eval.levels = (0.1,)
    cell = grid.expand(settings)[0]
    assert cell.level == "0.1 to 0.5"


def test_the_own_result_of_a_range_is_not_that_of_its_lower_level(settings, tmp_path):
    settings.experiment.noise.level, settings.experiment.noise.level_max = 0.1, 0.5
    cell = grid.expand(settings)[0]
    both = [{"noisy": {"psnr": 10.0}, "test": {"psnr": 20.0}}, {"noisy": {"psnr": 12.0}, "test": {"psnr": 25.0}}]
    files.write_json(tmp_path / "summary.json", {"dataset": "glyphs", **both[0], "levels": {"0.1": both[1]}})
    rows = results.levels(cell, tmp_path)
    assert [(row["level"], row["psnr"], row["noisy_psnr"]) for row in rows] == [("0.1 to 0.5", 20, 10), (0.1, 25, 12)]


def test_each_noise_level_is_compared_with_baselines_of_its_own(settings, monkeypatch):
    """Where runs are trained at several levels, and each is tested at others too."""
    settings.axes, settings.experiment.eval.levels = {"noise": {"level": (0.1, 0.4)}}, (0.9,)
    cells = grid.expand(settings)

    class Shown:
        axes, contenders = ["noise.level"], ["nearest", "k3"]
        baselines = classical = None

    def rows(name, key):
        return [
            {key: name, "noise.level": level, "level": tested, "psnr": 100 * level + tested, "ssim": 0.5, "seed": 0}
            for level in (0.1, 0.4)
            for tested in (level, 0.9)
        ]

    shown = Shown()
    shown.cells, shown.tested = cells, rows("k3", "contender")
    shown.classical = baselines.Baselines(rows("median", "method"), {})
    made = []
    monkeypatch.setattr(denoise, "table", lambda heads, lines: made.append((heads, lines)) or "")
    denoise.baseline_table(shown)
    ((heads, lines),) = made
    assert heads == ["PSNR, dB", "noise.level=0.1", "noise.level=0.4"]
    assert lines == [[name, ("10.10", 10.1), ("40.40", 40.4)] for name in ("median", "k3")]


def test_costs_are_timed_again_when_anything_about_them_has_changed(settings, tmp_path, monkeypatch):
    timed = []

    def time(*_, **__):
        timed.append(len(timed))
        cells = grid.expand(settings)
        kept = {
            "costs": {cell.kind: {} for cell in cells},
            "configs": {cell.kind: cell.digest("seed") for cell in cells},
        }
        files.write_json(tmp_path / "cost.json", {**kept, **provenance.provenance()})
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(outcome.subprocess, "run", time)
    monkeypatch.setattr(outcome.runs, "commit", lambda: "one")
    tell = [].append
    for changed in (False, False, True):
        if changed:
            settings.experiment.batch_size = 32
        outcome.costs(grid.expand(settings), tmp_path, tell)
    assert len(timed) == 2
    settings.seeds = 3  # the same networks
    outcome.costs(grid.expand(settings), tmp_path, tell)
    assert len(timed) == 2
    monkeypatch.setattr(outcome.runs, "commit", lambda: "another")
    outcome.costs(grid.expand(settings), tmp_path, tell)
    assert len(timed) == 3


def test_a_timing_that_dies_without_a_word_is_told(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(outcome.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], -9, "", ""))
    told = []
    assert outcome.costs(grid.expand(settings), tmp_path, told.append) == {}
    assert told[-1] == "nothing was timed: ended with status -9"


def test_runs_on_other_data_are_not_passed_off(tmp_path):
    files.write_json(tmp_path / "config.json", {"config": {}, "dataset": {"name": "glyphs/digits", "sha256": "a" * 64}})
    run_folder.check_data(tmp_path, {"name": "glyphs/digits", "sha256": "a" * 64})
    run_folder.check_data(tmp_path / "nothing yet", {"name": "mnist", "sha256": "b" * 64})
    with pytest.raises(run_folder.RunFolderError, match=r"trained on glyphs/digits .* now is mnist"):
        run_folder.check_data(tmp_path, {"name": "mnist", "sha256": "b" * 64})


def test_an_error_of_an_earlier_start_is_not_told_again(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("error: the disk is full\n")
    job = launch.Job("k3", [], log)
    with open(log, "a") as file:
        file.write("killed\n")
    assert progress.last_line(log, job.offset) == "killed"
    assert progress.last_line(log) == "the disk is full"


def test_only_the_gpus_that_one_may_use_are_taken(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, GPU-5f")
    assert launch.seats() == [{"gpu": "2"}, {"gpu": "GPU-5f"}]
    assert launch.seats(3)[2] == {"gpu": "2"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert launch.gpus() == []


def test_curves_beside_the_reference_pair_by_level_and_seed():
    known = {
        "nearest": {0.1: {0: 20.0, 1: 21.0}, 0.5: {0: 15.0}},
        "k3": {0.1: {1: 20.5, 2: 30.0}, 0.3: {0: 18.0}, 0.5: {0: 15.25}},
        "late": {0.5: {1: 15.0}},
    }
    assert denoise.differences(known, "nearest") == {"k3": {0.1: [-0.5], 0.5: [0.25]}}
    assert denoise.differences({"k3": known["k3"]}, "nearest") == {}
