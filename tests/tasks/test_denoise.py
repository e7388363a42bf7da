"""The denoising task: loss and gradient, evaluation, schedule, what `prepare` refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from padded_step import padded_step

from aeden import random_keys
from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.measures import image_quality
from aeden.tasks import from_config, model_from_config
from aeden.tasks.denoise.task import prepare
from aeden.tasks.objectives import restoration
from aeden.tasks.objectives.samples import restore_samples, shown
from aeden.training import evaluation
from configs import base


@pytest.fixture
def config():
    config = base.get_config()
    config.model.features = (4, 4)
    config.batch_size = 8
    config.epochs = 0.0
    config.steps = 10
    config.optimizer.name = "sgd"
    config.optimizer.weight_decay = 0.0
    config.optimizer.warmup_steps = 0
    return config


@pytest.fixture
def split(rng):
    return Split(rng.integers(0, 256, (21, 12, 12, 1), dtype=np.uint8))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("bce", lambda p, t: -(t * np.log(p) + (1 - t) * np.log(1 - p))),
        ("mse", lambda p, t: (p - t) ** 2),
        ("l1", lambda p, t: abs(p - t)),
    ],
)
def test_losses_by_their_definition(rng, kind, expected):
    logits, target = rng.normal(size=(3, 4, 4, 2)), rng.uniform(size=(3, 4, 4, 2))
    loss = restoration.reconstruction_loss(kind, jnp.asarray(logits, jnp.float32), jnp.asarray(target, jnp.float32))
    np.testing.assert_allclose(loss, expected(1 / (1 + np.exp(-logits)), target).mean(axis=(1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize("decoder", ["transpose", pytest.param("upsample", marks=pytest.mark.proof), "dense"])
def test_a_step_is_gradient_descent_on_the_mean_loss_of_a_padded_batch(config, split, decoder):
    if decoder == "dense":
        config.model.architecture = "dense"
    else:
        config.model.decoder = decoder
    assert model_from_config.decoder_name(config) == decoder
    config.learning_rate = 0.5
    run = prepare(config, Dataset("random", "random", split, split, split, "0"))
    model, task = run.model, run.training.objective
    state, batch, stream, taken, logged = padded_step(task, split)

    kept = batch["mask"][0]
    clean = jnp.asarray(batch["image"][0][kept], jnp.float32) / 255
    keys = random_keys.example_keys(stream, 0, batch["index"][0][kept])
    noisy = jax.jit(from_config.build_noise(config))(keys, clean)

    def mean_loss(params):
        return optax.sigmoid_binary_cross_entropy(model.apply({"params": params}, noisy), clean).mean()

    loss, gradient = jax.jit(jax.value_and_grad(mean_loss))(state.params)
    np.testing.assert_allclose(logged["loss"], [loss], rtol=1e-5)
    expected = jax.tree.map(lambda p, g: p - 0.5 * g, state.params, gradient)
    for mine, its in zip(jax.tree.leaves(taken.params), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-5)


@pytest.mark.parametrize("batch", [8, *(pytest.param(size, marks=pytest.mark.proof) for size in (2, 256))])
def test_the_evaluation_is_the_mean_over_the_split_at_any_batch_size(config, split, monkeypatch, batch):
    monkeypatch.setattr(evaluation, "EVALUATION_BATCH", batch)
    model = model_from_config.build_model(config, (12, 12, 1))
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 12, 12, 1)))["params"]
    noises = {"0.2": from_config.build_noise(config, 0.2), "0.6": from_config.build_noise(config, 0.6)}
    fixed = {name: restoration.fixed_noise(noise, 0, random_keys.Stream.TEST) for name, noise in noises.items()}
    figures = restoration.make_evaluation(model, fixed)(params, split)

    clean = jnp.asarray(split.images, jnp.float32) / 255
    example_keys = random_keys.example_keys(random_keys.stream_key(0, random_keys.Stream.TEST), 0, jnp.arange(21))
    apply = jax.jit(model.apply)
    measure = jax.jit(lambda images: {name: f(images, clean) for name, f in image_quality.RESTORATION_METRICS.items()})
    for name, noise in noises.items():
        noisy = jax.jit(noise)(example_keys, clean)
        restored = jax.nn.sigmoid(apply({"params": params}, noisy))
        for column, images in (("noisy", noisy), ("restored", restored)):
            for metric, of_each in measure(images).items():
                np.testing.assert_allclose(figures[name][column][metric], np.mean(of_each), rtol=1e-4)


def test_samples_are_what_the_evaluation_saw(config, split):
    model = model_from_config.build_model(config, (12, 12, 1))
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 12, 12, 1)))["params"]
    noise = restoration.fixed_noise(from_config.build_noise(config), 0, random_keys.Stream.TEST)
    one = Split(split.images[:1])
    clean, noisy, restored = restore_samples(model, params, noise, one).values()
    figures = restoration.make_evaluation(model, {"x": noise})(params, one)["x"]
    np.testing.assert_allclose(((noisy - clean) ** 2).mean(), figures["noisy"]["mse"], rtol=1e-5)
    np.testing.assert_allclose(((restored - clean) ** 2).mean(), figures["restored"]["mse"], rtol=1e-5)


@pytest.mark.parametrize(("epochs", "steps", "expected"), [(2.0, 0, 20), (0.0, 7, 7), (0.25, 0, 3), (1e-9, 0, 1)])
def test_durations_in_epochs_or_steps(config, epochs, steps, expected):
    config.epochs, config.steps = epochs, steps
    schedule = from_config.build_schedule(config, 10, config.epochs, config.steps)
    assert (schedule.steps, schedule.validate_every, schedule.steps_per_dispatch) == (expected, 10, 1)


def test_short_epochs_are_not_all_validated(config):
    assert from_config.build_schedule(config, 1, 0.0, 1000).validate_every == 10
    assert from_config.build_schedule(config, 10, 100.0).validate_every == 10
    config.eval.every = 3
    assert from_config.build_schedule(config, 1, 0.0, 1000).validate_every == 3


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("steps", 0, "either `epochs` or `steps`"),
        ("epochs", 3.0, "either `epochs` or `steps`"),
        ("epochs", -1.0, "either `epochs` or `steps`"),
        ("log_every", -1, "log_every is negative"),
        ("checkpoint.every", -2, "checkpoint.every is negative"),
    ],
)
def test_schedules_that_make_no_sense(config, field, value, match):
    config.update_from_flattened_dict({field: value})
    with pytest.raises(ValueError, match=match):
        from_config.build_schedule(config, 10, config.epochs, config.steps)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model.decoder", "transposed"),
        ("model.resize", "linear"),
        ("model.placement", "middle"),
        ("model.architecture", "convolutional"),
        ("model.hidden", ()),
        ("model.hidden", (4, 0)),
        ("model.dtype", "float8"),
        ("model.features", (32,)),
        ("model.kernel_size", 0),
        ("model.features", (0, 4)),
    ],
)
def test_models_that_cannot_be_built(config, field, value):
    config.update_from_flattened_dict({field: value})
    with pytest.raises(ValueError, match=field.replace(".", r"\.") + "|" + str(value)):
        model_from_config.build_model(config, (12, 12, 1))


@pytest.mark.parametrize("count", [1, 3, 5, 10, 11, 19, 50, 99, 100, 1843, 10_000])
def test_pictures_show_different_images_of_the_whole_split(count):
    index = shown(count)
    assert len(set(index)) == min(count, 10)
    assert index[0] == 0
    assert count - 1 - count / 5 <= index[-1] < count
    if count % 100 == 0:
        assert len(set(index % 10)) == 10  # all classes of glyphs, whose labels repeat


def test_the_test_noise_is_the_same_wherever_it_is_used(config, split):
    """The evaluation, the pictures and the images that baselines restore must agree."""
    run = prepare(config, Dataset("random", "random", split, split, split, "0"))
    clean, noisy = restoration.corrupt_split(run.noise, split)
    params = jax.jit(run.model.init)(jax.random.key(0), jnp.zeros((1, 12, 12, 1)))["params"]
    samples = restore_samples(run.model, params, run.noise, split)
    index = shown(len(split))
    np.testing.assert_allclose(samples["noisy"], noisy[index], atol=1e-6)
    figures = restoration.make_evaluation(run.model, {"x": run.noise})(params, split)["x"]
    np.testing.assert_allclose(((noisy - clean) ** 2).mean(), figures["noisy"]["mse"], rtol=1e-4)


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("loss", "l2", "unknown loss 'l2': use bce, mse or l1"),
        ("eval.checkpoint", "newest", "unknown eval.checkpoint 'newest': use one of last, best"),
        ("checkpoint.keep", 0, "would keep none"),
        ("noise.level", -1.0, "-1 is out of range"),
        ("eval.levels", (0.1, -2.0), "-2 is out of range"),
        ("augment.turn", 200.0, "augment.turn 200"),
        ("optimizer.name", "adamish", "no optimiser 'adamish'"),
        ("learning_rate", 0.0, "learning_rate 0 is not positive"),
    ],
)
def test_runs_that_cannot_work_are_refused_before_training(config, split, field, value, match):
    config.update_from_flattened_dict({field: value})
    with pytest.raises(ValueError, match=match):
        prepare(config, Dataset("random", "random", split, split, split, "0"))
