"""Denoising runs trained in one program end as by themselves; what cannot be trained so is refused."""

import csv
import time

import jax
import numpy as np
import pytest

from aeden.runtime import files, run_folder
from aeden.tasks import execute, execute_together
from aeden.training.checkpoints import newest_params
from aeden.training.loop import Training, fit
from configs import base, smoke
from experiments.ablate.grid import expand

# The tolerance of tests/experiments/test_commands.py for numbers of devices, of losses and figures in nats; PSNR is in
# dB, where the same relative error of the MSE is 4.3 times as much.
PARAMETERS, FIGURES, PSNR = 1e-5, 1e-5, 1e-4


def config(image_folder, seed, **model):
    config = smoke.get_config()
    config.data.name, config.data.dir, config.data.limit, config.seed = "folder", str(image_folder), 64, seed
    config.model.features, config.batch_size, config.log_every = (2, 2), 16, 1
    config.epochs, config.steps, config.eval.every = 0.0, 6, 3
    config.model.update(model)
    return config


def train(configs, folder):
    defaults = base.get_config().to_dict()
    return execute_together.train(configs, defaults, [folder / str(one.seed) for one in configs], time.monotonic())


def finish(one, folder):
    return execute.execute(one, base.get_config().to_dict(), folder / str(one.seed), time.monotonic())[0]


def assert_alike(folder, other, seed):
    """Parameters and every figure of the metrics log."""
    (step, params), (its_step, its) = (newest_params(one / str(seed) / "checkpoints") for one in (folder, other))
    assert step == its_step
    for mine, expected in zip(jax.tree.leaves(params), jax.tree.leaves(its), strict=True):
        np.testing.assert_allclose(mine, expected, atol=PARAMETERS)
    texts = ((one / str(seed) / "metrics.csv").read_text().splitlines() for one in (folder, other))
    rows, expected = (list(csv.DictReader(text)) for text in texts)
    assert len(rows) == len(expected)
    for mine, its in zip(rows, expected, strict=True):
        assert mine.keys() == its.keys()
        for name in mine:
            if mine[name] or its[name]:
                tolerance = PSNR if "psnr" in name else FIGURES
                assert float(mine[name]) == pytest.approx(float(its[name]), abs=tolerance), name


def test_two_seeds_end_as_by_themselves(image_folder, tmp_path, capsys):
    # The network that is compiled the fastest, and no test: see the proofs below.
    configs = [config(image_folder, seed, architecture="dense", hidden=(4,), features=(32, 32)) for seed in (0, 3)]
    for one in configs:
        one.eval.test = False
    assert train(configs, tmp_path / "together") == "seed 0, seed 3 trained together"
    assert "2 seeds together" in capsys.readouterr().err
    finish(configs[1], tmp_path / "alone")
    assert_alike(tmp_path / "together", tmp_path / "alone", 3)
    summary = finish(configs[1], tmp_path / "together")
    alone = files.read_json(tmp_path / "alone/3/summary.json")
    assert (summary["together"], alone["together"]) == (2, 1)
    assert summary.keys() == alone.keys()
    assert summary["seconds"]["total"] == pytest.approx(sum(summary["seconds"].values()) / 2, abs=0.02)
    recorded = [run_folder.recorded_config(tmp_path / name / "3") for name in ("together", "alone")]
    assert recorded[0] == recorded[1]
    with run_folder.locked(tmp_path / "together/0"):  # it is free again
        pass


def test_what_cannot_be_trained_together_is_refused_and_leaves_nothing(image_folder, tmp_path):
    gans = [smoke.get_config(), smoke.get_config()]
    for seed, one in enumerate(gans):
        one.task, one.seed = "gan", seed
    with pytest.raises(ValueError, match=r"runs of task=gan cannot be trained together, only those of task=denoise"):
        train(gans, tmp_path / "runs")
    different = [config(image_folder, 0), config(image_folder, 1, decoder="upsample")]
    with pytest.raises(ValueError, match="differ in nothing but their seed"):
        train(different, tmp_path / "runs")
    bad = [config(image_folder, seed, decoder="transposed") for seed in (0, 1)]
    with pytest.raises(ValueError, match="transposed"):
        train(bad, tmp_path / "runs")
    assert not list((tmp_path / "runs").rglob("*.*"))


@pytest.mark.proof
@pytest.mark.parametrize(("lowering", "seeds"), [("reference", 3), ("fast", 4)], ids=["one device", "two devices"])
def test_a_grid_trained_together_has_the_figures_of_runs_alone(settings, tmp_path, lowering, seeds):
    """Two contenders. Parameters and logs of all seeds, the whole run of the last one."""
    experiment = settings.experiment
    experiment.data.limit, experiment.epochs, experiment.steps, experiment.model.lowering = 128, 0.0, 10, lowering
    settings.seeds = seeds
    for contender in settings.contenders:
        configs = [cell.config for cell in expand(settings) if cell.contender == contender]
        here, there = tmp_path / contender, tmp_path / f"{contender} alone"
        train(configs, here)
        for one in configs[:-1]:
            training = execute.prepare(one, execute_together.open_data(one)).abstract_trainings()[0]
            fit(training, there / str(one.seed), time.monotonic())
            assert_alike(here, there, one.seed)
        last = configs[-1]
        together, alone = finish(last, here), finish(last, there)
        assert_alike(here, there, last.seed)
        assert (together["together"], alone["together"]) == (seeds, 1)
        assert together["test"] == pytest.approx(alone["test"], abs=PSNR)
        figures = [execute.TASKS["denoise"].figures(summary) for summary in (together, alone)]
        assert figures[0] == pytest.approx(figures[1], rel=1e-3, abs=1e-4)
        files_here, files_there = ({p.name for p in (one / str(last.seed)).iterdir()} for one in (here, there))
        assert files_here == files_there


@pytest.mark.proof
@pytest.mark.parametrize("lowering", ["fast", "reference"])
def test_numbers_that_are_not_finite_under_one_seed_reach_no_other(image_folder, tmp_path, lowering, monkeypatch):
    """XLA may compute the convolutions of all seeds as one."""
    configs = [config(image_folder, seed, lowering=lowering) for seed in (0, 1)]

    def spoilt(self, initial_state=Training.initial_state):
        state = initial_state(self)
        return state.replace(params=jax.tree.map(lambda x: x * np.inf, state.params)) if self.seed == 1 else state

    monkeypatch.setattr(Training, "initial_state", spoilt)
    assert train(configs, tmp_path / "together") == "seed 0 trained together; seed 1 diverged and goes on alone"
    monkeypatch.undo()
    configs[0].eval.test = False  # which `train` does not look at
    finish(configs[0], tmp_path / "alone")
    assert_alike(tmp_path / "together", tmp_path / "alone", 0)


@pytest.mark.proof
@pytest.mark.parametrize(
    "fields",
    [
        {"model.architecture": "dense"},
        {"model.architecture": "unet", "model.level_input": True, "noise.level_max": 0.5, "loss": "mse"},
        {"data.crop": 8, "eval.checkpoint": "best"},
        {"augment.shift": 2.0, "augment.flip": True, "model.dtype": "bfloat16"},
    ],
    ids=lambda fields: "-".join(fields),
)
def test_other_denoising_runs_can_be_trained_together(image_folder, tmp_path, fields):
    configs = [config(image_folder, seed) for seed in (0, 1)]
    for one in configs:
        one.update_from_flattened_dict(fields)
        one.eval.test = False
        if one.data.crop:
            one.data.limit = 0
        if one.model.architecture == "dense":
            one.model.features = (32, 32)  # the default: it has none
    train(configs, tmp_path / "together")
    together, alone = (finish(configs[1], tmp_path / name) for name in ("together", "alone"))
    # bfloat16 has three digits.
    tolerance = 0.05 if fields.get("model.dtype") else 1e-3
    assert together["validation"]["psnr"] == pytest.approx(alone["validation"]["psnr"], abs=tolerance)
    assert together["tested_step"] == alone["tested_step"]
