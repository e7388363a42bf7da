"""Runs of a U-Net: a step compared with plain gradients, levels that go with their images, a whole run, its devices."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from padded_step import padded_step

from aeden import random_keys
from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.measures import image_quality
from aeden.nn.restore import restore
from aeden.runtime import processes
from aeden.tasks import from_config, model_from_config
from aeden.tasks.denoise.task import prepare
from aeden.tasks.objectives import restoration
from aeden.tasks.objectives.samples import restore_samples, shown
from configs import base, photos_gray, text

SHAPE = (9, 12, 1)


@pytest.fixture
def config():
    """A residual network without biases that is given the level, for noise of many levels that is not clipped."""
    config = base.get_config()
    config.model.architecture, config.model.features, config.model.factors = "unet", (4,), (2,)
    config.model.residual, config.model.bias, config.model.level_input = True, False, True
    config.noise.level, config.noise.level_max, config.noise.clip = 0.1, 0.5, False
    config.loss = "mse"
    config.batch_size, config.epochs, config.steps = 8, 0.0, 2
    config.optimizer.name, config.optimizer.weight_decay, config.optimizer.warmup_steps = "sgd", 0.0, 0
    config.learning_rate = 0.5
    return config


@pytest.fixture
def dataset(rng):
    split = Split(rng.integers(0, 256, (21, *SHAPE), dtype=np.uint8))
    return Dataset("random", "random", split, split, split, "0")


def levels_by_hand(example_keys):
    """As noise draws them: from the first half of each key."""
    return jnp.stack([jax.random.uniform(jax.random.split(key)[0], minval=0.1, maxval=0.5) for key in example_keys])


def test_a_step_is_gradient_descent_with_the_level_of_each_image(config, dataset):
    """On two devices, for a padded batch: nothing is clipped, and the loss is that of the image without the noise."""
    run = prepare(config, dataset)
    task = run.training.objective
    state, batch, stream, taken, logged = padded_step(task, dataset.train)

    kept = batch["mask"][0]
    clean = jnp.asarray(batch["image"][0][kept], jnp.float32) / 255
    keys = random_keys.example_keys(stream, 0, batch["index"][0][kept])
    levels = levels_by_hand(keys)
    noise_keys = [jax.random.split(key)[1] for key in keys]
    added = jnp.stack([level * jax.random.normal(key, SHAPE) for level, key in zip(levels, noise_keys, strict=True)])

    def mean_loss(params):
        return jnp.mean((run.model.apply({"params": params}, clean + added, levels) - clean) ** 2)

    loss, gradient = jax.jit(jax.value_and_grad(mean_loss))(state.params)
    np.testing.assert_allclose(logged["loss"], [loss], rtol=1e-5)
    expected = jax.tree.map(lambda p, g: p - 0.5 * g, state.params, gradient)
    for mine, its in zip(jax.tree.leaves(taken.params), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-6)


@pytest.mark.proof
def test_the_test_gives_each_image_its_level(config, dataset):
    """The evaluation and the pictures, compared with image by image."""
    run = prepare(config, dataset)
    # The last layer starts at 0.01: larger, so that the level shows.
    params = jax.tree.map(lambda p: 3.0 * p, run.training.initial_state().params)
    params["decoder"]["out"]["kernel"] *= 30.0
    index = jnp.arange(21)
    clean = jnp.asarray(dataset.test.images, jnp.float32) / 255
    levels = levels_by_hand(random_keys.example_keys(random_keys.stream_key(0, random_keys.Stream.TEST), 0, index))
    noisy = run.noise(index, clean)
    one = jax.jit(lambda x, level: restore(run.model, params, x, level))
    restored = jnp.concatenate([one(noisy[i : i + 1], levels[i]) for i in range(21)])
    assert float(jnp.abs(restored[:1] - one(noisy[:1], 0.6)).max()) > 1e-3

    figures = restoration.make_evaluation(run.model, {"x": run.noise})(params, dataset.test)["x"]
    np.testing.assert_allclose(figures["restored"]["psnr"], image_quality.psnr(restored, clean).mean(), rtol=1e-5)
    index = shown(21)
    samples = restore_samples(run.model, params, run.noise, dataset.test)
    np.testing.assert_allclose(samples["restored"], restored[index], atol=1e-4)
    with pytest.raises(ValueError, match="needs the noise level of the images"):
        restoration.make_restore(run.model, params, SHAPE)(np.asarray(noisy))


@pytest.mark.parametrize("extras", [False, pytest.param(True, marks=pytest.mark.proof)])
@pytest.mark.proof
def test_a_whole_run_with_its_pictures(config, dataset, tmp_path, extras):
    config.eval.extras, config.eval.levels, config.model.blocks = extras, (0.2,), 1
    summary = prepare(config, dataset).run(tmp_path, time.monotonic())
    assert summary["decoder"] == "transpose"
    assert {"noisy", "test", "levels", "artifacts"} <= summary.keys()
    assert ({"train", "shift_equivariance_db"} <= summary.keys()) == extras
    # There is no response to a code alone.
    assert set(summary["artifacts"]) == {"residual"}
    assert all(np.isfinite(summary["test"][name]) for name in ("psnr", "ssim", "bce"))
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["curves.png", "samples.png"]


def test_each_core_gets_a_device_if_it_has_four_images(config, monkeypatch):
    monkeypatch.setattr(processes, "cores", lambda: 2)
    found = {}
    for batch in (6, 8, 16):
        config.batch_size = batch
        found[batch] = from_config.cpu_devices(config)
    assert found == {6: 1, 8: 2, 16: 2}
    config.model.architecture = "conv"
    assert from_config.cpu_devices(config) == 0


@pytest.mark.parametrize("kind", ["mse", "l1"])
def test_losses_of_an_image_are_not_those_of_logits(rng, kind):
    output, target = (jnp.asarray(rng.normal(size=(3, 4, 4, 2)), jnp.float32) for _ in range(2))
    found = restoration.reconstruction_loss(kind, output, target, linear=True)
    difference = np.asarray(output - target, np.float64)
    expected = difference**2 if kind == "mse" else abs(difference)
    np.testing.assert_allclose(found, expected.mean(axis=(1, 2, 3)), rtol=1e-5)
    with pytest.raises(ValueError, match="loss=bce needs logits, and this network returns images"):
        restoration.reconstruction_loss("bce", output, target, linear=True)


def test_the_networks_of_the_configs():
    """What their docstrings and docs/method.md say of their size."""
    for module, parameters in ((photos_gray, 698_688), (text, 395_265)):
        config = module.get_config()
        model = model_from_config.build_model(config, (64, 64, 1))
        params = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 8, 8, 1)))["params"]
        assert sum(leaf.size for leaf in jax.tree.leaves(params)) == parameters
