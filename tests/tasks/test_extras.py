"""Shift equivariance, the gap between training and test images, other kinds of noise; runs that are not tested."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import stopping

from aeden.data.batches import TrainBatches
from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.measures import equivariance, image_quality
from aeden.measures.holes import hole_figures
from aeden.nn.autoencoders import ConvAutoencoder
from aeden.random_keys import Stream
from aeden.runtime.processes import Interrupted
from aeden.tasks import from_config
from aeden.tasks.denoise import extras
from aeden.tasks.denoise import task as denoise_task
from aeden.tasks.denoise.run import DenoiseRun
from aeden.tasks.objectives.restoration import fixed_noise, make_evaluation, make_restore
from configs import base

SHAPE = (16, 16, 1)


def make_config():
    config = base.get_config()
    config.model.features, config.model.lowering = (4, 4), "reference"
    config.batch_size, config.epochs, config.steps, config.eval.every = 8, 0.0, 6, 3
    config.learning_rate = 0.03
    config.eval.extras, config.eval.noises = True, ("speckle:.50", "gaussian:0.1")
    return config


@pytest.fixture
def config():
    return make_config()


@pytest.fixture(scope="module")
def dataset():
    rng = np.random.default_rng(0)

    def split(count):
        coarse = rng.integers(0, 256, (count, 4, 4, 1), dtype=np.uint8)
        return Split(coarse.repeat(4, 1).repeat(4, 2))

    return Dataset("squares", "squares", split(40), split(16), split(24), "0")


@pytest.fixture(scope="module")
def whole(dataset, tmp_path_factory):
    """The summary of a run with extras and two further kinds of noise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DenoiseRun, "_draw", lambda *_: None)
        return run(make_config(), dataset, tmp_path_factory.mktemp("whole"))


@pytest.fixture
def noise(config):
    return fixed_noise(from_config.build_noise(config), 0, Stream.TEST)


def start(**fields):
    model = ConvAutoencoder(features=(4, 4), lowering="reference", **fields)
    return model, jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, *SHAPE)))["params"]


def run(config, dataset, folder):
    return denoise_task.prepare(config, dataset).run(folder, time.monotonic())


def test_convolutions_of_stride_one_are_equivariant(rng):
    """Five 3 x 3 convolutions, which see five pixels around; a network of stride 4 is not equivariant."""
    canvas = rng.uniform(size=(3, 31, 31, 1)).astype(np.float32)
    errors = {}
    for factors in ((1, 1), (2, 2)):
        model, params = start(factors=factors)
        errors[factors] = equivariance.shift_errors(make_restore(model, params, (28, 28, 1)), canvas, 4, 8).mean()
    assert equivariance.decibels(errors[1, 1]) == 100
    assert equivariance.decibels(errors[2, 2]) < 60


def test_shift_equivariance_of_a_network_by_the_definition(dataset, noise, monkeypatch):
    """On one device and on two: the clean image enlarged pixel by pixel, and shifted back as a whole."""
    model, params = start(decoder="upsample")
    found = extras.shift_equivariance(model, params, noise, dataset.test)
    with monkeypatch.context() as patch:
        patch.setattr(jax, "local_devices", lambda: jax.devices()[:1])
        patch.setattr(extras, "EVALUATION_BATCH", 10)
        alone = extras.shift_equivariance(model, params, noise, dataset.test)
    assert alone == pytest.approx(found, abs=1e-3)

    clean = np.zeros((24, 51, 51, 1), np.float32)
    for i in range(51):
        for j in range(51):
            clean[:, i, j] = dataset.test.images[:, np.clip(i - 19, 0, 15), np.clip(j - 19, 0, 15)] / 255
    noisy = np.asarray(noise(jnp.arange(24), jnp.asarray(clean)))
    apply = jax.jit(lambda x: jax.nn.sigmoid(model.apply({"params": params}, x)))
    restored = {(a, b): np.asarray(apply(noisy[:, 3 - a : 51 - a, 3 - b : 51 - b])) for a in range(4) for b in range(4)}
    squares = []
    for (a, b), image in restored.items():
        if (a, b) != (0, 0):
            shifted_back = np.roll(image, (-a, -b), axis=(1, 2))
            squares.append((shifted_back - restored[0, 0])[:, 16:32, 16:32] ** 2)
    assert found == pytest.approx(-10 * np.log10(np.mean(squares)), abs=1e-3)


def test_no_decoder_lets_the_padding_reach_the_compared_pixels(rng):
    """Shifted by the total stride, a network is equivariant, unless it sees the padding."""
    margin = 4 * extras.MARGIN
    canvas = rng.uniform(size=(2, 20 + 2 * margin, 20 + 2 * margin, 1)).astype(np.float32)
    # Of all decoders this one looks farthest.
    model, params = start(decoder="large_context", decoder_kernel_size=7)
    restore = make_restore(model, params, (16 + 2 * margin, 16 + 2 * margin, 1))
    one, other = restore(canvas[:, 4:, 4:]), restore(canvas[:, :-4, :-4])
    difference = other[:, margin + 4 : margin + 20, margin + 4 : margin + 20] - one[:, margin:-margin, margin:-margin]
    assert abs(difference).max() < 1e-6


def test_a_network_of_stride_one_has_no_shift_equivariance(dataset, noise):
    model, params = start(factors=(1, 1))
    assert extras.shift_equivariance(model, params, noise, dataset.test) is None


def test_training_images_are_restored_as_test_images_are(config, dataset, noise):
    """As many of them, evenly spread, with the noise of the test images."""
    model, params = start()
    found = extras.on_training_images(model, params, noise, dataset)
    clean = jnp.asarray(dataset.train.images[np.arange(24) * 40 // 24], jnp.float32) / 255
    restored = jax.nn.sigmoid(jax.jit(model.apply)({"params": params}, jax.jit(noise)(jnp.arange(24), clean)))
    for name, function in image_quality.RESTORATION_METRICS.items():
        np.testing.assert_allclose(found[name], np.mean(jax.jit(function)(restored, clean)), rtol=1e-4)
    gaps = extras.gaps({"psnr": 20.0, "bce": 0.1}, {"psnr": 21.5, "bce": 0.07})
    assert gaps == {"generalisation_gap_db": 1.5, "generalisation_gap_bce": pytest.approx(0.03)}


def test_holes_have_figures_inside_and_outside(config, dataset):
    config.noise.kind, config.eval.noises, config.eval.levels = "blocks", ("strokes:0.2", "speckle:0.5"), (0.1,)
    prepared = denoise_task.prepare(config, dataset)
    assert prepared.holes == {"training", "0.1", "strokes:0.2"}
    model, noise = prepared.model, prepared.noises["strokes:0.2"]
    params = prepared.training.initial_state().params
    names = {"strokes:0.2": noise, "speckle:0.5": prepared.noises["speckle:0.5"]}
    found = make_evaluation(model, names, holes=prepared.holes)(params, dataset.test)
    assert "holes" not in found["speckle:0.5"]
    clean = np.asarray(dataset.test.images, np.float32) / 255
    noisy, marked = (np.asarray(jax.jit(noise)(jnp.arange(24), jnp.asarray(x))) for x in (clean, np.ones_like(clean)))
    hole = marked == 0
    squares = (make_restore(model, params, SHAPE)(noisy) - clean) ** 2
    figures = hole_figures(found["strokes:0.2"]["holes"])
    assert figures["psnr_inside"] == pytest.approx(-10 * np.log10(squares[hole].mean()), abs=1e-3)
    assert figures["psnr_outside"] == pytest.approx(-10 * np.log10(squares[~hole].mean()), abs=1e-3)
    assert figures["hole_share"] == pytest.approx(0.2, abs=0.01)
    before = hole_figures(found["strokes:0.2"]["noisy_holes"])["psnr_inside"]
    assert before == pytest.approx(-10 * np.log10((clean[hole] ** 2).mean()), abs=1e-3)


@pytest.mark.proof
def test_extras_and_other_noises_are_the_same_after_an_interruption(config, dataset, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(denoise_task, "TrainBatches", stopping(TrainBatches, [(0, 4)]))
        with pytest.raises(Interrupted, match="stopped at step 5"):
            run(config, dataset, tmp_path)
    cut = run(config, dataset, tmp_path)
    compared = ("test", "noisy", "train", "shift_equivariance_db", "noises")
    assert {name: cut[name] for name in compared} == {name: whole[name] for name in compared}


def test_extras_and_other_noises_are_figures_of_the_task(config, dataset, whole):
    assert list(whole["noises"]) == ["speckle:0.5", "gaussian:0.1"]
    config.noise.kind, config.noise.level = "speckle", 0.5
    speckle = fixed_noise(from_config.build_noise(config), 0, Stream.TEST)
    clean = jnp.asarray(dataset.test.images, jnp.float32) / 255
    expected = image_quality.psnr(speckle(jnp.arange(24), clean), clean).mean()
    assert whole["noises"]["speckle:0.5"]["noisy"]["psnr"] == pytest.approx(float(expected), abs=1e-3)

    plain = {name: value for name, value in whole.items() if name not in ("train", "shift_equivariance_db", "noises")}
    figures = denoise_task.figures(whole)
    assert figures["generalisation_gap_db"] == whole["train"]["psnr"] - whole["test"]["psnr"]
    assert figures["shift_equivariance_db"] == whole["shift_equivariance_db"]
    assert figures.keys() - denoise_task.figures(plain).keys() == {
        "shift_equivariance_db",
        "generalisation_gap_db",
        "generalisation_gap_bce",
    }
    lines = denoise_task.closing(whole)
    assert lines[2].startswith("  tested with speckle noise of level 0.5: PSNR ")
    assert lines[-1] == f"  shift equivariance: {whole['shift_equivariance_db']:.2f} dB"
    assert len(lines) == len(denoise_task.closing(plain)) + 4
    prepared = denoise_task.prepare(base.get_config(), dataset)
    assert (prepared.noises, prepared.extras, prepared.tests) == ({}, False, True)


def test_a_run_that_is_not_tested_has_its_validation_only(config, dataset, whole, tmp_path):
    config.eval.test, config.eval.levels = False, (0.1,)
    # A test would fail on a split without images.
    blind = Dataset(
        "squares", "squares", dataset.train, dataset.validation, Split(np.zeros((0, *SHAPE), np.uint8)), "0"
    )
    summary = run(config, blind, tmp_path)
    assert [summary[name] for name in ("test", "noisy", "levels", "noises")] == [{}, {}, {}, {}]
    assert summary["validation"] == whole["validation"]
    assert summary.keys() == whole.keys() - {"artifacts", "train", "shift_equivariance_db"}
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoints", "metrics.csv", "tensorboard"}
    assert denoise_task.figures(summary) == {}
    (line,) = denoise_task.closing(summary)
    assert line.startswith("  not tested (eval.test=False); validation: bce ")
    assert f"psnr {whole['validation']['psnr']:.4f}" in line


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("speckle", 'eval.noises \'speckle\' is not "kind:level", such as "speckle:0.5"$'),
        ("speckle:", 'is not "kind:level"'),
        ("speckle:a", 'is not "kind:level"'),
        ("spackle:0.5", "unknown noise 'spackle': use one of"),
        (":0.5", "unknown noise '': use one of"),
        ("masking:2", "eval.noises 'masking:2': level 2 is out of range: masking takes a level between 0 and 1"),
    ],
)
def test_noises_that_cannot_be_are_refused(config, dataset, name, said):
    config.eval.noises = ("speckle:0.5", name)
    with pytest.raises(ValueError, match=said):
        denoise_task.prepare(config, dataset)
