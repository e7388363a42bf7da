"""Denoising own images of any size: tests on whole images, resumed runs, numbers of devices, pairs, what is refused."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import stopping
from PIL import Image

from aeden import random_keys
from aeden.data.batches import TrainBatches
from aeden.data.crops import WholeImages
from aeden.data.own_images import open_images
from aeden.measures import image_quality
from aeden.measures.holes import hole_figures
from aeden.nn.autoencoders import ConvAutoencoder
from aeden.random_keys import Stream
from aeden.runtime import devices
from aeden.runtime.processes import Interrupted
from aeden.tasks import from_config
from aeden.tasks.denoise import task as denoise_task
from aeden.tasks.denoise.run import DenoiseRun
from aeden.tasks.execute import closing, execute, opening
from aeden.tasks.objectives.noisy_images import noisy_images
from aeden.tasks.objectives.restoration import fixed_noise
from aeden.tasks.objectives.whole_images import make_whole_evaluation
from aeden.training.checkpoints import newest_params
from aeden.transforms.augmentation import orient
from configs import base, denoise_folder

SIZES = ((9, 14), (20, 16), (9, 14), (1, 1))
FEW = 12


def write(folder, count=FEW, noise=0):
    """Gray and colour images of three sizes."""
    rng = np.random.default_rng(1)
    for i in range(count):
        height, width = SIZES[i % len(SIZES)]
        pixels = rng.integers(0, 200, (height, width, 3) if i % 4 == 0 else (height, width), dtype=np.uint8)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels + np.uint8(noise)).save(folder / f"{i}.png")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    write(folder)
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    write(folder / "clean")
    write(folder / "noisy", noise=30)
    return folder


def make_config(folder):
    config = denoise_folder.get_config()
    config.data.dir, config.data.crop = str(folder), 8
    config.model.features, config.model.factors, config.model.lowering = (4,), (2,), "reference"
    config.batch_size, config.steps, config.eval.every, config.log_every = 8, 6, 3, 1
    config.model.architecture, config.model.skip, config.model.residual = "conv", True, False
    config.model.decoder, config.model.init, config.loss, config.eval.levels = "transpose", "he", "mse", ()
    return config


def prepare(config):
    return denoise_task.prepare(config, from_config.open_data(config))


def test_whole_images_are_tested_as_a_plain_loop_tests_them(images):
    config = make_config(images)
    whole = WholeImages(open_images(images, 8).cropped.train.images, 3)  # more images than the test split has
    assert len({tuple(size) for size in whole.sizes.tolist()}) == 3
    model = ConvAutoencoder(features=(4,), factors=(2,), lowering="reference", channels=3, skip=True)
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))["params"]
    noise = from_config.build_noise(config)
    noises = {"none": fixed_noise(from_config.build_noise(config, 0.0), 5, Stream.TEST)}
    noises["x"] = fixed_noise(noise, 5, Stream.TEST)
    config.noise.kind = "masking"
    noises["holes"] = fixed_noise(from_config.build_noise(config, 0.3), 5, Stream.TEST)
    both = make_whole_evaluation(model, noises, {"holes"})(params, whole)
    found = both["x"]
    assert "holes" not in found
    holes = both["holes"]["holes"]
    values = sum(int(height) * int(width) * 3 for height, width in whole.sizes.tolist()) / len(whole)
    assert holes["inside"]["values"] + holes["outside"]["values"] == pytest.approx(values)
    assert hole_figures(holes)["hole_share"] == pytest.approx(0.3, abs=0.05)
    assert both["holes"]["noisy_holes"]["inside"]["values"] == holes["inside"]["values"]
    assert both["none"]["noisy"]["psnr"] == pytest.approx(100)

    expected = {"noisy": [], "restored": []}
    stream = random_keys.stream_key(5, Stream.TEST)
    apply, draw, measure_ssim = jax.jit(model.apply), jax.jit(noise), jax.jit(image_quality.ssim)
    for i in range(len(whole)):
        pixels = whole.images[i]
        clean = np.broadcast_to(pixels, (*pixels.shape[:2], 3))[None].astype(np.float32) / 255
        noisy = draw(random_keys.example_keys(stream, 0, jnp.array([i])), jnp.asarray(clean))
        restored = jax.nn.sigmoid(apply({"params": params}, noisy))
        for name, image in (("noisy", noisy), ("restored", restored)):
            error = float(np.mean((np.asarray(image, np.float64) - clean) ** 2))
            ssim = float(np.asarray(measure_ssim(image, clean))[0])
            expected[name].append((error, min(100.0, -10 * np.log10(max(error, 1e-10))), ssim))
    for name, rows in expected.items():
        means = np.mean(rows, axis=0)
        figures = [found[name][metric] for metric in ("mse", "psnr", "ssim")]
        np.testing.assert_allclose(figures, means, rtol=1e-4)


@pytest.mark.proof  # the loop is that of every task, see tests/training and tests/experiments/test_commands.py
def test_an_interrupted_run_ends_with_the_same_bits(images, tmp_path, monkeypatch, capsys):
    config = make_config(images)

    def run(folder):
        return execute(config, base.get_config().to_dict(), tmp_path / folder, time.monotonic())[0]

    whole = run("whole")
    stops = []
    monkeypatch.setattr(DenoiseRun, "_draw", lambda *_: None)  # the figures below are those of the whole run
    monkeypatch.setattr(denoise_task, "TrainBatches", stopping(TrainBatches, stops))
    stops.append((0, 4))
    with pytest.raises(Interrupted):
        run("cut")
    stops.clear()
    cut = run("cut")
    assert cut["test"] == whole["test"]
    mine, its = (newest_params(tmp_path / name / "checkpoints")[1] for name in ("cut", "whole"))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((np.asarray(a) == np.asarray(b)).all()), mine, its))

    said = capsys.readouterr().err
    assert "crops of 8 x 8 per epoch) to train on" in said
    assert "test split" in closing(whole)
    assert whole["examples"]["test"] >= 1
    assert set(whole["artifacts"]["residual"]) >= {"harmonic_energy", "phase_variation", "spectrum_distance_db"}
    with Image.open(tmp_path / "whole" / "samples.png") as picture:
        assert picture.width > 100
    with np.load(tmp_path / "whole" / "examples.npz") as arrays:
        count, side = arrays["clean"].shape[:2]
        assert 1 <= count <= 10
        assert len({image.tobytes() for image in arrays["noisy"]}) == count
        assert 1 <= side <= 20  # the largest side of an image


def test_any_number_of_devices_takes_the_same_step(images):
    run = prepare(make_config(images))
    objective = run.training.objective
    batch = run.training.batches.at(2)
    state = jax.jit(objective.init)(jax.random.key(0))
    key = random_keys.stream_key(0, Stream.TRAIN)
    single = jax.jit(jax.vmap(lambda s, b: objective.step(s, b, key), in_axes=(None, 0), axis_name="devices"))
    expected, its = single(state, jax.tree.map(lambda x: x, batch))
    taken, mine = devices.pmap_steps(lambda s, b: objective.step(s, b, key))(
        devices.replicate(jax.tree.map(np.asarray, state)), devices.deal(batch)
    )
    np.testing.assert_allclose(mine["loss"], its["loss"], rtol=1e-6)
    for one, other in zip(jax.tree.leaves(taken.params), jax.tree.leaves(expected.params), strict=True):
        np.testing.assert_allclose(one, other[0], atol=1e-6)


def test_pairs_are_turned_together_and_get_no_noise(pairs):
    config = make_config(pairs)
    run = prepare(config)
    assert (run.noise_fields, run.noise_name) == ({"kind": "pairs"}, "noise of the pairs")
    assert "images (" in opening(run, run.dataset)
    batch = run.training.batches.at(0)
    state = jax.jit(run.training.objective.init)(jax.random.key(0))
    params = jax.tree.map(np.asarray, state.params)
    key = random_keys.stream_key(0, Stream.TRAIN)
    _, logged = devices.pmap_steps(lambda s, b: run.training.objective.step(s, b, key))(
        devices.replicate(jax.tree.map(np.asarray, state)), devices.deal(batch)
    )
    keys = random_keys.split_each(random_keys.example_keys(key, 0, batch["index"][0]), 2)[1]
    clean, noisy = (
        orient(keys, jnp.asarray(batch[name][0], jnp.float32) / 255, True, True) for name in ("image", "noisy")
    )
    kept = batch["mask"][0]
    np.testing.assert_allclose(noisy[kept] - clean[kept], 30 / 255, atol=1e-6)
    restored = jax.nn.sigmoid(jax.jit(run.model.apply)({"params": params}, noisy))
    np.testing.assert_allclose(logged["loss"], [jnp.mean((restored - clean)[kept] ** 2)], rtol=1e-5)

    evaluated = jax.tree.map(jnp.asarray, run.dataset.test_images.take(np.array([0]), 1))
    shown = noisy_images(evaluated, jnp.zeros(1), run.noise)
    np.testing.assert_allclose(shown, evaluated["image"] / 255 + np.float32(30 / 255), atol=1e-6)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"model.architecture": "dense"}, r"model.architecture=dense takes images of one size"),
        ({"eval.extras": True}, r"eval.extras measures images of one size"),
        ({"data.crop": -1}, r"data.crop -1"),
        ({"data.channels": "2"}, r"unknown data.channels '2'"),
        ({"data.crop": 0, "data.channels": "3"}, r"data.channels=3 has no effect without data.crop"),
        ({"data.crop": 0}, r"mixes image sizes.*set data.crop"),
        ({"data.dir": ""}, r"data.name=folder needs data.dir"),
        ({"task": "gan"}, r"data.crop=8 is for task=denoise"),
    ],
)
def test_what_does_not_fit_images_of_any_size_is_refused(images, fields, match):
    config = make_config(images)
    config.update_from_flattened_dict(fields)
    with pytest.raises(ValueError, match=match):
        prepare(config)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"eval.levels": (0.1,)}, r"eval.levels adds noise"),
        ({"eval.noises": ("masking:0.1",)}, r"eval.noises adds noise"),
        ({"augment.turn": 5.0}, r"augment.turn interpolates"),
    ],
)
def test_what_does_not_fit_pairs_is_refused(pairs, fields, match):
    config = make_config(pairs)
    config.update_from_flattened_dict(fields)
    with pytest.raises(ValueError, match=match):
        prepare(config)


def test_quarter_turns_need_square_images():
    config = base.get_config()
    config.augment.quarter_turns = True
    with pytest.raises(ValueError, match=r"augment.quarter_turns needs square images, and these are 28 x 20"):
        from_config.build_augmentation(config, (28, 20, 1))


def test_crops_of_a_set_of_one_size():
    config = make_config("")
    config.data.name, config.data.crop, config.data.limit = "glyphs/digits", 16, 20
    run = prepare(config)
    assert run.dataset.image_shape == (16, 16, 1)
    assert run.training.batches.at(0)["image"].shape == (1, 8, 16, 16, 1)
