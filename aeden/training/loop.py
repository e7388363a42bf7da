"""The one training loop: any task, any state. It logs, validates, checkpoints, resumes, and stops at a loss that is no
number.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax

from aeden import random_keys
from aeden.data.batches import TrainBatches
from aeden.runtime import devices
from aeden.runtime.processes import Interrupted, stop_signals
from aeden.shapes import Array, PyTree
from aeden.training.checkpoints import Checkpoints, remove_leftovers
from aeden.training.metrics_log import Logbook, Row
from aeden.training.progress import Progress
from aeden.training.running_totals import Clock, Window
from aeden.training.schedule import Schedule

Metrics = dict[str, Array]


class TrainingDiverged(ArithmeticError):
    """The loss is not finite. The message names the step and the last good checkpoint."""


@dataclasses.dataclass(frozen=True)
class Objective:
    """What is trained.

    Attributes:
      init: key -> state, with an int32 leaf `step`; compiled by whoever makes it.
      step: (state, one device's share of a batch, the stream's key) -> (state with step + 1, metrics). It sums over
        the devices itself (`parallel.sum_over_devices`); metrics are scalars and hold `loss`.
      validate: state -> metrics on the validation split, as numbers.
      watch: a row of the logbook -> warnings, a line each, that are shown with the progress.
    """

    init: Callable[[Array], PyTree]
    step: Callable[[PyTree, PyTree, Array], tuple[PyTree, Metrics]]
    validate: Callable[[PyTree], dict[str, float]]
    watch: Callable[[Row], list[str]] = lambda row: []


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A finished training.

    Attributes:
      state: the last.
      validation: its figures on the validation split.
      clock: the time it took, over all its starts.
      rows: its logbook's.
      best_step: the checkpoint that did best on validation, or None where none was evaluated.
    """

    state: PyTree
    validation: dict[str, float]
    clock: Clock
    rows: list[Row]
    best_step: int | None


def fit(
    task: Objective,
    batches: TrainBatches,
    schedule: Schedule,
    checkpoints: Checkpoints,
    make_logbook: Callable[[int], Logbook],
    seed: int,
    started: float,
    phase: int = 0,
) -> Fitted:
    """Trains a task from its newest whole checkpoint, or from the start, to the end of its schedule.

    The same seed, data and schedule give the same run, however often it is interrupted.

    Args:
      task: what to train.
      batches: the training batches by step.
      schedule: how long and how often.
      checkpoints: where to save and resume.
      make_logbook: the step resumed from -> the logbook.
      seed: of every random number.
      started: `time.monotonic()` when this start of the run began.
      phase: which training of the run it is, where there are several: each has random numbers of its own.

    Raises:
      TrainingDiverged: the loss is not finite.
      Interrupted: SIGINT or SIGTERM came; a checkpoint was saved.
      OSError: a checkpoint could not be written.
    """
    state = devices.replicate(task.init(random_keys.stream_key(seed, random_keys.Stream.INIT, phase)))
    step, state, saved, complaints = _resume(checkpoints, state)
    window, clock = Window(**saved.get("window", {})), Clock(**saved.get("clock", {}))
    validation: dict[str, float] = saved.get("validation", {})
    wall_before = clock.wall_seconds
    logbook = make_logbook(step)
    progress = Progress(batches.examples(schedule.steps), batches.examples(step), devices.is_primary())
    for line in complaints:
        progress.say(line)
    run = devices.pmap_steps(_with_key(task.step, seed, phase))
    unread: list[tuple[int, Metrics]] = []
    seen_sizes: set[int] = set()

    with stop_signals() as stop, progress, logbook:
        while step < schedule.steps:
            size = schedule.next_dispatch(step)
            images = batches.examples(step + size) - batches.examples(step)
            began = time.monotonic()
            state, metrics = run(state, devices.deal(batches.at(step, size)))
            unread.append((step, metrics))
            step += size
            logging, validating = schedule.due(step, schedule.log_every), schedule.due(step, schedule.validate_every)
            stopping = devices.any_process(bool(stop))  # asked once: a signal may come between here and the end
            saving = validating or schedule.due(step, schedule.checkpoint_every) or stopping
            if logging or saving or devices.runs_in_step():
                # Reading waits for the devices, so elsewhere it is left until something needs the numbers.
                _read_metrics(unread, window, checkpoints)
            if size in seen_sizes:
                clock.train_seconds += time.monotonic() - began
                clock.train_images += images
            seen_sizes.add(size)
            progress.advance(images, step, window.loss)
            row: Row = {}
            if logging:
                row |= {f"train_{name}": value for name, value in window.means().items()}
                window = Window(loss=window.loss)
            if validating:
                validation = task.validate(state)
                row |= {f"validation_{name}": value for name, value in validation.items()}
                progress.say(_validation_line(step, schedule.steps, step / batches.steps_per_epoch, validation))
            if row:
                logbook.write({"step": step, "epoch": step / batches.steps_per_epoch, **row})
                for warning in task.watch(row):
                    progress.say(f"warning: step {step}: {warning}")
            if saving:
                clock.wall_seconds = wall_before + time.monotonic() - started
                extra = {"window": asdict(window), "clock": asdict(clock), "validation": validation}
                checkpoints.save(step, state, validation if validating else None, extra)
            # Also after the last step: what follows, another phase perhaps, was not wanted either.
            if stopping or (step == schedule.steps and devices.any_process(bool(stop))):
                checkpoints.wait()
                raise Interrupted(f"stopped at step {step}, which is saved: run the same command again to go on")
    checkpoints.wait()
    clock.wall_seconds = wall_before + time.monotonic() - started
    return Fitted(state, validation, clock, logbook.rows, checkpoints.best_step())


def fit_in_folder(
    folder: Path,
    task: Objective,
    batches: TrainBatches,
    schedule: Schedule,
    seed: int,
    started: float,
    keep: int = 2,
    best_metric: str = "psnr",
    phase: int = 0,
) -> Fitted:
    """`fit`, with checkpoints and logbook in a folder, made where it does not exist; the caller holds its run's lock.

    Args:
      folder: holds `checkpoints/`, `metrics.csv` and `tensorboard/`.
      task, batches, schedule, seed, started, phase: see `fit`.
      keep, best_metric: see `Checkpoints`.

    Raises:
      TrainingDiverged, Interrupted, OSError: see `fit`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    primary = devices.is_primary()
    if primary:
        remove_leftovers(folder / "checkpoints")
    checkpoints = Checkpoints(folder / "checkpoints", keep, best_metric)
    try:
        return fit(
            task,
            batches,
            schedule,
            checkpoints,
            lambda step: Logbook(folder if primary else None, step),
            seed,
            started,
            phase,
        )
    finally:
        checkpoints.close()


def _resume(checkpoints: Checkpoints, state: PyTree) -> tuple[int, PyTree, dict[str, Any], list[str]]:
    """The newest whole checkpoint's step, state and what was saved with it; or the start's. And what to tell of it."""
    manifest, complaints = checkpoints.newest_whole()
    if manifest is None:
        return 0, state, {}, [*complaints, "no checkpoint is whole: starting again"] if complaints else []
    step = manifest["step"]
    return step, checkpoints.restore(step, state), manifest["extra"], [*complaints, f"resuming at step {step}"]


def _with_key(step: Callable[..., Any], seed: int, phase: int) -> Callable[[PyTree, PyTree], tuple[PyTree, Metrics]]:
    """(state, batch, key) -> ... as (state, batch) -> ..., the key being that of the phase's training stream."""

    def keyed(state: PyTree, batch: PyTree) -> tuple[PyTree, Metrics]:
        return step(state, batch, random_keys.stream_key(seed, random_keys.Stream.TRAIN, phase))

    return keyed


def _read_metrics(unread: list[tuple[int, Metrics]], window: Window, checkpoints: Checkpoints) -> None:
    """Moves the metrics of the steps since into the window; stops at the first loss that is no number.

    Raises:
      TrainingDiverged: naming the step.
    """
    for first, metrics in jax.device_get(unread):
        for i, loss in enumerate(metrics["loss"]):
            if not math.isfinite(loss):
                checkpoints.wait()
                good = checkpoints.last_step()
                saved = f"the last good checkpoint is step {good}, in {checkpoints.folder}" if good else "none is saved"
                raise TrainingDiverged(
                    f"the loss is {loss} at step {first + i + 1}; {saved}. "
                    "Lower learning_rate (or stack.pretrain_learning_rate, before a head), or set optimizer.grad_clip=1"
                )
        window.add(metrics)
    unread.clear()


def _validation_line(step: int, steps: int, epoch: float, validation: dict[str, float]) -> str:
    figures = "  ".join(f"{name} {value:.4f}" for name, value in validation.items())
    return f"step {step}/{steps}  epoch {epoch:.2f}  validation: {figures}"
