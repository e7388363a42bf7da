"""The figure of a table of runs of several lengths."""

import sys

import matplotlib.image
import numpy as np
import pytest

from experiments.ablate import draw_convergence

HEAD = "contender,epochs,seed,steps,psnr\n"
TABLE = HEAD + "nearest,1.0,0,10,20.0\nnearest,1.0,1,10,20.5\nnearest,4.0,0,40,21.0\nk3,1.0,0,10,19.0\nk3,4.0,0,40,\n"


@pytest.fixture
def draw(monkeypatch, tmp_path):
    """Runs the command with options; {} is the folder, which has the table as runs.csv."""
    for name in draw_convergence.FLAGS:
        draw_convergence.FLAGS[name].value = draw_convergence.FLAGS[name].default
    (tmp_path / "runs.csv").write_text(TABLE)
    (tmp_path / "none.csv").write_text(HEAD)

    def run(*options):
        monkeypatch.setattr(sys, "argv", ["draw_convergence", *(option.format(tmp_path) for option in options)])
        draw_convergence.main()

    return run


def test_costs_are_those_of_all_steps_and_runs_without_a_value_are_left_out(tmp_path):
    (tmp_path / "runs.csv").write_text(TABLE)
    rows = draw_convergence.read(tmp_path / "runs.csv", "epochs", "psnr")
    found = draw_convergence.panel(rows, "epochs", "psnr", {"nearest": 0.5, "k3": 2.0})
    assert found == {"nearest": {5.0: [20.0, 20.5], 20.0: [21.0]}, "k3": {20.0: [19.0], 80.0: []}}


def test_it_draws_a_panel_for_each_kind_of_cost(draw, tmp_path):
    def width(*options):
        draw("--table={}/runs.csv", "--out={}/out.png", *options)
        image = matplotlib.image.imread(tmp_path / "out.png")
        assert np.std(image) > 0.01
        return image.shape[1]

    assert width("--seconds=nearest=0.5,k3=2", "--multiplications=nearest=7") > width(
        "--seconds=", "--multiplications="
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out={}/out.png"], "name a file: --table=FILE"),
        (["--table={}/runs.csv"], "name a file: --out=FILE"),
        (["--table={}/runs.csv", "--out={}/out.png", "--length=width"], "--length=width: use epochs or steps"),
        (["--table={}/none.csv", "--out={}/out.png"], "none.csv has no row: use the results.csv"),
        (
            ["--table={}/runs.csv", "--out={}/out.png", "--seconds=k3=1"],
            "--reference=nearest has no seconds of training",
        ),
        (["--table={}/runs.csv", "--out={}/out.png", "--seconds=k3"], "--seconds=k3: use CONTENDER=COST"),
        (["--table={}/runs.csv", "--out={}/out.png", "--seconds=nearest=1,k9=1"], "'k9' is none of the contenders"),
        (["--table={}/runs.csv", "--out={}/none/out.png"], "No such file or directory"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(draw, options, message):
    with pytest.raises(SystemExit, match=message):
        draw(*options)


def test_two_runs_of_one_seed_and_tables_without_a_value_are_refused(draw, tmp_path):
    (tmp_path / "twice.csv").write_text(TABLE + "k3,4.0,0,40,19.5\n")
    with pytest.raises(SystemExit, match=r"twice\.csv has two rows with contender=k3, epochs=4\.0, seed=0"):
        draw("--table={}/twice.csv", "--out={}/out.png")
    (tmp_path / "empty.csv").write_text(HEAD + "nearest,1.0,0,10,\n")
    with pytest.raises(SystemExit, match=r"empty\.csv has no finite psnr"):
        draw("--table={}/empty.csv", "--out={}/out.png")
