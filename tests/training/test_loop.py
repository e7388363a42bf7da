"""`fit`: an interrupted run ends like an uninterrupted one; what is logged and saved; how a run stops."""

import contextlib
import signal
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from conftest import stopping

from aeden.data.batches import TrainBatches
from aeden.data.splits import Split
from aeden.random_keys import example_keys
from aeden.runtime import devices
from aeden.runtime.processes import Interrupted
from aeden.training import loop
from aeden.training.checkpoints import Checkpoints
from aeden.training.divergence import MESSAGE, TrainingDiverged
from aeden.training.gradient_step import TrainState
from aeden.training.loop import Training, fit
from aeden.training.objective import Objective
from aeden.training.schedule import Schedule

OPTIMIZER = optax.adam(0.1)


def linear_objective(score=float, bad_step=None, bad_update=None):
    """Fits the mean of noisy images: small, but with every part of a real objective."""

    def init(key):
        params = {"w": jax.random.normal(key, (2, 2, 1))}
        return TrainState(jnp.int32(0), params, OPTIMIZER.init(params))

    def step(state, batch, key):
        keys = example_keys(key, state.step, batch["index"])
        noise = jax.vmap(lambda k: jax.random.normal(k, (2, 2, 1)))(keys)
        target = batch["image"] / 255.0 + 0.1 * noise
        count = devices.sum_over_devices(jnp.sum(batch["mask"]))

        def share(params):
            errors = jnp.mean((params["w"][None] - target) ** 2, axis=(1, 2, 3))
            return jnp.sum(jnp.where(batch["mask"], errors, 0.0)) / count

        loss, gradient = devices.sum_over_devices(jax.value_and_grad(share)(state.params))
        if bad_step is not None:
            loss = jnp.where(state.step + 1 == bad_step, jnp.nan, loss)
        updates, opt_state = OPTIMIZER.update(gradient, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        if bad_update is not None:
            params = jax.tree.map(lambda x: jnp.where(state.step + 1 == bad_update[0], bad_update[1], x), params)
        return TrainState(state.step + 1, params, opt_state), {"loss": loss}

    def validate(state):
        return {"psnr": score(int(state.step))}

    return Objective(jax.jit(init), step, validate)


def run(folder, objective=None, stop=None, dispatch=1, steps=40, result="last", seed=0):
    """Trains in a folder; with `stop`, only to that step, as an interrupted run does."""
    images = np.random.default_rng(0).integers(0, 256, (22, 2, 2, 1), dtype=np.uint8)
    schedule = Schedule(steps, log_every=4, validate_every=10, checkpoint_every=5, steps_per_dispatch=dispatch)
    batches = stopping(TrainBatches, [(0, stop)])(Split(images), 4, seed)
    training = Training(objective or linear_objective(), batches, schedule, seed, result=result)
    return fit(training, folder, time.monotonic())


def same(one, other):
    return all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), one, other)))


def test_a_run_that_is_stopped_again_and_again_ends_the_same(tmp_path):
    whole = run(tmp_path / "whole")
    for stop in (0, 7, 23, 37):
        with pytest.raises(Interrupted, match=f"stopped at step {stop + 1}, which is saved"):
            run(tmp_path / "cut", stop=stop)
    cut = run(tmp_path / "cut")
    assert same(cut.state, whole.state)
    assert cut.rows == whole.rows
    assert (tmp_path / "cut/metrics.csv").read_bytes() == (tmp_path / "whole/metrics.csv").read_bytes()


def test_the_program_does_not_depend_on_the_seed(tmp_path, monkeypatch):
    """So that another seed finds it in the compilation cache."""
    compile_steps, programs = devices.pmap_steps, []

    def recorded(step):
        compiled = compile_steps(step)

        def first(*arguments):
            programs.append(str(jax.make_jaxpr(compiled)(*arguments)))
            raise Interrupted

        return first

    monkeypatch.setattr(devices, "pmap_steps", recorded)
    for seed in (0, 1):
        with pytest.raises(Interrupted):
            run(tmp_path / str(seed), seed=seed)
    assert programs[0] == programs[1]
    assert "random_fold_in" in programs[0]


def test_the_seconds_of_the_parts_add_up_to_the_time_over_all_starts(tmp_path):
    earlier = 0.0
    for stop in (7, 23, None):
        with contextlib.suppress(Interrupted):
            clock = run(tmp_path, stop=stop).clock
        if stop is not None:
            saved = Checkpoints(tmp_path / "checkpoints").newest_whole()[0]["extra"]["clock"]
            assert saved["wall_seconds"] > earlier
            assert sum(saved["seconds"].values()) == pytest.approx(saved["wall_seconds"])
            earlier = saved["wall_seconds"]
    assert clock.wall_seconds > earlier
    assert sum(clock.seconds.values()) == pytest.approx(clock.wall_seconds)
    assert clock.seconds.keys() >= {"compile", "train", "validation", "checkpoints"}


@pytest.mark.parametrize("dispatch", [pytest.param(2, marks=pytest.mark.proof), 3])
def test_many_steps_a_dispatch_change_nothing(tmp_path, dispatch):
    single, many = run(tmp_path / "single"), run(tmp_path / "many", dispatch=dispatch)
    for mine, its in zip(jax.tree.leaves(many.state), jax.tree.leaves(single.state), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-6)
    assert [row["step"] for row in many.rows] == [row["step"] for row in single.rows]


def test_no_dispatch_passes_what_is_due():
    schedule = Schedule(45, log_every=8, validate_every=20, checkpoint_every=0, steps_per_dispatch=5)
    step, taken = 0, []
    while step < schedule.steps:
        size = schedule.next_dispatch(step)
        assert all(not schedule.due(inner, every) for inner in range(step + 1, step + size) for every in (8, 20))
        step += size
        taken.append(size)
    assert step == 45
    assert set(taken) == {1, 5}


def test_rows_and_validations(tmp_path):
    fitted = run(tmp_path / "run")
    assert [row["step"] for row in fitted.rows if "train_loss" in row] == [4 * i for i in range(1, 11)]
    assert [row["step"] for row in fitted.rows if "validation_psnr" in row] == [10, 20, 30, 40]
    assert fitted.validation == {"psnr": 40.0}
    assert fitted.clock.train_images == 148 - 4  # six epochs of 22 and four steps of 4, without the step that compiled
    assert fitted.rows[-1]["train_loss"] < fitted.rows[0]["train_loss"]


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    with pytest.raises(TrainingDiverged, match=r"nan at step 18; the last good checkpoint is step 15"):
        run(tmp_path / "run", linear_objective(bad_step=18))
    assert (tmp_path / "run/checkpoints/15.json").exists()
    with pytest.raises(TrainingDiverged, match=r"nan at step 2; none is saved"):
        run(tmp_path / "other", linear_objective(bad_step=2))


@pytest.mark.parametrize(
    ("step", "good", "value"),
    [(40, "step 35", np.nan), (40, "step 35", -1e38), (10, "step 5", np.inf), (5, "none", np.nan)],
)
def test_an_update_that_breaks_the_parameters_is_found_before_they_are_saved(tmp_path, step, good, value):
    """At the end, at a validation and at a checkpoint, where no later loss shows it."""
    with pytest.raises(TrainingDiverged, match=rf"^the largest parameter is \S+ at step {step}; .*{good}") as error:
        run(tmp_path, linear_objective(bad_update=(step, value)))
    assert MESSAGE.match(str(error.value))
    assert not (tmp_path / f"checkpoints/{step}.json").exists()


def test_validation_figures_that_are_no_numbers_stop_the_run(tmp_path):
    with pytest.raises(TrainingDiverged, match=r"^the validation's psnr is nan at step 20; .* is step 15") as error:
        run(tmp_path, linear_objective(score=lambda step: np.nan if step == 20 else float(step)))
    assert MESSAGE.match(str(error.value))
    assert not (tmp_path / "checkpoints/20.json").exists()


def test_a_diverged_state_that_an_earlier_version_saved_is_not_a_result(tmp_path, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr(loop, "check_params", lambda *_: None)
        run(tmp_path, linear_objective(bad_update=(40, np.nan)))
    with pytest.raises(TrainingDiverged, match=r"parameter is nan at step 40; .* is step 35"):
        run(tmp_path)


def test_a_damaged_checkpoint_costs_only_the_steps_since_the_one_before(tmp_path, capsys):
    whole = run(tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(tmp_path / "cut", stop=33)
    newest = max(int(path.stem) for path in (tmp_path / "cut/checkpoints").glob("*.json"))
    path = max(
        (p for p in (tmp_path / f"cut/checkpoints/{newest}").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size
    )
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    assert same(run(tmp_path / "cut").state, whole.state)
    assert "checkpoint 34 is not used" in capsys.readouterr().err


@pytest.mark.parametrize("stop", [pytest.param(None, marks=pytest.mark.proof), 33])
def test_the_result_is_the_last_or_the_best_checkpoint(tmp_path, stop):
    """The metric is highest at step 20. The best state is the one that a run of 20 steps with the same schedule has."""

    def objective():
        return linear_objective(score=lambda step: -abs(step - 20.0))

    def whole(folder, result):
        if stop is not None:
            with pytest.raises(Interrupted):
                run(folder, objective(), stop=stop, result=result)
        return run(folder, objective(), result=result)

    last, best = whole(tmp_path / "last", "last"), whole(tmp_path / "best", "best")
    assert (last.step, last.validation, last.best_step) == (40, {"psnr": -20.0}, 20)
    assert (best.step, best.validation, best.best_step) == (20, {"psnr": 0.0}, 20)
    assert int(best.state.step) == 20
    with pytest.raises(Interrupted):
        run(tmp_path / "cut", stop=19)  # saved at step 20
    saved = checkpoint_state(tmp_path / "cut", last.state)
    assert same(best.state, saved)
    assert not same(last.state, saved)


def test_no_process_looks_for_the_best_checkpoint_before_all_have_written(tmp_path, monkeypatch):
    """The primary process still deletes old checkpoints after the last step, while the others would read them."""
    events, best = [], Checkpoints.best_step

    def best_step(checkpoints):
        if threading.current_thread() is threading.main_thread():  # the thread that seals checkpoints asks too
            events.append("best")
        return best(checkpoints)

    def wait(checkpoints, wait=Checkpoints.wait):
        wait(checkpoints)
        events.append("written")

    monkeypatch.setattr(loop.meeting, "meet", lambda what: events.append("all meet"))
    monkeypatch.setattr(Checkpoints, "best_step", best_step)
    monkeypatch.setattr(Checkpoints, "wait", wait)
    run(tmp_path / "run", steps=10)
    assert events[events.index("best") - 2 : events.index("best") + 1] == ["written", "all meet", "best"]


def checkpoint_state(folder, like):
    """The state of the newest checkpoint in a folder."""
    with contextlib.closing(Checkpoints(folder / "checkpoints")) as checkpoints:
        return checkpoints.restore(checkpoints.last_step(), like)


def test_signals_are_as_before_afterwards(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    run(tmp_path / "run", steps=3)
    assert signal.getsignal(signal.SIGTERM) is before
