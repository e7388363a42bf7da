"""The task of super-resolution: steps, test, whole runs, and what is refused."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from interrupted_run import cut_and_whole
from padded_step import padded_step
from PIL import Image

from aeden import random_keys
from aeden.data.dataset import Dataset
from aeden.data.own_images import open_images
from aeden.data.splits import Split
from aeden.measures import checkerboard, image_quality
from aeden.nn.restore import restore
from aeden.tasks.execute import prepare
from aeden.tasks.from_config import cpu_devices, open_data
from aeden.tasks.super_resolve import run as super_resolve_run
from aeden.tasks.super_resolve import task as super_resolve_task
from aeden.tasks.super_resolve import tested
from aeden.tasks.super_resolve.images import fit_images
from aeden.transforms.downsampling import downsample
from aeden.transforms.noise import corrupt
from configs import base, super_resolve_photos

METHODS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@pytest.fixture
def config():
    config = base.get_config()
    config.task, config.noise.level = "super_resolve", 0.0
    config.model.features, config.model.lowering = (4,), "reference"
    config.batch_size, config.epochs, config.steps = 8, 0.0, 6
    config.optimizer.name, config.optimizer.weight_decay, config.optimizer.warmup_steps = "sgd", 0.0, 0
    config.learning_rate = 0.5
    return config


@pytest.fixture
def dataset(rng):
    coarse = rng.integers(0, 256, (21, 4, 4, 1), dtype=np.uint8)
    split = Split(np.kron(coarse, np.ones((1, 3, 3, 1), np.uint8)))
    return Dataset("random", "random", split, split.first(4), split.first(3), "0")


@pytest.fixture
def photos(tmp_path, monkeypatch, rng):
    """Colour images of several sizes, which 4 does not divide."""
    monkeypatch.setenv("AEDEN_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(10):
        pixels = rng.integers(0, 256, (13 + 2 * (i % 2), 14, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def test_a_step_on_two_devices_is_gradient_descent_on_the_mean_loss(config, dataset):
    """With noise after the downsampling, for a padded batch and a network that enlarges a code, added to bicubic."""
    config.super_resolve.enlarges, config.super_resolve.residual = "code", True
    config.model.features, config.model.factors, config.loss = (4,), (2,), "mse"
    config.noise.kind, config.noise.level = "gaussian", 0.1
    run = prepare(config, dataset)
    task = run.training.objective
    state, batch, stream, taken, logged = padded_step(task, dataset.train)

    kept = batch["mask"][0]
    clean = jnp.asarray(batch["image"][0][kept], jnp.float32) / 255
    keys = random_keys.example_keys(stream, 0, batch["index"][0][kept])
    low = corrupt(keys, downsample(clean, 2, True), "gaussian", 0.1, 0.1, True)
    assert low.shape == (5, 6, 6, 1)

    def mean_loss(params):
        return jnp.mean((run.model.apply({"params": params}, low) - clean) ** 2)

    loss, gradient = jax.jit(jax.value_and_grad(mean_loss))(state.params)
    np.testing.assert_allclose(logged["loss"], [loss], rtol=1e-5)
    updates, _ = optax.sgd(0.5).update(gradient, optax.sgd(0.5).init(state.params))
    expected = optax.apply_updates(state.params, updates)
    jax.tree.map(lambda mine, its: np.testing.assert_allclose(mine, its, atol=1e-5), taken.params, expected)


def by_pillow(clean, factor):
    """An image [h, w] made smaller, and enlarged by each method."""
    size = clean.shape[1], clean.shape[0]
    low = Image.fromarray(clean).resize((size[0] // factor, size[1] // factor), Image.Resampling.BICUBIC)
    low = Image.fromarray(np.clip(np.asarray(low), 0.0, 1.0))
    return {name: np.clip(np.asarray(low.resize(size, method)), 0.0, 1.0) for name, method in METHODS.items()}


def test_the_test_measures_what_pillow_enlarges(config, dataset):
    """And what the network does, on all images."""
    config.super_resolve.factor = 3
    run = prepare(config, dataset)
    params = run.training.initial_state().params
    found = tested.compare(run.model, params, run.degrade, run.dataset)
    clean = np.asarray(dataset.test.images, np.float32) / 255
    enlarged = [by_pillow(image[..., 0], 3) for image in clean]
    images = {name: np.stack([one[name] for one in enlarged])[..., None] for name in METHODS}
    low = jax.jit(downsample, static_argnums=(1, 2))(clean, 3, True)
    images["test"] = np.asarray(jax.jit(lambda x: restore(run.model, params, x))(low))
    assert found.figures.keys() == images.keys()
    spectrum, target = jax.jit(checkerboard.radial_spectrum), jnp.asarray(clean)
    np.testing.assert_allclose(found.spectra["clean"], spectrum(target).mean(0), rtol=1e-4)
    metrics = jax.jit(lambda x: {name: f(x, target).mean() for name, f in image_quality.RESTORATION_METRICS.items()})
    for name, estimates in images.items():
        for metric, value in metrics(estimates).items():
            np.testing.assert_allclose(found.figures[name][metric], value, rtol=1e-3, atol=1e-5)
        distance = checkerboard.spectrum_distance(spectrum(jnp.asarray(estimates)).mean(0), spectrum(target).mean(0))
        np.testing.assert_allclose(found.figures[name]["spectrum_distance_db"], distance, rtol=1e-2, atol=1e-2)


@pytest.mark.proof  # the loop is that of every task, see tests/training and tests/experiments/test_commands.py
def test_an_interrupted_run_ends_as_a_whole_one(config, dataset, tmp_path, monkeypatch):
    """x3 without anti-aliasing, with noise that is drawn anew at every step."""
    config.super_resolve.factor, config.super_resolve.antialias = 3, False
    config.noise.kind, config.noise.level = "salt_and_pepper", 0.2
    cut, whole = cut_and_whole(
        super_resolve_task, super_resolve_run.SuperResolveRun, config, dataset, tmp_path, monkeypatch
    )
    for name in ("test", "bicubic", "validation", "spectra"):
        assert cut[name] == whole[name]
    text = "\n".join(super_resolve_task.closing(json.loads(json.dumps(whole))))
    for name in ("network", *METHODS):
        assert name in text
    assert super_resolve_task.title(whole) == "x3 super-resolution, transpose decoder"
    assert super_resolve_task.figures(whole)["psnr"] == whole["test"]["psnr"]


@pytest.mark.proof
def test_photos_of_several_sizes_are_tested_whole(config, photos):
    """Their height and width are cropped to multiples of the factor; crops that pictures show, too."""
    config.data.name, config.data.dir, config.data.crop, config.data.channels = "folder", str(photos), 8, "3"
    config.super_resolve.factor, config.super_resolve.residual, config.loss = 4, True, "l1"
    dataset = open_data(config)
    run = prepare(config, dataset)
    assert run.model.enlarge == (2, 2)
    params = run.training.initial_state().params
    found = tested.compare(run.model, params, run.degrade, run.dataset)
    psnr = []
    for image in dataset.cropped.test.images:
        clean = image[: image.shape[0] // 4 * 4, : image.shape[1] // 4 * 4].astype(np.float32) / 255
        channels = np.stack([by_pillow(clean[..., c], 4)["bicubic"] for c in range(3)], axis=-1)
        psnr.append(float(-10 * np.log10(np.mean((channels - clean) ** 2))))
    assert found.figures["bicubic"]["psnr"] == pytest.approx(np.mean(psnr), abs=1e-3)
    assert found.power["test"].shape == (8, 8)  # of fixed crops, which have one size
    shown = tested.samples(run.model, params, run.degrade, run.shown())
    assert shown["clean"].shape[1:] == shown["restored"].shape[1:] == (12, 12, 3)
    assert shown["low"].shape[1:] == (3, 3, 3)


@pytest.mark.parametrize(("channels", "factor"), [("1", 2), ("3", 4)])
def test_the_config_for_photos_is_prepared(tmp_path, rng, channels, factor):
    for i in range(3):
        Image.fromarray(rng.integers(0, 256, (50, 49 + i, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    config = super_resolve_photos.get_config()
    config.data.dir, config.data.channels, config.super_resolve.factor = str(tmp_path), channels, factor
    run = prepare(config, open_data(config))
    assert run.training.schedule.steps == 1500
    assert run.dataset.image_shape == (48, 48, int(channels))


def test_images_are_cropped_to_what_the_factor_divides(config, rng):
    splits = [Split(rng.integers(0, 256, (9, 14, 10, 1), dtype=np.uint8)) for _ in range(3)]
    fitted = fit_images(Dataset("random", "random", *splits, "0"), 4)
    np.testing.assert_array_equal(fitted.test.images, splits[2].images[:, :12, :8])
    assert fitted.notes == ("images are cropped from 14 x 10 to 12 x 8, which a factor of 4 divides",)
    config.super_resolve.factor = 4
    run = prepare(config, Dataset("random", "random", *splits, "0"))
    assert run.description == "x4 super-resolution of images cropped to 12 x 8, transpose decoder"
    state = jax.eval_shape(run.training.initial_state)
    figures = run.training.objective.validate(jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), state))
    assert figures["psnr"] == pytest.approx(
        float(image_quality.psnr(jnp.full((9, 12, 8, 1), 0.5), jnp.asarray(fitted.validation.images) / 255).mean()),
        rel=1e-4,
    )


def test_cores_share_large_crops(config, monkeypatch):
    monkeypatch.setattr("aeden.runtime.processes.cores", lambda: 2)
    config.batch_size = 8
    assert cpu_devices(config) == 0
    config.data.crop = 48
    assert cpu_devices(config) == 2


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"super_resolve.factor": 5}, "super_resolve.factor 5 is out of range: use a whole number from 2 to 4"),
        ({"super_resolve.factor": 4, "super_resolve.stages": (2,)}, "whose product is super_resolve.factor 4"),
        ({"super_resolve.enlarges": "pixels"}, "unknown super_resolve.enlarges 'pixels': use one of features, code"),
        ({"super_resolve.residual": True}, "super_resolve.residual=True has no limits: use loss=mse or l1"),
        ({"model.decoder": "unpool"}, "use another model.decoder"),
        ({"model.decoder": "large_context"}, "set model.decoder_kernel_size"),
        ({"model.architecture": "dense"}, "model.architecture=dense is not for task=super_resolve: use conv"),
        ({"model.architecture": "unet"}, "model.architecture=unet is not for task=super_resolve: use conv"),
        ({"model.skip": True}, "model.skip=True is not for task=super_resolve"),
        ({"model.factors": (2, 1)}, r"model.factors=\(2, 1\) has no effect with super_resolve.enlarges=features"),
        ({"model.decoder_features": (4, 4)}, "takes one number for each of 1 stages"),
        ({"super_resolve.factor": 4, "super_resolve.stages": (4,)}, "leave gaps .* set model.decoder_kernel_size=4"),
        ({"eval.levels": (0.1,)}, r"eval.levels is for task=denoise: set eval.levels=\(\)"),
        ({"eval.extras": True}, "eval.extras is for task=denoise"),
        ({"noise.level": -1.0}, "noise.level -1 is out of range"),
        ({"loss": "l2"}, "unknown loss 'l2'"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(config, dataset, fields, match):
    config.update_from_flattened_dict(fields)
    with pytest.raises(ValueError, match=match) as error:
        prepare(config, dataset)
    assert "\n" not in str(error.value)


def test_images_that_do_not_fit_are_refused(config, photos, rng):
    tiny = Split(rng.integers(0, 256, (9, 3, 12, 1), dtype=np.uint8))
    config.super_resolve.factor = 4
    with pytest.raises(ValueError, match=r"an image of 3 x 12 pixels is smaller than super_resolve.factor 4"):
        prepare(config, Dataset("random", "random", tiny, tiny, tiny, "0"))
    noisy = Split(tiny.images, noisy=tiny.images)
    with pytest.raises(ValueError, match="these data come with noisy images: give a folder of clean images only"):
        prepare(config, Dataset("random", "random", noisy, noisy, noisy, "0"))
    with pytest.raises(ValueError, match=r"data.crop 10 is no multiple of super_resolve.factor 4: use 8 or 12"):
        prepare(config, open_images(photos, 10))
    for name in "abcdefghij":
        Image.fromarray(rng.integers(0, 256, (3, 9), dtype=np.uint8)).save(photos / f"{name}.png")
    with pytest.raises(ValueError, match=r"an image of 3 x 9 pixels is smaller than super_resolve.factor 4"):
        prepare(config, open_images(photos, 8))
