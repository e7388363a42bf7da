"""Contenders compared over the trials of a tuning."""

import csv
import sys

import numpy as np
import pytest
from scipy import stats

from experiments.ablate import trial_pairs


@pytest.fixture(autouse=True)
def fresh_flags():
    """A process keeps the values of its flags."""
    for name in trial_pairs.FLAGS:
        trial_pairs.FLAGS[name].value = trial_pairs.FLAGS[name].default


@pytest.fixture
def trials(tmp_path, rng):
    """The path of a table of six trials at two lengths, and the metric: (contender, epochs) -> values."""
    psnr = {(name, epochs): rng.normal(20 + epochs, 0.3, 6) for name in ("nearest", "k3") for epochs in (1.0, 4.0)}
    rows = [
        {"contender": name, "epochs": epochs, "seed": 1000 + i % 3, "learning_rate": 0.01 * (i + 1)}
        | {"validation_psnr": value, "steps": int(10 * epochs)}
        for (name, epochs), values in psnr.items()
        for i, value in enumerate(values)
    ]
    path = tmp_path / "tuning.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows[::-1])  # pairs are found by their values
    return path, psnr


def printed(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["trial_pairs", *arguments])
    trial_pairs.main()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]


def test_differences_are_those_at_the_same_rate_and_seed(trials, monkeypatch, capsys):
    path, psnr = trials
    lines = {line[0]: line for line in printed(monkeypatch, capsys, f"--table={path}", "--axes=epochs") if line}
    for epochs in (1.0, 4.0):
        difference = psnr["k3", epochs] - psnr["nearest", epochs]
        low, high = stats.ttest_1samp(difference, 0).confidence_interval(0.95)
        expected = ["6", f"{difference.mean():+.2f} [{low:+.2f}, {high:+.2f}]", f"{sum(difference > 0)} of 6"]
        assert lines[f"k3, epochs={epochs:g}"][1:4] == expected


def test_at_equal_cost_the_reference_is_interpolated_in_the_logarithm(trials, monkeypatch, capsys):
    path, psnr = trials
    lines = printed(monkeypatch, capsys, f"--table={path}", "--axes=epochs", "--step_costs=nearest=1,k3=2")
    found = {line[0]: line for line in lines[lines.index([]) :] if line}
    # k3 at one epoch costs as much as nearest at two: half of the way from one to four, in the logarithm.
    difference = psnr["k3", 1.0] - (psnr["nearest", 1.0] + psnr["nearest", 4.0]) / 2
    assert found["k3, epochs=1"][2].startswith(f"{difference.mean():+.2f} [")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--table=FILE"),
        (("--table=gone.csv",), "gone.csv"),
        (("--table={}", "--axes=level"), "no column level"),
        (("--table={}", "--axes=epochs", "--reference=k9"), "--reference=k9 has no trial"),
        (("--table={}", "--match=seed,epochs,learning_rate", "--step_costs=nearest=1"), "needs several lengths"),
        (("--table={}", "--axes=epochs", "--step_costs=k3"), "CONTENDER=COST"),
        (("--table={}", "--axes=epochs", "--step_costs=k3=-1"), "costs above 0"),
        (("--table={}", "--metric=psnrr"), "psnrr"),
        (("--table={}", "--task=segment"), "a verdict on segment runs cannot be about the metric 'psnr'"),
        (("--table={}", "--task=sing"), "unknown --task 'sing'"),
        # Without the axis, trials of one length would stand for those of the other.
        (("--table={}",), "has two rows with contender=.*: name the column that tells settings apart in --axes"),
        (("--table={}", "--axes=epochs", "--match="), "has two rows with contender=.*--match"),
        (("--table={}", "--axes=epochs", "--match=validation_psnr"), "has no pair: no other contender"),
        (("--table={}", "--axes=epochs", "--step_costs=nearest=1,k9=2"), "'k9' is none of the contenders"),
        (("--table={}", "--axes=epochs", "--step_costs=k3=1"), "has no cost of the reference nearest"),
    ],
)
def test_an_error_is_one_line(trials, arguments, said, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["trial_pairs", *(argument.format(trials[0]) for argument in arguments)])
    with pytest.raises(SystemExit, match=rf"^error: .*{said}"):
        trial_pairs.main()


def test_differences_have_the_digits_of_their_metric(trials, tmp_path, monkeypatch, capsys):
    path = tmp_path / "bce.csv"
    path.write_text(trials[0].read_text().replace("validation_psnr", "validation_bce"))
    lines = printed(monkeypatch, capsys, f"--table={path}", "--axes=epochs", "--metric=bce")
    assert len(lines[2][2].partition(" ")[0].partition(".")[2]) == 4


def test_trials_of_another_task_are_compared_by_its_metric(trials, tmp_path, monkeypatch, capsys):
    path = tmp_path / "segment.csv"
    path.write_text(trials[0].read_text().replace("validation_psnr", "validation_mean_iou"))
    options = (f"--table={path}", "--axes=epochs", "--task=segment", "--metric=mean_iou")
    found = {line[0]: line for line in printed(monkeypatch, capsys, *options) if line}
    mean = np.mean(trials[1]["k3", 1.0] - trials[1]["nearest", 1.0])
    assert found["k3, epochs=1"][2].startswith(f"{mean:+.4f} [")
