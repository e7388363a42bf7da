"""The contenders of a grid with `pairing` whose size could not be made that of the reference."""

from __future__ import annotations

from experiments.ablate.grid import dataset_of
from experiments.ablate.pairing import size
from experiments.ablate.plan import Plan
from experiments.ablate.seed_values import spoken

# Sizes that differ by more are named wherever the verdict is.
NOTABLE = 0.03


def sentences(plan: Plan) -> list[str]:
    """A sentence for each contender at a setting whose size is far from that of the reference."""
    pairing, reference = plan.settings.pairing, plan.settings.reference
    if pairing == "none":
        return []
    kinds = {(cell.contender, cell.place): cell for cell in plan.cells}
    lines = []
    for (contender, place), cell in kinds.items():
        other = kinds.get((reference, place))
        if contender == reference or other is None:
            continue
        shape = dataset_of(cell.config).image_shape if pairing == "multiplications" else None
        own, its = (size(one.config, pairing, shape) for one in (cell, other))
        difference = abs(own / its - 1.0)
        if difference > NOTABLE:
            words = f"{difference:.1%} {'more' if own > its else 'fewer'} {pairing}"
            lines.append(
                f"{spoken(cell.kind)} has {words} than {reference} ({own:,}, not {its:,}): no common factor for its "
                "widths comes closer."
            )
    return lines
