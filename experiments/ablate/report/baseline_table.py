"""The section of the report that compares contenders with methods that need no training, on the same images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from aeden.measures.metric import Metric
from aeden.runtime.files import Row
from experiments.ablate import baselines, results
from experiments.ablate.grid import place
from experiments.ablate.report.grid_result import GridResult
from experiments.ablate.report.html import note, table

# Values of the columns that tell settings apart.
Setting = tuple[Any, ...]
POSTERIOR = (
    "The posterior mean is the average of the training images, weighted by their likelihood. On images drawn from the "
    "training set itself, no estimator has a lower expected squared error. Test images are not drawn from it, so this "
    "is no bound here: a network that has learned what such images have in common may be better."
)


def section(result: GridResult) -> list[str]:
    """The table of baselines and contenders; empty if no baselines were computed."""
    if not result.denoising.baselines:
        return []
    heads, lines = baseline_rows(result, result.denoising.baselines)
    # A table with strengths shows everything already.
    more = "" if "strength" in heads else " baselines.csv also has SSIM and strengths."
    text = (
        "All methods restored the same noisy test images, those of the first seed. Each baseline used the strength "
        f"with the best PSNR on {baselines.TUNED_ON} validation images.{more} {POSTERIOR}"
    )
    if any(row["method"] == baselines.FILLED for row in result.denoising.baselines.rows):
        text += (
            " The biharmonic method fills holes smoothly. It is told which pixels are missing; the networks are not. "
            "baselines.csv has PSNR inside and outside of the holes."
        )
    return ["<h2>Baselines</h2>", table(heads, lines), note(text)]


def contender_lines(
    result: GridResult, setting: Setting, measured: Sequence[Metric], over: tuple[Metric, float, int]
) -> list[list[Any]]:
    """The lines of the contenders at a setting, below those of methods without a network.

    Args:
      result: of the grid.
      setting: values of the axes.
      measured: the metrics that are shown.
      over: metric, its best value without a network, and digits of the mean difference to it.

    Returns:
      Contender, setting, metrics, difference ("" if it is not finite), parameters and multiplications.
    """
    metric, best, digits = over
    lines = []
    for contender, where, members in result.groups():
        if where != setting:
            continue
        gain = float(np.mean([member[metric.name] for member in members])) - best
        lines.append(
            [
                contender,
                *setting,
                *(results.cell(members, one.name) for one in measured),
                (f"{gain:+.{digits}f}", gain) if math.isfinite(gain) else "",
                results.cell(members, "parameters"),
                results.cell(members, "multiplications"),
            ]
        )
    return lines


def baseline_rows(result: GridResult, measured: baselines.Baselines) -> tuple[list[str], list[list[Any]]]:
    """Compares baselines with the contenders' runs of the first seed.

    Args:
      result: of the grid.
      measured: what the baselines reach.

    Returns:
      Heads and rows of the table: PSNR, SSIM and strength if there is one setting and noise level, else PSNR at each.
    """
    first = result.plan.cells[0].seed
    networks = [{"method": row["contender"], **row} for row in result.denoising.levels if row["seed"] == first]
    classical, by = measured.rows, [*result.axes, "level"]
    if "noise.level" in result.axes:
        # Only the results at the level that a run was trained at; levels.csv and baselines.csv have the others.
        by = result.axes
        networks = [row for row in networks if row["level"] == row["noise.level"]]
        classical = [row for row in classical if row["level"] == row["noise.level"]]
    places = list(results.grouped(classical, by))
    if len(places) == 1:
        return _at_one_level([*classical, *(row for row in networks if row["level"] == classical[0]["level"])])
    settings = list(dict.fromkeys(key[:-1] for key in places))
    if all(isinstance(key[-1], float) for key in places):
        places.sort(key=lambda key: (settings.index(key[:-1]), key[-1]))
    return _at_each_level([*classical, *networks], by, places)


def _at_one_level(rows: list[Row]) -> tuple[list[str], list[list[Any]]]:
    lines = [
        [
            row["method"],
            (f"{row['psnr']:.2f}", row["psnr"]),
            (f"{row['ssim']:.4f}", row["ssim"]),
            "" if row.get("strength") is None else f"{row['strength']:g}",
        ]
        for row in rows
    ]
    return ["method", "PSNR, dB", "SSIM", "strength"], lines


def _at_each_level(rows: list[Row], by: list[str], places: list[Setting]) -> tuple[list[str], list[list[Any]]]:
    """PSNR of each method, with one column for each combination of values of the columns `by`."""
    lines = []
    for (method,), members in results.grouped(rows, ["method"]).items():
        psnr = {tuple(row[name] for name in by): row["psnr"] for row in members}
        lines.append([method, *((f"{psnr[key]:.2f}", psnr[key]) if key in psnr else "" for key in places)])
    return ["PSNR, dB", *(place(dict(zip(by, key, strict=True))) for key in places)], lines
