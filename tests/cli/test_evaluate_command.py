"""`aeden evaluate`: its figures are those of NumPy and scikit-image, on the same noise for every method."""

import csv

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from skimage.metrics import structural_similarity

from aeden.cli import evaluated_run, evaluating
from aeden.cli.main import build_parser, main
from aeden.inference.restorer import Restorer

NOISE = {"kind": "gaussian", "level": 0.1, "level_max": 0.2, "clip": False}


def restorer(compute, channels=1, takes_level=False, size=None, noise=NOISE):
    return Restorer("r", channels, 2, 4, noise, size, takes_level, "edge", compute, parameters=1234, seed=7)


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """The restorers that `aeden evaluate` loads by name; it runs within a folder of its own."""
    monkeypatch.chdir(tmp_path)
    loaded = {"half": restorer(lambda images, level: images / 2)}
    monkeypatch.setattr(evaluated_run, "load_restorer", loaded.__getitem__)
    monkeypatch.setattr(evaluated_run, "load_model", loaded.__getitem__)
    return loaded


def save(name, *shape, seed=0):
    """Writes smooth random 8-bit pixels; returns them in [0, 1], float32 [h, w, c]."""
    coarse = np.random.default_rng(seed).uniform(size=(4, 4, *shape[2:])) * 255
    pixels = np.kron(coarse, np.ones((-(-shape[0] // 4), -(-shape[1] // 4), *([1] * len(shape[2:])))))
    image = pixels[: shape[0], : shape[1]].astype(np.uint8)
    Image.fromarray(image).save(name)
    return np.float32(image).reshape(*shape[:2], -1) / np.float32(255)


def table(name="t.csv"):
    with open(name) as file:
        return list(csv.DictReader(file))


def psnr(estimate, clean):
    return -10 * np.log10(np.mean((np.clip(estimate, 0, 1) - clean.astype(np.float64)) ** 2))


def ssim(estimate, clean):
    return structural_similarity(
        np.clip(estimate, 0, 1).astype(np.float64),
        clean.astype(np.float64),
        data_range=1.0,
        gaussian_weights=True,
        use_sample_covariance=False,
        channel_axis=-1,
    )


def test_figures_are_those_of_numpy_and_scikit_image_on_equal_noise(runs, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    clean = {"a.png": save("mine/a.png", 20, 33), "b.png": save("mine/b.png", 26, 18, 3, seed=1)}
    seen = []
    runs["half"] = restorer(lambda images, level: (seen.append(images), images / 2)[1])
    runs["keep"] = restorer(lambda images, level: (seen.append(images), images)[1], channels=3)
    options = ["--level", "25/255", "0.4", "--per-image", "-o", "t.csv", "--seed", "3"]
    assert main(["evaluate", "half", "keep", "--images", "mine", *options]) == 0
    rows = table()
    means = [row for row in rows if not row["image"]]
    assert [row["method"] for row in means] == ["noisy", "half", "keep"] * 4
    assert {row["set"] for row in rows} == {"mine"}
    assert [(round(float(row["level"]) * 255), row["clipped"]) for row in means[::3]] == [
        (25, "False"),
        (25, "True"),
        (102, "False"),
        (102, "True"),
    ]
    assert {(row["noise_seed"], row["images"]) for row in means} == {("3", "2")}
    assert {(row["parameters"], row["seed"]) for row in means} == {("", ""), ("1234", "7")}
    for mean in means:
        key = ("method", "level", "clipped")
        own = [row for row in rows if row["image"] and all(row[name] == mean[name] for name in key)]
        assert [row["image"] for row in own] == ["a.png", "b.png"]
        for name in ("psnr", "ssim"):
            assert float(mean[name]) == pytest.approx(np.mean([float(row[name]) for row in own]), abs=2e-4)
        for row in own:
            image = clean[row["image"]]
            noisy = evaluating.Condition("gaussian", float(row["level"]), row["clipped"] == "True", 3).corrupt(image)
            expected = noisy / 2 if row["method"] == "half" else noisy
            assert float(row["psnr"]) == pytest.approx(psnr(expected, image), abs=2e-3)
            assert float(row["ssim"]) == pytest.approx(ssim(expected, image), abs=2e-5)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 2 + len(means)
    assert "| mine | 25/255 | no | half |" in printed[3]
    assert f"| {float(means[1]['psnr']):.2f} | {float(means[1]['ssim']):.4f} | 2 |" in printed[3]
    assert printed[3].endswith("| 1,234 | 7 |")


def test_classical_methods_restore_the_same_pixels(runs, tmp_path, capsys):
    save("a.png", 40, 40)
    (tmp_path / "train").mkdir()
    for i in range(7):
        save(f"train/{i}.png", 24, 24, seed=i + 1)
    assert main(["evaluate", "--images", "a.png", "--level", "0.2", "--classical", "--clip", "-o", "usual.csv"]) == 0
    more = ["--tune", "train", "-o", "tuned.csv"]
    assert main(["evaluate", "--images", "a.png", "--level", "0.2", "--classical", "--clip", *more]) == 0
    usual, tuned = ({row["method"]: row for row in table(name)} for name in ("usual.csv", "tuned.csv"))
    assert usual["noisy"]["psnr"] == tuned["noisy"]["psnr"]
    assert usual.keys() == tuned.keys() >= {"median", "non-local means", "total variation", "wavelet"}
    assert {row["clipped"] for row in usual.values()} == {"True"}
    for name, row in usual.items():
        assert name == "noisy" or float(row["psnr"]) > float(usual["noisy"]["psnr"]) + 2, name
    assert float(usual["total variation"]["strength"]) == pytest.approx(0.16)
    said = capsys.readouterr().err
    assert "tuned on train/0.png, train/1.png, train/2.png, train/3.png, train/4.png\n" in said
    assert ("BM3D is left out: it needs the package bm3d" in said) == ("BM3D" not in usual)


def test_images_are_sets_by_folder_and_limited(runs, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for i in range(3):
            save(f"{folder}/{i}.png", 12, 12, seed=i)
    save("c.png", 12, 12)
    command = ["evaluate", "half", "--images", "one", "c.png", "two", "--level", "0.1", "--no-clip", "--limit", "2"]
    assert main([*command, "-o", "t.csv"]) == 0
    rows = {(row["set"], row["method"]): row for row in table()}
    assert [(name, rows[name, "half"]["images"]) for name in ("one", "two", "images")] == [
        ("one", "2"),
        ("two", "2"),
        ("images", "1"),
    ]
    # Noise follows the pixels, wherever they lie.
    assert rows["one", "noisy"]["psnr"] == rows["two", "noisy"]["psnr"]


def test_a_network_that_is_told_the_level_is_told_the_true_one(runs):
    save("a.png", 12, 12)
    levels = []
    runs["told"] = restorer(lambda images, level: (levels.append(level), images)[1], takes_level=True)
    assert main(["evaluate", "told", "--images", "a.png", "--level", "0.1", "51/255", "--no-clip"]) == 0
    assert list(dict.fromkeys(levels)) == [0.1, 0.2]
    runs["told"] = restorer(lambda images, level: images, takes_level=True, noise={"kind": "speckle"})
    assert main(["evaluate", "told", "--images", "a.png"]) == 1


def test_what_fails_is_named_and_the_rest_is_evaluated(runs, tmp_path, capsys):
    save("a.png", 12, 12)
    (tmp_path / "b.png").write_text("no image")
    runs["dense"] = restorer(lambda images, level: images, size=(28, 28))
    runs["nan"] = restorer(lambda images, level: images * np.float32(np.nan))
    assert main(["evaluate", "dense", "half", "nan", "--images", "a.png", "b.png", "--level", "0.1"]) == 1
    captured = capsys.readouterr()
    assert [line.split(" | ")[3] for line in captured.out.splitlines()[2:]] == ["noisy", "half"] * 2
    errors = [line for line in captured.err.splitlines() if line.startswith("error")]
    assert len(errors) == 3
    assert any(line.startswith("error: dense: a dense network restores images of 28 x 28") for line in errors)
    assert any(line.startswith("error: b.png: ") for line in errors)
    assert any("not finite" in line and "nan" in line for line in errors)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--images", "a.png"], "nothing to evaluate: name a RUN"),
        (["half", "--images", "empty"], "there is no image to evaluate"),
        (["half", "--images", "gone.png"], "there is no image to evaluate"),
        (["half", "--images", "-"], "standard input is not taken"),
        (["half", "--images", "a.png", "--noise", "rain"], "unknown noise 'rain': use one of gaussian"),
        (["half", "--images", "a.png", "--noise", "speckle", "--classical"], "is for Gaussian noise only"),
        (["half", "--images", "a.png", "--per-image"], "name one with -o TABLE.csv"),
        (["half", "--images", "a.png", "--tune", "a.png"], "give --classical too"),
        (["half", "--images", "a.png", "--classical", "--tune", "a.png"], "nothing may be tuned on it"),
        (["half", "--images", "a.png", "-o", "a.png"], "a.png exists already: use --force"),
        (["half", "--images", "a.png", "-o", "empty"], "empty is a folder: name a file"),
        (["half", "--images", "a.png", "-o", "gone/t.csv"], "gone is no folder"),
        (["half", "--images", "a.png", "-o", "a.png", "--force"], "a.png is an image to evaluate"),
    ],
)
def test_bad_input_is_refused_in_one_line(runs, tmp_path, capsys, arguments, said):
    save("a.png", 12, 12)
    (tmp_path / "empty").mkdir()
    assert main(["evaluate", *arguments]) == 1
    captured = capsys.readouterr()
    assert said in captured.err.splitlines()[-1]
    assert captured.out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "empty"]


@pytest.mark.parametrize(
    ("level", "said"),
    [("25", "for 25 of 255 write 25/255"), ("-0.1", "not between 0 and 1"), ("nan", "not between"), ("x", "no level")],
)
def test_levels_out_of_range(capsys, level, said):
    with pytest.raises(SystemExit):
        main(["evaluate", "half", "--images", "a.png", f"--level={level}"])
    assert said in capsys.readouterr().err


def test_an_option_that_is_given_twice_adds_to_the_first(runs, tmp_path):
    for name in ("a.png", "b.png"):
        save(name, 12, 12, seed=ord(name[0]))
    command = ["evaluate", "half", "--images", "a.png", "--images", "b.png", "--level", "0.1", "--level", "0.2"]
    assert main([*command, "--no-clip", "-o", "t.csv"]) == 0
    assert [(row["level"], row["images"]) for row in table()] == [("0.1", "2")] * 2 + [("0.2", "2")] * 2


def test_a_run_that_is_called_as_a_method_is_has_rows_of_its_own(runs, tmp_path):
    clean = save("a.png", 12, 12)
    for name in ("noisy", "median"):
        runs[name] = restorer(lambda images, level: images * 0)
    command = ["evaluate", "noisy", "median", "--classical", "--images", "a.png", "--level", "0.1", "--no-clip"]
    assert main([*command, "-o", "t.csv"]) == 0
    figures = {row["method"]: (float(row["psnr"]), row["images"]) for row in table()}
    zero = pytest.approx(psnr(0 * clean, clean), abs=1e-3), "1"
    assert (figures["./noisy"], figures["./median"]) == (zero, zero)
    assert figures["noisy"][0] > 15 > zero[0].expected
    assert figures["noisy"][1] == figures["median"][1] == "1"


def test_a_run_that_is_named_in_several_ways_has_one_row(runs, tmp_path):
    clean = save("a.png", 12, 12)
    for name in ("noisy", "./noisy"):
        runs[name] = restorer(lambda images, level: images * 0)
    names = ["noisy", "./noisy", "noisy/", str(tmp_path / "noisy")]
    assert main(["evaluate", *names, "--images", "a.png", "--level", "0.1", "--no-clip", "-o", "t.csv"]) == 0
    assert [(row["method"], row["images"]) for row in table()] == [("noisy", "1"), ("./noisy", "1")]
    assert float(table()[1]["psnr"]) == pytest.approx(psnr(0 * clean, clean), abs=1e-3)


def test_the_ssim_of_flat_areas_is_at_most_1(runs):
    Image.fromarray(np.full((40, 40), 160, np.uint8)).save("a.png")
    runs["near"] = restorer(lambda images, level: np.full_like(images, np.float32(160 / 255 + 1e-4)))
    assert main(["evaluate", "near", "--images", "a.png", "--level", "0", "--clip", "-o", "t.csv"]) == 0
    assert all(0.99 < float(row["ssim"]) <= 1 for row in table())


def test_a_remedy_that_this_command_does_not_have_is_not_named(runs, capsys):
    Image.fromarray(np.full((8, 8), 3.0, np.float32)).save("a.tif")
    assert main(["evaluate", "half", "--images", "a.tif"]) == 1
    said = capsys.readouterr().err.splitlines()[0]
    assert "which are black and white: write them into the file" in said
    assert "value_range" not in said


def test_a_link_that_leads_nowhere_is_no_free_place(runs, tmp_path, capsys):
    save("a.png", 12, 12)
    (tmp_path / "t.csv").symlink_to("gone/t.csv")
    assert main(["evaluate", "half", "--images", "a.png", "-o", "t.csv"]) == 1
    captured = capsys.readouterr()
    assert "t.csv exists already" in captured.err
    assert captured.out == ""


def test_a_run_folder_gives_its_parameters_and_seed(finished_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save("a.png", 16, 20)
    command = ["evaluate", str(finished_run), "--images", "a.png", "--level", "0.1", "--no-clip"]
    assert main([*command, "-o", "t.csv"]) == 0
    row = table()[1]
    assert (int(row["parameters"]) > 100, row["seed"], row["method"]) == (True, "0", str(finished_run))


def test_the_guide_names_every_option():
    guide = (ROOT / "docs/guide.md").read_text()
    (commands,) = [action for action in build_parser()._actions if action.dest != "help" and action.choices]
    options = [one for action in commands.choices["evaluate"]._actions for one in action.option_strings]
    assert [one for one in options if one not in ("-h", "--help") and f"`{one}" not in guide] == []


def test_photos_are_restored_by_the_model_for_their_channels(runs, capsys):
    def shifted(by, channels):
        return restorer(lambda images, level: np.full_like(images, by), channels=channels)

    runs.update(photos_gray=shifted(0.25, 1), photos_colour=shifted(0.75, 3))
    clean = {name: save(name, 16, 16, *channels) for name, channels in (("g.png", ()), ("c.png", (3,)))}
    options = ["--level", "0.1", "--clip", "--per-image", "-o", "t.csv"]
    assert main(["evaluate", "photos", "--images", "g.png", "c.png", *options]) == 0
    found = {row["image"]: float(row["psnr"]) for row in table() if row["method"] == "photos" and row["image"]}
    for name, by in (("g.png", 0.25), ("c.png", 0.75)):
        assert found[name] == pytest.approx(psnr(np.full_like(clean[name], by), clean[name]), abs=1e-3)
