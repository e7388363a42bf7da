"""The cost of each contender of a grid: parameters, multiplications per image, milliseconds per batch.

    python -m experiments.ablate.cost --config=configs/ablations/decoders_mnist.py [--output=cost.json] [--rounds=9]

Every network is compiled and warmed up. Then all networks are timed in turn, round by round, so that a machine whose
speed drifts treats all alike. The figures are medians over the rounds. Nothing else should run at the same time.
"""

from __future__ import annotations

import sys

from aeden.runtime import malloc

if __name__ == "__main__":
    malloc.restart_tuned()

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import flags

from aeden.nn.parameters import count_parameters, make_init
from aeden.runtime import devices, files, provenance
from aeden.shapes import PyTree
from aeden.tasks.denoise.run import DenoiseRun
from aeden.tasks.denoise.task import prepare
from aeden.tasks.objectives import restoration
from aeden.training.loop import key_data, with_key
from experiments import cli
from experiments.ablate import grid

# A set of flags of its own: other commands define flags of the same names, and one process may import several commands.
FLAGS = flags.FlagValues()
OUTPUT = flags.DEFINE_string("output", None, "JSON file to write the figures to.", flag_values=FLAGS)
ROUNDS = flags.DEFINE_integer(
    "rounds", 9, "Number of times that each network is timed.", lower_bound=1, flag_values=FLAGS
)
# Number of calls before the timed ones, the first of which compiles.
WARM_UP = 3

Timed = Callable[[], Any]


def costs(runs: dict[str, DenoiseRun], rounds: int) -> dict[str, dict[str, Any]]:
    """The cost of several networks.

    Args:
      runs: name -> the run of a network.
      rounds: number of times that each network is timed.

    Returns:
      Name -> `parameters`, `multiplications` per image, and the milliseconds that a batch takes: `forward_ms` to
      restore it, `training_ms` for a whole step.
    """
    found: dict[str, dict[str, Any]] = {}
    jobs: dict[str, tuple[Timed, Timed]] = {}
    for name, run in runs.items():
        shape = run.dataset.image_shape
        params = make_init(run.model, shape)(jax.random.key(0))
        found[name] = {"parameters": count_parameters(params), "multiplications": run.model.multiplications(*shape[:2])}
        jobs[name] = timed_jobs(run, params)
    times: dict[str, list[list[float]]] = {name: [[], []] for name in jobs}
    for _ in range(rounds):
        for name, pair in jobs.items():
            for i, job in enumerate(pair):
                began = time.perf_counter()
                jax.block_until_ready(job())
                times[name][i].append(1000 * (time.perf_counter() - began))
    for name, (forward, training) in times.items():
        found[name] |= {"forward_ms": statistics.median(forward), "training_ms": statistics.median(training)}
    return found


def timed_jobs(run: DenoiseRun, params: PyTree) -> tuple[Timed, Timed]:
    """Two functions: one restores a batch, the other takes a training step. Compiled and warm, over all devices."""
    training, shape = run.training, run.dataset.image_shape
    step, key = devices.pmap_steps(with_key(training)), key_data(training, training.seed)
    restore = restoration.make_restore(run.model, params, shape)
    images = np.random.default_rng(0).uniform(size=(training.batches.batch_size, *shape)).astype(np.float32)
    batch = devices.deal(training.batches.at(0))
    state = [devices.replicate(training.objective.init(jax.random.key(0)))]

    def train() -> Any:
        state[0], metrics = step(state[0], batch, key)  # the step reuses the memory of the state that is passed in
        return metrics

    jobs: tuple[Timed, Timed] = (lambda: restore(images, run.noise_fields.get("level"))), train
    for job in jobs:
        for _ in range(WARM_UP):
            jax.block_until_ready(job())
    return jobs


def main() -> None:
    """Times every network of the grid and prints the figures.

    Raises:
      ValueError: the grid is invalid, or its task is not denoise.
    """
    settings = cli.CONFIG.value
    if settings.experiment.task != "denoise":
        raise ValueError(f"only denoising networks are timed, and experiment.task is {settings.experiment.task!r}")
    cli.set_up(settings.experiment)
    cells = grid.expand(settings)
    first = {cell.kind: cell for cell in reversed(cells)}
    runs = {kind: prepare(cell.config, grid.dataset_of(cell.config)) for kind, cell in first.items()}
    record = {
        "costs": costs(runs, ROUNDS.value),
        "configs": grid.digests(cells),
        "batch": settings.experiment.batch_size,
        **provenance.provenance(),
    }
    if OUTPUT.value:
        files.write_json(Path(OUTPUT.value), record)
    print(json.dumps(record["costs"], indent=2))


if __name__ == "__main__":
    # The command takes its own flags and those of `experiments.cli`.
    flags.FLAGS.append_flag_values(FLAGS)
    FLAGS.mark_as_parsed()
    sys.exit(cli.guarded(main))
