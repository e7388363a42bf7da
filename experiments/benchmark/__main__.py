"""Compares the speed of aeden with other libraries: training, inference and single layers.

    python -m experiments.benchmark --quick
    python -m experiments.benchmark                                  # every section except quality
    python -m experiments.benchmark --sections=quality               # needs MNIST: --data=FOLDER or AEDEN_DATA

The peers (aeden and the libraries that it is compared with) run in separate processes, one at a time, in turn. Times
are medians over the rounds. Absolute times drift with the machine, so compare ratios within one run only. The other
libraries come with the `bench` extra (`pip install '.[bench]'`); a peer that cannot run is listed as absent with the
reason. Results are merged into `benchmarks/<hardware>.json`, and the same results as Markdown tables are written to a
file of the same name ending in `.md`.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from tqdm import tqdm

from aeden.nn.autoencoders import ConvAutoencoder
from aeden.runtime import files, provenance
from experiments.benchmark import whole_process
from experiments.benchmark.peers import Absent
from experiments.benchmark.plan import DECODERS, SECTIONS, Comparison, Options, plan
from experiments.benchmark.race import PEERS, Race, Timing
from experiments.benchmark.tables import markdown

# A set of flags of its own: other commands define flags of the same names, and one process may import several commands.
FLAGS = flags.FlagValues()
QUICK = flags.DEFINE_bool(
    "quick", False, "Under five minutes on two cores: fewer rounds, sizes and peers.", flag_values=FLAGS
)
CHOSEN = flags.DEFINE_list(
    "sections", list(SECTIONS), f"Sections to measure: {', '.join(SECTIONS)}, quality.", flag_values=FLAGS
)
ROUNDS = flags.DEFINE_integer("rounds", 7, "Rounds per peer.", lower_bound=1, flag_values=FLAGS)
SECONDS = flags.DEFINE_float("seconds", 2.0, "Length of a round in seconds.", lower_bound=0.01, flag_values=FLAGS)
BATCH = flags.DEFINE_integer("batch", 128, "Images per training step.", lower_bound=1, flag_values=FLAGS)
CHOSEN_DECODERS = flags.DEFINE_list("decoders", list(DECODERS), "Decoders to measure.", flag_values=FLAGS)
CHOSEN_PEERS = flags.DEFINE_list("contenders", list(PEERS), "Peers to measure.", flag_values=FLAGS)
DATA = flags.DEFINE_string(
    "data", "", "Data folder of the startup and quality sections; AEDEN_DATA by default.", flag_values=FLAGS
)
OUTPUT = flags.DEFINE_string(
    "output", None, "JSON file to write; benchmarks/<hardware>.json by default.", flag_values=FLAGS
)


def measure(comparisons: Sequence[Comparison], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Runs the comparisons under a progress bar, and returns their results as plain data."""
    results = []
    bar = tqdm(comparisons, unit=" comparisons", dynamic_ncols=True, disable=not sys.stderr.isatty())
    with Race(rounds, seconds, bar.set_postfix_str) as race:
        for comparison in bar:
            bar.set_description(describe(comparison))
            if not sys.stderr.isatty():
                print(describe(comparison), file=sys.stderr, flush=True)
            if comparison.own_processes:
                with Race(rounds, seconds, bar.set_postfix_str) as own:
                    timings = own.run(comparison.peers, comparison.job, comparison.settings)
            else:
                timings = race.run(comparison.peers, comparison.job, comparison.settings)
            results.append(record(comparison, timings))
    return results


def record(comparison: Comparison, timings: list[Timing]) -> dict[str, Any]:
    """The result of a comparison as plain data."""
    settings = comparison.settings
    result: dict[str, Any] = {
        "section": comparison.section,
        "settings": settings,
        "contenders": [timing.record() for timing in timings],  # the file format's name for the peers
    }
    if comparison.job in ("training", "inference"):
        model = ConvAutoencoder(settings["decoder"])
        result["multiplications"] = model.multiplications(settings["size"], settings["size"])
    return result


def describe(comparison: Comparison) -> str:
    """One line about a comparison, for the progress bar."""
    settings = ", ".join(f"{name.rstrip('_')} {value}" for name, value in comparison.settings.items())
    return f"{comparison.section}: {settings}"


def hardware_name(hardware: dict[str, Any]) -> str:
    """File name for a machine: `amd-epyc-2-cores`, `nvidia-h200`."""
    words = f"{hardware['processor']} {hardware['cores']} cores"
    if hardware["platform"] != "cpu":
        words = hardware["device_kind"]
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def check_known(kind: str, values: Sequence[str], known: Collection[str]) -> None:
    """Checks the values of a flag.

    Raises:
      ValueError: a value is unknown.
    """
    for value in values:
        if value not in known:
            raise ValueError(f"unknown {kind} {value!r}: use {', '.join(known)}")


def run() -> None:
    """Runs the comparisons that the flags name, prints their tables and writes the results."""
    check_known("section", CHOSEN.value, (*SECTIONS, "quality"))
    check_known("decoder", CHOSEN_DECODERS.value, DECODERS)
    check_known("peer", CHOSEN_PEERS.value, PEERS)
    began = time.monotonic()
    machine = whole_process.measure_machine()
    suffix = "-quick" if QUICK.value else ""
    path = Path(OUTPUT.value or f"benchmarks/{hardware_name(machine['hardware'])}{suffix}.json")
    chosen_peers = [name for name in PEERS if name in CHOSEN_PEERS.value]
    options = Options(QUICK.value, tuple(chosen_peers), tuple(CHOSEN_DECODERS.value), BATCH.value)
    rounds, seconds = (3, 0.7) if QUICK.value else (ROUNDS.value, SECONDS.value)
    measured = measure(plan(CHOSEN.value, options), rounds, seconds)
    if "startup" in CHOSEN.value:
        measured += whole_process.startup(DATA.value)
    if "quality" in CHOSEN.value:
        measured += whole_process.time_to_quality(DATA.value)
    measured = [{**result, "commit": provenance.commit()} for result in measured]
    earlier = [] if QUICK.value or not path.exists() else files.read_json(path)["results"]
    kept = [result for result in earlier if result["section"] not in CHOSEN.value]
    content = {**machine, "versions": provenance.versions(), "results": kept + measured}
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(path, content)
    tables = markdown(content)
    files.write_text(path.with_suffix(".md"), tables)
    print(tables)
    print(f"{time.monotonic() - began:.0f} s; written to {path} and {path.with_suffix('.md')}", file=sys.stderr)


def main() -> None:
    """Parses the flags and runs the benchmark; an invalid flag ends it with one line."""
    try:
        FLAGS(sys.argv)
        run()
    except (flags.Error, ValueError, Absent) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
