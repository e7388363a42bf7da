"""The training loop, for every objective: it logs, validates, saves, resumes, and stops if it diverges."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import numpy as np

from aeden import random_keys
from aeden.data.batches import TrainBatches
from aeden.runtime import devices, stopwatch
from aeden.runtime.distributed import joining, meeting
from aeden.runtime.distributed.flags_of_all import processes_with
from aeden.runtime.processes import Interrupted, stop_signals
from aeden.shapes import Array, PyTree
from aeden.training.checkpoints import Checkpoints, remove_leftovers
from aeden.training.divergence import check_losses, check_params, check_validation
from aeden.training.metrics_log import MetricsLog, Row
from aeden.training.objective import Metrics, Objective
from aeden.training.position import Position, resume
from aeden.training.progress import Progress
from aeden.training.running_totals import Clock, Window
from aeden.training.schedule import Schedule

RESULTS = ("last", "best")


@dataclasses.dataclass(frozen=True)
class Training:
    """One training, ready to start.

    The same training gives the same states, however often it is interrupted and on however many devices it runs.

    Attributes:
      objective: what is trained.
      batches: the training batches by step.
      schedule: how long to train, and how often to log, validate and save.
      seed: seed of every random number.
      phase: number of this training in a run of several; each phase has its own random numbers.
      checkpoints: number of newest checkpoints to keep.
      best_metric: validation metric whose highest value marks the best checkpoint, which is kept too.
      result: which checkpoint is the result: "last", or "best" on validation.
    """

    objective: Objective
    batches: TrainBatches
    schedule: Schedule
    seed: int
    phase: int = 0
    checkpoints: int = 2
    best_metric: str = "psnr"
    result: str = "last"

    def initial_state(self) -> PyTree:
        """The state before the first step."""
        return self.objective.init(random_keys.stream_key(self.seed, random_keys.Stream.INIT, self.phase))


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A finished training.

    Attributes:
      state: the resulting state: the last one, or that of the best checkpoint (`Training.result`).
      step: the step of that state.
      validation: the metrics of that state on the validation split.
      clock: the time it took, over all starts.
      rows: the rows of the metrics log.
      best_step: the step of the best checkpoint on validation; None if none was validated.
      together: the most seeds that were trained in one program with this one, itself included, over all starts.
    """

    state: PyTree
    step: int
    validation: dict[str, float]
    clock: Clock
    rows: list[Row]
    best_step: int | None
    together: int = 1


def fit(training: Training, folder: Path, started: float) -> Fitted:
    """Trains from the newest intact checkpoint in a folder, or from the start, to the end of the schedule.

    Args:
      training: what to train.
      folder: takes `checkpoints/`, `metrics.csv` and `tensorboard/`; created if absent. The caller holds the lock of
        the run folder.
      started: `time.monotonic()` when this start of the run began.

    Raises:
      TrainingDiverged: losses, parameters or validation figures are not finite, see `aeden.training.divergence`.
      Interrupted: SIGINT or SIGTERM arrived; a checkpoint was saved.
      OSError: a checkpoint could not be written.
      ValueError: `training.checkpoints` is less than 1.
    """
    folder.mkdir(parents=True, exist_ok=True)
    primary = devices.is_primary()
    if primary:
        remove_leftovers(folder / "checkpoints")
    checkpoints = Checkpoints(folder / "checkpoints", training.checkpoints, training.best_metric)
    joining.tell_saved(checkpoints.last_step)
    with contextlib.closing(checkpoints):
        with stopwatch.part("start"):
            position, messages = resume(training.initial_state(), checkpoints)
        batches = training.batches
        images = batches.examples(training.schedule.steps), batches.examples(position.step)
        log = MetricsLog(folder if primary else None, position.step)
        with stop_signals() as stop, Progress(*images, primary) as progress, log:
            for line in messages:
                progress.say(line)
            with stopwatch.part("train"):
                _train(Loop(training, checkpoints, log, progress, started, stop), position)
        with stopwatch.part("checkpoints"):
            checkpoints.wait()
            # The primary process deletes old checkpoints in the background. Nobody may look for the best one before.
            meeting.meet("all checkpoints are written")
        position.clock = position.clock.until_now(started)
        state, step, validation = _result(training, checkpoints, position)
        best = checkpoints.best_step()
        return Fitted(state, step, validation, position.clock, log.rows, best, position.together)


@dataclasses.dataclass(frozen=True)
class Loop:
    """What the loop works with; `stop` is empty until a signal arrives.

    A run that is trained with others in one program has `name` before its messages and 1 / `seeds` of the time.
    """

    training: Training
    checkpoints: Checkpoints
    log: MetricsLog
    progress: Progress
    started: float
    stop: list[int]
    name: str = ""
    seeds: int = 1


def _train(loop: Loop, position: Position) -> None:
    """Takes the steps from a position to the end of the schedule; updates the position.

    Raises:
      TrainingDiverged, Interrupted, OSError: see `fit`.
    """
    training, schedule, batches = loop.training, loop.training.schedule, loop.training.batches
    run, key = devices.pmap_steps(with_key(training)), key_data(training, training.seed)
    unread: list[tuple[int, Metrics]] = []
    compiled: set[int] = set()
    if position.step:
        # Earlier versions saved states that had diverged.
        check_state(loop, position)
        check_validation(position.step, position.validation, loop.checkpoints)
    while position.step < schedule.steps:
        size = schedule.next_dispatch(position.step)
        images = batches.examples(position.step + size) - batches.examples(position.step)
        began = time.monotonic()
        position.state, metrics = run(position.state, devices.deal(batches.at(position.step, size)), key)
        unread.append((position.step, metrics))
        position.step += size
        logging = schedule.due(position.step, schedule.log_every)
        validating = schedule.due(position.step, schedule.validate_every)
        stopping = processes_with(bool(loop.stop))  # asked once: a signal may arrive between here and the end
        saving = validating or schedule.due(position.step, schedule.checkpoint_every) or bool(stopping)
        if logging or saving or devices.runs_in_step():
            # Reading waits for the devices, so elsewhere it is put off until the numbers are needed.
            _read_metrics(unread, position.window, loop.checkpoints)
        if size in compiled:
            position.clock.train_seconds += time.monotonic() - began
            position.clock.train_images += images
        compiled.add(size)
        loop.progress.advance(images, position.step, position.window.loss)
        if saving:
            check_state(loop, position)
        if validating:
            with stopwatch.part("validation"):
                position.validation = training.objective.validate(position.state)
        log_row(loop, position, logging, validating)
        if saving:
            save(loop, position, validating)
        # Also after the last step: whatever would follow, e.g. another phase, must not start.
        if not stopping and position.step == schedule.steps:
            stopping = processes_with(bool(loop.stop))
        if stopping:
            loop.checkpoints.wait()
            meeting.meet("the last checkpoint is written")
            raise Interrupted(stopped(position.step, stopping))


def stopped(step: int, asked: Sequence[int]) -> str:
    """What a run says that was stopped, and which of several processes was asked to."""
    who = f" (process {asked[0]} was asked to stop)" if jax.process_count() > 1 else ""
    return f"stopped at step {step}, which is saved{who}: run the same command again to go on"


def log_row(loop: Loop, position: Position, logging: bool, validating: bool) -> None:
    """Writes a row of the metrics log if there is anything to log, and says what a validation has found."""
    objective, schedule = loop.training.objective, loop.training.schedule
    epoch = position.step / loop.training.batches.steps_per_epoch
    row: Row = {}
    if logging:
        row |= {f"train_{name}": value for name, value in position.window.means().items()}
        position.window = Window(loss=position.window.loss)
    if validating:
        check_validation(position.step, position.validation, loop.checkpoints)
        row |= {f"validation_{name}": value for name, value in position.validation.items()}
        metrics = "  ".join(f"{name} {value:.4f}" for name, value in position.validation.items())
        said = f"step {position.step}/{schedule.steps}  epoch {epoch:.2f}  validation: {metrics}"
        loop.progress.say(f"{loop.name}{said}")
    if row:
        loop.log.write({"step": position.step, "epoch": epoch, **row})
        for warning in objective.warn(row):
            loop.progress.say(f"warning: {loop.name}step {position.step}: {warning}")


def check_state(loop: Loop, position: Position) -> None:
    """Refuses a state that is worth neither validating nor saving."""
    params = loop.training.objective.params(position.state)
    with stopwatch.part("checkpoints"):
        check_params(position.step, params, loop.checkpoints)


def save(loop: Loop, position: Position, validated: bool) -> None:
    """Starts writing a checkpoint."""
    extra = position.extra() | {"clock": dataclasses.asdict(position.clock.until_now(loop.started, loop.seeds))}
    with stopwatch.part("checkpoints"):
        loop.checkpoints.wait()
        # Process 0 also computes the checksums of the step before, while the others would give up waiting for it.
        meeting.meet("the checkpoint before is written")
        loop.checkpoints.save(position.step, position.state, position.validation if validated else None, extra)


def _result(training: Training, checkpoints: Checkpoints, position: Position) -> tuple[PyTree, int, dict[str, float]]:
    """The resulting state, its step and its validation metrics, as `training.result` says."""
    best = meeting.from_primary("the best step", checkpoints.best_intact) if training.result == "best" else None
    if best is None or best == position.step:
        return devices.as_local(position.state), position.step, position.validation
    return devices.as_local(checkpoints.restore(best, position.state)), best, checkpoints.metrics(best)


def with_key(training: Training) -> Callable[[PyTree, PyTree, Array], tuple[PyTree, Metrics]]:
    """The objective's step with a key as data: (state, batch, key data) -> (state, metrics)."""
    return lambda state, batch, key: training.objective.step(state, batch, jax.random.wrap_key_data(key))


def key_data(training: Training, seed: int) -> np.ndarray:
    """The key of the training stream of a seed in the phase of a training, as data."""
    return random_keys.stream_key_data(seed, random_keys.Stream.TRAIN, training.phase)


def _read_metrics(unread: list[tuple[int, Metrics]], window: Window, checkpoints: Checkpoints) -> None:
    """Adds the metrics of the steps since the last call to the window.

    Raises:
      TrainingDiverged: a loss is not finite; names the first such step.
    """
    for first, metrics in devices.fetch(unread):
        add_metrics(first, metrics, window, checkpoints)
    unread.clear()


def add_metrics(first: int, metrics: dict[str, np.ndarray], window: Window, checkpoints: Checkpoints) -> None:
    """Adds the metrics of the steps after step `first`, an array [steps] each. Raises as `_read_metrics`."""
    check_losses(first, metrics["loss"].tolist(), checkpoints)
    window.add(metrics)
