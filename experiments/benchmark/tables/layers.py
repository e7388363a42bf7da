"""Tables of single layers."""

from __future__ import annotations

from typing import Any

from experiments.benchmark.tables.measured import AEDEN, Measured, milliseconds, or_empty


def layers(comparisons: list[Measured]) -> list[str]:
    """One row per layer and pass."""
    names = list(dict.fromkeys(name for measured in comparisons for name in measured.names))
    lines = [
        "Milliseconds, and in brackets the time divided by that of aeden's layer with the lowering that aeden chooses. "
        "Share: of aeden's time that the multiplications would take at the rate of matrix products. Last column: time "
        "of the fastest of PyTorch's layouts divided by aeden's.",
        "",
        f"| layer | pass | share | {' | '.join(names)} | fastest PyTorch / aeden |",
        "|---|---|---|" + "---|" * (len(names) + 1),
    ]
    for measured in comparisons:
        settings = measured.settings
        entries = [_entry(measured, name) for name in names]
        share = measured.share_of_limit(AEDEN, gflop(settings))
        lines.append(
            f"| {describe(settings)} | {settings['pass_']} | {share} | {' | '.join(entries)} | "
            f"{or_empty(measured.best_ratio())} |"
        )
    reasons = {
        name: measured.absent(name) for measured in reversed(comparisons) for name in names if measured.absent(name)
    }
    return [*lines, *(["", *(f"- {name}, {reason}" for name, reason in reasons.items())] if reasons else [])]


def describe(s: dict[str, Any]) -> str:
    """A layer and its batch in words."""
    precision = f", {s['precision']}" if "precision" in s else ""
    return (
        f"{s['kind']} k{s['kernel']} s{s['stride']}, {s['size']} to {s['size'] * s['stride']}, "
        f"{s['channels']} to {s['features']}, batch {s['batch']}{precision}"
    )


def gflop(s: dict[str, Any]) -> float:
    """Billions of operations of a pass, two per multiplication."""
    passes = 3 if s["pass_"].endswith("backward") else 1
    # Both kinds need as many as a transposed convolution, see `aeden.nn.fast_convolution.resized_convolution`.
    return 2e-9 * passes * s["batch"] * s["size"] ** 2 * s["kernel"] ** 2 * s["channels"] * s["features"]


def _entry(measured: Measured, name: str) -> str:
    """Milliseconds of a peer, and its time divided by aeden's if both are known."""
    seconds = measured.seconds(name)
    if seconds is None:
        return "absent"
    ratio = measured.ratio(name)
    return f"{milliseconds(seconds, unit='')}{'' if ratio is None else f' ({ratio})'}"
