"""GANs: networks, losses and penalties, the step, resuming, the files of a run, what is refused."""

import hashlib
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.stats
from conftest import stopping
from documents import documented_keys

from aeden import random_keys
from aeden.data.batches import TrainBatches
from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.measures import checkerboard, sample_quality
from aeden.nn.decoders import Decoder
from aeden.nn.gan import DOWNSAMPLINGS, Discriminator, Generator, blur, clustered
from aeden.nn.parameters import apply
from aeden.runtime import devices
from aeden.runtime.processes import Interrupted
from aeden.tasks.gan import judge as judging
from aeden.tasks.gan import task as gan_task
from aeden.tasks.gan.pictures import interpolate, nearest_images
from aeden.tasks.gan.run import collapse_warnings
from aeden.tasks.gan.sample_figures import judge_samples, judge_validation
from aeden.tasks.gan.sampler import truncated
from aeden.tasks.gan.task import prepare
from aeden.tasks.objectives.adversarial import (
    Adversaries,
    adversarial_objective,
    discriminator_loss,
    discriminator_step,
    generator_loss,
    latents,
    sample,
    scores_and_penalty,
)
from aeden.training.gradient_step import GradientStep
from configs import base

SHAPE = (10, 10, 1)


def networks(kind="transpose", downsampling="strided", classes=0, lowering="auto"):
    decoder = Decoder(kind, (4, 4), (2, 2), lowering=lowering)
    return (
        Generator(SHAPE, decoder, 6, classes),
        Discriminator((4, 6), downsampling, classes=classes, lowering=lowering),
    )


def initial(model, *inputs):
    return jax.jit(model.init)(jax.random.key(3), *inputs)["params"]


@pytest.fixture
def images(rng):
    return jnp.asarray(rng.uniform(size=(4, *SHAPE)), jnp.float32)


@pytest.mark.parametrize("classes", [0, 3])
def test_shapes_and_classes(images, classes):
    generator, discriminator = networks(classes=classes)
    latent, label = jnp.ones((4, 5)), jnp.arange(4) % 3 if classes else None
    made = jax.jit(lambda p: sample(generator, p, latent, label))(initial(generator, latent, label))
    assert made.shape == (4, *SHAPE)  # 12 x 12, cropped
    scores = jax.jit(lambda p: apply(discriminator, p, images, label))(initial(discriminator, images, label))
    assert scores.shape == (4,)
    if classes:
        assert len({float(image.sum()) for image in np.asarray(made)}) == 3
        with pytest.raises(ValueError, match="3 classes got no labels"):
            generator.init(jax.random.key(0), latent)


def test_a_blurred_checkerboard_is_gray_and_a_constant_stays():
    board = jnp.asarray(np.indices((8, 8)).sum(0) % 2, jnp.float32)[None, :, :, None]
    np.testing.assert_allclose(blur(board)[:, 2:-2, 2:-2], 0.5, atol=1e-6)
    np.testing.assert_allclose(blur(jnp.full((1, 5, 6, 2), 0.7)), 0.7, rtol=1e-6)


def test_the_losses_by_their_definition(rng):
    real, fake = (jnp.asarray(rng.normal(size=5), jnp.float32) for _ in range(2))
    softplus = lambda x: np.log1p(np.exp(np.asarray(x)))  # noqa: E731
    np.testing.assert_allclose(discriminator_loss("relativistic", real, fake), softplus(fake - real), rtol=1e-5)
    np.testing.assert_allclose(generator_loss("relativistic", real, fake), softplus(real - fake), rtol=1e-5)
    expected = softplus(-real) + softplus(fake)
    np.testing.assert_allclose(discriminator_loss("nonsaturating", real, fake), expected, rtol=1e-5)
    np.testing.assert_allclose(generator_loss("nonsaturating", real, fake), softplus(-fake), rtol=1e-5)


@pytest.mark.parametrize(
    "downsampling",
    [name if name == "antialiased" else pytest.param(name, marks=pytest.mark.proof) for name in DOWNSAMPLINGS],
)
def test_the_penalty_and_its_gradient_pass_through_the_fast_lowerings(images, downsampling):
    """Half the squared gradient of each image's score; the same, with its own gradient, by plain Flax layers."""
    results = {}
    params = initial(networks(downsampling=downsampling)[1], images)
    for lowering in ("fast", "reference"):
        model = networks(downsampling=downsampling, lowering=lowering)[1]

        def penalty(params, model=model):
            return jnp.sum(scores_and_penalty(model, params, images, None)[1])

        results[lowering] = jax.jit(jax.value_and_grad(penalty))(params)
    mine, its = results["fast"], results["reference"]
    for one, other in zip(jax.tree.leaves(mine), jax.tree.leaves(its), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5 * float(np.abs(its[0])))
    of_image = jax.jit(jax.grad(lambda x: apply(model, params, x[None])[0]))
    expected = [0.5 * np.sum(np.square(of_image(image))) for image in images]
    penalties = jax.jit(lambda x: scores_and_penalty(model, params, x, None)[1])(images)
    np.testing.assert_allclose(penalties, expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        ("relativistic", "upsample"),
        pytest.param("nonsaturating", "transpose", marks=pytest.mark.proof),
    ],
)
def test_a_step_descends_the_discriminators_then_the_generators_loss(rng, loss, kind):
    """On two devices, with a padded batch: as one gradient step each on the mean over the examples that count."""
    generator, discriminator = networks(kind, lowering="reference")
    rate = GradientStep(optax.sgd(0.1), lambda step: jnp.float32(0.1))
    adversaries = Adversaries(generator, discriminator, 5, (rate, rate), loss, 0.5, 0.25, 0.9)
    task = adversarial_objective(adversaries, lambda state: {}, lambda row: [])
    state = jax.tree.map(np.asarray, jax.jit(task.init)(jax.random.key(1)))
    batch = TrainBatches(Split(rng.integers(0, 256, (6, *SHAPE), dtype=np.uint8)), 8, 0).at(0)
    key = random_keys.stream_key(0, random_keys.Stream.TRAIN)
    step = devices.pmap_steps(lambda s, b: task.step(s, b, key))
    after, logged = jax.device_get(step(devices.replicate(state), devices.deal(batch)))
    state = jax.tree.map(jnp.asarray, state)

    kept = batch["mask"][0]
    real = jnp.asarray(batch["image"][0][kept], jnp.float32) / 255
    drawn = [
        latents(k, 5) for k in random_keys.split_each(random_keys.example_keys(key, 0, batch["index"][0][kept]), 2)
    ]

    def judge_loss(params):
        fake = sample(generator, state.generator.params, drawn[0], None)
        (real_score, r1), (fake_score, r2) = (scores_and_penalty(discriminator, params, x, None) for x in (real, fake))
        return jnp.mean(discriminator_loss(loss, real_score, fake_score) + 0.5 * r1 + 0.25 * r2)

    value, gradient = jax.jit(jax.value_and_grad(judge_loss))(state.discriminator.params)
    judge = jax.tree.map(lambda p, g: p - 0.1 * g, state.discriminator.params, gradient)
    np.testing.assert_allclose(logged["discriminator_loss"], [value], rtol=1e-4)

    def maker_loss(params):
        fake = apply(discriminator, judge, sample(generator, params, drawn[1], None))
        return jnp.mean(generator_loss(loss, apply(discriminator, judge, real), fake))

    value, gradient = jax.jit(jax.value_and_grad(maker_loss))(state.generator.params)
    maker = jax.tree.map(lambda p, g: p - 0.1 * g, state.generator.params, gradient)
    np.testing.assert_allclose(logged["generator_loss"], [value], rtol=1e-4)
    for mine, its in ((after.discriminator.params, judge), (after.generator.params, maker), (after.average, maker)):
        for one, other in zip(jax.tree.leaves(mine), jax.tree.leaves(its), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_lazy_penalty_is_in_every_nth_step_and_n_times_as_large(images):
    """Of weight 0.5, in every fourth step: compared with the gradient of a loss that has it or lacks it."""
    generator, discriminator = networks("upsample", lowering="reference")
    rate = GradientStep(optax.sgd(1.0), lambda step: jnp.float32(1.0))
    gan = Adversaries(generator, discriminator, 5, (rate, rate), "nonsaturating", 0.5, 0.0, 0.9, penalty_every=4)
    state = jax.jit(adversarial_objective(gan, lambda state: {}, lambda row: []).init)(jax.random.key(1))
    latent = jax.random.normal(jax.random.key(2), (4, 5))
    batch = {"real": images, "latent": latent, "mask": jnp.ones(4, bool)}

    @jax.jit
    def change(step):
        """What the step takes from the parameters."""
        taken = lambda part: discriminator_step(gan, state.replace(step=step), part)[0].params  # noqa: E731
        after = jax.vmap(taken, axis_name=devices.AXIS)(jax.tree.map(lambda x: x[None], batch))
        return jax.tree.map(lambda old, new: old - new[0], state.discriminator.params, after)

    @jax.jit
    def gradient(weight):
        fake = sample(generator, state.generator.params, latent, None)

        def loss(params):
            real_score, r1 = scores_and_penalty(discriminator, params, images, None)
            scores = discriminator_loss("nonsaturating", real_score, apply(discriminator, params, fake))
            return jnp.mean(scores + weight * r1)

        return jax.grad(loss)(state.discriminator.params)

    for step, weight in ((4, 2.0), (5, 0.0)):
        pairs = (jax.tree.leaves(tree) for tree in (change(jnp.int32(step)), gradient(jnp.float32(weight))))
        for one, other in zip(*pairs, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_truncated_latents_follow_the_truncated_normal_distribution_and_keep_their_order(rng):
    latent = rng.normal(size=(500, 20)).astype(np.float32)
    for limit in (0.5, 2.0):
        nearer = truncated(latent, limit)
        assert scipy.stats.kstest(nearer.ravel(), scipy.stats.truncnorm(-limit, limit).cdf).pvalue > 1e-3
        np.testing.assert_array_equal(nearer.argsort(), latent.argsort())
    np.testing.assert_allclose(truncated(latent, 9.0), latent, atol=1e-5)
    assert np.abs(truncated(np.float32([[40.0, -40.0, 0.0]]), 1.5)).tolist() == [[1.5, 1.5, 0.0]]


def test_the_transposed_generator_begins_with_a_checkerboard():
    """At the start, before it has learnt anything: clearly more than the one that resizes to the nearest."""
    energy = {}
    for kind in ("transpose", "upsample"):
        generator = Generator((28, 28, 1), Decoder(kind, (16, 16), (2, 2)), 16)
        latent = jax.random.normal(jax.random.key(0), (64, 16))
        made = jax.jit(lambda p, z, g=generator: sample(g, p, z, None))(initial(generator, latent), latent)
        energy[kind] = float(np.mean(checkerboard.harmonic_energy(made, 2)))
    assert energy["transpose"] > 3 * energy["upsample"]


def test_latents_fall_into_clusters_that_are_all_as_likely(rng):
    latent = rng.normal(size=(6000, 9)).astype(np.float32)
    chosen = np.asarray(clustered(jnp.asarray(latent), 4))
    np.testing.assert_array_equal(chosen[:, 4:], latent[:, 4:])
    np.testing.assert_array_equal(chosen[:, :4], np.sqrt(5, dtype=np.float32) * np.eye(4)[latent[:, :4].argmax(1)])
    assert scipy.stats.chisquare((chosen[:, :4] > 0).sum(0)).pvalue > 1e-3


def test_a_generator_with_modes_sees_of_their_numbers_which_is_largest(rng):
    generator = Generator(SHAPE, Decoder("upsample", (4, 4), (2, 2)), 4, modes=3)
    latent = rng.normal(size=(1, 8)).astype(np.float32)
    params = initial(generator, latent)
    same, other = latent.copy(), latent.copy()
    same[0, :3] += 1.0
    other[0, :3] = np.roll(latent[0, :3], 1)
    made = jax.jit(lambda z: sample(generator, params, z, None))
    one, alike, unlike = (np.asarray(made(z)) for z in (latent, same, other))
    np.testing.assert_array_equal(one, alike)
    assert np.abs(one - unlike).max() > 1e-3


def test_the_way_between_latents_keeps_to_the_sphere(rng):
    one, other = rng.normal(size=(2, 3, 50))
    way = interpolate(one, other, 5).reshape(3, 5, 50)
    np.testing.assert_allclose(way[:, 0], one, rtol=1e-5)
    np.testing.assert_allclose(way[:, -1], other, rtol=1e-5)
    unit = interpolate(*(x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (one, other)), 7)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=-1), 1, rtol=1e-5)
    np.testing.assert_allclose(interpolate(one, one, 3), one.repeat(3, 0), rtol=1e-4)


def test_the_nearest_training_image_is_found_in_any_block(rng, monkeypatch):
    from aeden.tasks.gan import pictures

    images = rng.integers(0, 256, (23, 4, 4, 1), dtype=np.uint8)
    samples = images[[17, 3]] // 2 + images[[17, 3]] // 3
    squares = ((samples[:, None].astype(float) - images[None]) ** 2).sum((2, 3, 4)) / 255.0**2
    for block in (5, 100):
        monkeypatch.setattr(pictures, "BLOCK", block)
        distances, which = nearest_images(samples, images)
        np.testing.assert_array_equal(which, squares.argmin(1))
        np.testing.assert_allclose(distances, np.sqrt(squares.min(1)), rtol=1e-4)


def test_signs_of_collapse_are_named():
    assert collapse_warnings(10, {"train_discriminator_loss": 0.7, "validation_smallest_class": 0.08}) == []
    assert "never wrong" in collapse_warnings(10, {"train_discriminator_loss": 1e-4})[0]
    assert "almost missing" in collapse_warnings(10, {"validation_smallest_class": 0.0})[0]


@pytest.fixture
def config():
    config = base.get_config()
    config.task = "gan"
    config.model.features = (4, 4)
    config.gan.latent, config.gan.width, config.gan.discriminator = 5, 6, (4, 6)
    config.gan.samples = 40
    config.batch_size = 8
    config.epochs, config.steps = 0.0, 6
    config.eval.every, config.log_every = 3, 1
    return config


@pytest.fixture
def dataset(rng):
    def split(count):
        labels = np.arange(count, dtype=np.int32) % 3
        images = 80 * labels[:, None, None, None] + rng.integers(0, 90, (count, *SHAPE))
        return Split(images.astype(np.uint8), labels, ("A", "B", "C"))

    return Dataset("stripes", "stripes", split(48), split(16), split(24), "0")


def run(config, dataset, folder):
    folder.mkdir(exist_ok=True)
    return prepare(config, dataset).run(folder, time.monotonic())


@pytest.mark.proof
def test_what_a_run_leaves_and_that_it_resumes_to_the_bit(config, dataset, tmp_path, monkeypatch):
    monkeypatch.setitem(judging.RECIPE, "features", 4)
    monkeypatch.setitem(judging.RECIPE, "batch", 16)
    config.gan.conditional, config.gan.judge, config.gan.truncations = True, "half", (0.5,)
    whole = run(config, dataset, tmp_path / "whole")
    assert whole.keys() <= documented_keys()
    assert {path.name for path in (tmp_path / "whole").iterdir()} == {
        "checkpoints",
        "metrics.csv",
        "tensorboard",
        "progress",
        "samples.png",
        "progress.png",
        "progress.gif",
        "interpolation.png",
        "nearest.png",
        "curves.png",
    }
    test = whole["test"]
    assert test.keys() >= {
        "fid",
        "kid",
        "kid_floor",
        "kid_untrained",
        "class_share",
        "confident",
        "precision",
        "recall",
    }
    assert sum(test["class_share"]) == pytest.approx(1)
    assert len(whole["classifier"]["sha256"]) == 64
    assert whole["classifier"]["kind"] == "half"
    assert whole["truncations"]["0.5"].keys() == whole["real"].keys()
    assert whole["real"]["agreement"] == whole["classifier"]["accuracy"]
    # 40 samples are compared with half of the training images; too few others are left to be judged like them.
    assert "unseen" not in whole
    lines = gan_task.closing(whole)
    assert any(line.startswith("  truncated 0.5 ") and "of its class" in line for line in lines)
    assert lines[-1].endswith("on images that it was not trained on")

    with monkeypatch.context() as patch:
        patch.setattr(gan_task, "TrainBatches", stopping(TrainBatches, [(0, 4)]))
        with pytest.raises(Interrupted, match="stopped at step 5"):
            run(config, dataset, tmp_path / "cut")
    cut = run(config, dataset, tmp_path / "cut")
    assert cut["test"] == test
    assert cut["classifier"] == whole["classifier"]
    files = [tmp_path / name / "metrics.csv" for name in ("cut", "whole")]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.proof
def test_a_trial_ends_with_the_figures_of_the_validation_split(config, dataset, tmp_path, monkeypatch):
    monkeypatch.setitem(judging.RECIPE, "features", 4)
    monkeypatch.setitem(judging.RECIPE, "batch", 16)
    config.eval.test, config.gan.r1_every, config.gan.discriminator_rate = False, 2, 2.0
    trial = run(config, dataset, tmp_path / "trial")
    assert trial["validation"].keys() >= {"kid", "fid", "coverage"}
    assert (trial["test"], trial["real"]) == ({}, None)
    assert not (tmp_path / "trial/samples.png").exists()
    assert gan_task.closing(trial)[0].startswith("  not tested (eval.test=False); validation: fid ")
    again = prepare(config, dataset)
    state = again.make_training(again.objective(None, None)).initial_state()
    judge = judging.load_judge(dataset, tmp_path)
    assert again._validate(judge, jax.device_get(state.average)) != trial["validation"]


def test_samples_or_parameters_that_are_no_numbers_end_a_gan(config, dataset, rng):
    """Pixels of 8 bits would hide them from the judge."""
    gan = prepare(config, dataset)
    objective = gan.objective(None, None)
    state = jax.tree.map(np.asarray, jax.jit(objective.init)(jax.random.key(0)))
    assert objective.validate(state) == {}
    huge = jax.tree.map(lambda x: np.float32(1e18) * rng.normal(size=x.shape).astype(np.float32), state.average)
    assert np.isnan(objective.validate(state.replace(average=huge))["samples"])
    for name in ("generator", "discriminator"):
        network = getattr(state, name)
        broken = network.replace(params=jax.tree.map(lambda x: x * np.float32(np.nan), network.params))
        leaves = jax.tree.leaves(objective.params(state.replace(**{name: broken})))
        assert any(np.isnan(leaf).any() for leaf in leaves)


@pytest.mark.proof
def test_without_labels_nothing_is_judged(config, dataset, tmp_path):
    bare = Dataset("bare", "bare", *(Split(getattr(dataset, n).images) for n in ("train", "validation", "test")), "0")
    with pytest.raises(ValueError, match=r"bare has no labels: set gan\.samples=0"):
        run(config, bare, tmp_path / "run")
    config.gan.samples = 0
    config.steps = 2
    assert run(config, bare, tmp_path / "run")["test"] == {}


def test_a_trial_is_judged_on_the_validation_split(config, dataset, rng):
    """By as many samples as a test has, against all validation images. The judge here sees the mean gray."""
    config.gan.conditional, config.gan.truncation, config.eval.test = True, 1.0, False
    gan = prepare(config, dataset)
    judge = gray_judge()
    average = jax.jit(gan.objective(None, None).init)(jax.random.key(0)).average
    figures = gan._validate(judge, average)
    assert figures.keys() >= {"kid", "fid", "coverage", "recall", "precision", "confident", "agreement"}
    inputs = gan.sampler.inputs(random_keys.Stream.VALIDATION, 40)
    assert np.abs(inputs[:, :-1]).max() <= 1.0
    samples = gan.sampler.images(average, inputs)
    assert figures == judge_validation(judge, dataset.validation.images, samples, np.arange(40) % 3)
    gray = samples.mean((1, 2, 3))
    assert figures["agreement"] == np.mean(np.digitize(gray, [80, 160]) == np.arange(40) % 3)
    tested = {"trained": samples, "real": dataset.test.images}
    rows = judge_samples(judge, dataset, tested, 2, {"real": dataset.test.labels})
    assert "agreement" not in rows["trained"]
    assert rows["real"]["agreement"] == np.mean(
        np.digitize(dataset.test.images.mean((1, 2, 3)), [80, 160]) == dataset.test.labels
    )


def test_unseen_training_images_show_what_a_perfect_generator_would_reach(dataset):
    """Disjoint from those that the judge has learnt and that samples are compared with; not looked for copies."""
    count = len(dataset.train) // 5
    compared = judging.compared(dataset, "half", count)
    unseen = judging.as_good_as_real(dataset, "half", count)
    assert len(unseen) == count
    sets = [{image.tobytes() for image in some} for some in (dataset.train.images[::2], compared, unseen)]
    assert not sets[2] & (sets[0] | sets[1])
    assert judging.as_good_as_real(dataset, "half", len(dataset.train) // 4 + 1) is None
    assert judging.as_good_as_real(dataset, "all", count) is None
    rows = judge_samples(gray_judge("half"), dataset, {"trained": dataset.train.images[:count]}, 2, {})
    assert rows.keys() == {"trained", "unseen"}
    assert rows["trained"].keys() - rows["unseen"].keys() == {"authenticity"}
    features = [gray_judge().classify(some)[0] for some in (unseen, compared)]
    assert rows["unseen"]["kid"] == sample_quality.kernel_distance(*features)


def gray_judge(kind="all"):
    """A judge whose features are the mean gray and a constant, and whose classes are dark, middle, bright."""

    def encode(images):
        gray = images.mean((1, 2, 3), dtype=np.float64)
        return np.stack([gray, np.ones_like(gray)], 1).astype(np.float32)

    # Of three lines through gray, each is the highest in a third: they cross at 80 and 160.
    head = {"kernel": np.float32([[0, 1, 2], [0, 0, 0]]), "bias": np.float32([0, -80, -240])}
    return judging.Judge(encode, head, 1.0, 1.0, "0", kind)


def test_half_a_judge_is_trained_on_what_samples_are_not_compared_with(dataset):
    assert judging.learnt(dataset, "all") is dataset.train
    np.testing.assert_array_equal(judging.compared(dataset, "all", 5), dataset.train.images[:5])
    halves = [*judging.learnt(dataset, "half").images, *judging.compared(dataset, "half", 48)]
    assert sorted(image.tobytes() for image in halves) == sorted(image.tobytes() for image in dataset.train.images)
    np.testing.assert_array_equal(judging.compared(dataset, "half", 3), dataset.train.images[[1, 17, 33]])


def test_each_kind_of_judge_has_its_own_place_in_the_cache(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("AEDEN_CACHE", str(tmp_path))
    made = []

    def train(dataset, folder, kind):
        made.append((folder.name, kind))
        return {"stack": {}, "head": {}}, {"accuracy": 1.0, "sha256": kind, "scale": 1.0}

    monkeypatch.setattr(judging, "_train", train)
    judges = [judging.load_judge(dataset, tmp_path, kind) for kind in judging.JUDGES]
    assert [judge.describe()["kind"] for judge in judges] == ["all", "half"]
    # As it was before there was another kind, so that classifiers in the cache keep their place.
    name = hashlib.sha256(f"0 {sorted(judging.RECIPE.items())}".encode()).hexdigest()[:20]
    assert made[0] == (name, "all")
    assert made[1][0] != name
    assert made[1][1] == "half"


def test_figures_of_half_a_judge_are_against_the_other_half(dataset):
    rows = judge_samples(gray_judge("half"), dataset, {"same": dataset.train.images[1::2]}, 2, {})
    assert rows["same"]["fid"] == pytest.approx(0, abs=1e-3)
    assert judge_samples(gray_judge(), dataset, {"same": dataset.train.images[1::2]}, 2, {})["same"]["fid"] > 0.1


def test_the_discriminator_has_a_rate_of_its_own(config, dataset):
    config.gan.discriminator_rate = 4.0
    generator, discriminator = prepare(config, dataset).networks.gradient_steps
    rates = [[float(step.learning_rate(i)) for i in range(6)] for step in (generator, discriminator)]
    np.testing.assert_allclose(rates[1], 4 * np.array(rates[0]), rtol=1e-6)


@pytest.mark.parametrize(
    "damage", [*(pytest.param(name, marks=pytest.mark.proof) for name in ("facts", "shape")), "checkpoint"]
)
def test_a_damaged_judge_is_trained_again(dataset, tmp_path, monkeypatch, damage):
    """A damaged file in the cache must not stop every later run."""
    for name, value in (("features", 4), ("batch", 16), ("epochs", 1)):
        monkeypatch.setitem(judging.RECIPE, name, value)
    monkeypatch.setenv("AEDEN_CACHE", str(tmp_path / "cache"))
    first = judging.load_judge(dataset, tmp_path)
    (facts,) = (tmp_path / "cache/classifiers").glob("*/classifier.json")
    if damage == "facts":
        facts.write_text(facts.read_text()[:20])
    elif damage == "shape":
        facts.write_text("[]")
    else:
        largest = max(
            (p for p in (facts.parent / "checkpoints").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size
        )
        content = bytearray(largest.read_bytes())
        content[len(content) // 2] ^= 255
        largest.write_bytes(content)
    second = judging.load_judge(dataset, tmp_path)
    assert second.describe() == first.describe()


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("gan.loss", "wasserstein", "unknown gan.loss 'wasserstein'"),
        ("gan.latent", 0, "gan.latent( 0|, gan.width)"),
        ("gan.modes", 1, "2 or more"),
        ("gan.modes", 5, "less than gan.latent 5"),
        ("gan.downsampling", "pool", "unknown gan.downsampling 'pool'"),
        ("gan.average", 1.0, "gan.average 1"),
        ("gan.r1", -1.0, "gan.r1( -1|, gan.r2)"),
        ("model.architecture", "dense", "architecture=conv"),
        ("eval.test", False, "gan.samples=0 none: change one of them"),
        ("gan.judge", "third", "unknown gan.judge 'third'"),
        ("gan.discriminator_rate", 0.0, "gan.discriminator_rate 0 is a factor"),
        ("gan.r1_every", 0, "gan.r1_every 0 is a number of steps"),
        ("gan.truncation", -1.0, r"gan.truncation takes 0 \(for none\) or more"),
        ("gan.truncations", (0.0,), "and gan.truncations numbers above 0"),
        ("gan.truncations", (1.0, 1.0), "names a number twice"),
        ("gan.truncations", (1.0,), "no effect with gan.samples=0"),
    ],
)
def test_gans_that_cannot_be(config, dataset, tmp_path, field, value, match):
    config.update_from_flattened_dict({field: value})
    config.gan.samples = -1 if field == "gan.samples" else 0
    with pytest.raises(ValueError, match=match):
        run(config, dataset, tmp_path / "run")
