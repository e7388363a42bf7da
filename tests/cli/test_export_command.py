"""`aeden export` and `aeden models` as a user types them."""

import shutil

import numpy as np
import pytest
from PIL import Image

from aeden import shipped
from aeden.cli.main import main
from aeden.inference import export, finished_run
from aeden.inference.restorer import Restorer


@pytest.fixture
def working(tmp_path, monkeypatch, finished_run):
    """A working directory with the run `run` and an image."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished_run, tmp_path / "run")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noisy.png")
    return tmp_path


def test_an_exported_folder_and_a_shipped_name_are_taken_in_place_of_a_run(working, monkeypatch, capsys):
    assert main(["export", "run", "package/tiny", "--license", "mit"]) == 0
    said = capsys.readouterr().out
    assert "model.safetensors" in said
    assert "gives the pixels of the run" in said
    assert "note:" not in said
    monkeypatch.setattr(shipped, "FOLDER", working / "package")
    monkeypatch.setattr(shipped, "SHIPPED", {"tiny": "digits of tests"})
    assert main(["models"]) == 0
    assert capsys.readouterr().out.startswith("tiny   0.0 MB  digits of tests\nuse one by its name: ")
    for number, name in enumerate(("run", "package/tiny", "tiny")):
        assert main(["denoise", name, "noisy.png", "-o", f"{number}.png"]) == 0
    first, *others = (np.asarray(Image.open(working / f"{number}.png")) for number in range(3))
    for other in others:
        np.testing.assert_array_equal(first, other)


def test_without_a_license_the_command_says_so(working, capsys, monkeypatch):
    monkeypatch.setattr(export, "_check", lambda folder, run, options: (0.0, 1e-5))
    assert main(["export", "run", "out"]) == 0
    assert "the license is unknown" in capsys.readouterr().out


def test_photos_means_one_model_for_gray_and_one_for_colour_images(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(finished_run, "load_exported", lambda folder, name: inverter(name, shipped_channels[name]))
    shipped_channels = {"photos_gray": 1, "photos_colour": 3}
    pixels = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    Image.fromarray(pixels[..., 0]).save(tmp_path / "gray.png")
    Image.fromarray(pixels).save(tmp_path / "colour.png")
    monkeypatch.chdir(tmp_path)
    assert main(["denoise", "photos", "gray.png", "colour.png", "-o", "out"]) == 0
    assert "channel" not in capsys.readouterr().out
    np.testing.assert_array_equal(np.asarray(Image.open("out/gray.png")), 255 - pixels[..., 0])
    np.testing.assert_array_equal(np.asarray(Image.open("out/colour.png")), 255 - pixels)
    assert shipped.members(["a", "photos", "photos_gray"]) == ["a", "photos_gray", "photos_colour"]
    with pytest.raises(ValueError, match="photos means several models: name one of photos_gray, photos_colour"):
        finished_run.load_restorer("photos")


def inverter(name, channels):
    """A model that inverts images, as long as they have its channels."""

    def compute(images, level):
        assert images.shape[-1] == channels
        return 1 - images

    noise = {"kind": "gaussian", "level": 0.0, "level_max": 1.0, "clip": True}
    return Restorer(name, channels, 4, 2, noise, None, False, "edge", compute)


def test_no_models(monkeypatch, capsys):
    monkeypatch.setattr(shipped, "SHIPPED", {})
    assert main(["models"]) == 0
    assert capsys.readouterr().out.startswith("no models ship with this version")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent", "out"], "absent does not exist"),
        (["noisy.png", "out"], "noisy.png is a file"),
        (["run", "noisy.png"], "noisy.png is a file"),
        (["run", "run"], "holds other files"),
        (["run", "out", "--format=torch"], "unknown format 'torch': use one of safetensors, jax, onnx"),
    ],
)
def test_errors_take_one_line(working, capsys, arguments, said):
    assert main(["export", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert said in error
    assert error.count("\n") == 1
    assert not (working / "out").exists()
