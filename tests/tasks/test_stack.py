"""Stacked runs: what each phase trains and what it leaves fixed, resuming in any phase, what is refused."""

import dataclasses
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import stopping
from documents import documented_keys

from aeden import random_keys
from aeden.data.batches import TrainBatches
from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.nn.parameters import apply, overlay
from aeden.nn.stack import Stack
from aeden.runtime import devices, files, parts
from aeden.runtime.processes import Interrupted
from aeden.tasks.denoise.task import prepare as prepare_denoising
from aeden.tasks.stack import run as stack_run
from aeden.tasks.stack import task as stack_task
from aeden.tasks.stack.task import prepare
from configs import base

SHAPE = (8, 8, 1)


def make_config():
    config = base.get_config()
    config.task = "stack"
    config.model.architecture = "dense"
    config.model.hidden = (12, 6)
    config.noise.kind = "masking"
    config.stack.levels = (0.1, 0.3)
    config.stack.pretrain_epochs = 2.0
    config.stack.dropout = 0.25
    config.stack.head_noise = 0.1
    config.stack.embedding = "pca"
    config.batch_size = 8
    config.epochs = 3.0
    config.log_every = 2
    config.optimizer.name = "sgd"
    config.optimizer.weight_decay = 0.0
    config.optimizer.warmup_steps = 0
    return config


def make_dataset(rng):
    """Three classes, each a pattern of its own under noise."""
    patterns = rng.uniform(size=(3, *SHAPE))

    def split(count):
        labels = np.arange(count, dtype=np.int32) % 3
        images = 170 * patterns[labels] + rng.uniform(0, 85, size=(count, *SHAPE))
        return Split(images.astype(np.uint8), labels, ("A", "B", "C"))

    return Dataset("patterns", "patterns", split(30), split(12), split(21), "0")


@pytest.fixture
def config():
    return make_config()


@pytest.fixture
def dataset(rng):
    return make_dataset(rng)


def take_step(task, split, seed=0, phase=0):
    """The state before and after one step, and the batch and key it saw."""
    state = jax.tree.map(np.asarray, jax.jit(task.init)(jax.random.key(1)))
    batch = TrainBatches(split, 8, 0).at(3)  # the last of its epoch: six examples and two of padding
    key = random_keys.stream_key(seed, random_keys.Stream.TRAIN, phase)
    step = devices.pmap_steps(lambda s, b: task.step(s, b, key))
    after, logged = step(devices.replicate(state), devices.deal(batch))
    return (
        state,
        jax.device_get(after),
        logged,
        {name: value[0][batch["mask"][0]] for name, value in batch.items()},
        key,
    )


def unit(batch):
    return jnp.asarray(batch["image"], jnp.float32) / 255


def assert_trees_close(mine, its):
    assert jax.tree.structure(mine) == jax.tree.structure(its)
    for one, other in zip(jax.tree.leaves(mine), jax.tree.leaves(its), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("architecture", ["dense", pytest.param("conv", marks=pytest.mark.proof)])
def test_a_layer_restores_its_own_corrupted_input_and_leaves_those_below(config, dataset, architecture):
    config.model.architecture, config.model.features = architecture, (3, 4)
    config.model.decoder = "upsample"
    config.stack.pretrain_learning_rate = 0.5
    run = prepare(config, dataset)
    stack, task = run.parts.stack, phase(run, "pretrain-2").start({}).objective
    before, after, logged, batch, key = take_step(task, dataset.train, phase=1)
    assert_trees_close(after.params["layers_0"], before.params["layers_0"])

    below = Stack(stack.layers[:1])
    clean = jax.jit(lambda params, x: apply(below, params, x, method="encode"))(before.params, unit(batch))
    corrupted = jax.jit(run.parts.noises[1])(random_keys.example_keys(key, 0, batch["index"]), clean)
    # Some values of every code are masked, but no code as a whole.
    masked = np.sum((corrupted == 0) & (clean != 0), axis=(1, 2, 3)) / np.sum(clean != 0, axis=(1, 2, 3))
    assert (masked < 1).all()
    assert 0 < masked.mean() < 0.6

    def mean_loss(layer):
        return jnp.mean(jnp.square(apply(stack.layers[1], layer, corrupted) - clean))

    loss, gradient = jax.jit(jax.value_and_grad(mean_loss))(before.params["layers_1"])
    np.testing.assert_allclose(logged["loss"], [loss], rtol=1e-5)
    expected = jax.tree.map(lambda p, g: p - 0.5 * g, before.params["layers_1"], gradient)
    assert_trees_close(after.params["layers_1"], expected)


@pytest.mark.parametrize(("head", "still"), [("finetune", ()), ("frozen", ("stack",)), ("pixels", ())])
def test_the_head_descends_the_cross_entropy(config, dataset, head, still):
    config.stack.head, config.stack.dropout, config.stack.head_noise = head, 0.0, 0.0
    config.stack.label_smoothing, config.learning_rate = 0.1, 0.5
    run = prepare(config, dataset)
    model, task = run.head.model, phase(run, "classify").start({}).objective
    before, after, logged, batch, _ = take_step(task, dataset.train)
    targets = jnp.full((6, 3), 0.1 / 3).at[jnp.arange(6), batch["label"]].add(0.9)

    def mean_loss(params):
        logits = apply(model, params, unit(batch))
        return -jnp.mean(jnp.sum(targets * jax.nn.log_softmax(logits), axis=-1))

    loss, gradient = jax.jit(jax.value_and_grad(mean_loss))(before.params)
    np.testing.assert_allclose(logged["loss"], [loss], rtol=1e-5)
    gradient |= {name: jax.tree.map(jnp.zeros_like, gradient[name]) for name in still}
    assert_trees_close(after.params, jax.tree.map(lambda p, g: p - 0.5 * g, before.params, gradient))


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("dense", "pretrain-2"),
        pytest.param("dense", "unroll", marks=pytest.mark.proof),
        pytest.param("dense", "classify", marks=pytest.mark.proof),
        pytest.param("conv", "classify", marks=pytest.mark.proof),
    ],
)
def test_a_step_is_the_same_on_one_two_and_eight_devices_and_in_parts(config, dataset, architecture, name, monkeypatch):
    """With noise, augmentation and dropout: each depends on the example only, not on its device."""
    config.model.architecture, config.model.features = architecture, (3, 4)
    config.augment.shift, config.stack.unroll_epochs, config.model.lowering = 1.0, 1.0, "reference"
    task = phase(prepare(config, dataset), name).start({}).objective
    state = jax.jit(task.init)(jax.random.key(1))
    batch = TrainBatches(dataset.train, 8, 0).at(3)
    key = random_keys.stream_key(0, random_keys.Stream.TRAIN)
    results = []
    for count, pixels in ((1, 10**9), (2, 10**9), (8, 10**9), (1, 128)):
        monkeypatch.setattr(parts, "PIXELS_PER_CPU_PART", pixels)
        shares = jax.tree.map(lambda x, n=count: x[0].reshape(n, -1, *x.shape[2:]), batch)
        step = jax.jit(jax.vmap(task.step, in_axes=(None, 0, None), axis_name=devices.AXIS))
        after, logged = step(state, shares, key)
        results.append(jax.tree.map(lambda x: x[0], (after.params, logged["loss"])))
    for other in results[1:]:
        assert_trees_close(other, results[0])


def phase(run, name):
    return next(phase for phase in run.phases if phase.name == name)


def run(config, dataset, folder):
    return prepare(config, dataset).run(folder, time.monotonic())


def finish(config, dataset, folder):
    """A run with config.json and summary.json, as the command writes them."""
    folder.mkdir()
    files.write_json(folder / "config.json", {"config": config.to_dict(), "dataset": dataset.identity()})
    files.write_json(folder / "summary.json", run(config, dataset, folder))


@pytest.fixture
def without_figures(monkeypatch):
    monkeypatch.setattr(stack_run, "draw", lambda *_: None)


def last_states(folder):
    from aeden.training.checkpoints import newest_params

    return {path.name: newest_params(path / "checkpoints")[1] for path in sorted((folder / "phases").iterdir())}


@pytest.mark.proof
def test_a_run_stopped_in_every_phase_ends_the_same(config, dataset, tmp_path, monkeypatch, capsys):
    config.stack.unroll_epochs, config.stack.pretrain_epochs = 1.0, 1.0
    config.optimizer.name = "adamw"
    whole = run(config, dataset, tmp_path / "whole")
    assert [phase["name"] for phase in whole["phases"]] == ["pretrain-1", "pretrain-2", "unroll", "classify"]

    stop: list[tuple[int, int]] = []

    monkeypatch.setattr(stack_task, "TrainBatches", stopping(TrainBatches, stop))
    monkeypatch.setattr(stack_run, "draw", lambda *_: None)
    for phase, step in ((0, 2), (1, 0), (1, 3), (2, 2), (3, 9)):
        stop[:] = [(phase, step)]
        with pytest.raises(Interrupted, match=f"stopped at step {step + 1}"):
            run(config, dataset, tmp_path / "cut")
    stop.clear()
    cut = run(config, dataset, tmp_path / "cut")
    assert "resuming at step 10" in capsys.readouterr().err
    mine, its = last_states(tmp_path / "cut"), last_states(tmp_path / "whole")
    jax.tree.map(np.testing.assert_array_equal, mine, its)
    for name in mine:
        metrics = [tmp_path / end / "phases" / name / "metrics.csv" for end in ("cut", "whole")]
        assert metrics[0].read_bytes() == metrics[1].read_bytes()
    assert {name: cut[name] for name in ("test", "noisy", "confusion", "validation", "steps", "labels")} == {
        name: whole[name] for name in ("test", "noisy", "confusion", "validation", "steps", "labels")
    }


def test_what_a_run_leaves(config, dataset, tmp_path):
    config.epochs, config.learning_rate, config.optimizer.name = 10.0, 0.03, "adam"
    config.stack.labels = 12
    summary = run(config, dataset, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "phases",
        "samples.png",
        "curves.png",
        "filters.png",
        "embedding.png",
        "confusion.png",
        "errors.png",
    }
    assert summary["labels"] == 12
    assert summary["test"]["accuracy"] > 0.6
    assert summary["test"].keys() >= {"accuracy", "cross_entropy", "psnr", "bce"}
    assert summary.keys() <= documented_keys()
    confusion = np.array(summary["confusion"])
    assert confusion.sum() == 21
    assert np.trace(confusion) == round(21 * summary["test"]["accuracy"])
    # The head starts from the result of pre-training.
    states = last_states(tmp_path)
    assert states["pretrain-2"]["layers_0"].keys() == {"encoder_0", "decoder_0"}
    jax.tree.map(np.testing.assert_array_equal, states["pretrain-2"]["layers_0"], states["pretrain-1"]["layers_0"])
    assert states["classify"]["stack"]["layers_0"].keys() == {"encoder_0"}


def test_a_stack_that_is_not_tested_has_its_validation_only(config, dataset, tmp_path):
    config.eval.test, config.stack.pretrain_epochs, config.epochs = False, 1.0, 1.0
    # A test would fail on a split of another shape.
    other = Split(dataset.test.images[:, :4], dataset.test.labels, dataset.test.classes)
    summary = run(config, dataclasses.replace(dataset, test=other), tmp_path)
    assert (summary["test"], summary["noisy"], summary["confusion"]) == ({}, None, None)
    assert {path.name for path in tmp_path.iterdir()} == {"phases"}
    assert summary["validation"]["accuracy"] >= 0
    assert stack_task.figures(summary) == {}
    assert stack_task.closing(summary)[-1].startswith("  not tested (eval.test=False); validation: accuracy ")


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """The folder of a run that is pre-trained only."""
    config, folder = make_config(), tmp_path_factory.mktemp("pretrained") / "run"
    config.stack.head, config.stack.pretrain_epochs = "none", 1.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack_run, "draw", lambda *_: None)
        finish(config, make_dataset(np.random.default_rng(0)), folder)
    return folder


@pytest.mark.usefixtures("without_figures")
def test_the_frozen_code_is_another_runs(config, dataset, pretrained, tmp_path):
    config.stack.pretrained, config.stack.head = str(pretrained), "frozen"
    summary = run(config, dataset, tmp_path / "second")
    assert [phase["name"] for phase in summary["phases"]] == ["classify"]
    assert summary["noisy"] is None
    given, taken = last_states(pretrained)["pretrain-2"], last_states(tmp_path / "second")["classify"]["stack"]
    for name in ("layers_0", "layers_1"):
        jax.tree.map(np.testing.assert_array_equal, taken[name]["encoder_0"], given[name]["encoder_0"])


def test_an_autoencoder_that_does_not_fit_is_named(config, dataset, pretrained, tmp_path):
    def fits(**changes):
        other = config.copy_and_resolve_references()
        other.update_from_flattened_dict(changes)
        other.stack.pretrained = str(pretrained)
        other.stack.head, other.stack.levels = "frozen", ()
        return prepare(other, dataset).pretrained.load(dataset)

    given, cause = fits()
    assert given.keys() == {"layers_0", "layers_1"}
    assert (cause["dataset"], cause["seed"], cause["step"]) == ("patterns", 0, 4)
    for hidden, problem in (
        ((12, 7), r"layers_1/encoder_0/bias has the shape \(6,\) there, \(7,\) here"),
        ((12,), "2 layers there, 1 here"),
        ((12, 6, 4), "2 layers there, 3 here"),
    ):
        with pytest.raises(ValueError, match=problem):
            fits(**{"model.hidden": hidden})
    with pytest.raises(ValueError, match="does not fit this stack"):
        fits(**{"model.architecture": "conv"})
    # A head can take the encoder of any decoder; to fine-tune as an autoencoder, the decoder must match.
    assert fits(**{"model.tied": True})[0].keys() == {"layers_0", "layers_1"}
    with pytest.raises(ValueError, match=r"model\.tied is False there, True here"):
        fits(**{"model.tied": True, "stack.unroll_epochs": 1.0})
    config.stack.pretrained, config.stack.head = str(tmp_path / "nowhere"), "frozen"
    with pytest.raises(ValueError, match="holds no finished run"):
        prepare(config, dataset).pretrained.load(dataset)


def test_a_gan_has_no_autoencoder(config, dataset, tmp_path):
    files.write_json(tmp_path / "config.json", {"config": config.to_dict(), "dataset": dataset.identity()})
    files.write_json(tmp_path / "summary.json", {"task": "gan"})
    config.stack.pretrained = str(tmp_path)
    with pytest.raises(ValueError, match="is a gan run: it has no autoencoder"):
        prepare(config, dataset).pretrained.load(dataset)


def test_an_overlay_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"a/b is of the shape \(3,\) there"):
        overlay({"a": {"b": jnp.ones(2)}}, {"a": {"b": np.ones(3)}})


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("stack.head", "softmax", "unknown stack.head 'softmax'"),
        ("stack.embedding", "umap", "'umap'"),
        ("stack.levels", (0.1,), r"one level for each of 2 layers"),
        ("stack.levels", (0.1, 1.5), "1.5 is out of range"),
        ("noise.kind", "salt_and_pepper", "codes take masking or gaussian"),
        ("stack.dropout", 1.0, "dropout 1"),
        ("stack.head_noise", 1.5, "1.5 is out of range"),
        ("stack.dropout", 0.999, "dropout 0.999"),
        ("learning_rate", 0.0, "learning_rate 0"),
        ("stack.pretrain_learning_rate", -1.0, "pretrain_learning_rate -1"),
        ("stack.label_smoothing", -0.1, "label_smoothing -0.1"),
        ("stack.unroll_epochs", -1.0, "stack.(unroll_epochs -1|pretrain_epochs, stack.unroll_epochs)"),
        ("augment.zoom", 1.5, "augment.zoom 1.5"),
        ("stack.labels", 31, "31 labels is more than the 30 examples"),
        ("stack.labels", 2, "less than one of each of 3 classes"),
        ("epochs", 0.0, "either `epochs` or `steps`"),
    ],
)
def test_runs_that_cannot_be(config, dataset, tmp_path, field, value, match):
    config.update_from_flattened_dict({field: value})
    with pytest.raises(ValueError, match=match):
        run(config, dataset, tmp_path)
    assert not list(tmp_path.glob("phases/*/checkpoints/*.json"))


def test_a_head_needs_labels_and_pre_training_none(config, dataset, tmp_path):
    bare = Dataset(
        "bare", "bare", *(Split(split.images) for split in (dataset.train, dataset.validation, dataset.test)), "0"
    )
    with pytest.raises(
        ValueError,
        match=r"stack\.head=finetune needs labels, and the train split of bare has none: set stack\.head=none",
    ):
        run(config, bare, tmp_path / "head")
    config.stack.head = "none"
    summary = run(config, bare, tmp_path / "none")
    assert "accuracy" not in summary["test"]
    assert summary["labels"] == 0
    assert summary["confusion"] is None
    assert (tmp_path / "none/embedding.png").exists()
    config.stack.pretrain_epochs = 0.0
    with pytest.raises(ValueError, match="nothing to train"):
        run(config, bare, tmp_path / "nothing")


@pytest.mark.proof
def test_the_whole_autoencoder_of_a_denoising_run_as_the_stack(config, dataset, tmp_path):
    config.model.architecture, config.model.features = "conv", (3, 4)
    config.task, config.epochs = "denoise", 1.0
    (tmp_path / "denoise").mkdir()
    summary = prepare_denoising(config, dataset).run(tmp_path / "denoise", time.monotonic())
    files.write_json(tmp_path / "denoise/summary.json", summary)
    files.write_json(tmp_path / "denoise/config.json", {"config": config.to_dict(), "dataset": dataset.identity()})
    config.task, config.stack.layerwise, config.stack.levels = "stack", False, ()
    config.stack.pretrained = str(tmp_path / "denoise")
    run(config, dataset, tmp_path / "stack")
    encoder = last_states(tmp_path / "stack")["classify"]["stack"]["layers_0"]["encoder"]
    assert encoder["stage1"]["kernel"].shape == (3, 3, 3, 4)


@pytest.mark.usefixtures("without_figures")
def test_the_head_on_pixels_is_scikit_learns_logistic_regression(config, tmp_path, rng):
    """The problem is convex: without noise, dropout and decay, training ends where another solver does."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    def split(count):
        labels = rng.integers(0, 3, count).astype(np.int32)
        images = 110 + 25 * labels[:, None, None, None] * np.array([1, -1]) + rng.normal(0, 60, (count, 2, 2, 2))
        return Split(np.clip(images, 0, 255).astype(np.uint8), labels)

    dataset = Dataset("clouds", "clouds", split(90), split(30), split(300), "0")
    config.stack.head, config.stack.dropout, config.stack.head_noise = "pixels", 0.0, 0.0
    config.batch_size, config.epochs, config.steps, config.learning_rate = 90, 0.0, 1500, 1.0
    config.optimizer.name, config.log_every, config.eval.every = "adam", 500, 1500
    summary = run(config, dataset, tmp_path)
    flat = {name: getattr(dataset, name).images.reshape(-1, 8) / 255 for name in ("train", "test")}
    solver = LogisticRegression(C=np.inf, tol=1e-8, max_iter=10_000).fit(flat["train"], dataset.train.labels)
    assert 0.4 < solver.score(flat["test"], dataset.test.labels) < 0.95
    expected = log_loss(dataset.test.labels, solver.predict_proba(flat["test"]))
    assert summary["test"]["cross_entropy"] == pytest.approx(expected, rel=0.01)
    assert summary["test"]["accuracy"] == pytest.approx(solver.score(flat["test"], dataset.test.labels), abs=0.01)
    assert summary["parameters"] == 8 * 3 + 3
