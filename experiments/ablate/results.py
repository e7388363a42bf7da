"""The results of a grid's runs: one row per run, and tables over the seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aeden.measures.seed_spread import plus_minus
from aeden.runtime.files import Row
from aeden.tasks.execute import TASKS
from aeden.tasks.gan.task import set_figures
from aeden.tasks.task import Summary
from experiments.ablate import metrics
from experiments.ablate.grid import Cell

# Relative spread of values that are equal but for the last bits of their computation.
ROUNDING = 1e-12
# Sets of real images that a GAN's summary has figures of.
REAL_SETS = ("real", "unseen")


def row(cell: Cell, summary: Summary, folder: str) -> Row:
    """The record of a finished run. `folder` is how tables name its folder."""
    noise = {"level": cell.level} if summary["task"] == "denoise" else {}
    config = cell.config
    chosen = {"learning_rate": config.learning_rate, "init": config.model.init}
    settings = {"steps": summary["steps"], **chosen, **cell.tuned}
    return {
        "contender": cell.contender,
        "dataset": summary["dataset"],
        **noise,
        **cell.setting,
        "seed": cell.seed,
        **TASKS[summary["task"]].figures(summary),
        "parameters": summary["parameters"],
        # An axis has its column already.
        **{name: value for name, value in settings.items() if name not in cell.setting},
        "wall_seconds": summary["wall_seconds"],
        "folder": folder,
    }


def levels(cell: Cell, summary: Summary) -> list[Row]:
    """The metrics of a denoising run at each noise level that it was tested at, its own first: one row per level."""
    tested = {cell.level: {"noisy": summary["noisy"], "test": summary["test"]}}
    tested |= {float(level): both for level, both in summary["levels"].items()}
    names = metrics.of_task("denoise")
    return [
        {
            "contender": cell.contender,
            "dataset": summary["dataset"],
            **cell.setting,
            "seed": cell.seed,
            "level": level,
            **{name: both["test"][name] for name in names if name in both["test"]},
            **{f"noisy_{name}": both["noisy"][name] for name in names if name in both["noisy"]},
        }
        for level, both in tested.items()
    ]


def judged(cell: Cell, summary: Summary) -> list[Row]:
    """The metrics of a GAN's samples, of the samples of its untrained generator, and of real images: one row each.

    Samples at further truncations of the latent vectors have a row too, and so do training images that the judge has
    not seen, if there are any.
    """
    truncated = {f"truncated at {limit}": figures for limit, figures in summary.get("truncations", {}).items()}
    sets = {"trained": summary["test"], **truncated, "untrained": summary["untrained"], "real": summary["real"]}
    if summary.get("unseen"):
        sets["unseen"] = summary["unseen"]
    return [
        {
            "generator": "none" if name in REAL_SETS else cell.contender,
            "images": name,
            "dataset": summary["dataset"],
            **cell.setting,
            "seed": cell.seed,
            **set_figures(figures),
        }
        for name, figures in sets.items()
    ]


def newest_samples(folder: Path) -> np.ndarray:
    """The samples of a GAN's last validation: uint8 [100, h, w, c]."""
    return np.load(max((folder / "progress").glob("*.npy"), key=lambda path: int(path.stem)))


def causes(summaries: Iterable[Summary]) -> dict[str, Any]:
    """Data, hardware, versions and commit of some runs: the value that they share, or a list of their values."""
    found: dict[str, list[Any]] = {}
    for summary in summaries:
        for name in ("dataset", "requested_dataset", "dataset_sha256", "hardware", "versions", "commit"):
            values = found.setdefault(name, [])
            if summary[name] not in values:
                values.append(summary[name])
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def grouped(rows: Iterable[Row], by: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by their values of the columns `by`, in order of first occurrence."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for one in rows:
        groups.setdefault(tuple(one[name] for name in by), []).append(one)
    return groups


def table(rows: Sequence[Row], names: Sequence[str], by: Sequence[str]) -> str:
    """Mean and standard deviation over the seeds, as Markdown.

    Args:
      rows: one row per run.
      names: the columns to average.
      by: the columns whose values tell the lines of the table apart.
    """
    lines = [f"| {' | '.join([*by, *names, 'seeds'])} |", "|---" * (len(by) + len(names) + 1) + "|"]
    for key, members in grouped(rows, by).items():
        cells = [spread([member[name] for member in members if name in member]) for name in names]
        # A bar would begin another cell.
        words = [str(value).replace("|", r"\|") for value in key]
        lines.append(f"| {' | '.join([*words, *cells, str(len(members))])} |")
    return "\n".join(lines) + "\n"


def cell(members: Sequence[Row], name: str) -> tuple[str, float | str]:
    """Mean and deviation of a column for the report, and the mean as the value to sort by; both "" without a value."""
    values = [member[name] for member in members if name in member]
    return spread(values), float(np.mean(values)) if values else ""


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation, to two significant digits of the latter.

    A single value, or one that all share, is printed without a deviation. So is NaN, if any value is: a run may lack a
    defined value, e.g. the unevenness of a decoder that gives the same for every code.
    """
    if not values:
        return ""
    mean = float(np.mean(values))
    if not math.isfinite(mean):
        return f"{mean:.4g}"
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    # Values that differ by rounding only are the same.
    if deviation <= ROUNDING * abs(mean):
        return f"{values[0]:,}" if isinstance(values[0], int) else f"{mean:.4g}"
    return plus_minus(mean, deviation)
