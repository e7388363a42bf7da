"""Every config builds, and takes one abstract step."""

import importlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT

from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.tasks import from_config
from aeden.tasks.denoise import run as denoise
from aeden.tasks.gan import run as gan
from aeden.tasks.gan.sampler import Sampler
from aeden.tasks.stack import phases

CONFIGS = sorted(path.stem for path in (ROOT / "configs").glob("*.py") if path.stem not in ("__init__", "base"))


SHAPE = (28, 28, 1)


def tasks(config):
    """The task of each training of a run, on a set of nothing but zeros."""
    split = Split(np.zeros((20, *SHAPE), np.uint8), np.arange(20, dtype=np.int32) % 10)
    if config.task == "denoise":
        model = from_config.build_model(config, SHAPE)
        steps = from_config.build_schedule(config, 430, config.epochs, config.steps).steps
        return [denoise.build_task(config, model, SHAPE, steps, split)]
    dataset = Dataset(config.data.name, config.data.name, split, split, split, "0")
    if config.task == "gan":
        networks = gan.build_gan(config, dataset)
        schedule = from_config.build_schedule(config, 860, config.epochs, config.steps)
        sampler = Sampler(networks[0], config.gan.latent, 0, SHAPE)
        return [gan.build_task(config, dataset, networks, schedule, None, sampler, None)]
    phases.check_stack(config, dataset)
    plan = phases.plan_phases(config, dataset, from_config.build_stack(config, SHAPE))
    return [
        phase.make_task({}, from_config.build_schedule(config, 430, phase.epochs, phase.steps).steps) for phase in plan
    ]


@pytest.mark.parametrize("name", CONFIGS)
def test_one_abstract_step(name):
    config = importlib.import_module(f"configs.{name}").get_config()
    for task in tasks(config):
        state = jax.eval_shape(task.init, jax.random.key(0))
        batch = {
            "image": jax.ShapeDtypeStruct((config.batch_size, *SHAPE), jnp.uint8),
            "label": jax.ShapeDtypeStruct((config.batch_size,), jnp.int32),
            "index": jax.ShapeDtypeStruct((config.batch_size,), jnp.int32),
            "mask": jax.ShapeDtypeStruct((config.batch_size,), jnp.bool),
        }
        key = jax.eval_shape(lambda: jax.random.key(0))

        def one_device(state, batch, key, task=task):
            return jax.vmap(task.step, in_axes=(None, 0, None), axis_name="devices")(
                state, jax.tree.map(lambda x: x[None], batch), key
            )

        after, metrics = jax.eval_shape(one_device, state, batch, key)
        assert jax.tree.map(lambda x: (1, *x.shape), state) == jax.tree.map(lambda x: x.shape, after)
        assert metrics["loss"].shape == (1,)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_tells_its_command(name):
    assert f"python -m experiments.main --config=configs/{name}.py" in Path(ROOT / f"configs/{name}.py").read_text()


def test_every_field_of_base_says_what_it_means():
    for line in (ROOT / "configs/base.py").read_text().splitlines():
        if " = " in line and "ConfigDict()" not in line and line.startswith("    "):
            assert "  # " in line, line
