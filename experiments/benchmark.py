"""Side by side: training throughput of aeden and of what its users would pick instead.

    python -m experiments.benchmark

Each contender runs in a process of its own; all are built and warmed up first, then they take turns, a round each, and
one works at a time. Medians over the rounds, and ratios within one run, are what holds: absolute times drift.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from absl import flags

from aeden import allocator, runs

ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds of each contender.", lower_bound=1)
SECONDS = flags.DEFINE_float("seconds", 4.0, "Length of a round, in seconds.", lower_bound=0.01)
BATCH = flags.DEFINE_integer("batch", 128, "Images a training step.", lower_bound=1)
DECODERS = flags.DEFINE_list("decoders", ["transpose", "upsample"], "Decoders to compare with.")
OUTPUT = flags.DEFINE_string("output", None, "Where to write the result as JSON.")

# A contender's name in tables, and the module of experiments.contenders that holds it.
CONTENDERS = {"aeden": "aeden_itself", "plain Flax, one CPU device": "plain_flax"}


@dataclass
class Contender:
    """A contender at work: its process, what it says of itself, and its seconds a step, round by round."""

    name: str
    process: subprocess.Popen[str]
    description: dict[str, Any] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def answer(self) -> Any:
        """The next line it prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended: see above")
        return json.loads(line)

    def time(self, steps: int) -> float:
        """Seconds that some steps take."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return float(self.answer())


def start(name: str, job: str, settings: dict[str, Any]) -> Contender:
    """Starts a contender, and waits until it is warm."""
    # As experiments.main does for aeden itself; the others run as a user would find them.
    tuned = {"GLIBC_TUNABLES": allocator.TUNABLES} if name == "aeden" else {}
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments.contenders", CONTENDERS[name], job, json.dumps(settings)],
        env={**os.environ, **tuned}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    contender = Contender(name, process)
    contender.description = contender.answer()
    return contender


def compare(job: str, settings: dict[str, Any]) -> list[Contender]:
    """Times every contender at one job, turn by turn."""
    contenders = [start(name, job, settings) for name in CONTENDERS]
    steps = {c.name: max(1, round(SECONDS.value / (c.time(3) / 3))) for c in contenders}
    for round_number in range(ROUNDS.value):
        print(f"\r  round {round_number + 1} of {ROUNDS.value}", end="", file=sys.stderr, flush=True)
        for contender in contenders:
            contender.seconds.append(contender.time(steps[contender.name]) / steps[contender.name])
    print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    for contender in contenders:
        contender.process.communicate()
    return contenders


def table(contenders: list[Contender], batch: int) -> tuple[list[str], list[dict[str, Any]]]:
    """Lines of a Markdown table, and the same as plain results."""
    slowest = max(statistics.median(c.seconds) for c in contenders)
    lines, results = ["| | images/s | step (ms) | ratio | devices |", "|---|---|---|---|---|"], []
    for contender in contenders:
        step = statistics.median(contender.seconds)
        rate, ratio = batch / step, slowest / step
        devices = contender.description["devices"]
        lines.append(f"| {contender.name} | {rate:.0f} | {1000 * step:.1f} | {ratio:.2f} | {devices} |")
        results.append({"name": contender.name, **contender.description, "seconds_a_step": contender.seconds,
                        "images_per_second": rate, "ratio": ratio})  # fmt: skip
    return lines, results


def main() -> None:
    """Runs the comparisons, prints their tables and writes the result."""
    flags.FLAGS(sys.argv)
    result: dict[str, Any] = {"versions": runs.versions(), "commit": runs.commit(), "training": {}}
    for decoder in DECODERS.value:
        settings = {"decoder": decoder, "batch": BATCH.value, "size": 28}
        lines, result["training"][decoder] = table(compare("training", settings), BATCH.value)
        print(f"\nTraining, {decoder} decoder, batch {BATCH.value}, 28 x 28, float32:\n", *lines, sep="\n", flush=True)
    result["hardware"] = runs.hardware()
    if OUTPUT.value:
        runs.write_json(Path(OUTPUT.value), result)


if __name__ == "__main__":
    main()
