"""Trainings that differ in their seed only, in one program. Each keeps its own log and checkpoints, as `fit` does.

A training that was interrupted goes on alone (`aeden.training.loop.fit`) or with others, from its newest intact
checkpoint. Only trainings at the same step share a program.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from aeden.runtime import devices, many_states, stopwatch
from aeden.runtime.processes import Interrupted, stop_signals
from aeden.shapes import PyTree
from aeden.training.checkpoints import Checkpoints, remove_leftovers
from aeden.training.divergence import TrainingDiverged, check_validation
from aeden.training.loop import Loop, Training, add_metrics, check_state, key_data, log_row, save, stopped, with_key
from aeden.training.metrics_log import MetricsLog
from aeden.training.position import Position, resume
from aeden.training.progress import Progress


@dataclasses.dataclass
class _Member:
    """One of the trainings; `problem` says why it stopped before its end."""

    loop: Loop
    position: Position
    problem: str = ""

    @property
    def seed(self) -> int:
        return self.loop.training.seed

    @contextlib.contextmanager
    def diverging(self) -> Any:
        """What is inside may find that this training has diverged. The others go on."""
        try:
            yield
        except TrainingDiverged as error:
            self.problem = str(error)
            self.loop.progress.say(f"{self.loop.name}{error}")


def fit_together(trainings: Sequence[Training], folders: Sequence[Path], started: float) -> dict[int, str]:
    """Trains several trainings to the end of their schedule.

    The results are their checkpoints and metrics logs: `fit` in the same folder finds the training finished. A training
    that diverges stops, with its earlier checkpoints, and the others go on; whether it diverges alone too, `fit` says.

    Args:
      trainings: alike but for their seeds and the batches that follow from these. The objective of the first one
        trains all; it has `validate_seeds`.
      folders: the folder of each, see `fit`. The caller holds their locks.
      started: `time.monotonic()` when this start began. Each training is charged an equal share of the time.

    Returns:
      Seed -> why it stopped before its end, of those that diverged.

    Raises:
      Interrupted: SIGINT or SIGTERM arrived; checkpoints of all were saved.
      OSError: a checkpoint could not be written.
    """
    with contextlib.ExitStack() as opened:
        stop = opened.enter_context(stop_signals())
        with stopwatch.part("start"):
            found = [_open(*both, opened) for both in zip(trainings, folders, strict=True)]
        steps, batches = trainings[0].schedule.steps, trainings[0].batches
        done = sum(batches.examples(position.step) for _, _, position, _ in found)
        progress = opened.enter_context(Progress(len(found) * batches.examples(steps), done, True))
        problems: dict[int, str] = {}
        by_step = sorted((one for one in found if one[2].step < steps), key=lambda one: one[2].step)
        for _, group in itertools.groupby(by_step, key=lambda one: one[2].step):
            members = _members(list(group), progress, started, stop)
            with stopwatch.part("train"):
                _train(members, stop)
            problems |= {member.seed: member.problem for member in members if member.problem}
            started = time.monotonic()
    return problems


_Opened = tuple[Training, Checkpoints, Position, tuple[MetricsLog, list[str]]]


def _open(training: Training, folder: Path, opened: contextlib.ExitStack) -> _Opened:
    """A training with its checkpoints, its position, its log, and messages about them."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder / "checkpoints")
    checkpoints = Checkpoints(folder / "checkpoints", training.checkpoints, training.best_metric)
    opened.enter_context(contextlib.closing(checkpoints))
    position, messages = resume(training.initial_state(), checkpoints)
    return training, checkpoints, position, (opened.enter_context(MetricsLog(folder, position.step)), messages)


def _members(group: Sequence[_Opened], progress: Progress, started: float, stop: list[int]) -> list[_Member]:
    """The trainings of one program."""
    members = []
    for training, checkpoints, position, (log, messages) in group:
        name = f"seed {training.seed}: "
        position.together = max(position.together, len(group))
        loop = Loop(training, checkpoints, log, progress, started, stop, name, len(group))
        for line in messages:
            progress.say(f"{name}{line}")
        member = _Member(loop, position)
        if position.step:
            with member.diverging():
                check_state(loop, position)
                check_validation(position.step, position.validation, checkpoints)
        members.append(member)
    return members


def _train(members: Sequence[_Member], stop: list[int]) -> None:
    """Takes the steps from a common position to the end of the schedule; updates the positions.

    Raises:
      Interrupted, OSError: see `fit_together`.
    """
    training = members[0].loop.training
    schedule, seeds = training.schedule, [member.seed for member in members]
    run = many_states.pmap_state_steps(with_key(training), len(members))
    keys = many_states.stack([key_data(training, seed) for seed in seeds])
    states = many_states.stack([member.position.state for member in members])
    step = members[0].position.step
    unread: list[tuple[int, PyTree]] = []
    compiled: set[int] = set()
    while step < schedule.steps and not all(member.problem for member in members):
        size, began = schedule.next_dispatch(step), time.monotonic()
        batches = many_states.deal([member.loop.training.batches.at(step, size) for member in members])
        states, metrics = run(states, batches, keys)
        unread.append((step, metrics))
        step += size
        logging, validating = schedule.due(step, schedule.log_every), schedule.due(step, schedule.validate_every)
        stopping = bool(stop)
        saving = validating or schedule.due(step, schedule.checkpoint_every) or stopping
        if logging or saving or devices.runs_in_step():
            _read_metrics(unread, members)
        _count(members, step, size, time.monotonic() - began if size in compiled else None)
        compiled.add(size)
        if saving:
            _take_states(members, states)
        if validating:
            with stopwatch.part("validation"):
                figures = _validate(training, states, seeds)
            for member, one in zip(members, figures, strict=True):
                member.position.validation = one
        for member in (member for member in members if not member.problem):
            with member.diverging():
                log_row(member.loop, member.position, logging, validating)
                if saving:
                    save(member.loop, member.position, validating)
        if stopping or (step == schedule.steps and stop):
            break
    for member in members:
        member.loop.checkpoints.wait()
    if stop:
        raise Interrupted(stopped(step, [0]))


def _read_metrics(unread: list[tuple[int, PyTree]], members: Sequence[_Member]) -> None:
    """Adds the metrics of the steps since the last call to the window of each training that goes on."""
    for first, metrics in unread:
        # [devices, steps, states of a device] -> one array [steps] per state
        each = many_states.unstack(jax.tree.map(lambda x: np.moveaxis(x, 1, 2), jax.device_get(metrics)))
        for member, own in zip(members, each, strict=True):
            if not member.problem:
                with member.diverging():
                    add_metrics(first, own, member.position.window, member.loop.checkpoints)
    unread.clear()


def _count(members: Sequence[_Member], step: int, size: int, seconds: float | None) -> None:
    """Sets the step of each training, and counts its share of the seconds (None if the program was compiled)."""
    batches, window = members[0].loop.training.batches, members[0].position.window
    images = batches.examples(step) - batches.examples(step - size)
    for member in members:
        member.position.step = step
        if seconds is not None:
            member.position.clock.train_seconds += seconds / len(members)
            member.position.clock.train_images += images
    members[0].loop.progress.advance(images * len(members), step, window.loss)


def _take_states(members: Sequence[_Member], states: PyTree) -> None:
    """Gives each training that goes on its state, as `fit` would have it, and checks it."""
    with stopwatch.part("checkpoints"):
        each = many_states.unstack(states)
    for member, state in zip(members, each, strict=True):
        if not member.problem:
            with member.diverging():
                member.position.state = devices.replicate(state)
                check_state(member.loop, member.position)


def _validate(training: Training, states: PyTree, seeds: Sequence[int]) -> list[dict[str, float]]:
    validate = training.objective.validate_seeds
    if validate is None:
        raise ValueError("this objective cannot validate several seeds in one program")
    return validate(states, seeds)
