"""aeden, as `experiments.main` runs it: its own batches, task and pmapped steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from aeden import denoising, keys, parallel
from aeden.data.pipeline import Split, TrainBatches
from aeden.models import count_parameters
from configs import base

Job = tuple[Callable[[int], None], dict[str, Any]]


def training(variant: str, decoder: str, batch: int, size: int) -> Job:
    """Training steps, every metric read at once as on a CPU.

    Args:
      variant: number of CPU devices; "" for aeden's choice.
      decoder: "transpose" or "upsample".
      batch: images a step.
      size: height and width of the images.
    """
    parallel.configure(batch, None, int(variant or 0))
    config = base.get_config()
    config.batch_size, config.model.decoder = batch, decoder
    config.optimizer.name, config.optimizer.weight_decay = "adam", 0.0
    images = np.random.default_rng(0).integers(0, 256, (20 * batch, size, size, 1), dtype=np.uint8)
    batches = TrainBatches(Split(images), batch, seed=0)
    model = denoising.build_model(config, 1)
    task = denoising.build_task(config, model, images.shape[1:], 1_000_000, Split(images[:batch]))
    state = parallel.replicate(jax.jit(task.init)(jax.random.key(0)))
    step = parallel.pmap_steps(lambda s, b: task.step(s, b, keys.stream_key(0, keys.Stream.TRAIN)))
    dispatch = 1 if parallel.runs_in_step() else 50
    description = {
        "parameters": count_parameters(state.params),
        "devices": f"{jax.device_count()} {jax.default_backend()}",
        "version": jax.__version__,
    }
    taken = 0

    def run(steps: int) -> None:
        nonlocal state, taken
        for _ in range(0, steps, dispatch):
            state, metrics = step(state, parallel.deal(batches.at(taken, dispatch)))
            taken += dispatch
            if parallel.runs_in_step():
                float(metrics["loss"][-1])
        jax.block_until_ready(state)

    return run, description
