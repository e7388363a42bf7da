"""The protocol of a task: what every value of `config.task` provides.

CONTRIBUTING.md says how to add a task. In short: a package `aeden/tasks/NAME/` whose `task.py` ends in a constant
`NAME = Task(...)`, whose `run.py` has the prepared run, and one line in `TASKS` of `aeden/tasks/execute.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from aeden.data.dataset import Dataset
from aeden.measures.metric import Metric
from aeden.training.loop import Training

Summary = dict[str, Any]


@runtime_checkable
class PreparedRun(Protocol):
    """An experiment that is ready to run: its data, networks, noise, schedules and optimisers exist.

    It is made once per run, by `Task.prepare`. Making it allocates no parameters and compiles nothing.
    """

    @property
    def description(self) -> str:
        """What is trained, in a few words, e.g. "transpose decoder"."""
        ...

    def abstract_trainings(self) -> list[Training]:
        """The trainings of the run, with whatever earlier trainings or files would provide left out.

        `execute.prepare` traces the initial state of each; tests take one abstract step (`jax.eval_shape`).
        """
        ...

    def check_files(self) -> None:
        """Looks at the files of other runs that this run starts from. They need not exist when it is prepared.

        Raises:
          ValueError: they do not fit.
        """
        ...

    def run(self, workdir: Path, started: float) -> Summary:
        """Trains, tests and reports in a locked run folder; continues where an earlier start stopped.

        Args:
          workdir: the run folder; everything that the run produces is written below it, except `summary.json`.
          started: `time.monotonic()` when the run began.

        Returns:
          The summary: the shared keys (`aeden.tasks.summary.common_summary`), `test` (metric -> value), `warnings`
          if there are any (sentences, see `aeden.tasks.useless_results`) and whatever else the task reports. It must
          be serialisable as JSON.

        Raises:
          ValueError: as `check_files`.
          TrainingDiverged, Interrupted, OSError: see `aeden.training.loop.fit`.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Task:
    """A kind of experiment, chosen by `config.task`.

    Attributes:
      sections: the sections of the config that the task reads, besides the fields at the top level. Fields of other
        sections do not count when a run is recognised (`aeden.runtime.identity`).
      tested_on: the fields of the config, or prefixes such as "noise.", that decide what the test inputs are, besides
        the data. The contenders of a grid may not differ in them.
      metrics: the metrics of a summary's `test` (and of what `figures` adds) that tables and verdicts can be about,
        most important first.
      prepare: (config, data set) -> the run. Raises ValueError, naming the field and the remedy, for any value that
        cannot work, before anything is trained.
      title: summary -> what was trained, in a few words.
      closing: summary -> the lines that a finished run prints, after the line that says what was trained on what.
      figures: summary -> metric -> value, for tables over many runs.
      ignored: fields at the top level or of its sections that the task does not read; a run says so if they are set.
    """

    sections: tuple[str, ...]
    tested_on: tuple[str, ...]
    metrics: tuple[Metric, ...]
    prepare: Callable[[Any, Dataset], PreparedRun]
    title: Callable[[Summary], str]
    closing: Callable[[Summary], list[str]]
    figures: Callable[[Summary], dict[str, float]]
    ignored: tuple[str, ...] = ()
