"""Exporting a run: what is written restores as the run does in other programs too, and nothing bad is left."""

import json
import re
import shutil
import subprocess
import venv
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
import yaml

from aeden import shipped
from aeden.inference import export, exported
from aeden.inference.export import HALF_TOLERANCE, Options, export_run
from aeden.inference.exported import FILES, is_exported, load_exported
from aeden.inference.finished_run import load_restorer, load_run, read_run
from aeden.inference.jax_program import load_program, make_program
from aeden.inference.model_card import _training, levels_of, model_card, plain
from aeden.nn.autoencoders import ConvAutoencoder, DenseAutoencoder
from aeden.nn.decoders import DECODERS
from aeden.nn.parameters import make_init
from aeden.nn.restore import restore
from aeden.nn.unet import UNet
from aeden.runtime import files


def noisy_images(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype(np.float32)


@pytest.fixture(scope="session")
def whole(finished_run, tmp_path_factory):
    """An export with everything; not to be changed."""
    out = tmp_path_factory.mktemp("exports") / "digits"
    options = Options(format="jax", license="MIT", purpose="tiny\ndigits", made_by="python -m experiments.main")
    return out, export_run(finished_run, out, options)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def unchecked(monkeypatch):
    """Exports without the check, which compiles."""
    monkeypatch.setattr(export, "_check", lambda folder, run, options: (0.0, 1e-5))


# What is written


def test_an_export_restores_as_the_run_does(finished_run, whole):
    out, done = whole
    run, loaded = load_run(finished_run), load_restorer(str(out))
    images = noisy_images(2, 9, 14, 1)
    np.testing.assert_allclose(loaded(images), run(images), atol=1e-6)
    for name in ("channels", "stride", "radius", "noise", "size", "takes_level", "padding"):
        assert getattr(loaded, name) == getattr(run, name), name
    assert done.difference <= 1e-5
    assert names(out) == sorted({*FILES} - {"model.onnx"}) == sorted(done.sizes)


def test_the_parameters_are_read_by_the_library_of_the_format(finished_run, whole):
    tensors = safetensors.numpy.load_file(whole[0] / "model.safetensors")
    params = read_run(finished_run).params
    paths = {".".join(key.key for key in path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]}
    assert tensors.keys() == paths.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, paths[name])
    with safetensors.safe_open(whole[0] / "model.safetensors", "numpy") as file:
        assert file.metadata()["format"] == "flax"


def test_half_precision(finished_run, tmp_path):
    done = export_run(finished_run, tmp_path / "out", Options(half=True))
    assert 1e-7 < done.difference < done.tolerance == HALF_TOLERANCE
    tensors = safetensors.numpy.load_file(tmp_path / "out/model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype("float16")}
    images = noisy_images(1, 8, 8, 1)
    np.testing.assert_allclose(load_exported(tmp_path / "out")(images), load_run(finished_run)(images), atol=1 / 255)


def test_the_config_says_how_to_build_the_network_and_names_no_place(finished_run, unchecked, tmp_path):
    folder = shutil.copytree(finished_run, tmp_path / "run")
    record = files.read_json(folder / "config.json")
    record["config"]["data"] |= {"dir": "/home/me/secret", "name": "/home/me/pictures", "photos": "/home/me/photos"}
    files.write_json(folder / "config.json", record)
    export_run(folder, tmp_path / "out", Options())
    text = (tmp_path / "out/config.json").read_text()
    assert "/home/me" not in text + (tmp_path / "out/README.md").read_text()
    settings = json.loads(text)
    assert settings["training"]["data"]["name"] == "pictures"
    assert settings["model"]["features"] == [4, 4]
    assert (settings["channels"], settings["stride"], settings["format_version"]) == (1, 4, 1)


# The program for jax


def test_a_program_of_half_precision_is_smaller():
    model = DenseAutoencoder((8, 8, 1), (100,))
    params = jax.tree.map(np.asarray, make_init(model, (8, 8, 1))(jax.random.key(0)))
    whole, half = make_program(model, params), make_program(model, params, half=True)
    assert len(whole) - len(half) > 2 * 2 * 64 * 100 * 0.95
    images = jnp.asarray(noisy_images(3, 8, 8, 1))
    expected = restore(model, params, images)
    np.testing.assert_allclose(load_program(whole)(images), expected, atol=1e-6)
    np.testing.assert_allclose(load_program(half)(images), expected, atol=1 / 255)


def networks():
    yield "dense", DenseAutoencoder((6, 5, 3), (4,)), (6, 5, 3)
    yield "told the level", UNet(features=(2,), factors=(2,), blocks=1, residual=True, level_input=True), (8, 8, 1)
    for decoder in DECODERS:
        options = {"features": (4, 4), "decoder": decoder, "decoder_kernel_size": 5}
        yield f"conv {decoder}", ConvAutoencoder(**options), (8, 8, 1)
        options = {"features": (4, 4), "factors": (2, 2), "decoder": decoder, "decoder_kernel_size": 5}
        yield f"unet {decoder}", UNet(channels=3, residual=True, **options), (8, 8, 3)


QUICK = ("told the level",)


@pytest.mark.parametrize(
    ("name", "model", "shape"),
    [one if one[0] in QUICK else pytest.param(*one, marks=pytest.mark.proof) for one in networks()],
)
def test_the_program_takes_images_of_any_number_and_size(name, model, shape):
    params = jax.tree.map(np.asarray, make_init(model, shape)(jax.random.key(0)))
    program = load_program(make_program(model, params))
    sizes = [shape[:2]] if name == "dense" else [(7, 10), (1, 1)] if name not in QUICK else [(7, 10)]
    for n, size in enumerate(sizes, start=2):
        images = jnp.asarray(noisy_images(n, *size, shape[-1]))
        levels = (jnp.linspace(0.1, 0.3, n),) if name == "told the level" else ()
        np.testing.assert_allclose(program(images, *levels), restore(model, params, images, *levels), atol=1e-6)


@pytest.mark.proof
def test_the_program_needs_jax_alone(finished_run, whole, tmp_path, monkeypatch):
    """The lines of the card, in a fresh environment that has jax and flatbuffers."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env/bin/python")
    install = [python, "-m", "pip", "install", "-q", f"jax=={jax.__version__}", "flatbuffers"]
    installed = subprocess.run(install, capture_output=True, text=True, timeout=600)
    if installed.returncode:
        pytest.skip(f"jax cannot be installed into a fresh environment: {installed.stderr.strip()[-200:]}")
    (lines,) = re.findall(r"```python\n(.*?)```", (whole[0] / "README.md").read_text(), re.S)
    lines += 'import sys\nnumpy.savez(sys.argv[1], noisy=noisy, restored=restored)\nassert "flax" not in sys.modules\n'
    command = [python, "-I", "-c", lines, str(tmp_path / "result.npz")]
    result = subprocess.run(command, cwd=whole[0], capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    with np.load(tmp_path / "result.npz") as arrays:
        np.testing.assert_allclose(arrays["restored"], load_run(finished_run)(arrays["noisy"]), atol=1e-5)


# Nothing bad is left


@pytest.mark.parametrize(
    ("function", "options", "factor", "remedy"),
    [
        ("weights", Options(half=True), 1e9, "without --half"),
        ("make_program", Options(format="jax"), 1.1, "report this"),
    ],
)
def test_an_export_that_restores_other_pixels_is_refused(
    finished_run, tmp_path, monkeypatch, function, options, factor, remedy
):
    module = exported if function == "weights" else export
    made = getattr(module, function)

    def wrong(*arguments):
        *first, params, half = arguments
        return made(*first, jax.tree.map(lambda leaf: factor * leaf, params), half)

    monkeypatch.setattr(module, function, wrong)
    with pytest.raises(ValueError, match=f"restores other pixels.*{remedy}"):
        export_run(finished_run, tmp_path / "new/out", options)
    assert names(tmp_path / "new") == []


def test_a_disk_that_is_full_leaves_the_earlier_export(finished_run, whole, tmp_path, monkeypatch):
    out = shutil.copytree(whole[0], tmp_path / "out")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        export_run(finished_run, out, Options(force=True))
    assert names(out) == names(whole[0])
    assert names(tmp_path) == ["out"]
    load_exported(out)


def test_what_is_there_already(finished_run, whole, unchecked, tmp_path):
    run, out = shutil.copytree(finished_run, tmp_path / "run"), tmp_path / "out"
    out.mkdir()
    export_run(run, out, Options())
    with pytest.raises(ValueError, match="holds an export already: use --force"):
        export_run(run, out, Options())
    shutil.copy(whole[0] / "model.jax", out)
    export_run(run, out, Options(force=True))
    assert names(out) == ["README.md", "config.json", "model.safetensors"]
    (out / "notes.txt").write_text("mine")
    (tmp_path / "readme").mkdir()
    (tmp_path / "readme/README.md").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for place, said in (
        (out, r"notes\.txt"),
        (run, "checkpoints"),
        (tmp_path / "readme", "README"),
        (out / "notes.txt", "is a file"),
    ):
        with pytest.raises(ValueError, match=said):
            export_run(run, place, Options(force=True))
    assert (tmp_path / "readme/README.md").read_text() == "mine"


@pytest.mark.parametrize("options", [Options(format="torch"), Options(license="a b")])
def test_options_that_mean_nothing(finished_run, tmp_path, options):
    with pytest.raises(ValueError, match=r"unknown format|no identifier"):
        export_run(finished_run, tmp_path / "out", options)
    assert names(tmp_path) == []


# Loading


def damage(out, name):
    """Makes an exported folder one that cannot be used."""
    path, settings = out / "model.safetensors", files.read_json(out / "config.json")
    content = path.read_bytes()
    if name == "half a file":
        path.write_bytes(content[: len(content) // 2])
    elif name == "a flipped bit":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif name == "a pointer":
        path.write_text("version https://git-lfs.github.com/spec/v1\n")
    elif name == "no parameters":
        path.unlink()
    elif name == "no config":
        (out / "config.json").unlink()
    elif name == "half a config":
        (out / "config.json").write_text(json.dumps(settings)[:50])
    else:
        change = {
            "another model": {"format": "other"},
            "newer": {"format_version": 2, "aeden_version": "9.0.0"},
            "no noise": {"noise": None},
            "another network": {"model": {**settings["model"], "features": [4, 5]}},
        }[name]
        files.write_json(out / "config.json", settings | change)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("half a file", "model.safetensors is damaged"),
        ("a flipped bit", "model.safetensors is damaged"),
        ("a pointer", "git lfs pull"),
        ("no parameters", "model.safetensors is missing"),
        ("no config", "config.json is missing"),
        ("half a config", "config.json is damaged"),
        ("another model", "not that of a model exported by aeden"),
        ("newer", "exported by aeden 9.0.0.*install a newer aeden"),
        ("no noise", "config.json is damaged"),
        ("another network", "does not fit"),
    ],
)
def test_what_is_no_whole_export_is_refused_in_one_line(whole, tmp_path, name, said):
    out = shutil.copytree(whole[0], tmp_path / "out")
    damage(out, name)
    with pytest.raises(ValueError, match=said) as refused:
        load_restorer(str(out))
    assert "\n" not in str(refused.value)
    assert str(out) in str(refused.value)


def test_damage_that_the_hash_covers_too(whole, tmp_path):
    content = (whole[0] / "model.safetensors").read_bytes()
    with pytest.raises(ValueError, match="is damaged"):
        exported.read_weights(content[:-8])


def test_a_run_is_no_export(finished_run, tmp_path):
    assert not is_exported(finished_run)
    assert not is_exported(tmp_path)


# Models that ship


def test_a_name_of_a_shipped_model_wins_over_a_folder(finished_run, whole, tmp_path, monkeypatch):
    shutil.copytree(whole[0], tmp_path / "package/tiny")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "package")
    monkeypatch.setattr(shipped, "SHIPPED", {"tiny": "tests"})
    (tmp_path / "tiny").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_restorer("tiny").name == "tiny"
    with pytest.raises(ValueError, match="tiny holds no run"):
        load_restorer("./tiny")
    with pytest.raises(ValueError, match="aeden models"):
        load_restorer("absent")


def test_every_shipped_model_is_whole():
    """At most 4 MB, with a purpose and the command that makes it again; what lies there is listed."""
    folders = {path.parent.name for path in shipped.FOLDER.glob("*/config.json")}
    assert folders == shipped.SHIPPED.keys()
    for name in shipped.SHIPPED:
        restorer = load_restorer(name)
        assert restorer(np.zeros((1, 8, 8, restorer.channels), np.float32), 0.1 if restorer.takes_level else None).any
        settings = exported.read_settings(shipped.FOLDER / name)
        assert settings["made_by"], name
        assert settings["license"] != "unknown", name
        assert sum(path.stat().st_size for path in (shipped.FOLDER / name).iterdir()) < 4e6


# The card


SUMMARY = {
    "dataset": "/home/me/<photos>",
    "dataset_sha256": "ab" * 32,
    "examples": {"train": 1000, "validation": 10, "test": 20},
    "steps": 15000,
    "wall_seconds": 90.0,
    "seed": 3,
    "noise": {"kind": "gaussian"},
    "noisy": {"psnr": 20.0, "ssim": 0.5},
    "test": {"psnr": 29.5, "ssim": 0.8125},
    "levels": {"0.0588": {"noisy": {"psnr": 24.6, "ssim": 0.6}, "test": {"psnr": 31.0, "ssim": 0.9}}},
    "noises": {"speckle:0.5": {"noisy": {"psnr": 10, "ssim": 0.1}, "test": {"psnr": 20.0, "ssim": 0.2}}},
    "versions": {"jax": "0.10.2"},
    "hardware": {"cores": 2, "processor": "a processor"},
    "commit": "abc",
}


def front_matter(text):
    assert text.startswith("---\n")
    return yaml.safe_load(text.split("---\n")[1])


def test_the_front_matter_is_yaml(whole):
    matter = front_matter((whole[0] / "README.md").read_text())
    assert matter["license"] == "mit"
    assert matter["library_name"] == "aeden"
    assert {"denoising", "jax"} <= set(matter["tags"])
    assert matter["metrics"] == ["psnr", "ssim"]
    assert matter["datasets"] == []


def test_the_card_says_what_a_reader_needs(whole):
    settings = files.read_json(whole[0] / "config.json")
    settings |= {"dataset": {"name": plain(SUMMARY["dataset"]), "sha256": SUMMARY["dataset_sha256"]}, "seed": 3}
    text = model_card(settings, SUMMARY, "digits", "jax")
    assert front_matter(text)["datasets"] == ["photos"]
    for said in (
        "tiny digits\n",
        "sha256 `abab",
        "1,000 train",
        "On 20 test images. One run, seed 3.",
        "| that of the training | 20.00 | 29.50 | 0.5000 | 0.8125 |",
        "| level 0.0588 | 24.60 | 31.00 | 0.6000 | 0.9000 |",
        "| speckle:0.5 | 10.00 | 20.00 |",
        "15,000 steps in 1.5 minutes on 2 cores of a processor",
        "aeden denoise FOLDER noisy.png",
        "    python -m experiments.main\n",
        "Commit: abc. Versions: jax 0.10.2.",
        "clipped to [0, 1]",
    ):
        assert said in text, said


def test_the_card_names_the_accelerator():
    hardware = {"platform": "gpu", "device_kind": "NVIDIA H100", "devices": 1, "cores": 16, "processor": "a processor"}
    settings = {"dataset": {"name": "", "sha256": ""}, "noise": {}, "takes_level": False}
    assert "15,000 steps in 1.5 minutes on one NVIDIA H100\n" in _training(settings, {**SUMMARY, "hardware": hardware})


def test_the_levels_of_a_training():
    assert levels_of({"level": 0.1, "level_max": 0.0}) == "0.1"
    assert levels_of({"level": 0.0, "level_max": 55 / 255}) == "0 to 55/255"
    assert levels_of({"level": float(f"{25 / 255:.6g}")}) == "25/255"  # as the keys of a summary have it
    assert levels_of({"level": 0.3}) == "0.3"


def test_what_is_exported_already_is_refused(whole, tmp_path):
    with pytest.raises(ValueError, match=r"exported already: copy the folder; another format takes the run"):
        export_run(whole[0], tmp_path / "again", Options())
    with pytest.raises(ValueError, match=r"text is exported already: its folders are in .*shipped"):
        export_run(Path("text"), tmp_path / "again", Options())
