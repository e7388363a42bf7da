"""Measures how fast seeds are trained at once: in one program by vmap or by a loop, or in processes side by side.

    python -m experiments.benchmark.seeds --config=configs/transpose_mnist.py --output=seeds.csv

Each measurement has processes of its own, one after the other; only `processes` starts as many as there are seeds. All
compile and warm up before the first begins. A row of the table, CSV on standard output, is

    way        vmap or map: N seeds in one program, all at once or one after the other within a step (`jax.lax.map`);
               processes: N processes, each with one seed, as a grid without --together has them
    lowering   implementation of the convolutions (`model.lowering`)
    seeds      N
    steps_per_second       steps of one seed per second; of all processes the slowest
    all_steps_per_second   N times that
    fed_steps_per_second   the same without drawing batches and sending them to the device: what the device can do
    compile_seconds        until the first step has ended
    device, error          what it ran on; why there is no figure
"""

from __future__ import annotations

import time

from aeden.runtime import malloc

if __name__ == "__main__":
    malloc.restart_tuned()

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
from absl import flags

from aeden.nn.layers import LOWERINGS
from aeden.runtime import files, many_states, provenance
from aeden.runtime.identity import flatten
from aeden.shapes import PyTree
from aeden.tasks.execute import prepare
from aeden.tasks.execute_together import check_task
from aeden.tasks.from_config import open_data
from aeden.training.loop import Training, key_data, with_key
from experiments import cli

PROCESSES = "processes"
COLUMNS = (
    *("way", "lowering", "seeds", "steps_per_second", "all_steps_per_second", "fed_steps_per_second"),
    *("compile_seconds", "device", "error"),
)
FLAGS = flags.FlagValues()
NUMBERS = flags.DEFINE_list("numbers", ["1", "2", "4", "8", "16", "32", "64"], "Seeds at once.", flag_values=FLAGS)
CHOSEN_WAYS = flags.DEFINE_list(
    "ways", [*many_states.WAYS, PROCESSES], "Ways to measure: vmap, map, processes.", flag_values=FLAGS
)
CHOSEN_LOWERINGS = flags.DEFINE_list(
    "lowerings", ["reference", "fast"], "Implementations of the convolutions to measure.", flag_values=FLAGS
)
SECONDS = flags.DEFINE_float("seconds", 3.0, "Length of a measurement.", lower_bound=0.01, flag_values=FLAGS)
OUTPUT = flags.DEFINE_string("output", None, "CSV file to write too.", flag_values=FLAGS)
# Of the processes that this command starts.
WORKER = flags.DEFINE_string(
    "worker", "", "Set by this command: measure --ways with --numbers once, and meet in this folder.", flag_values=FLAGS
)


def measure(training: Training, number: int, way: str, seconds: float, ready: Callable[[], None]) -> dict[str, float]:
    """Times the steps of several seeds in one program, as `fit_together` takes them.

    Args:
      training: of one seed; the others have the same batches.
      number: number of seeds.
      way: one of `many_states.WAYS`.
      seconds: length of each of the two measurements.
      ready: called after compilation, before the first measurement.
    """
    run = many_states.pmap_state_steps(with_key(training), number, way)
    states = many_states.stack([training.initial_state()] * number)
    keys = many_states.stack([key_data(training, training.seed + i) for i in range(number)])
    size = min(training.schedule.steps_per_dispatch, training.schedule.steps)
    begun, taken = time.perf_counter(), 0

    def batches() -> PyTree:
        step = taken % max(training.schedule.steps - size, 1)
        return many_states.deal([training.batches.at(step, size) for _ in range(number)])

    def rate(draw: Callable[[], PyTree]) -> float:
        """Steps of one seed per second."""
        nonlocal states, taken
        began, before = time.perf_counter(), taken
        while time.perf_counter() - began < seconds:
            states, metrics = run(states, draw(), keys)
            jax.block_until_ready(metrics)
            taken += size
        return (taken - before) / (time.perf_counter() - began)

    same = many_states.on_devices(batches())
    states, metrics = run(states, same, keys)
    jax.block_until_ready(metrics)
    compiled = time.perf_counter() - begun
    states, metrics = run(states, same, keys)
    jax.block_until_ready(metrics)
    ready()
    return {
        "steps_per_second": rate(batches),
        "fed_steps_per_second": rate(lambda: same),
        "compile_seconds": compiled,
    }


def work(meeting: Path) -> None:
    """What a process of a measurement does: the first of each choice, once. Prints a row as JSON."""
    config = cli.CONFIG.value
    config.model.lowering = CHOSEN_LOWERINGS.value[0]
    cli.set_up(config)
    training = prepare(config, open_data(config)).abstract_trainings()[0]

    def ready() -> None:
        (meeting / f"ready{os.getpid()}").touch()
        while not (meeting / "go").exists():
            time.sleep(0.01)

    row = measure(training, int(NUMBERS.value[0]), CHOSEN_WAYS.value[0], SECONDS.value, ready)
    hardware = provenance.hardware()
    print(json.dumps({**row, "device": f"{hardware['devices']} {hardware['device_kind']}"}))


def time_one(way: str, lowering: str, number: int, config: Sequence[str]) -> dict[str, Any]:
    """A row of the table, by processes of its own.

    Args:
      way, lowering, number: see the columns of the table.
      config: the options that choose the experiment.
    """
    count, each = (number, 1) if way == PROCESSES else (1, number)
    chosen = [f"--ways={'vmap' if way == PROCESSES else way}", f"--numbers={each}", f"--lowerings={lowering}"]
    # Without this a process takes most of a GPU's memory for itself.
    environment = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", **os.environ}
    row: dict[str, Any] = {"way": way, "lowering": lowering, "seeds": number}
    with tempfile.TemporaryDirectory() as folder:
        options = [*config, *chosen, f"--seconds={SECONDS.value}", f"--worker={folder}"]
        command = [sys.executable, "-m", "experiments.benchmark.seeds", *options]
        workers = [
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(count)
        ]
        try:
            while len(list(Path(folder).glob("ready*"))) < count and not any(worker.poll() for worker in workers):
                time.sleep(0.05)
            (Path(folder) / "go").touch()
            said = [worker.communicate() for worker in workers]
        finally:
            for worker in workers:
                worker.kill()
    failed = [err for worker, (_, err) in zip(workers, said, strict=True) if worker.returncode]
    if failed:
        return {**row, "error": (failed[0].strip().splitlines() or ["no message"])[-1].removeprefix("error: ")}
    found = [json.loads(out.splitlines()[-1]) for out, _ in said]
    slowest = {name: min(one[name] for one in found) for name in ("steps_per_second", "fed_steps_per_second")}
    compiled = max(one["compile_seconds"] for one in found)
    total = number * slowest["steps_per_second"]
    return {**row, **slowest, "all_steps_per_second": total, "compile_seconds": compiled, "device": found[0]["device"]}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as CSV, figures to four digits."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: f"{x:.4g}" if isinstance(x, float) else x for name, x in row.items()})
    return text.getvalue()


def check() -> None:
    """Refuses choices that there are not.

    Raises:
      ValueError: naming the flag.
    """
    for flag, known in ((CHOSEN_WAYS, (*many_states.WAYS, PROCESSES)), (CHOSEN_LOWERINGS, LOWERINGS)):
        for value in flag.value:
            if value not in known:
                raise ValueError(f"--{flag.name}={value}: use {', '.join(known)}")
    if not all(number.isdecimal() and int(number) for number in NUMBERS.value):
        raise ValueError(f"--numbers={','.join(NUMBERS.value)}: use positive whole numbers")
    check_task(cli.CONFIG.value)


def main() -> None:
    """Measures every choice and prints the table, which is written anew after each row."""
    check()
    if WORKER.value:
        work(Path(WORKER.value))
        return
    usual = flatten(cli.defaults())
    changed = {name: value for name, value in flatten(cli.CONFIG.value.to_dict()).items() if value != usual[name]}
    config = ["--config=configs/base.py", *(f"--config.{name}={value}" for name, value in changed.items())]
    rows: list[dict[str, Any]] = []
    for lowering in CHOSEN_LOWERINGS.value:
        for number in map(int, NUMBERS.value):
            for way in CHOSEN_WAYS.value:
                print(f"{way}, {lowering}, {number} seeds ...", file=sys.stderr, flush=True)
                rows.append(time_one(way, lowering, number, config))
                if OUTPUT.value:
                    files.write_text(Path(OUTPUT.value), table(rows))
    print(table(rows), end="")


if __name__ == "__main__":
    # The command takes its own flags and those of `experiments.cli`.
    flags.FLAGS.append_flag_values(FLAGS)
    FLAGS.mark_as_parsed()
    cli.leave(cli.guarded(main))
