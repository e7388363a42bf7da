"""Loading a finished run: it restores as the run itself does, and says what is wrong with a folder that is none."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from ml_collections import ConfigDict

from aeden.inference.finished_run import MODEL_DEFAULTS, load_restorer, load_run, radius_of, read_run
from aeden.inference.noise_level import NoiseEstimate, far_from_training
from aeden.inference.trained_network import build_network, recorded_noise
from aeden.nn.autoencoders import ConvAutoencoder, DenseAutoencoder
from aeden.nn.parameters import apply, make_init
from aeden.nn.restore import restore
from aeden.nn.unet import UNet
from aeden.runtime import files
from aeden.tasks.model_from_config import build_model
from aeden.training.checkpoints import Checkpoints, newest_params
from configs import base


def noisy_images(rng, *shape):
    return rng.uniform(size=shape).astype(np.float32)


def test_a_run_restores_as_its_own_network_does(finished_run, rng):
    restorer = load_restorer(str(finished_run))
    config = ConfigDict(files.read_json(finished_run / "config.json")["config"])
    model, images = build_model(config, (12, 12, 1)), noisy_images(rng, 2, 8, 12, 1)
    _, params = newest_params(finished_run / "checkpoints")
    expected = nn.sigmoid(apply(model, params, jnp.asarray(images)))
    np.testing.assert_allclose(restorer(images), expected, atol=1e-6)
    assert (restorer.channels, restorer.stride, restorer.size, restorer.takes_level) == (1, 4, None, False)
    assert restorer.noise == config.noise.to_dict()


def test_the_checkpoint_is_the_one_that_the_run_tested(finished_run, tmp_path):
    folder = shutil.copytree(finished_run, tmp_path / "run")
    step, params = newest_params(folder / "checkpoints")
    checkpoints = Checkpoints(folder / "checkpoints", keep=5)
    checkpoints.save(step + 5, {"params": jax.tree.map(np.zeros_like, params)})
    checkpoints.close()
    assert files.read_json(folder / "summary.json")["tested_step"] == step
    images = noisy_images(np.random.default_rng(2), 1, 8, 8, 1)
    np.testing.assert_array_equal(load_run(folder)(images), load_run(finished_run)(images))
    shutil.rmtree(folder / "checkpoints" / str(step))
    with pytest.raises(ValueError, match=f"checkpoint {step}, the result of this run, is missing"):
        load_run(folder)


def test_a_run_without_fields_that_were_added_later(finished_run, tmp_path, rng):
    folder = shutil.copytree(finished_run, tmp_path / "run")
    record = files.read_json(folder / "config.json")
    for name in ("skip", "stages", "decoder_features", "init"):
        del record["config"]["model"][name]
    files.write_json(folder / "config.json", record)
    images = noisy_images(rng, 1, 8, 8, 1)
    np.testing.assert_array_equal(load_run(folder)(images), load_run(finished_run)(images))


def test_the_defaults_are_those_of_the_configs():
    defaults = base.get_config().model.to_dict()
    assert {name: defaults[name] for name in MODEL_DEFAULTS} == MODEL_DEFAULTS
    assert defaults.keys() == MODEL_DEFAULTS.keys()


def damage(folder, name):
    """Makes a folder one that cannot be used."""
    record, summary = files.read_json(folder / "config.json"), files.read_json(folder / "summary.json")
    if name == "unfinished":
        (folder / "summary.json").unlink()
    elif name == "another task":
        files.write_json(folder / "summary.json", {**summary, "task": "gan"})
    elif name == "half a summary":
        (folder / "summary.json").write_text(json.dumps(summary)[:10])
    elif name == "no config":
        (folder / "config.json").unlink()
    elif name == "no noise":
        del record["config"]["noise"]
        files.write_json(folder / "config.json", record)
    elif name == "another network":
        record["config"]["model"]["features"] = [4, 8]
        files.write_json(folder / "config.json", record)
    elif name == "unknown decoder":
        record["config"]["model"]["decoder"] = "magic"
        files.write_json(folder / "config.json", record)
    elif name == "no checkpoints":
        shutil.rmtree(folder / "checkpoints")
    elif name == "gone":
        shutil.rmtree(folder)
    elif name == "a file":
        shutil.rmtree(folder)
        folder.write_text("")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("unfinished", "is not finished"),
        ("another task", "a run of the task gan"),
        ("half a summary", "summary.json is damaged"),
        ("no config", "holds no run"),
        ("no noise", "config.json is damaged"),
        ("another network", "does not fit"),
        ("unknown decoder", "cannot be built .*magic"),
        ("no checkpoints", "no checkpoints"),
        ("gone", "does not exist"),
        ("a file", "is a file"),
    ],
)
def test_what_is_no_finished_run_is_refused_in_one_line(finished_run, tmp_path, name, said):
    folder = shutil.copytree(finished_run, tmp_path / "run")
    damage(folder, name)
    with pytest.raises(ValueError, match=said) as refused:
        load_run(folder)
    assert "\n" not in str(refused.value)
    assert str(folder) in str(refused.value)


def run_of(model, shape, fields, finished_run, folder):
    """A finished run of another network, with the parameters that it starts from; the folder and the parameters."""
    shutil.copytree(finished_run, folder, ignore=shutil.ignore_patterns("checkpoints"))
    record = files.read_json(folder / "config.json")
    record["config"]["model"] |= fields
    files.write_json(folder / "config.json", record)
    params = make_init(model, shape)(jax.random.key(0))
    checkpoints = Checkpoints(folder / "checkpoints")
    checkpoints.save(files.read_json(folder / "summary.json")["tested_step"], {"params": params})
    checkpoints.close()
    return folder, params


WILD = [None, "x", -1, 3.5, 10**9, 10**30, [], [10**9, 10**9], ["a"], {}, {"a": 1}, float("nan"), [4] * 2000, [[4]]]


def refusal(folder, section, changed, params):
    """Why a section of a config is refused; "" if its values are harmless."""
    try:
        if section == "model":
            build_network(folder, changed, params)
        else:
            far_from_training(recorded_noise(folder, changed), NoiseEstimate(0.1, 0.0))
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("section", ["model", "noise"])
def test_wild_values_in_a_config_are_refused_at_once_in_one_line(finished_run, tmp_path, section):
    """Nothing but the hash of the parameters guards config.json."""
    folder = shutil.copytree(finished_run, tmp_path / "run")
    record = files.read_json(folder / "config.json")
    params = read_run(finished_run).params
    fields = record["config"][section]
    for field in fields:
        for value in WILD:
            changed = {**fields, field: value}
            refused = refusal(folder, section, changed, params)
            assert "\n" not in refused, (field, value)
            assert len(refused) < 600, (field, value)
    for content in ("[" * 100_000, '{"config":' * 50_000, ""):
        (folder / "config.json").write_text(content)
        with pytest.raises(ValueError, match="is damaged"):
            load_run(folder)


def test_a_dense_run(finished_run, tmp_path, rng):
    model, images = DenseAutoencoder((6, 6, 3), (5,)), noisy_images(rng, 1, 6, 6, 3)
    fields = {"architecture": "dense", "hidden": [5]}
    folder, params = run_of(model, (6, 6, 3), fields, finished_run, tmp_path / "dense")
    restorer = load_run(folder)
    assert (restorer.size, restorer.channels) == ((6, 6), 3)
    np.testing.assert_allclose(restorer(images), restore(model, params, jnp.asarray(images)), atol=1e-6)


def test_a_run_of_a_unet_that_is_told_the_level(finished_run, tmp_path, rng):
    options = {"features": (2,), "factors": (2,), "blocks": 1, "residual": True, "level_input": True}
    model, images = UNet(channels=3, lowering="reference", **options), noisy_images(rng, 2, 7, 6, 3)
    fields = {"architecture": "unet", "decoder": "upsample", "lowering": "reference", **options}
    folder, params = run_of(model, (8, 8, 3), fields, finished_run, tmp_path / "unet")
    restorer = load_run(folder)
    assert (restorer.channels, restorer.stride, restorer.takes_level, restorer.padding) == (3, 2, True, "reflect")
    expected = restore(model, params, jnp.asarray(images), jnp.float32(0.2))
    np.testing.assert_allclose(restorer(images, 0.2), expected, atol=1e-6)
    with pytest.raises(ValueError, match="needs to know the noise level"):
        restorer(images)


def test_a_level_for_a_network_that_takes_none_is_refused(finished_run):
    with pytest.raises(ValueError, match="takes no noise level"):
        load_run(finished_run)(np.zeros((1, 8, 8, 1), np.float32), 0.1)


def test_the_radius_of_learnt_sampling_points_is_that_of_a_resize_and_more():
    fixed = ConvAutoencoder(decoder="upsample", resize="bilinear", features=(2,), factors=(2,))
    moving = fixed.clone(decoder="point_sampling", resize="nearest")
    assert radius_of(moving) == fixed.receptive_radius() + 8
