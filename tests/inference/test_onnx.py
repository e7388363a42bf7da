"""ONNX files: ONNX Runtime computes from them what the networks compute."""

import json
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from documents import ROOT, read_markdown

from aeden.cli.main import main
from aeden.inference import export, onnx_program
from aeden.inference.export import Options, export_run
from aeden.inference.finished_run import load_run
from aeden.inference.onnx_program import check_onnx, load_onnx, make_onnx
from aeden.nn.autoencoders import ConvAutoencoder, DenseAutoencoder
from aeden.nn.parameters import make_init
from aeden.nn.restore import restore, takes_level
from aeden.nn.unet import UNet


@pytest.fixture
def installed():
    """Skips a test where what writes and runs ONNX files is not installed."""
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name} is not installed: {onnx_program.INSTALL}")


def networks():
    told = {"features": (2,), "factors": (2,), "blocks": 1, "residual": True, "level_input": True}
    yield "told the level", UNet(**told)
    yield "bilinear", UNet(features=(2, 4), factors=(2, 3), resize="bilinear", residual=True, use_bias=False)
    yield "before", UNet(features=(2, 4), factors=(3, 2), resize="bilinear", placement="before")
    yield "small kernel", ConvAutoencoder(features=(3, 2), factors=(3, 2), decoder="transpose", decoder_kernel_size=2)
    for decoder in onnx_program.DECODERS:
        for size in (3, 4):
            options = {"decoder": decoder, "decoder_kernel_size": size, "features": (3, 2), "factors": (2, 2)}
            yield f"{decoder} {size}", ConvAutoencoder(skip=size == 4, channels=1 if size == 3 else 3, **options)


QUICK = ("told the level", "transpose 4", "subpixel 3")


@pytest.mark.parametrize(
    ("name", "model"), [one if one[0] in QUICK else pytest.param(*one, marks=pytest.mark.proof) for one in networks()]
)
def test_onnx_runtime_restores_as_the_network_does(installed, name, model):
    """Sizes that are no multiple of the stride, shorter than it, and a single pixel."""
    shape = (8, 8, model.channels)
    params = jax.tree.map(lambda leaf: np.asarray(leaf) + 0.05, make_init(model, shape)(jax.random.key(0)))
    program = load_onnx(make_onnx(model, params))
    for n, size in ((2, (7, 10)), (3, (1, 1)), (1, (12, 2))):
        images = np.random.default_rng(0).uniform(size=(n, *size, model.channels)).astype(np.float32)
        levels = (np.linspace(0.1, 0.3, n, dtype=np.float32),) if takes_level(model) else ()
        np.testing.assert_allclose(
            program(images, *levels), restore(model, params, *map(jnp.asarray, (images, *levels))), atol=3e-6
        )


def test_half_precision_is_half_the_size(installed):
    model = ConvAutoencoder(features=(16, 16))
    params = jax.tree.map(np.asarray, make_init(model, (8, 8, 1))(jax.random.key(0)))
    whole, half = make_onnx(model, params), make_onnx(model, params, half=True)
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    assert len(whole) - len(half) == pytest.approx(2 * count, rel=0.15)
    images = np.random.default_rng(0).uniform(size=(1, 9, 9, 1)).astype(np.float32)
    np.testing.assert_allclose(load_onnx(half)(images), load_onnx(whole)(images), atol=1 / 255)


def test_an_export_and_the_lines_of_its_card(installed, finished_run, tmp_path):
    """In a process of its own, which imports neither jax nor aeden."""
    done = export_run(finished_run, tmp_path / "out", Options(format="onnx"))
    assert done.difference <= 1e-5
    assert not done.unchecked
    assert "model.onnx" in done.sizes
    (lines,) = re.findall(r"```python\n(.*?)```", (tmp_path / "out/README.md").read_text(), re.S)
    lines += "import sys\nnumpy.savez(sys.argv[1], noisy=noisy, restored=restored)\n"
    lines += 'assert not {"jax", "aeden", "onnx"} & {*sys.modules}\n'
    command = [sys.executable, "-I", "-c", lines, str(tmp_path / "result.npz")]
    result = subprocess.run(command, cwd=tmp_path / "out", capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    with np.load(tmp_path / "result.npz") as arrays:
        np.testing.assert_allclose(arrays["restored"], load_run(finished_run)(arrays["noisy"]), atol=1e-5)


def test_the_lines_of_the_guide_are_those_of_the_card():
    blocks = [
        block for block in read_markdown((ROOT / "docs/guide.md").read_text()).blocks if block.language == "python"
    ]
    (lines,) = ["\n".join(block.lines) for block in blocks if "onnxruntime" in "\n".join(block.lines)]
    card = onnx_lines({"settings": {"size": None, "channels": 1, "takes_level": False, "aeden_version": "1"}})
    without_notes = [re.sub(r"\s+#.*|exported/digits/", "", text).strip() for text in (*lines.splitlines(),)]
    assert without_notes == [re.sub(r"\s+#.*", "", line).strip() for line in card.strip().splitlines()]


def onnx_lines(arguments):
    from aeden.inference.model_card import _use

    (lines,) = re.findall(r"```python\n(.*?)```", _use(file_format="onnx", **arguments), re.S)
    return lines


def test_the_card_of_a_network_that_is_told_the_level():
    lines = onnx_lines({"settings": {"size": None, "channels": 3, "takes_level": True, "aeden_version": "1"}})
    assert '{"noisy": noisy, "level": numpy.full(2, 0.1, "float32")}' in lines
    compile(lines, "card", "exec")


def test_other_pixels_are_refused(installed, finished_run, tmp_path, monkeypatch):
    def wrong(model, params, half):
        return make_onnx(model, jax.tree.map(lambda leaf: 1.1 * leaf, params), half)

    monkeypatch.setattr(export, "make_onnx", wrong)
    with pytest.raises(ValueError, match=r"model.onnx restores other pixels"):
        export_run(finished_run, tmp_path / "out", Options(format="onnx"))
    assert not (tmp_path / "out").exists()


def test_without_onnx_runtime_the_command_says_that_nothing_was_compared(finished_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(export, "can_run_onnx", lambda: False)
    monkeypatch.setattr(export, "check_onnx", lambda model: None)
    monkeypatch.setattr(export, "make_onnx", lambda model, params, half: b"graph")
    assert main(["export", str(finished_run), str(tmp_path / "out"), "--format=onnx"]) == 0
    assert "model.onnx was not compared with the run" in capsys.readouterr().out
    assert "model.onnx" in json.loads((tmp_path / "out/config.json").read_text())["sha256"]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (DenseAutoencoder((6, 5, 3), (4,)), "no ONNX form of a dense network"),
        (UNet(decoder="unpool"), "no ONNX form of the decoder 'unpool'"),
        (ConvAutoencoder(decoder="upsample", resize="lanczos3"), "no ONNX form of the resize 'lanczos3'"),
    ],
)
def test_what_has_no_onnx_form_is_refused_in_one_line(model, said):
    with pytest.raises(ValueError, match=f"{said}.*--format=jax") as refused:
        check_onnx(model)
    assert "\n" not in str(refused.value)


def test_a_missing_library_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setattr(onnx_program.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs the library onnx.*pip install"):
        check_onnx(ConvAutoencoder())
