"""The runs of a grid that diverged: they have no result, so the figures of their contender are those of its others."""

from __future__ import annotations

from collections import Counter

from experiments.ablate.plan import Plan
from experiments.ablate.seed_values import spoken


def counts(plan: Plan) -> dict[str, int]:
    """Contender and setting (`Cell.kind`) -> number of its runs that diverged; without those of which none did."""
    return dict(Counter(cell.kind for cell in plan.cells if plan.divergence(cell)))


def sentences(plan: Plan) -> list[str]:
    """A sentence for each contender at a setting of which a run diverged."""
    runs = Counter(cell.kind for cell in plan.cells)
    lines = []
    for name, count in counts(plan).items():
        left = "its figures are those of the others, so do not take it for better."
        left = "it has no figures." if count == runs[name] else left
        lines.append(f"{count} of {runs[name]} runs of {spoken(name)} diverged: {left}")
    return lines
