"""Every config prepares a run, and takes one abstract step."""

import dataclasses
import importlib
import math
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT

from aeden.data.dataset import Dataset
from aeden.data.sources import SOURCES
from aeden.data.splits import Split
from aeden.measures.paired_statistics import fewest_pairs
from aeden.nn.decoders import DECODERS
from aeden.runtime.identity import flatten
from aeden.tasks.execute import TASKS, prepare
from aeden.transforms.noise import KINDS
from configs.ablations import tune
from experiments.ablate import grid, tuning_checks, verdict
from experiments.ablate.tuning_checks import VALIDATED

CONFIGS = sorted(path.stem for path in (ROOT / "configs").glob("*.py") if path.stem not in ("__init__", "base"))
SHAPE = (28, 28, 1)


def dataset_for(config):
    """Twenty black images with labels, for the whole of each and for its pixels."""
    pixels = (np.arange(20 * SHAPE[0] * SHAPE[1]) % 11).astype(np.uint8).reshape(20, *SHAPE[:2])
    split = Split(np.zeros((20, *SHAPE), np.uint8), np.arange(20, dtype=np.int32) % 10, pixel_labels=pixels)
    return Dataset(config.data.name, config.data.name, split, split, split, "0")


def load(name):
    return importlib.import_module(f"configs.{name}").get_config()


@pytest.mark.parametrize("name", CONFIGS)
def test_one_abstract_step(name):
    config = load(name)
    run = prepare(config, dataset_for(config))
    for training in run.abstract_trainings():
        state = jax.eval_shape(training.objective.init, jax.random.key(0))
        batch = {
            "image": jax.ShapeDtypeStruct((config.batch_size, *SHAPE), jnp.uint8),
            "label": jax.ShapeDtypeStruct((config.batch_size,), jnp.int32),
            "pixel_label": jax.ShapeDtypeStruct((config.batch_size, *SHAPE[:2]), jnp.uint8),
            "index": jax.ShapeDtypeStruct((config.batch_size,), jnp.int32),
            "mask": jax.ShapeDtypeStruct((config.batch_size,), jnp.bool),
        }
        key = jax.eval_shape(lambda: jax.random.key(0))

        def one_device(state, batch, key, step=training.objective.step):
            batch = jax.tree.map(lambda x: x[None], batch)
            return jax.vmap(step, in_axes=(None, 0, None), axis_name="devices")(state, batch, key)

        after, metrics = jax.eval_shape(one_device, state, batch, key)
        assert jax.tree.map(lambda x: (1, *x.shape), state) == jax.tree.map(lambda x: x.shape, after)
        assert metrics["loss"].shape == (1,)


@pytest.mark.parametrize("task", sorted(TASKS))
def test_a_task_reads_only_its_sections(task):
    """Fields of other sections are left out of a run's identity, so reading one would be a fault."""
    config = next(config for config in map(load, CONFIGS) if config.task == task)
    for section in [name for name in config if name not in TASKS[task].sections and "." not in name]:
        if hasattr(config[section], "to_dict"):
            with config.unlocked():
                del config[section]
    run = prepare(config, dataset_for(config))
    assert run.abstract_trainings()  # what is built late must not read them either


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_tells_its_command(name):
    assert f"python -m experiments.main --config=configs/{name}.py" in Path(ROOT / f"configs/{name}.py").read_text()


def test_every_field_of_base_says_what_it_means():
    """Every line that sets a value; sections are set by functions."""
    text = (ROOT / "configs/base.py").read_text()
    lines = [line for line in text.splitlines() if " = " in line and not line.rstrip().endswith("()")]
    assert len(lines) == len(flatten(load("base").to_dict()))
    for line in lines:
        assert "  # " in line, line


@pytest.mark.parametrize("names", [DECODERS, KINDS, TASKS, SOURCES], ids=["decoders", "noise", "tasks", "data"])
def test_every_choice_is_documented(names):
    """In the comments of base.py and in the guide, in whatever form: "notmnist[/large]" names notmnist/large."""
    for page in ("configs/base.py", "docs/guide.md"):
        text = (ROOT / page).read_text()
        for name in names:
            assert all(re.search(rf"\b{word}\b", text) for word in name.split("/")), f"{page} does not mention {name}"


def test_every_config_is_in_the_guide():
    guide = (ROOT / "docs/guide.md").read_text()
    for path in (ROOT / "configs").rglob("*.py"):
        if path.stem not in ("__init__", "base"):
            assert path.relative_to(ROOT / "configs").as_posix().removeprefix("ablations/") in guide, path


@pytest.mark.parametrize("name", CONFIGS)
def test_each_config_can_be_tuned_by_what_its_validation_gives(name):
    settings = tune.get_config(name)
    assert settings.metric in VALIDATED[settings.experiment.task]


GRIDS = sorted(path.stem for path in (ROOT / "configs/ablations").glob("[!_]*.py"))


@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_can_give_its_verdict(name):
    settings = importlib.import_module(f"configs.ablations.{name}").get_config()
    cells = grid.expand(settings) if settings.contenders else []
    if settings.tuning.fields:
        tuned = [dataclasses.replace(cell, tuned={"learning_rate": 1.0}) for cell in cells]
        tuning_checks.check(settings, cells)
        verdict.check(settings.metric, tuned, settings.margin)
    else:
        verdict.check(settings.metric, cells, settings.margin)


# Why a grid may have fewer seeds than its comparisons take: what its docstring says of them.
FEW_SEEDS = {"gans_mnist": "three seeds", "labels_mnist": "three seeds", "photos_gray": "three seeds"}


@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_has_as_many_seeds_as_its_comparisons_take(name):
    """With fewer, no difference however large could be shown."""
    settings = importlib.import_module(f"configs.ablations.{name}").get_config()
    contenders = len(settings.contenders)
    if not contenders or name == "tune":
        return  # no comparison
    if settings.tuning.finalists:
        # The best by trials, and those that run in any case.
        contenders = min(contenders, settings.tuning.finalists + len({*settings.tuning.always, settings.reference}))
    comparisons = (contenders - 1) * math.prod(len(values) for values in flatten(settings.axes.to_dict()).values())
    if name in FEW_SEEDS:
        assert FEW_SEEDS[name] in (ROOT / f"configs/ablations/{name}.py").read_text().lower()
    else:
        assert settings.seeds >= fewest_pairs(comparisons)
