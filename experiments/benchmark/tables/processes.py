"""Tables of whole processes: time to the first step, whole runs and grids, time to a given quality."""

from __future__ import annotations

import statistics
from typing import Any

from experiments.benchmark.tables.measured import Measured, or_empty

Record = dict[str, Any]


def startup(results: list[Record]) -> list[str]:
    """Time to the first step: of several sittings the geometric mean."""
    measured = [result for result in results if "absent" not in result]
    if not measured:
        return [f"aeden is absent: {results[-1]['absent']}"]
    first, again = (
        statistics.geometric_mean(result[key] for result in measured) for key in ("first_seconds", "again_seconds")
    )
    command = "python -m experiments.main --config=configs/transpose_mnist.py"
    return [
        f"From the start of `{command}` ({measured[-1]['dataset']}) to its first training step: {first:.1f} s with an "
        f"empty cache, {again:.1f} s afterwards (median of 3).",
    ]


def whole(comparisons: list[Measured]) -> list[str]:
    """Whole runs and grids."""
    lines: list[str] = []
    for measured in comparisons:
        settings = measured.settings
        decoders, seeds = " and ".join(settings["decoders"]), settings["seeds"]
        what = f"Whole {settings['what']}: {decoders} decoder, {settings['epochs']} epochs"
        lines += [
            f"{what}{f', {seeds} seeds each' if seeds > 1 else ''}. Seconds from the start of the process to its end.",
            "",
            "| | empty caches | afterwards | time / aeden's |",
            "|---|---|---|---|",
        ]
        for name in measured.names:
            first, again = measured.seconds(name, "first_seconds"), measured.seconds(name)
            if first is None or again is None:
                lines.append(f"| {name} | {measured.absent(name)} | | |")
                continue
            lines.append(f"| {name} | {first:.1f} | {again:.1f} | {or_empty(measured.ratio(name))} |")
        lines += ["", measured.claim("the plain script"), ""]
    lines.append(
        "`experiments/benchmark/peers/plain_pytorch.py` says what the plain script leaves out of what aeden's run does."
    )
    return lines


def quality(results: list[Record]) -> list[str]:
    """Time to a test BCE, of the last sitting."""
    result = results[-1]
    aeden = result["aeden"]
    if "absent" in aeden:
        return [f"aeden is absent: {aeden['absent']}"]
    lines = [
        f"Wall-clock time from the start of the process to a test BCE of {result['target_bce']:.4f} on "
        f"{result['dataset']}, Gaussian noise of 0.4, clipped.",
        "",
        "| run | seconds | test BCE | trained for | time / aeden's |",
        "|---|---|---|---|---|",
        f"| aeden, the complete run of configs/transpose_mnist.py | {aeden['seconds']:.0f} | {aeden['bce']:.4f} | "
        f"{aeden['epochs']:g} epochs | |",
    ]
    for name, key in (
        ("Keras' example as published", "keras_published"),
        ("Keras' example without its epochs on clean images", "keras_noisy_only"),
    ):
        keras = result[key]
        if "absent" in keras:
            lines.append(f"| {name} | absent: {keras['absent']} | | | |")
            continue
        more = "" if keras["reached"] else "> "
        bce = f"{keras['bce']:.4f}" if "bce" in keras else "not yet on noisy images"
        lines.append(
            f"| {name} | {more}{keras['seconds']:.0f}{'' if keras['reached'] else ', stopped'} | {bce} | "
            f"{keras['clean_epochs']} clean and {keras['noisy_epochs']} noisy epochs | "
            f"{more}{keras['seconds'] / aeden['seconds']:.1f} |"
        )
    return lines
