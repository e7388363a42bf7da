"""Side by side: aeden and what its users would pick instead, in training, inference, and layer by layer.

    python -m experiments.benchmark --quick
    python -m experiments.benchmark                                  # all but the time to quality
    python -m experiments.benchmark --sections=quality               # needs MNIST: --data=FOLDER or AEDEN_DATA

Each contender works in a process of its own, one at a time, turn by turn; medians over the rounds. Absolute times drift
with the machine: what holds are the ratios within one run. Peers come with the `bench` extra (`pip install
'.[bench]'`), and are left out by name where they are absent. Results are merged into `benchmarks/<hardware>.json`, and
a Markdown table of them is written beside it.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

from absl import flags
from tqdm import tqdm

from aeden.nn.autoencoders import ConvAutoencoder
from aeden.runtime import files, processes, provenance
from experiments.benchmark import whole_process
from experiments.benchmark.race import CONTENDERS, PEERS, Race, Timing
from experiments.benchmark.tables import markdown

SECTIONS = ("layers", "training", "dense", "inference", "scaling", "startup")
QUICK = flags.DEFINE_bool("quick", False, "Under five minutes on two cores: fewer rounds, sizes and peers.")
CHOSEN = flags.DEFINE_list("sections", list(SECTIONS), f"Of {', '.join(SECTIONS)} and quality.")
ROUNDS = flags.DEFINE_integer("rounds", 7, "Rounds of each contender.", lower_bound=1)
SECONDS = flags.DEFINE_float("seconds", 2.0, "Length of a round.", lower_bound=0.01)
BATCH = flags.DEFINE_integer("batch", 128, "Images a training step.", lower_bound=1)
DECODERS = flags.DEFINE_list("decoders", ["transpose", "upsample"], "Decoders to compare with.")
ONLY = flags.DEFINE_list("contenders", list(CONTENDERS), "Contenders to compare.")
DATA = flags.DEFINE_string("data", "", "Data folder of the start-up and quality sections; AEDEN_DATA by default.")
OUTPUT = flags.DEFINE_string("output", None, "The JSON file; benchmarks/<hardware>.json by default.")

# Kernel, stride, height and width in, channels in and out of the layers compared; the first is the one in the README.
LAYERS = ((3, 2, 14, 32, 32), (4, 2, 14, 32, 32), (3, 2, 7, 128, 64))
PASSES = ("forward", "input gradient", "kernel gradient", "forward and backward")
LAYER_CONTENDERS = ("aeden", "aeden (reference lowering)", "plain Flax", "PyTorch", "PyTorch (channels last)")
QUICK_CONTENDERS = ("aeden", "plain Flax", "Keras on TensorFlow", "PyTorch (channels last)")

Cell = dict[str, Any]


class Plan:
    """What is to be run: cells, each a job with its settings and its contenders."""

    def __init__(self, sections: list[str], quick: bool):
        self.quick = quick
        names = tuple(name for name in CONTENDERS if name in ONLY.value)
        self.names = tuple(name for name in names if name in QUICK_CONTENDERS) if quick else names
        self.cells: list[Cell] = [cell for section in sections for cell in getattr(self, f"_{section}", list)()]

    def _training(self) -> list[Cell]:
        return [
            {
                "section": "training",
                "job": "training",
                "names": self.names,
                "settings": {"decoder": decoder, "batch": BATCH.value, "size": 28},
            }
            for decoder in DECODERS.value
        ]

    def _dense(self) -> list[Cell]:
        if self.quick:
            return []
        # On a device of their own, which a process has for good.
        peers = ("aeden", "PyTorch", "PyTorch (compiled)", "PyTorch (CUDA graphs)")
        names = tuple(name for name in self.names if name in peers)
        return [
            {
                "section": "dense",
                "job": "dense",
                "names": names,
                "alone": True,
                "settings": {"network": network, "batch": BATCH.value},
            }
            for network in ("autoencoder", "classifier")
        ]

    def _inference(self) -> list[Cell]:
        return [
            {
                "section": "inference",
                "job": "inference",
                "names": self.names,
                "settings": {"decoder": decoder, "batch": batch, "size": 28},
            }
            for decoder in DECODERS.value
            for batch in (1, 256)
        ]

    def _layers(self) -> list[Cell]:
        layers = LAYERS[:1] if self.quick else LAYERS
        passes = PASSES[-1:] if self.quick else PASSES
        names = tuple(name for name in LAYER_CONTENDERS if name in ONLY.value)
        return [
            {
                "section": "layers",
                "job": "layer",
                "names": names,
                "settings": {
                    "kind": kind,
                    "pass_": which,
                    "batch": BATCH.value,
                    "size": size,
                    "channels": channels,
                    "features": features,
                    "kernel": kernel,
                    "stride": stride,
                },
            }
            for kernel, stride, size, channels, features in layers
            for kind in DECODERS.value
            for which in passes
        ]

    def _scaling(self) -> list[Cell]:
        if self.quick:
            return []
        settings = [{"batch": BATCH.value, "size": 28, "devices": count} for count in device_counts()]
        settings += [{"batch": batch, "size": 28} for batch in (32, 128, 512, 1024, 4096)]
        settings += [{"batch": batch, "size": size} for batch, size in ((128, 64), (32, 128), (8, 256), (4, 512))]
        return [
            {
                "section": "scaling",
                "job": "training",
                "names": ("aeden",),
                "alone": True,
                "settings": {"decoder": decoder, **each},
            }
            for decoder in DECODERS.value
            for each in settings
        ]


def device_counts() -> list[int]:
    """1, 2, 4 ... and all of the CPU devices that aeden would make for the batch."""
    from aeden.runtime.devices import cpu_device_count

    most = cpu_device_count(BATCH.value, processes.cores())
    return sorted({count for count in (1, 2, 4, 8, 16, 32, 64, most) if count <= most})


def measure(plan: Plan) -> list[Cell]:
    """Runs every cell, under a progress bar."""
    rounds, seconds = (3, 0.7) if plan.quick else (ROUNDS.value, SECONDS.value)
    results = []
    bar = tqdm(plan.cells, unit=" comparisons", dynamic_ncols=True, disable=not sys.stderr.isatty())
    race = Race(rounds, seconds, lambda text: bar.set_postfix_str(text))
    with race:
        for cell in bar:
            bar.set_description(describe(cell))
            if not sys.stderr.isatty():
                print(describe(cell), file=sys.stderr, flush=True)
            if cell.get("alone"):
                # The number of CPU devices is a process's for good.
                with Race(rounds, seconds, lambda text: bar.set_postfix_str(text)) as alone:
                    timings = alone.run(cell["names"], cell["job"], cell["settings"])
            else:
                timings = race.run(cell["names"], cell["job"], cell["settings"])
            results.append(record(cell, timings))
    return results


def record(cell: Cell, timings: list[Timing]) -> Cell:
    """A cell's result as plain data."""
    settings = cell["settings"]
    result = {"section": cell["section"], "settings": settings, "contenders": [timing.record() for timing in timings]}
    if cell["job"] in ("training", "inference"):
        model = ConvAutoencoder(settings["decoder"])
        result["multiplications"] = model.multiplications(settings["size"], settings["size"])
    return result


def describe(cell: Cell) -> str:
    """A cell in a few words."""
    return f"{cell['section']}: " + ", ".join(f"{name.rstrip('_')} {x}" for name, x in cell["settings"].items())


def hardware_name(hardware: dict[str, Any]) -> str:
    """A file name for a machine: `amd-epyc-2-cores`, `nvidia-h200`."""
    words = f"{hardware['processor']} {hardware['cores']} cores"
    if hardware["platform"] != "cpu":
        words = hardware["device_kind"]
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def main() -> None:
    """Runs the comparisons, prints their tables and writes the result."""
    flags.FLAGS(sys.argv)
    for section in CHOSEN.value:
        if section not in (*SECTIONS, "quality"):
            raise SystemExit(f"error: unknown section {section!r}: use {', '.join(SECTIONS)} or quality")
    began = time.monotonic()
    hardware = whole_process.hardware_and_peaks()
    path = Path(OUTPUT.value or f"benchmarks/{hardware_name(hardware['hardware'])}{'-quick' * QUICK.value}.json")
    cells = measure(Plan(CHOSEN.value, QUICK.value))
    if "startup" in CHOSEN.value:
        cells += whole_process.startup(DATA.value)
    if "quality" in CHOSEN.value:
        cells += whole_process.time_to_quality(DATA.value)
    kept = [] if QUICK.value or not path.exists() else files.read_json(path)["results"]
    kept = [cell for cell in kept if cell["section"] not in CHOSEN.value]
    cells = [{**cell, "commit": provenance.commit()} for cell in cells]
    result = {**hardware, "versions": provenance.versions(), "results": kept + cells}
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(path, result)
    table = markdown(result, PEERS)
    files.write_text(path.with_suffix(".md"), table)
    print(table)
    print(f"{time.monotonic() - began:.0f} s; written to {path} and {path.with_suffix('.md')}", file=sys.stderr)


if __name__ == "__main__":
    main()
