"""`aeden evaluate` with runs of super-resolution: figures are those of Pillow and of the network."""

import csv

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from saved_images import save

from aeden.cli import evaluated_run
from aeden.cli.main import main
from aeden.inference.conditions import Condition, Resolution
from aeden.inference.restorer import Restorer
from aeden.nn.restore import restore

PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def enlarger(scale=2, antialias=True, level=0.0):
    """A model that repeats each pixel."""
    noise = {"kind": "gaussian", "level": level}

    def compute(images, level):
        return images.repeat(scale, 1).repeat(scale, 2)

    return Restorer("e", 1, 1, 4, noise, None, False, "edge", compute, 12, 3, scale, antialias)


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """The models that `aeden evaluate` loads by name; it runs within a folder of its own."""
    monkeypatch.chdir(tmp_path)
    loaded = {"repeats": enlarger()}
    monkeypatch.setattr(evaluated_run, "load_model", loaded.__getitem__)
    return loaded


@pytest.fixture
def pixels(tmp_path):
    """Those of `a.png`: 27 x 41, which 2 does not divide."""
    values = np.random.default_rng(0).integers(0, 256, (27, 41, 1), np.uint8)
    save(tmp_path / "a.png", values)
    return np.float32(values[..., 0]) / np.float32(255)


def table():
    with open("t.csv") as file:
        return {row["method"]: row for row in csv.DictReader(file)}


def resized(image, size, method):
    return np.clip(np.asarray(Image.fromarray(image).resize(size, method)), 0, 1)


def psnr(estimate, target):
    return -10 * np.log10(np.mean((estimate - target.astype(np.float64)) ** 2))


def test_interpolations_are_those_of_pillow(runs, pixels, capsys):
    assert main(["evaluate", "repeats", "--images", "a.png", "-o", "t.csv"]) == 0
    found, target = table(), pixels[:26, :40]
    assert list(found) == [*PILLOW, "repeats"]
    low = resized(target, (20, 13), Image.Resampling.BICUBIC)
    for name, method in PILLOW.items():
        expected = resized(low, (40, 26), method)
        assert float(found[name]["psnr"]) == pytest.approx(psnr(expected, target), abs=1e-3), name
    row = found["repeats"]
    assert (row["psnr"], row["ssim"]) == (found["nearest"]["psnr"], found["nearest"]["ssim"])
    assert (row["factor"], row["antialias"], row["parameters"], row["seed"]) == ("2", "True", "12", "3")
    assert not {"noise", "level", "clipped", "noise_seed"} & row.keys()
    heading, _, first, *_ = capsys.readouterr().out.splitlines()
    assert heading.startswith("| images | enlarged | method | PSNR, dB |")
    assert first.startswith("| images | x2 | nearest | ")


def test_without_anti_aliasing_one_pixel_of_each_square_is_kept(runs, pixels, capsys):
    runs["repeats"] = enlarger(3, antialias=False)
    assert main(["evaluate", "repeats", "--images", "a.png", "-o", "t.csv"]) == 0
    target = pixels[:27, :39]
    expected = psnr(target[1::3, 1::3].repeat(3, 0).repeat(3, 1), target)
    for name in ("nearest", "repeats"):
        assert float(table()[name]["psnr"]) == pytest.approx(expected, abs=1e-3)
    assert "| images | x3, not anti-aliased | nearest |" in capsys.readouterr().out


def test_a_run_trained_with_noise_is_measured_without_and_says_so(runs, pixels, capsys):
    runs["repeats"] = enlarger(level=0.1)
    assert main(["evaluate", "repeats", "--images", "a.png"]) == 0
    assert "note: repeats was trained with gaussian noise, of a level up to 0.1" in capsys.readouterr().err
    assert main(["evaluate", "repeats", "--images", "a.png", "--level", "0", "0.1"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "| images | x2 | 0 | no | nearest |" in captured.out


def test_noise_is_added_to_the_smaller_image(runs, pixels, capsys):
    assert main(["evaluate", "repeats", "--images", "a.png", "--level", "0.2", "--no-clip", "-o", "t.csv"]) == 0
    target = pixels[:26, :40]
    low = resized(target, (20, 13), Image.Resampling.BICUBIC)
    noisy = Condition("gaussian", 0.2, False, 0, Resolution(2, True)).corrupt(target[..., None])[..., 0]
    assert np.std(noisy - low) == pytest.approx(0.2, abs=0.02)
    expected = psnr(np.clip(noisy.repeat(2, 0).repeat(2, 1), 0, 1), target)
    assert float(table()["repeats"]["psnr"]) == pytest.approx(expected, abs=1e-3)
    assert "| images | enlarged | gaussian noise | clipped | method |" in capsys.readouterr().out


def test_a_finished_run_has_the_figures_of_its_network(enlarging_run, pixels, tmp_path, monkeypatch):
    folder, model, params = enlarging_run
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", str(folder), "--images", "a.png", "--tile", "16", "-o", "t.csv"]) == 0
    row, target = table()[str(folder)], pixels[:24, :40]
    assert (row["factor"], row["antialias"]) == ("4", "True")
    low = resized(target, (10, 6), Image.Resampling.BICUBIC)
    whole = jax.jit(lambda images: restore(model, params, images))(jnp.asarray(low)[None, ..., None])
    assert float(row["psnr"]) == pytest.approx(psnr(np.asarray(whole)[0, ..., 0], target), abs=1e-3)


@pytest.mark.parametrize(
    ("others", "options", "said"),
    [
        (["x3"], [], "repeats enlarges images 2 times (bicubic means), and x3 enlarges images 3 times (bicubic means)"),
        (["kept"], [], "and kept enlarges images 2 times (one pixel kept of each square): evaluate them by commands"),
        (["clean"], [], "and clean restores images at their own size"),
        ([], ["--noise", "masking"], "--noise is for noise, of which there is none here: give --level too"),
        ([], ["--no-clip"], "--clip or --no-clip is for noise"),
        ([], ["--seed", "0"], "--seed is for noise"),
        ([], ["--classical"], "the classical methods remove noise, they do not enlarge: leave out --classical"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(runs, pixels, capsys, others, options, said):
    runs |= {"x3": enlarger(3), "kept": enlarger(2, antialias=False), "clean": enlarger(1)}
    assert main(["evaluate", "repeats", *others, "--images", "a.png", *options]) == 1
    captured = capsys.readouterr()
    assert said in captured.err.splitlines()[-1]
    assert captured.out == ""


def test_an_image_smaller_than_the_factor_is_named_and_left_out(runs, pixels, tmp_path, capsys):
    save(tmp_path / "b.png", np.zeros((1, 9, 1), np.uint8))
    assert main(["evaluate", "repeats", "--images", "a.png", "b.png", "-o", "t.csv"]) == 1
    assert "error: b.png: 9 x 1 pixels are too few" in capsys.readouterr().err
    assert {row["images"] for row in table().values()} == {"1"}
