"""The task of segmentation: steps, test, baseline, whole runs, and what is refused."""

import dataclasses
import json
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from documents import documented_keys
from interrupted_run import cut_and_whole
from padded_step import padded_step
from skimage.filters import threshold_otsu
from sklearn.metrics import jaccard_score

from aeden import random_keys
from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.measures import segmentation
from aeden.plots.segmentation import CLASSES, class_colours, error_colours
from aeden.tasks.execute import prepare
from aeden.tasks.from_config import cpu_devices, open_data
from aeden.tasks.objectives.segmentation import class_weights, score_labels
from aeden.tasks.segment import run as segment_run
from aeden.tasks.segment import task as segment_task
from aeden.tasks.segment import tested, threshold
from aeden.transforms.noise import corrupt
from configs import base


@pytest.fixture
def config():
    config = base.get_config()
    config.task, config.noise.level = "segment", 0.0
    config.data.name, config.data.characters = "letters", "xyz"
    config.model.features, config.model.factors, config.model.lowering = (4,), (2,), "reference"
    config.batch_size, config.epochs, config.steps = 8, 0.0, 6
    config.optimizer.name, config.optimizer.weight_decay, config.optimizer.warmup_steps = "sgd", 0.0, 0
    config.learning_rate = 0.5
    return config


@pytest.fixture
def dataset(rng):
    """Blocks of four classes, each with its own gray value."""
    labels = np.kron(rng.integers(0, 4, (21, 3, 3)), np.ones((1, 4, 4), int)).astype(np.uint8)
    images = (60 * labels + rng.integers(0, 40, labels.shape)).astype(np.uint8)[..., None]
    split = Split(images, classes=("background", *"xyz"), pixel_labels=labels)
    return Dataset("random", "random", split, split.first(4), split.first(3), "0")


@pytest.mark.parametrize(("skip", "weights"), [(True, "none"), (False, "median_frequency")])
def test_a_step_on_two_devices_is_gradient_descent_on_the_mean_loss(config, dataset, skip, weights):
    """For a padded batch, with noise that is drawn from the keys of the examples."""
    config.model.skip, config.segment.class_weights = skip, weights
    config.noise.kind, config.noise.level = "gaussian", 0.1
    run = prepare(config, dataset)
    task = run.training.objective
    state, batch, stream, taken, logged = padded_step(task, dataset.train)

    kept = batch["mask"][0]
    keys = random_keys.example_keys(stream, 0, batch["index"][0][kept])
    noisy = corrupt(keys, jnp.asarray(batch["image"][0][kept], jnp.float32) / 255, "gaussian", 0.1, 0.1, True)
    truth = batch["pixel_label"][0][kept].astype(np.int32)
    weight = np.ones(4)
    if weights != "none":
        share = np.bincount(dataset.train.pixel_labels.ravel(), minlength=4) / dataset.train.pixel_labels.size
        weight = np.median(share) / share / np.sum(share * np.median(share) / share)

    def mean_loss(params):
        logits = run.model.apply({"params": params}, noisy)
        each = optax.softmax_cross_entropy_with_integer_labels(logits, truth)
        return jnp.mean(each * jnp.asarray(weight, jnp.float32)[truth])

    loss, gradient = jax.jit(jax.value_and_grad(mean_loss))(state.params)
    np.testing.assert_allclose(logged["loss"], [loss], rtol=1e-5)
    updates, _ = optax.sgd(0.5).update(gradient, optax.sgd(0.5).init(state.params))
    expected = optax.apply_updates(state.params, updates)
    jax.tree.map(lambda mine, its: np.testing.assert_allclose(mine, its, atol=1e-5), taken.params, expected)


def test_the_test_measures_what_the_network_and_the_baseline_say(config, dataset):
    run = prepare(config, dataset)
    params = run.training.initial_state().params
    found = tested.compare(run.model, params, run.noises, run.dataset, run.classes)
    truth = dataset.test.pixel_labels
    images = dataset.test.images.astype(np.float32) / 255
    predictions = {"test": tested.predict(run.model, params, images)}
    predictions["threshold"] = found.baseline.predict(images[..., 0])
    assert found.figures.keys() == found.iou.keys() == predictions.keys()
    for name, prediction in predictions.items():
        figures = found.figures[name]
        expected = jaccard_score(truth.ravel(), prediction.ravel(), average=None, labels=[0, 1, 2, 3])
        assert figures["mean_iou"] == pytest.approx(expected.mean())
        assert found.iou[name] == pytest.approx(dict(zip(run.classes, expected, strict=True)))
        assert figures["accuracy"] == pytest.approx((prediction == truth).mean())
        for metric, pixels in (("boundary_f1", 1), ("boundary_f1_2", 2)):
            scores = jax.jit(segmentation.boundary_f1, static_argnums=(2, 3))(prediction, truth, 4, pixels)
            assert figures[metric] == pytest.approx(float(scores.mean()), rel=1e-5)
    logits = run.model.apply({"params": params}, jnp.asarray(images))
    entropy = optax.softmax_cross_entropy_with_integer_labels(logits, truth.astype(np.int32)).mean()
    assert found.figures["test"]["cross_entropy"] == pytest.approx(float(entropy), rel=1e-5)
    assert "cross_entropy" not in found.figures["threshold"]
    validation = run.training.objective.validate(run.training.initial_state())
    assert validation.keys() == found.figures["test"].keys()
    assert found.confusion.sum() == pytest.approx(12 * 12)


@pytest.mark.proof  # the loop is that of every task, see tests/training and tests/experiments/test_commands.py
def test_an_interrupted_run_ends_as_a_whole_one(config, dataset, tmp_path, monkeypatch):
    """With noise that is drawn anew at every step."""
    config.noise.kind, config.noise.level, config.model.skip = "salt_and_pepper", 0.2, True
    cut, whole = cut_and_whole(segment_task, segment_run.SegmentRun, config, dataset, tmp_path, monkeypatch)
    for name in ("test", "threshold", "validation", "iou", "threshold_chosen"):
        assert cut[name] == whole[name]
    with np.load(tmp_path / "cut" / "examples.npz") as kept:
        assert kept["test"].shape == kept["threshold"].shape == kept["truth"].shape == kept["image"].shape[:3]
    text = "\n".join(segment_task.closing(json.loads(json.dumps(whole))))
    assert "network   mean IoU" in text
    assert "threshold mean IoU" in text
    assert segment_task.title(whole) == "segmentation into 4 classes, transpose decoder"
    assert segment_task.figures(whole) == whole["test"]


def test_untested_runs_say_so(config, dataset, tmp_path):
    config.eval.test, config.steps = False, 1
    summary = prepare(config, dataset).run(tmp_path, time.monotonic())
    assert summary["test"] == {}
    assert summary.keys() <= documented_keys()
    assert "validation: mean_iou" in segment_task.closing(summary)[0]


def test_a_unet_segments(config, dataset):
    config.model.architecture, config.model.features, config.model.factors = "unet", (4, 4), (2, 2)
    run = prepare(config, dataset)
    output = jax.eval_shape(
        lambda: run.model.apply({"params": run.training.initial_state().params}, jnp.zeros((2, 12, 12, 1)))
    )
    assert output.shape == (2, 12, 12, 4)
    assert run.description == "segmentation into 4 classes, transpose decoder with skip connections"


def test_letters_from_the_command_to_the_network(config, monkeypatch, tmp_path):
    monkeypatch.setenv("AEDEN_CACHE", str(tmp_path))
    config.data.limit, config.batch_size, config.data.characters = 8, 2, "xy"
    run = prepare(config, open_data(config))
    assert run.classes == ("background", "x", "y")
    assert run.dataset.image_shape == (64, 64, 1)


def test_classes_that_only_the_test_lacks_are_left_out_and_said(config, dataset):
    labels = np.where(dataset.test.pixel_labels == 2, 0, dataset.test.pixel_labels)
    data = dataclasses.replace(dataset, test=dataclasses.replace(dataset.test, pixel_labels=labels))
    run = prepare(config, data)
    assert run.notes == ("no pixel of the test images belongs to y: left out of mean IoU",)


def test_otsu_is_that_of_scikit_image(rng):
    values = np.concatenate([rng.normal(0.2, 0.05, 3000), rng.normal(0.7, 0.1, 1000)]).reshape(50, 80)
    width = np.ptp(values) / 256
    assert threshold.otsu(values) == pytest.approx(threshold_otsu(values), abs=1.01 * width)
    assert threshold.otsu(np.full((3, 3), 0.5)) == 0.5


def test_the_baseline_recognises_what_it_has_seen():
    """An L and a bar on gray, lighter and darker: the same shapes in other places and sizes."""
    letter = np.zeros((12, 12), bool)
    letter[1:11, 2:4] = letter[9:11, 2:10] = True
    bar = np.zeros((12, 12), bool)
    bar[1:11, 5:7] = True
    truth = np.zeros((2, 24, 24), np.uint8)
    truth[0, :12, :12][letter], truth[0, 12:, 12:][bar] = 1, 2
    truth[1, 8:20, 1:13][letter], truth[1, :12, 12:][bar] = 1, 2
    images = np.choose(truth, [0.5, 0.9, 0.1]).astype(np.float32)
    learned = threshold.learn(truth[:1])
    assert sorted(learned.classes) == [1, 2]
    for name in ("difference from the median", "difference from the surroundings"):
        np.testing.assert_array_equal(dataclasses.replace(learned, separation=name).predict(images), truth)
    chosen = learned.chosen(images, truth)
    np.testing.assert_array_equal(chosen.predict(images), truth)
    assert (dataclasses.replace(chosen, limit=1.01).predict(images) == 0).all()
    nothing = threshold.learn(np.zeros_like(truth))
    assert (nothing.predict(images) == 0).all()


def test_figures_of_labels_do_not_depend_on_how_they_are_cut(rng, dataset):
    """Several hundred images are measured in parts."""
    truth = np.tile(dataset.train.pixel_labels, (13, 1, 1))
    prediction = np.where(rng.uniform(size=truth.shape) < 0.2, 0, truth).astype(np.uint8)
    figures, counts = score_labels(prediction, truth, 4)
    assert figures["accuracy"] == pytest.approx((prediction == truth).mean())
    assert counts.sum() == pytest.approx(144)


def test_weights_keep_the_scale_of_the_loss(dataset):
    labels = dataset.train.pixel_labels
    weights = class_weights(labels, 4)
    assert weights[labels].mean() == pytest.approx(1.0)
    share = np.bincount(labels.ravel()) / labels.size
    np.testing.assert_allclose(weights * share, (weights * share)[0])


def test_colours_tell_classes_and_errors():
    truth, labels = np.array([[0, 1, 0, 1, 11]]), np.array([[0, 1, 2, 0, 1]])
    assert len(set(CLASSES)) == 10
    found = class_colours(truth)[0]
    assert (found[1] == found[4]).all()  # the eleventh class has the first colour again
    assert len({tuple(colour) for colour in error_colours(truth, labels)[0]}) == 4


def test_cores_share_large_images(config, monkeypatch):
    monkeypatch.setattr("aeden.runtime.processes.cores", lambda: 2)
    assert cpu_devices(config) == 2


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"model.architecture": "dense"}, "model.architecture=dense is not for task=segment: use conv or unet"),
        ({"model.architecture": "unet", "model.residual": True}, "model.residual=True is for task=denoise"),
        ({"model.features": (4,) * 4, "model.factors": (2,) * 4}, "12 x 12 pixels are smaller than .* stride of 16"),
        ({"model.decoder": "large_context"}, "set model.decoder_kernel_size"),
        ({"loss": "mse"}, "loss=mse has no effect with task=segment"),
        ({"augment.flip": True}, "augment.flip would move the images and not the classes"),
        ({"eval.levels": (0.1,)}, r"eval.levels is for task=denoise: set eval.levels=\(\)"),
        ({"eval.extras": True}, "eval.extras is for task=denoise"),
        (
            {"segment.class_weights": "equal"},
            "unknown segment.class_weights 'equal': use one of none, median_frequency",
        ),
        ({"data.characters": "xy"}, "have 4 classes, and data.characters names 3 with the background"),
        ({"data.characters": "xyzABC"}, "no pixel of the 21 training images belongs to A, B, C: use more images"),
        ({"noise.level": -1.0}, "noise.level -1 is out of range"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(config, dataset, fields, match):
    config.update_from_flattened_dict(fields)
    with pytest.raises(ValueError, match=match) as error:
        prepare(config, dataset)
    assert "\n" not in str(error.value)


def test_images_without_classes_of_pixels_are_refused(config, dataset):
    split = Split(dataset.train.images)
    with pytest.raises(ValueError, match=r"mnist does not say to which class each pixel belongs.*data.name=letters"):
        prepare(config, Dataset("mnist", "mnist", split, split, split, "0"))


def test_fields_of_letters_have_no_effect_elsewhere(config):
    config.data.name = "glyphs"
    with pytest.raises(ValueError, match=r"data.name=glyphs does not say to which class each pixel belongs"):
        open_data(config)
    config.task = "denoise"
    with pytest.raises(ValueError, match=r"characters=xyz has an effect with data.name=letters only: set it to 'ABC"):
        open_data(config)
    config.task, config.data.name = "segment", "letters"
    config.data.crop = 32
    with pytest.raises(ValueError, match="task=segment needs images of one size"):
        open_data(config)
