"""The runs of a grid, tested on other images."""

import csv
import sys

import pytest

from experiments.ablate import metrics, other_images
from experiments.settings.baselines import methods_at


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


RUNS = "runs/ablations/mine/runs"
SHARED = {"images": 2, "factor": 2, "psnr": 25, "ssim": 0.9}


def of_run(name, seed=4, **others):
    return {"contender": name, "seed": seed, "psnr": 30, "learning_rate": 0.02, "folder": f"{name}_{seed}"} | others


def of_test(method, images="one", **others):
    return {"method": method, "set": images, "image": "", **SHARED, **others}


@pytest.fixture
def tables(tmp_path):
    """Two runs of a grid, one of which diverged, and what `aeden evaluate` says of the other, a trial and bicubic."""
    write(tmp_path / "results.csv", of_run("nearest", psnr=""), of_run("k3"))
    write(
        tmp_path / "evaluated.csv",
        of_test("bicubic"),
        of_test("bicubic", "two"),
        of_test("bicubic", image="a.png"),
        of_test(f"{RUNS}/k3_4", parameters=9),
        of_test(f"{RUNS}/k3_4", "two", psnr=26, parameters=9),
        of_test(f"{RUNS}/k3_4", image="a.png", images="one", parameters=9),
        of_test(f"{RUNS}/k3_1000", parameters=9),
        of_test(f"{RUNS}/k3_1000", "two", parameters=9),
    )
    return tmp_path


def start(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["other_images", *arguments])
    other_images.main()


def test_a_row_has_the_contender_of_its_run_and_the_figures_of_its_test(tables, monkeypatch, capsys):
    monkeypatch.chdir(tables)
    start(monkeypatch, "--table=results.csv", "--evaluated=evaluated.csv", "--output=other.csv")
    with open("other.csv") as file:
        rows = list(csv.DictReader(file))
    names = ("contender", "seed", "learning_rate", "set", "images", "factor", "psnr", "ssim", "folder")
    assert [tuple(row) for row in rows] == [names] * 4
    assert [tuple(row.values()) for row in rows] == [
        ("nearest", "4", "0.02", "one", "2", "2", "", "", "nearest_4"),
        ("nearest", "4", "0.02", "two", "2", "2", "", "", "nearest_4"),
        ("k3", "4", "0.02", "one", "2", "2", "25", "0.9", "k3_4"),
        ("k3", "4", "0.02", "two", "2", "2", "26", "0.9", "k3_4"),
    ]
    assert capsys.readouterr().out == "other.csv: 4 rows, 2 runs tested with one, two\n"


def test_methods_that_need_no_training_are_another_table(tables, monkeypatch, capsys):
    """They are what a verdict takes as `baselines`; those of single images are left out."""
    monkeypatch.chdir(tables)
    names = ("--table=results.csv", "--evaluated=evaluated.csv", "--output=other.csv")
    start(monkeypatch, *names, "--baselines=methods.csv")
    with open("methods.csv") as file:
        rows = list(csv.DictReader(file))
    assert [tuple(row) for row in rows] == [("method", "set", "images", "factor", "psnr", "ssim")] * 2
    assert [tuple(row.values())[:3] for row in rows] == [("bicubic", "one", "2"), ("bicubic", "two", "2")]
    assert capsys.readouterr().out.splitlines()[1] == "methods.csv: bicubic"
    psnr = metrics.for_verdict("super_resolve", "psnr")
    (found,) = methods_at(tables / "methods.csv", psnr, {"set": ("two",), "factor": (2, 4), "kind": ("x",)})
    assert found["psnr"] == 25


def test_axes_of_the_grid_are_kept(tables, monkeypatch):
    monkeypatch.chdir(tables)
    both = [of_run("k3", epochs=epochs, folder=f"k3_{epochs}") for epochs in (1, 4)]
    write(tables / "results.csv", *both)
    write(tables / "evaluated.csv", *(of_test(run["folder"]) for run in both))
    start(monkeypatch, "--table=results.csv", "--evaluated=evaluated.csv", "--output=a.csv", "--axes=epochs")
    with open("a.csv") as file:
        assert [row["epochs"] for row in csv.DictReader(file)] == ["1", "4"]
    with pytest.raises(SystemExit, match=r"two rows with contender=k3, seed=4: name the columns .* in --axes"):
        start(monkeypatch, "--table=results.csv", "--evaluated=evaluated.csv", "--output=b.csv", "--axes=")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"table": "b.csv"}, "1 of the 1 runs of b.csv have no row in evaluated.csv, such as elsewhere: evaluate all"),
        ({"table": "none.csv"}, "there is no table none.csv: use the results.csv of a grid"),
        ({"evaluated": "none.csv"}, "there is no table none.csv: use a table of aeden evaluate"),
        ({"evaluated": "b.csv"}, "b.csv has no column method: use a table of aeden evaluate"),
        ({"evaluated": "twice.csv"}, "twice.csv has two rows of k3_4 for one test: leave one out"),
        ({"evaluated": "half.csv"}, "1 of the 2 runs of results.csv have no row in half.csv, such as k3_4"),
        ({"evaluated": "words.csv"}, "words.csv, line 2: psnr='n.a.' is no value of this column"),
        ({"evaluated": ""}, "name the tables: --table="),
        ({"output": "results.csv"}, "results.csv exists already: name another file"),
        ({"output": "nowhere/c.csv"}, "nowhere is no folder: make it"),
        ({"baselines": "c.csv"}, "--output and --baselines are both c.csv: name two files"),
        ({"baselines": "../{here}/c.csv"}, "--output and --baselines are both c.csv: name two files"),
        ({"baselines": "results.csv"}, "results.csv exists already: name another file"),
        ({"baselines": "d.csv", "evaluated": "runs.csv"}, "runs.csv has no method that needs no training"),
        ({"axes": "factor"}, "--axes=factor is a column of aeden evaluate"),
    ],
)
def test_an_error_is_one_line(tables, monkeypatch, names, said):
    monkeypatch.chdir(tables)
    write(tables / "b.csv", of_run("k3", folder="elsewhere", factor=2))
    write(tables / "twice.csv", of_test("k3_4"), of_test("k3_4"))
    write(tables / "half.csv", of_test("k3_4"), of_test("bicubic", "two"))
    write(tables / "runs.csv", of_test("k3_4", parameters=9))
    write(tables / "words.csv", of_test("k3_4", psnr="n.a."))
    if names.get("axes"):
        write(tables / "results.csv", of_run("k3", factor=2))
    before = sorted(tables.iterdir())
    given = {"table": "results.csv", "evaluated": "evaluated.csv", "output": "c.csv", **names}
    given = {flag: name.format(here=tables.name) for flag, name in given.items()}
    with pytest.raises(SystemExit, match=f"^error: {said}"):
        start(monkeypatch, *(f"--{flag}={name}" for flag, name in given.items()))
    assert sorted(tables.iterdir()) == before
