"""What the runs of a grid showed: a row a run, and a table over the seeds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aeden.runtime import run_folder
from experiments.ablate.grid import Cell

Row = dict[str, Any]

# Of a task's summary: what its table shows, and whether more of it is better (None: neither, nearer to real is).
FIGURES: dict[str, dict[str, bool | None]] = {
    "denoise": {
        "psnr": True, "ssim": True, "bce": False, "mse": False, "harmonic_energy": False,
        "phase_variation": False, "spectrum_distance_db": False,
        "constant_ripple_initial": False, "constant_ripple_trained": False,
        "impulse_unevenness_initial": False, "impulse_unevenness_trained": False,
    },
    "stack": {"accuracy": True, "cross_entropy": False},
    "gan": {
        "kid": False, "fid": False, "precision": True, "recall": True, "coverage": True, "confident": True,
        "smallest_class": True, "largest_class": None, "authenticity": None, "harmonic_energy": None,
        "phase_variation": None, "spectrum_distance_db": False,
    },
}  # fmt: skip


HEADS = {
    "psnr": "PSNR, dB", "ssim": "SSIM", "bce": "BCE", "harmonic_energy": "checkerboard energy",
    "phase_variation": "phase variation", "spectrum_distance_db": "spectrum distance, dB",
    "constant_ripple_initial": "ripple, initial", "constant_ripple_trained": "ripple, trained",
    "impulse_unevenness_initial": "unevenness, initial", "impulse_unevenness_trained": "unevenness, trained",
    "kid": "KID", "fid": "FID", "smallest_class": "smallest class", "largest_class": "largest class",
}  # fmt: skip

# What a denoising run says at every noise level that it is tested at.
BY_LEVEL = ("psnr", "ssim", "bce", "mse")


def row(cell: Cell, folder: Path) -> Row | None:
    """The record of a run; None where it is not finished."""
    summary = run_folder.finished(folder)
    if summary is None:
        return None
    noise = {"level": cell.level} if summary["task"] == "denoise" else {}
    return {
        "contender": cell.contender, "dataset": summary["dataset"], **noise, **cell.setting,
        "seed": cell.seed, **figures(summary, summary["test"]), "parameters": summary["parameters"],
        "wall_seconds": summary["wall_seconds"], "folder": folder.name,
    }  # fmt: skip


def levels(cell: Cell, folder: Path) -> list[Row]:
    """What a denoising run made of the test images at each noise level it was tested at, its own first: a row each."""
    summary = run_folder.read_json(folder / "summary.json")
    tested = {cell.level: {"noisy": summary["noisy"], "test": summary["test"]}}
    tested |= {float(level): both for level, both in summary["levels"].items()}
    return [
        {"contender": cell.contender, "dataset": summary["dataset"], **cell.setting, "seed": cell.seed,
         "level": level, **{name: both["test"][name] for name in BY_LEVEL if name in both["test"]},
         **{f"noisy_{name}": both["noisy"][name] for name in BY_LEVEL if name in both["noisy"]}}
        for level, both in tested.items()
    ]  # fmt: skip


def judged(cell: Cell, folder: Path) -> list[Row]:
    """What a GAN's run says of its samples, of its untrained generator's and of real images: a row each."""
    summary = run_folder.read_json(folder / "summary.json")
    sets = {"trained": summary["test"], "untrained": summary["untrained"], "real": summary["real"]}
    return [
        {"generator": "none" if name == "real" else cell.contender, "images": name, "dataset": summary["dataset"],
         **cell.setting, "seed": cell.seed, **figures(summary, test)}
        for name, test in sets.items()
    ]  # fmt: skip


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


def write_csv(path: Path, rows: list[Row]) -> None:
    """A row a run; empty where a run lacks what others have."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    run_folder.write_text(path, text.getvalue())


def columns(rows: Iterable[Row]) -> list[str]:
    """The names that any row has, in the order in which they first come."""
    return list(dict.fromkeys(name for row in rows for name in row))


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
