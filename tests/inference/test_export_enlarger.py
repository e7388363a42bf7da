"""Exporting a run of super-resolution: other programs enlarge as the run does."""

import json
import re
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from PIL import Image

from aeden.cli.main import main
from aeden.inference import onnx_program
from aeden.inference.export import Options, export_run
from aeden.inference.finished_run import load_enlarger, load_model, load_restorer
from aeden.inference.jax_program import load_program, make_program
from aeden.inference.model_card import model_card
from aeden.inference.onnx_program import load_onnx, make_onnx
from aeden.nn.parameters import make_init
from aeden.nn.restore import restore
from aeden.nn.super_resolution import SuperResolver
from aeden.runtime import files

# (height, width) of low resolution: any, a single pixel, and one that no tile is as narrow as.
SIZES = ((7, 10), (1, 1), (12, 2))


def low(*shape):
    return np.random.default_rng(0).uniform(0.2, 0.8, shape).astype(np.float32)


@pytest.fixture
def installed():
    """Skips a test where what writes and runs ONNX files is not installed."""
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name} is not installed: {onnx_program.INSTALL}")


@pytest.fixture(scope="module")
def whole(enlarging_run, tmp_path_factory):
    """An export with a program; not to be changed."""
    out = tmp_path_factory.mktemp("exports") / "photos_x4"
    return out, export_run(enlarging_run[0], out, Options(format="jax", license="MIT"))


def test_an_export_enlarges_as_the_run_does(enlarging_run, whole):
    run, loaded, images = load_enlarger(str(enlarging_run[0])), load_enlarger(str(whole[0])), low(2, 9, 14, 1)
    np.testing.assert_allclose(loaded(images), run(images), atol=1e-6)
    assert loaded(images).shape == (2, 36, 56, 1)
    for name in ("channels", "stride", "radius", "noise", "scale", "antialias", "parameters"):
        assert getattr(loaded, name) == getattr(run, name), name
    assert whole[1].difference <= 1e-5
    assert load_model(str(whole[0])).scale == 4
    with open(whole[0] / "model.jax", "rb") as file:
        np.testing.assert_allclose(load_program(file.read())(jnp.asarray(images)), run(images), atol=1e-5)


def test_commands_take_the_export_that_is_theirs(whole, finished_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 9), np.uint8)).save("a.png")
    exported = str(whole[0])
    assert main(["enlarge", exported, "a.png", "-o", "b.png"]) == 0
    with Image.open("b.png") as large:
        assert large.size == (36, 48)
    assert main(["evaluate", exported, "--images", "a.png"]) == 0
    assert "| images | x4 | bicubic |" in capsys.readouterr().out
    assert main(["denoise", exported, "a.png", "-o", "c.png"]) == 1
    assert "is a model that enlarges images, with `aeden enlarge`: take one that cleans" in capsys.readouterr().err
    assert main(["export", str(finished_run), "cleans"]) == 0
    assert main(["enlarge", "cleans", "a.png", "-o", "c.png"]) == 1
    assert (
        "cleans is a model that cleans images, with `aeden denoise`: take one that enlarges" in capsys.readouterr().err
    )


NETWORKS = {
    "residual": {"residual": True, "decoder": "subpixel"},
    "in two stages": {"residual": True, "resize": "bilinear", "enlarge": (2, 2)},
    "of a code": {"decoder": "transpose", "decoder_kernel_size": 4, "factors": (1, 2), "enlarge": (3,)},
    "not anti-aliased": {"residual": True, "shift": -0.5},
}


@pytest.mark.parametrize("language", ["jax", "onnx"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_program_takes_images_of_any_number_and_size(request, language, name):
    if language == "onnx":
        request.getfixturevalue("installed")
    model = SuperResolver(
        **{"decoder": "upsample", "features": (4, 4), "factors": (1, 1), "channels": 3, **NETWORKS[name]}
    )
    params = jax.tree.map(lambda leaf: 3 * np.asarray(leaf), make_init(model, (8, 8, 3))(jax.random.key(0)))
    make, load = (make_program, load_program) if language == "jax" else (make_onnx, load_onnx)
    if (language, name) == ("onnx", "not anti-aliased"):
        with pytest.raises(ValueError, match=r"no ONNX form of a bicubic enlargement of pixels .* use --format=jax"):
            make(model, params)
        return
    program = load(make(model, params))
    for n, size in enumerate(SIZES, start=1):
        images = low(n, *size, 3)
        expected = np.asarray(restore(model, params, jnp.asarray(images)))
        assert expected.shape == (n, model.scale * size[0], model.scale * size[1], 3)
        np.testing.assert_allclose(program(jnp.asarray(images)), expected, atol=1e-5)
    assert np.std(expected) > 0.05


def test_a_network_without_a_program_is_refused():
    model = SuperResolver(features=(4, 4), factors=(1, 2), residual=True)
    for make in (make_program, make_onnx):
        with pytest.raises(ValueError, match=r"enlarges=code and residual=True: export the parameters alone"):
            make(model, {})


def test_the_lines_of_the_card_in_a_process_of_their_own(installed, enlarging_run, tmp_path):
    """Which imports neither jax nor aeden."""
    export_run(enlarging_run[0], tmp_path / "out", Options(format="onnx"))
    (lines,) = re.findall(r"```python\n(.*?)```", (tmp_path / "out/README.md").read_text(), re.S)
    lines += (
        'import sys\nnumpy.savez(sys.argv[1], low=low, large=large)\nassert not {"jax", "aeden"} & {*sys.modules}\n'
    )
    command = [sys.executable, "-I", "-c", lines, str(tmp_path / "result.npz")]
    result = subprocess.run(command, cwd=tmp_path / "out", capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    with np.load(tmp_path / "result.npz") as arrays:
        expected = load_enlarger(str(enlarging_run[0]))(arrays["low"])
        np.testing.assert_allclose(arrays["large"], expected, atol=1e-5)


def test_the_card_says_what_a_reader_needs(whole):
    text = (whole[0] / "README.md").read_text()
    matter = yaml.safe_load(text.split("---\n")[1])
    assert matter["tags"] == ["super-resolution", "image-super-resolution", "jax", "flax"]
    rows = {name: {"psnr": 20.0 + i, "ssim": 0.5} for i, name in enumerate(("test", "nearest", "bicubic"))}
    settings = files.read_json(whole[0] / "config.json") | {"seed": 0}
    text = model_card(settings, {**rows, "examples": {"test": 41}}, "photos", "jax")
    for said in (
        "Enlarges gray images of any size 4 times along each axis: a convolutional network with the decoder `transpo",
        "    aeden enlarge FOLDER small.png -o large.png\n",
        "    enlarge = export.deserialize(",
        "large = enlarge(low)\n",
        "- low resolution: 4 times smaller along each axis, bicubic means\n- noise: none\n",
        "On 41 test images. One run, seed 0.",
        "| this network | 20.00 | 0.5000 |\n| nearest | 21.00 | 0.5000 |\n| bicubic | 22.00 |",
        "It has learnt to undo one way",
    ):
        assert said in text, said
    assert "noise level" not in text
    assert "was not tested" in model_card(settings, {}, "photos")


def test_the_card_of_a_network_that_expects_noise(whole):
    settings = files.read_json(whole[0] / "config.json") | {"noise": {"kind": "gaussian", "level": 0.1}}
    text = model_card(settings, {"test": {"psnr": 20.0, "ssim": 0.5}}, "photos")
    assert "On the test images. The images of low resolution have noise (gaussian, level 0.1)." in text
    assert "It expects noise like that of its training (gaussian, level 0.1)" in text
    assert "enlarged too" not in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scale": 2}, "do not say the same of super_resolve"),
        ({"super_resolve": {"antialias": False}}, "do not say the same of super_resolve"),
        ({"super_resolve": {"residual": False}}, "do not say the same of super_resolve"),
        ({"format": []}, "not that of a model exported by aeden"),
        ({"format": {}}, "not that of a model exported by aeden"),
        ({"format_version": "1"}, r"config\.json is damaged"),
    ],
)
def test_an_export_that_was_edited_is_refused(whole, tmp_path, change, said):
    out = shutil.copytree(whole[0], tmp_path / "out")
    settings = files.read_json(out / "config.json")
    if "super_resolve" in change:
        change = {"super_resolve": settings["super_resolve"] | change["super_resolve"]}
    files.write_json(out / "config.json", settings | change)
    for load in (load_enlarger, load_model):
        with pytest.raises(ValueError, match=said):
            load(str(out))


def test_what_cannot_be_exported_is_said_in_words_that_fit(enlarging_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["export", "nowhere", "out"]) == 1
    said = capsys.readouterr().err
    assert "nowhere does not exist: name the folder of a finished run of denoising or super-resolution" in said
    assert "aeden models" not in said
    assert main(["evaluate", "nowhere", "--images", "."]) == 1
    Image.new("L", (8, 8)).save("a.png")
    assert main(["evaluate", "nowhere", "--images", "a.png"]) == 1
    assert "runs/transpose_mnist, an exported folder, or a model that `aeden models` lists" in capsys.readouterr().err
    shutil.copytree(enlarging_run[0], tmp_path / "text")
    assert main(["export", "text", "out"]) == 1
    assert "text is exported already" in capsys.readouterr().err
    assert main(["export", "./text", "out"]) == 0
    summary = files.read_json(tmp_path / "text/summary.json") | {"task": "gan"}
    files.write_json(tmp_path / "text/summary.json", summary)
    assert main(["export", "./text", "out2"]) == 1
    assert "a run of the task gan: take one of the task denoise or super_resolve" in capsys.readouterr().err


def test_an_export_without_its_section_is_damaged(whole, tmp_path):
    settings = json.loads((whole[0] / "config.json").read_text())
    assert settings["format"] == "aeden-enlarger"
    del settings["super_resolve"]
    files.write_json(tmp_path / "config.json", settings)
    with pytest.raises(ValueError, match=r"config\.json is damaged"):
        load_enlarger(str(tmp_path))
    with pytest.raises(ValueError, match=r"config\.json is damaged"):
        load_restorer(str(tmp_path))
