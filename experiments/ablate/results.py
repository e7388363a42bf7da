"""What the runs of a grid showed: a row a run, and a table over the seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aeden.runtime import files, run_folder
from aeden.runtime.files import Row
from experiments.ablate.grid import Cell
from experiments.ablate.metrics import BY_LEVEL, FIGURES


def row(cell: Cell, folder: Path) -> Row | None:
    """The record of a run; None where it is not finished."""
    summary = run_folder.finished(folder)
    if summary is None:
        return None
    noise = {"level": cell.level} if summary["task"] == "denoise" else {}
    return {
        "contender": cell.contender,
        "dataset": summary["dataset"],
        **noise,
        **cell.setting,
        "seed": cell.seed,
        **figures(summary, summary["test"]),
        "parameters": summary["parameters"],
        "wall_seconds": summary["wall_seconds"],
        "folder": folder.name,
    }


def levels(cell: Cell, folder: Path) -> list[Row]:
    """What a denoising run made of the test images at each noise level it was tested at, its own first: a row each."""
    summary = files.read_json(folder / "summary.json")
    tested = {cell.level: {"noisy": summary["noisy"], "test": summary["test"]}}
    tested |= {float(level): both for level, both in summary["levels"].items()}
    return [
        {
            "contender": cell.contender,
            "dataset": summary["dataset"],
            **cell.setting,
            "seed": cell.seed,
            "level": level,
            **{name: both["test"][name] for name in BY_LEVEL if name in both["test"]},
            **{f"noisy_{name}": both["noisy"][name] for name in BY_LEVEL if name in both["noisy"]},
        }
        for level, both in tested.items()
    ]


def judged(cell: Cell, folder: Path) -> list[Row]:
    """What a GAN's run says of its samples, of its untrained generator's and of real images: a row each."""
    summary = files.read_json(folder / "summary.json")
    sets = {"trained": summary["test"], "untrained": summary["untrained"], "real": summary["real"]}
    return [
        {
            "generator": "none" if name == "real" else cell.contender,
            "images": name,
            "dataset": summary["dataset"],
            **cell.setting,
            "seed": cell.seed,
            **figures(summary, test),
        }
        for name, test in sets.items()
    ]


def newest_samples(folder: Path) -> np.ndarray:
    """The samples of a GAN's last validation: uint8 [100, h, w, c]."""
    return np.load(max((folder / "progress").glob("*.npy"), key=lambda path: int(path.stem)))


def figures(summary: dict[str, Any], test: dict[str, Any]) -> dict[str, float]:
    """The figures of a summary's `test`, or of what was judged alike, that a table shows."""
    found = dict(test)
    if "artifacts" in summary:
        measured = summary["artifacts"]
        found |= measured["residual"]
        found |= {f"{name}_{when}": value for when in ("initial", "trained") for name, value in measured[when].items()}
    if "class_share" in found:
        found |= {"smallest_class": min(found["class_share"]), "largest_class": max(found["class_share"])}
    return {name: found[name] for name in FIGURES[summary["task"]] if name in found}


def causes(summaries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Data, hardware, versions and commit of runs: what they share, or a list where they differ."""
    found: dict[str, list[Any]] = {}
    for summary in summaries:
        for name in ("dataset", "requested_dataset", "dataset_sha256", "hardware", "versions", "commit"):
            values = found.setdefault(name, [])
            if summary[name] not in values:
                values.append(summary[name])
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def grouped(rows: Iterable[Row], by: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by their values of the columns `by`, in the order in which those first come."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for one in rows:
        groups.setdefault(tuple(one[name] for name in by), []).append(one)
    return groups


def table(rows: list[Row], names: list[str], by: list[str]) -> str:
    """Mean and standard deviation over the seeds, as Markdown: a line for each of what `by` tells apart."""
    lines = [f"| {' | '.join([*by, *names, 'seeds'])} |", "|---" * (len(by) + len(names) + 1) + "|"]
    for key, members in grouped(rows, by).items():
        cells = [spread([member[name] for member in members if name in member]) for name in names]
        lines.append(f"| {' | '.join([*map(str, key), *cells, str(len(members))])} |")
    return "\n".join(lines) + "\n"


def cell(members: Sequence[Row], name: str) -> tuple[str, float]:
    """Mean and deviation of a figure for a page's table, and the mean to sort by."""
    values = [member[name] for member in members if name in member]
    return spread(values), float(np.mean(values)) if values else float("nan")


def spread(values: list[float]) -> str:
    """Mean and standard deviation, to two digits of the latter; one value alone, or one that all share, as it is."""
    if not values:
        return ""
    mean = float(np.mean(values))
    if min(values) == max(values):
        return f"{values[0]:,}" if isinstance(values[0], int) else f"{mean:.4g}"
    deviation = float(np.std(values, ddof=1))
    places = max(int(1 - np.floor(np.log10(deviation))), 0)
    if places > 6:
        return f"{mean:.2g} ± {deviation:.2g}"
    return f"{mean:.{places}f} ± {deviation:.{places}f}"
