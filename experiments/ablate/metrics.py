"""The metrics that tables and verdicts of a grid are about: those of its task (`aeden.tasks.task.Task.metrics`)."""

from __future__ import annotations

from aeden.measures.metric import Metric
from aeden.tasks.execute import TASKS


def of_task(task: str) -> dict[str, Metric]:
    """Name -> metric of a task's runs, in the order of the tables."""
    return {metric.name: metric for metric in TASKS[task].metrics}


def for_verdict(task: str, name: str) -> Metric:
    """The metric of a task that a verdict is about.

    Raises:
      ValueError: runs of the task do not have it, or neither a higher nor a lower value of it is better.
    """
    known = {metric.name: metric for metric in TASKS[task].metrics if metric.higher_is_better is not None}
    if name not in known:
        raise ValueError(f"a verdict on {task} runs cannot be about the metric {name!r}: use one of {', '.join(known)}")
    return known[name]


def head(task: str, column: str) -> str:
    """The table head of a column: label and unit of a metric, or the column's own name."""
    metric = of_task(task).get(column)
    return column if metric is None else metric.axis_label
