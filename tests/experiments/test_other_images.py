"""The runs of a grid, tested on other images."""

import csv
import sys

import pytest

from experiments.ablate import other_images


@pytest.fixture(autouse=True)
def fresh_flags():
    """A process keeps the values of its flags."""
    for name in other_images.FLAGS:
        other_images.FLAGS[name].value = other_images.FLAGS[name].default


def write(path, *rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def tables(tmp_path):
    """Two runs of a grid, and what `aeden evaluate` says of one, of a trial, of single images and an interpolation."""
    runs = [
        {"contender": name, "seed": 4, "psnr": 30, "learning_rate": 0.02, "folder": f"{name}_seed4_ab"}
        for name in ("nearest", "k3")
    ]
    k3, shared = "runs/ablations/mine/runs/k3_seed4_ab", {"images": 2, "factor": 2, "psnr": 25, "ssim": 0.9}
    tests = [
        {"method": "bicubic", "set": "one", "image": "", **shared},
        {"method": k3, "set": "one", "image": "", **shared},
        {"method": k3, "set": "two", "image": "", **shared, "psnr": 26},
        {"method": k3, "set": "one", "image": "a.png", **shared},
        {"method": "runs/ablations/mine/runs/k3_seed1000_cd", "set": "one", "image": "", **shared},
    ]
    return write(tmp_path / "results.csv", *runs), write(tmp_path / "evaluated.csv", *tests)


def start(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["other_images", *arguments])
    other_images.main()


def test_a_row_has_the_contender_of_its_run_and_the_figures_of_its_test(tables, tmp_path, monkeypatch, capsys):
    output = tmp_path / "other.csv"
    start(monkeypatch, f"--table={tables[0]}", f"--evaluated={tables[1]}", f"--output={output}")
    run = {"contender": "k3", "seed": "4", "learning_rate": "0.02", "folder": "k3_seed4_ab"}
    test = {"images": "2", "ssim": "0.9", "factor": "2"}
    with output.open() as file:
        assert list(csv.DictReader(file)) == [
            {**run, "set": "one", "psnr": "25", **test},
            {**run, "set": "two", "psnr": "26", **test},
        ]
    assert capsys.readouterr().out == f"{output}: 2 rows of 1 runs, one, two\n"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"table": "b.csv", "evaluated": "evaluated.csv"}, "b.csv and evaluated.csv have no run in common"),
        ({"table": "b.csv", "evaluated": "b.csv"}, "b.csv has no column method: use a table of aeden evaluate"),
        ({"table": "results.csv"}, "name the tables: --table="),
    ],
)
def test_an_error_is_one_line(tables, tmp_path, monkeypatch, names, said):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "b.csv", {"contender": "k3", "seed": 4, "folder": "elsewhere"})
    with pytest.raises(SystemExit, match=f"^error: {said}"):
        start(monkeypatch, *(f"--{flag}={name}" for flag, name in names.items()), "--output=c.csv")
    assert not (tmp_path / "c.csv").exists()
