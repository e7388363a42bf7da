"""aeden, as `experiments.main` runs it: its own batches, task and pmapped steps. Variant: its lowering, "" for auto."""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aeden import random_keys
from aeden.data.batches import TrainBatches
from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.nn import layers
from aeden.nn.parameters import count_parameters
from aeden.runtime import devices, provenance
from aeden.tasks import from_config
from aeden.tasks.denoise.run import build_task
from aeden.tasks.objectives import restoration
from aeden.tasks.stack import phases
from aeden.training.loop import Objective
from configs import base
from experiments.benchmark.peers import DENSE, DROPOUT, LEARNING_RATE, MASKING, Absent, Job
from experiments.benchmark.peers.layer_pass import layer_pass


def training(variant: str, decoder: str, batch: int, size: int, cpu_devices: int = 0, dtype: str = "float32") -> Job:
    """Training steps, every metric read at once as on a CPU.

    Args:
      variant: the lowering; "" for aeden's choice.
      decoder: "transpose" or "upsample".
      batch: images a step.
      size: height and width of the images, in pixels.
      cpu_devices: 0 for aeden's choice.
      dtype: type of the computation.
    """
    _configure(batch, cpu_devices)
    config = base.get_config()
    config.batch_size, config.model.decoder, config.model.lowering = batch, decoder, variant or "auto"
    config.model.dtype, config.learning_rate = dtype, LEARNING_RATE
    config.optimizer.name, config.optimizer.weight_decay = "adam", 0.0
    images = np.random.default_rng(0).integers(0, 256, (4 * batch, size, size, 1), dtype=np.uint8)
    batches = TrainBatches(Split(images), batch, seed=0)
    model = from_config.build_model(config, images.shape[1:])
    task = build_task(config, model, images.shape[1:], 1_000_000, Split(images[:batch]))
    return _steps(task, batches)


def dense(variant: str, network: str, batch: int) -> Job:
    """Training steps of a dense network of three layers of 1,000 nodes on one device, as aeden runs it.

    Args:
      variant: unused.
      network: "autoencoder", which restores, or "classifier", which tells ten classes, with dropout.
      batch: images a step.
    """
    _configure(batch, 1)
    config = base.get_config()
    config.batch_size, config.learning_rate, config.optimizer.name = batch, LEARNING_RATE, "adam"
    config.optimizer.weight_decay, config.noise.kind, config.noise.level = 0.0, "masking", MASKING
    config.model.architecture, config.model.hidden, config.stack.dropout = "dense", DENSE, DROPOUT
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4 * batch, 28, 28, 1), dtype=np.uint8)
    split = Split(images, rng.integers(0, 10, 4 * batch).astype(np.int32), tuple("0123456789"))
    if network == "autoencoder":
        model = from_config.build_model(config, (28, 28, 1))
        task = build_task(config, model, (28, 28, 1), 1_000_000, split)
    else:
        config.stack.pretrain_epochs = 0.0
        dataset = Dataset("random", "random", split, split, split, "")
        task = phases.head_task(config, from_config.build_stack(config, (28, 28, 1)), dataset, {}, 1_000_000)
    return _steps(task, TrainBatches(split, batch, seed=0))


def _steps(task: Objective, batches: TrainBatches) -> Job:
    state = devices.replicate(task.init(jax.random.key(0)))
    step = devices.pmap_steps(lambda s, b: task.step(s, b, random_keys.stream_key(0, random_keys.Stream.TRAIN)))
    dispatch = devices.steps_per_dispatch()
    description = {**_description(), "parameters": count_parameters(state.params)}
    taken = 0

    def run(steps: int) -> None:
        nonlocal state, taken
        for _ in range(0, steps, dispatch):
            state, metrics = step(state, devices.deal(batches.at(taken, dispatch)))
            taken += dispatch
            if devices.runs_in_step():
                jax.device_get(metrics)
        jax.block_until_ready(state)

    return run, description


def inference(variant: str, decoder: str, batch: int, size: int) -> Job:
    """Restoring a batch of noisy images, from NumPy to NumPy."""
    _configure(128, 0)
    config = base.get_config()
    config.model.decoder, config.model.lowering = decoder, variant or "auto"
    model = from_config.build_model(config, (size, size, 1))
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, size, size, 1)))["params"]
    restore = restoration.make_restore(model, params, (size, size, 1))
    noisy = np.random.default_rng(0).uniform(size=(batch, size, size, 1)).astype(np.float32)

    def run(steps: int) -> None:
        for _ in range(steps):
            restore(noisy)

    return run, _description()


def layer(
    variant: str, kind: str, pass_: str, batch: int, size: int, channels: int, features: int, kernel: int, stride: int
) -> Job:
    """A decoder's layer on size x size inputs, dealt to the devices.

    Args:
      variant: the lowering; "" for aeden's choice.
      kind: "transpose" or "upsample".
      pass_: "forward", "input gradient", "kernel gradient" or "forward and backward".
      batch: images a step.
      size: height and width of the input.
      channels, features: channels in and out.
      kernel, stride: in pixels; the stride is the upsampling's factor.
    """
    _configure(batch, 0)
    chosen = variant or "auto"
    module: Any = (
        layers.TransposeConv(features, kernel, stride, lowering=chosen)
        if kind == "transpose"
        else layers.UpsampleConv(features, kernel, stride, lowering=chosen)
    )
    share = batch // jax.device_count()
    params = jax.jit(module.init)(jax.random.key(0), jnp.zeros((1, size, size, channels)))
    one = layer_pass(lambda p, x: module.apply(p, x), pass_)
    mapped = jax.pmap(one, in_axes=(None, 0, 0))
    rng = np.random.default_rng(0)
    shapes = ((size, channels), (stride * size, features))
    x, g = (rng.normal(size=(jax.device_count(), share, s, s, c)).astype(np.float32) for s, c in shapes)
    given = (devices.replicate(params), *jax.device_put((x, g), devices.split_sharding()))

    def run(steps: int) -> None:
        for _ in range(steps):
            jax.block_until_ready(mapped(*given))

    return run, _description()


def peaks(variant: str) -> Job:
    """The machine's limits, for the description: matrix products of 1024^3, and copies of 256 MB, on all devices."""
    _configure(128, 0)
    count = jax.device_count()
    side = 1024 if jax.default_backend() == "cpu" else 8192
    a = jax.device_put(np.ones((count, side, side), np.float32), devices.split_sharding())
    big = jax.device_put(np.ones((count, 1 << 25), np.float32), devices.split_sharding())
    rates = {}
    for name, function, given, amount in (
        ("gflops", lambda x: x @ x, a, 2e-9 * side**3 * count),
        ("gigabytes_per_second", lambda x: x + 1, big, 2e-9 * big.nbytes),
    ):
        mapped = jax.pmap(function)
        jax.block_until_ready(mapped(given))
        times = []
        for _ in range(12):
            began = time.perf_counter()
            jax.block_until_ready(mapped(given))
            times.append(time.perf_counter() - began)
        rates[name] = amount / min(times)
    return lambda steps: None, {**_description(), **rates, "hardware": provenance.hardware()}


def _configure(batch: int, cpu_devices: int) -> None:
    """Sets JAX up once; the number of CPU devices cannot change afterwards, so a job that wants another is absent."""
    if not getattr(_configure, "done", False):
        devices.configure(batch, None, cpu_devices)
        _configure.done = True  # type: ignore[attr-defined]
    elif cpu_devices and cpu_devices != jax.device_count():
        raise Absent(f"{jax.device_count()} devices are set up in this process")
    devices.check_divides(batch)


def _description() -> dict[str, Any]:
    return {"devices": f"{jax.device_count()} {jax.default_backend()}", "version": jax.__version__}
