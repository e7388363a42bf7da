"""The section of the report that compares quality with cost."""

from __future__ import annotations

import math
from typing import Any

from experiments.ablate.report import figures
from experiments.ablate.report.grid_result import GridResult
from experiments.ablate.report.html import table
from experiments.ablate.report.saved_figures import add_figure


def section(result: GridResult) -> list[str]:
    """Quality against the time of a step at the first setting, and a table of all costs; empty if nothing was timed."""
    if not result.denoising.costs:
        return []
    lines: list[list[Any]] = []
    points: dict[str, tuple[float, list[float]]] = {}
    first = tuple(result.plan.cells[0].setting.values())
    for contender, setting, members in result.groups():
        cost = result.denoising.costs[result.kind(contender, setting)]
        shown = (
            (f"{cost['parameters']:,}", cost["parameters"]),
            (f"{cost['multiplications'] / 1e6:.2f}", cost["multiplications"]),
            (f"{cost['forward_ms']:.1f}", cost["forward_ms"]),
            (f"{cost['training_ms']:.1f}", cost["training_ms"]),
        )
        lines.append([contender, *setting, *shown])
        known = [row[result.metric.name] for row in members if result.metric.name in row]
        values = [value for value in known if math.isfinite(value)]
        if values and setting == first:
            points[contender] = cost["training_ms"], values
    batch = " or ".join(map(str, result.values_of("batch_size")))
    at_first = " or ".join(map(str, dict.fromkeys(cell.config.batch_size for cell in result.first_cells)))
    across = f"milliseconds per training step (batch of {at_first})"
    figure = []
    if points:
        drawn = figures.quality_by_cost(points, result.metric.axis_label, across, result.palette)
        where = result.first_setting
        caption = f"Mean over seeds with its 95 % interval, against the time of a training step{where}."
        figure.append(add_figure(result, "cost", drawn, caption))
    names = (
        "parameters",
        "million multiplications per image",
        f"forward pass, ms per batch of {batch}",
        "training step, ms",
    )
    return ["<h2>Cost</h2>", *figure, table(["contender", *result.axes, *names], lines)]
