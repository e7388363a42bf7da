"""What each contender of a grid costs: parameters, multiplications an image, milliseconds forward and backward.

    python -m experiments.ablate.cost --config=configs/ablations/decoders_mnist.py [--output=cost.json]

Every network is compiled and warmed up, then all of them are timed in turn, round by round, so that a machine whose
speed drifts is fair to all; the figures are medians over the rounds. Nothing else should run beside it.
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

from aeden import random_keys
from aeden.data.batches import TrainBatches
from aeden.nn.autoencoders import SingleAutoencoder
from aeden.nn.parameters import count_parameters, make_init
from aeden.runtime import devices, files, provenance
from aeden.tasks import from_config
from aeden.tasks.denoise.run import build_task
from aeden.tasks.objectives import restoration
from experiments import cli
from experiments.ablate import grid

OUTPUT = flags.DEFINE_string("output", None, "Where to write the figures as JSON, beside printing them.")
ROUNDS = flags.DEFINE_integer("rounds", 9, "How often each network is timed.")

Timed = Callable[[], Any]


def costs(cells: list[grid.Cell], rounds: int) -> dict[str, dict[str, Any]]:
    """By contender and setting (`grid.Cell.kind`) of a grid of denoisers: parameters, multiplications an image, and the
    milliseconds that a batch takes, `forward_ms` to restore and `training_ms` for a whole step.
    """
    kinds = {cell.kind: cell for cell in reversed(cells)}
    found: dict[str, dict[str, Any]] = {}
    jobs: dict[str, tuple[Timed, Timed]] = {}
    for kind, cell in kinds.items():
        shape = grid.dataset_of(cell.config).image_shape
        model = from_config.build_model(cell.config, shape)
        params = make_init(model, shape)(jax.random.key(0))
        found[kind] = {"parameters": count_parameters(params), "multiplications": model.multiplications(*shape[:2])}
        jobs[kind] = timed_jobs(model, params, cell)
    times: dict[str, list[list[float]]] = {kind: [[], []] for kind in jobs}
    for _ in range(rounds):
        for kind, pair in jobs.items():
            for i, job in enumerate(pair):
                began = time.perf_counter()
                jax.block_until_ready(job())
                times[kind][i].append(1000 * (time.perf_counter() - began))
    for kind, (forward, training) in times.items():
        found[kind] |= {"forward_ms": statistics.median(forward), "training_ms": statistics.median(training)}
    return found


def timed_jobs(model: SingleAutoencoder, params: Any, cell: grid.Cell) -> tuple[Timed, Timed]:
    """Restoring a batch, and a step of training: compiled and warm, over all devices."""
    config, dataset = cell.config, grid.dataset_of(cell.config)
    shape = dataset.image_shape
    batches = TrainBatches(dataset.train, config.batch_size, config.seed)
    task = build_task(config, model, shape, 1000, dataset.validation)
    key = random_keys.stream_key(config.seed, random_keys.Stream.TRAIN)
    run = devices.pmap_steps(lambda state, batch: task.step(state, batch, key))
    restore = restoration.make_restore(model, params, shape)
    images = np.random.default_rng(0).uniform(size=(config.batch_size, *shape)).astype(np.float32)
    dealt, state = devices.deal(batches.at(0)), [devices.replicate(task.init(jax.random.key(0)))]

    def train() -> Any:
        state[0], metrics = run(state[0], dealt)  # which takes the memory of the state it is given
        return metrics

    jobs: tuple[Timed, Timed] = (lambda: restore(images)), train
    for job in jobs:
        for _ in range(3):
            jax.block_until_ready(job())
    return jobs


def main() -> None:
    """Times every network of the grid and prints the figures."""
    settings = cli.CONFIG.value
    cli.set_up(settings.experiment)
    cells = grid.expand(settings)
    found = {
        "costs": costs(cells, ROUNDS.value),
        "configs": grid.digests(cells),
        "batch": settings.experiment.batch_size,
        **provenance.provenance(),
    }
    if OUTPUT.value:
        files.write_json(Path(OUTPUT.value), found)
    print(json.dumps(found["costs"], indent=2))


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
