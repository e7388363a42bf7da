"""The denoising runs of a grid whose restored images are no better than the noisy ones that they were given."""

from __future__ import annotations

import math
from collections.abc import Mapping

from aeden.tasks.task import Summary
from aeden.tasks.useless_results import CLEAN
from experiments.ablate.grid import Cell
from experiments.ablate.seed_values import spoken


def sentences(summaries: Mapping[Cell, Summary]) -> list[str]:
    """A sentence for each contender at a setting with such runs, by the mean squared error on the test split.

    Args:
      summaries: summary of each finished run; those of other tasks than denoising are left out.
    """
    runs: dict[str, list[tuple[float, float]]] = {}
    for cell, summary in summaries.items():
        if summary["task"] == "denoise":
            runs.setdefault(cell.kind, []).append((summary["test"]["mse"], summary["noisy"]["mse"]))
    lines = []
    for kind, pairs in runs.items():
        # An error that is NaN is no better either.
        bad = [pair for pair in pairs if pair[1] > CLEAN and not pair[0] < pair[1]]
        if bad:
            restored, noisy = max(bad, key=lambda pair: math.inf if math.isnan(pair[0]) else pair[0])
            lines.append(
                f"{spoken(kind)} restored no more than it was given in {len(bad)} of {len(pairs)} runs (up to a mean "
                f"squared error of {restored:.2g}, noisy {noisy:.2g}): these networks collapsed or were hardly trained."
            )
    return lines
