"""`fit_together`: each training ends as by itself, also after interruptions, and one that diverges stops alone."""

import contextlib
import dataclasses
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import stopping
from test_loop import linear_objective, same

from aeden import random_keys
from aeden.data.batches import TrainBatches
from aeden.data.splits import Split
from aeden.runtime import files, many_states
from aeden.runtime.processes import Interrupted
from aeden.training.loop import Training, fit
from aeden.training.schedule import Schedule
from aeden.training.together import fit_together


def objective(bad=None):
    """The linear objective; with `bad`, (seed, step), the loss of a step is NaN under that seed."""
    plain = linear_objective()

    def step(state, batch, key):
        state, metrics = plain.step(state, batch, key)
        if bad is not None:
            own = jax.random.key_data(random_keys.stream_key(bad[0], random_keys.Stream.TRAIN))
            diverges = jnp.all(jax.random.key_data(key) == own) & (state.step == bad[1])
            metrics["loss"] = jnp.where(diverges, jnp.nan, metrics["loss"])
        return state, metrics

    def validate(state):
        return {"psnr": 50.0 - abs(10 - int(state.step)) - float(jnp.abs(state.params["w"]).max())}

    def validate_seeds(states, seeds):
        return [validate(state) for state in many_states.unstack(states)]

    return dataclasses.replace(plain, step=step, validate=validate, validate_seeds=validate_seeds)


def training(seed, stop=None, bad=None, result="last", dispatch=1):
    images = np.random.default_rng(0).integers(0, 256, (22, 2, 2, 1), dtype=np.uint8)
    schedule = Schedule(20, log_every=4, validate_every=10, checkpoint_every=5, steps_per_dispatch=dispatch)
    batches = stopping(TrainBatches, [(0, stop)])(Split(images), 4, seed)
    return Training(objective(bad), batches, schedule, seed, result=result)


def together(folder, seeds, stop=None, bad=None, dispatch=1):
    """Trains seeds together; with `stop`, only to the step after that."""
    # A second signal would end the process.
    trainings = [training(seed, stop if seed == seeds[0] else None, bad, dispatch=dispatch) for seed in seeds]
    return fit_together(trainings, [folder / str(seed) for seed in seeds], time.monotonic())


def alone(folder, seed, result="last"):
    return fit(training(seed, result=result), folder / str(seed), time.monotonic())


def assert_as_alone(one, other):
    """States and logs agree: 1e-6, relative, the tolerance of test_loop for other programs."""
    for mine, its in zip(jax.tree.leaves(one.state), jax.tree.leaves(other.state), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-6, atol=1e-7)
    assert [row.keys() for row in one.rows] == [row.keys() for row in other.rows]
    for mine, its in zip(one.rows, other.rows, strict=True):
        assert mine == pytest.approx(its, rel=1e-6)
    assert (one.step, one.best_step) == (other.step, other.best_step)


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param((0, 1, 2), marks=pytest.mark.proof, id="one device"),
        pytest.param((0, 1, 2, 5), id="two devices"),
    ],
)
def test_each_ends_as_by_itself(tmp_path, seeds):
    assert together(tmp_path / "together", seeds, dispatch=3) == {}
    for seed in (seeds[0], seeds[-1]):
        # `fit` finds nothing left to train.
        mine = alone(tmp_path / "together", seed)
        assert_as_alone(mine, alone(tmp_path / "alone", seed))
        assert mine.together == len(seeds)
    best = alone(tmp_path / "together", seeds[0], "best")
    assert best.step == best.best_step == 10


def test_interrupted_together_they_end_with_the_same_bits_together(tmp_path):
    seeds = (0, 1, 2, 3)  # on two devices
    together(tmp_path / "whole", seeds)
    for stop in (3, 12):
        with pytest.raises(Interrupted, match=r"stopped at step \d+, which is saved"):
            together(tmp_path / "cut", seeds, stop)
    together(tmp_path / "cut", seeds)
    for seed in (1, 3):
        mine, whole = alone(tmp_path / "cut", seed), alone(tmp_path / "whole", seed)
        assert same(mine.state, whole.state)
        assert mine.rows == whole.rows
        names = [tmp_path / name / str(seed) / "metrics.csv" for name in ("cut", "whole")]
        assert names[0].read_bytes() == names[1].read_bytes()


def test_interrupted_together_they_go_on_alone_or_in_other_groups(tmp_path, capsys):
    with pytest.raises(Interrupted):
        together(tmp_path / "cut", (0, 1, 2), stop=12)
    # Seed 2 loses its newest checkpoint, as if it was killed while it was written.
    newest = max(int(path.stem) for path in (tmp_path / "cut/2/checkpoints").glob("*.json"))
    (tmp_path / f"cut/2/checkpoints/{newest}.json").unlink()
    first = alone(tmp_path / "cut", 0)
    assert first.together == 3
    capsys.readouterr()
    together(tmp_path / "cut", (1, 2))
    said = capsys.readouterr().err
    assert f"seed 1: resuming at step {newest}" in said
    assert "seed 2: checkpoint" in said
    assert "seed 2: resuming at step 10" in said
    for seed in (0, 2):
        assert_as_alone(alone(tmp_path / "cut", seed), alone(tmp_path / "alone", seed))


def test_one_that_diverges_stops_alone(tmp_path, capsys):
    problems = together(tmp_path / "together", (0, 1, 2, 3), bad=(2, 13))
    assert problems.keys() == {2}
    assert problems[2].startswith("the loss is nan at step 13; the last good checkpoint is step 10")
    assert "seed 2: the loss is nan at step 13" in capsys.readouterr().err
    assert not (tmp_path / "together/2/checkpoints/15.json").exists()
    # By itself it does not diverge here: it goes on from what was good.
    for seed in (1, 2):
        assert_as_alone(alone(tmp_path / "together", seed), alone(tmp_path / "alone", seed))


def test_if_all_diverge_nothing_goes_on(tmp_path):
    class Counting(TrainBatches):
        drawn: list = []

        def at(self, step, count=1):
            self.drawn.append(step)
            return super().at(step, count)

    one = training(0, bad=(0, 6))
    one = dataclasses.replace(one, batches=Counting(one.batches.split, 4, 0))
    assert fit_together([one], [tmp_path], time.monotonic()).keys() == {0}
    assert max(Counting.drawn) < 7


def test_each_is_charged_its_share_of_the_time(tmp_path):
    began = time.monotonic()
    together(tmp_path, (0, 1))
    took = time.monotonic() - began
    clocks = [files.read_json(tmp_path / str(seed) / "checkpoints/20.json")["extra"]["clock"] for seed in (0, 1)]
    assert sum(clock["wall_seconds"] for clock in clocks) < took
    for clock in clocks:
        assert sum(clock["seconds"].values()) == pytest.approx(clock["wall_seconds"])
        assert {"compile", "train", "validation"} <= clock["seconds"].keys()
    with contextlib.suppress(Interrupted):
        together(tmp_path, (0, 1))  # nothing is left
