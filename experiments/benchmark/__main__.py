"""Compares the speed of aeden with other libraries: training, inference, single layers, whole runs.

    python -m experiments.benchmark --quick
    python -m experiments.benchmark                             # every section except quality and dispatch
    python -m experiments.benchmark --append                    # once more: a further sitting in the same file
    python -m experiments.benchmark --sections=quality          # needs MNIST: --data=FOLDER or AEDEN_DATA

The peers (aeden and the libraries that it is compared with) run in separate processes, one at a time, in turn. Times
are medians over the rounds. Absolute times drift with the machine, so compare ratios within one run only. The other
libraries come with the `bench` extra (`pip install '.[bench]'`); a peer that cannot run is listed as absent with the
reason. Results are merged into `benchmarks/<machine>.json` after every section, and the same results as Markdown tables
are written to a file of the same name ending in `.md`. benchmarks/README.md describes the method and the files.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from aeden.runtime import files
from experiments import command_help, own_flags
from experiments.benchmark import sittings, whole_process
from experiments.benchmark.libraries import PEERS
from experiments.benchmark.measure import measure
from experiments.benchmark.peers import PRECISIONS, Absent
from experiments.benchmark.plan import DECODERS, MORE_SECTIONS, PASSES, SECTIONS, Options, plan
from experiments.benchmark.race import Race
from experiments.benchmark.tables.page import markdown
from experiments.benchmark.whole import CONTENDERS, whole
from experiments.benchmark.whole import ROUNDS as WHOLE_ROUNDS

# A set of flags of its own: other commands define flags of the same names, and one process may import several commands.
FLAGS = flags.FlagValues()
QUICK = flags.DEFINE_bool(
    "quick", False, "Under five minutes on two cores: fewer rounds, sizes and peers, no search.", flag_values=FLAGS
)
CHOSEN = flags.DEFINE_list(
    "sections",
    list(SECTIONS),
    f"Sections to measure: {', '.join(SECTIONS)}, {', '.join(MORE_SECTIONS)}.",
    flag_values=FLAGS,
)
APPEND = flags.DEFINE_bool(
    "append",
    False,
    "Add a sitting to the file; without it, measured comparisons replace those in it.",
    flag_values=FLAGS,
)
SEARCH = flags.DEFINE_enum(
    "search",
    "on",
    ["on", "off", "earlier"],
    "Search the best configuration of Keras and PyTorch for each network, some minutes each, and let it take part; "
    "earlier: let those take part that were found by an earlier sitting in the file.",
    flag_values=FLAGS,
)
NUMBER = flags.DEFINE_integer("rounds", 15, "Rounds per peer.", lower_bound=1, flag_values=FLAGS)
SECONDS = flags.DEFINE_float("seconds", 1.0, "Length of a round in seconds.", lower_bound=0.01, flag_values=FLAGS)
SEED = flags.DEFINE_integer(
    "seed", -1, "Seed of the order of the peers in each round; -1 draws one.", lower_bound=-1, flag_values=FLAGS
)
BATCH = flags.DEFINE_integer("batch", 128, "Images per training step.", lower_bound=1, flag_values=FLAGS)
BATCHES = flags.DEFINE_list("batches", [], "Several values in place of --batch.", flag_values=FLAGS)
CHOSEN_PRECISIONS = flags.DEFINE_list(
    "precisions",
    ["float32"],
    f"Precisions of training, layers and inference: {', '.join(PRECISIONS)}; tf32 needs a GPU.",
    flag_values=FLAGS,
)
DISPATCHES = flags.DEFINE_list(
    "dispatches", [], "Steps per call to the devices, of the section dispatch; needs a GPU.", flag_values=FLAGS
)
CHOSEN_DECODERS = flags.DEFINE_list("decoders", list(DECODERS), "Decoders to measure.", flag_values=FLAGS)
CHOSEN_PASSES = flags.DEFINE_list(
    "passes", list(PASSES), f"Passes of the section layers: {', '.join(PASSES)}.", flag_values=FLAGS
)
CHOSEN_PEERS = flags.DEFINE_list("contenders", list(PEERS), "Peers to measure.", flag_values=FLAGS)
EXTENSIONS = flags.DEFINE_string(
    "vector_extensions",
    "",
    "Name of the vector extensions in the results, where something limits them; by default those of the processor.",
    flag_values=FLAGS,
)
DATA = flags.DEFINE_string(
    "data", "", "Data folder of the startup, whole and quality sections; AEDEN_DATA by default.", flag_values=FLAGS
)
OUTPUT = flags.DEFINE_string(
    "output", None, "JSON file to write; benchmarks/<machine>.json by default.", flag_values=FLAGS
)


# Seconds after which a peer that does not answer is absent.
LONGEST_ANSWER = 900.0


def check_known(kind: str, values: Sequence[str], known: Collection[str]) -> None:
    """Checks the values of a flag.

    Raises:
      ValueError: a value is unknown.
    """
    for value in values:
        if value not in known:
            raise ValueError(f"unknown {kind} {value!r}: use {', '.join(known)}")


def positive(name: str, values: Sequence[str]) -> tuple[int, ...]:
    """The values of a flag as positive integers.

    Raises:
      ValueError: a value is not one.
    """
    if not all(value.isdecimal() and int(value) > 0 for value in values):
        raise ValueError(f"--{name}={','.join(values)}: use positive whole numbers")
    return tuple(int(value) for value in values)


def check_machine(on_cpu: bool) -> None:
    """Refuses what makes no sense without a GPU.

    Raises:
      ValueError: naming the flag.
    """
    if on_cpu and "tf32" in CHOSEN_PRECISIONS.value:
        raise ValueError("--precisions=tf32 needs a GPU: on a CPU it is the same as float32")
    if on_cpu and (DISPATCHES.value or "dispatch" in CHOSEN.value):
        raise ValueError("--dispatches needs a GPU: on a CPU aeden makes one step per call")
    if "dispatch" in CHOSEN.value and not DISPATCHES.value:
        raise ValueError("--sections=dispatch needs --dispatches, e.g. --dispatches=1,10,50,200")


def options_of(on_cpu: bool) -> Options:
    """What the flags choose."""
    return Options(
        quick=QUICK.value,
        peers=tuple(name for name in PEERS if name in CHOSEN_PEERS.value),
        decoders=tuple(CHOSEN_DECODERS.value),
        batches=positive("batches", BATCHES.value) or (BATCH.value,),
        precisions=tuple(CHOSEN_PRECISIONS.value),
        dispatches=positive("dispatches", DISPATCHES.value),
        on_cpu=on_cpu,
        search=SEARCH.value != "off" and not QUICK.value,
        passes=tuple(CHOSEN_PASSES.value),
    )


def check_flags() -> None:
    """Checks what does not depend on the machine.

    Raises:
      ValueError: a flag has an invalid value.
    """
    if not CHOSEN.value:
        raise ValueError(f"--sections names none: use {', '.join((*SECTIONS, *MORE_SECTIONS))}")
    check_known("section", CHOSEN.value, (*SECTIONS, *MORE_SECTIONS))
    check_known("decoder", CHOSEN_DECODERS.value, DECODERS)
    check_known("pass", CHOSEN_PASSES.value, PASSES)
    check_known("peer", CHOSEN_PEERS.value, PEERS)
    check_known("precision", CHOSEN_PRECISIONS.value, PRECISIONS)
    options_of(on_cpu=True)


def measure_section(
    section: str, options: Options, measuring: dict[str, Any], found: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The results of a section; `found` are earlier results whose searches are used again."""
    rounds, seconds, seed = (measuring[name] for name in ("rounds", "seconds", "seed"))
    if section == "startup":
        return [whole_process.startup(DATA.value)]
    if section == "quality":
        return [whole_process.time_to_quality(DATA.value)]
    if section == "whole":
        if options.quick:
            return []
        names = [name for name in CONTENDERS if name.partition(" (")[0] in options.peers]
        return whole(DATA.value, names, min(rounds, WHOLE_ROUNDS), seed, lambda text: print(text, file=sys.stderr))
    comparisons = plan([section], options)
    return measure(
        comparisons, lambda show: Race(rounds, seconds, show, seed, limit=LONGEST_ANSWER), PEERS, options.on_cpu, found
    )


def how_to_measure() -> dict[str, Any]:
    """Rounds, seconds and seed. A quick benchmark has its own unless the flags name others."""
    quick: dict[str, float] = {"rounds": 5, "seconds": 0.4} if QUICK.value else {}
    chosen = {name: value for name, value in quick.items() if not FLAGS[name].present}
    seed = SEED.value if SEED.value >= 0 else random.SystemRandom().randrange(2**31)
    return {"rounds": NUMBER.value, "seconds": SECONDS.value, "seed": seed, **chosen}


def run() -> None:
    """Runs the comparisons that the flags name, prints their tables and writes the results."""
    check_flags()
    began = time.monotonic()
    extensions = sittings.used_extensions(sittings.read_cpuinfo(), os.environ, EXTENSIONS.value)
    machine = whole_process.measure_machine()
    on_cpu = machine["hardware"]["platform"] == "cpu"
    check_machine(on_cpu)
    sections = [*CHOSEN.value, *(["dispatch"] if DISPATCHES.value and "dispatch" not in CHOSEN.value else [])]
    measuring = how_to_measure()
    sitting = sittings.describe({**machine, "vector_extensions": extensions}, measuring)
    name = f"{sittings.file_name(machine['hardware'], extensions)}{'-quick' if QUICK.value else ''}"
    path = Path(OUTPUT.value or f"benchmarks/{name}.json")
    earlier = sittings.read(path) if path.exists() and (APPEND.value or not QUICK.value) else None
    if earlier is not None:
        sittings.check_same_machine(earlier, sitting, path)
    found = earlier["results"] if earlier is not None and SEARCH.value == "earlier" else []
    path.parent.mkdir(parents=True, exist_ok=True)
    measured: list[dict[str, Any]] = []
    for section in sections:
        measured += measure_section(section, options_of(on_cpu), measuring, found)
        content = sittings.merge(earlier, sitting, measured, APPEND.value)
        files.write_json(path, content)
        files.write_text(path.with_suffix(".md"), markdown(content))
    print(markdown(content))
    print(f"{time.monotonic() - began:.0f} s; written to {path} and {path.with_suffix('.md')}", file=sys.stderr)


def main() -> None:
    """Parses the flags and runs the benchmark; an invalid flag ends it with one line."""
    if command_help.is_wanted(sys.argv[1:]):
        print(own_flags.help_text(FLAGS, __doc__))
        return
    try:
        FLAGS(sys.argv)
        run()
    except (flags.Error, ValueError, Absent) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
