"""aeden as `experiments.main` runs it: its batches, objectives and pmapped steps. The variant is the lowering.

The variant "" lets aeden choose the lowering of its layers ("auto").
"""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.nn import layers
from aeden.nn.autoencoders import ConvAutoencoder
from aeden.nn.parameters import count_parameters
from aeden.runtime import devices as jax_devices
from aeden.runtime import provenance
from aeden.tasks.execute import prepare
from aeden.tasks.from_config import cpu_devices
from aeden.tasks.objectives import restoration
from aeden.training.loop import key_data, with_key
from configs import base, photos_gray
from experiments.benchmark.peers import (
    DENSE,
    DROPOUT,
    LEARNING_RATE,
    MASKING,
    PRECISIONS,
    Absent,
    Job,
    LayerSettings,
    NetworkSettings,
)
from experiments.benchmark.peers.layer_pass import layer_pass
from experiments.benchmark.peers.xla_precision import set_precision

STEPS = 1_000_000  # of the learning-rate schedule; more than any benchmark takes


def training(variant: str, **settings: Any) -> Job:
    """Training steps. On a CPU the metrics of every step are read at once, as in `aeden.training.loop`.

    Args:
      variant: the lowering; "" lets aeden choose.
      settings: see `NetworkSettings`.
    """
    s = NetworkSettings(**settings)
    _configure(s.batch, s.devices)
    config = _config(s.batch)
    config.model.decoder, config.model.lowering = s.decoder, variant or "auto"
    config.model.decoder_kernel_size, config.model.dtype = s.decoder_kernel, set_precision(s.precision)
    images = _random_images(4 * s.batch, s.size, s.channels)
    return _training_job(config, Split(images), Split(images[: s.batch]), s.dispatch)


def unet(variant: str, **settings: Any) -> Job:
    """Training steps of configs/photos_gray.py on ready crops, without mirroring and turning them.

    Args:
      variant: the lowering; "" lets aeden choose.
      settings: see `NetworkSettings`.
    """
    s = NetworkSettings(**settings)
    config = photos_gray.get_config()
    config.batch_size, config.steps = s.batch, STEPS
    config.data.crop, config.data.channels, config.augment.flip, config.augment.quarter_turns = 0, "auto", False, False
    config.model.decoder, config.model.lowering = s.decoder, variant or "auto"
    _configure(s.batch, s.devices or cpu_devices(config))
    config.model.dtype = set_precision(s.precision)
    images = _random_images(4 * s.batch, s.size, s.channels)
    return _training_job(config, Split(images), Split(images[: s.batch]), s.dispatch)


def dense(variant: str, network: str, batch: int) -> Job:
    """Training steps of a dense network with three hidden layers of 1,000 nodes. aeden runs it on one device.

    Args:
      variant: unused.
      network: "autoencoder", which restores images, or "classifier", with ten classes and dropout.
      batch: images per step.
    """
    _configure(batch, 1)
    config = _config(batch)
    config.noise.kind, config.noise.level = "masking", MASKING
    config.model.architecture, config.model.hidden, config.stack.dropout = "dense", DENSE, DROPOUT
    if network == "classifier":
        config.task, config.stack.pretrain_epochs = "stack", 0.0
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4 * batch, 28, 28, 1), dtype=np.uint8)
    split = Split(images, rng.integers(0, 10, 4 * batch).astype(np.int32), tuple("0123456789"))
    return _training_job(config, split, split, 0)


def _random_images(count: int, size: int, channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, channels), dtype=np.uint8)


def _config(batch: int) -> ConfigDict:
    """The settings that all peers share."""
    config = base.get_config()
    config.batch_size, config.learning_rate, config.epochs, config.steps = batch, LEARNING_RATE, 0.0, STEPS
    config.optimizer.name, config.optimizer.weight_decay = "adam", 0.0
    return config


def _training_job(config: ConfigDict, train: Split, validation: Split, dispatch: int) -> Job:
    """Steps of the only training of an experiment.

    Args:
      config: the experiment.
      train, validation: its data.
      dispatch: steps per call to the devices; 0 lets aeden choose.
    """
    (training,) = prepare(config, Dataset("random", "random", train, validation, validation, "")).abstract_trainings()
    state = jax_devices.replicate(training.objective.init(jax.random.key(0)))
    step, key = jax_devices.pmap_steps(with_key(training)), key_data(training, 0)
    dispatch = dispatch or jax_devices.steps_per_dispatch()
    description = {**_description(), "parameters": count_parameters(state.params), "steps_per_dispatch": dispatch}
    taken = 0

    def run(steps: int) -> int:
        nonlocal state, taken
        began = taken
        for _ in range(0, steps, dispatch):
            state, metrics = step(state, jax_devices.deal(training.batches.at(taken, dispatch)), key)
            taken += dispatch
            if jax_devices.runs_in_step():
                jax.device_get(metrics)
        jax.block_until_ready(state)
        return taken - began

    return run, description


def inference(variant: str, **settings: Any) -> Job:
    """Restoring a batch of noisy images, NumPy array in, NumPy array out, see `NetworkSettings`."""
    s = NetworkSettings(**settings)
    _configure(128, 0)
    shape = (s.size, s.size, s.channels)
    model = ConvAutoencoder(
        s.decoder,
        channels=s.channels,
        decoder_kernel_size=s.decoder_kernel,
        lowering=variant or "auto",
        dtype=jnp.dtype(set_precision(s.precision)),
    )
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, *shape)))["params"]
    restore = restoration.make_restore(model, params, shape)
    noisy = np.random.default_rng(0).uniform(size=(s.batch, *shape)).astype(np.float32)

    def run(steps: int) -> None:
        for _ in range(steps):
            restore(noisy)

    return run, _description()


def layer(variant: str, **settings: Any) -> Job:
    """One pass of a decoder layer, with the batch split among the devices, see `LayerSettings`."""
    s = LayerSettings(**settings)
    _configure(s.batch, 0)
    kind = jnp.dtype(set_precision(s.precision))
    options: Any = {"lowering": variant or "auto", "dtype": kind}
    module: Any = (
        layers.TransposeConv(s.features, s.kernel, s.stride, **options)
        if s.kind == "transpose"
        else layers.UpsampleConv(s.features, s.kernel, s.stride, **options)
    )
    share = s.batch // jax.device_count()
    params = jax.jit(module.init)(jax.random.key(0), jnp.zeros((1, s.size, s.size, s.channels)))
    one = layer_pass(lambda p, x: module.apply(p, x), s.pass_)
    mapped = jax.pmap(one, in_axes=(None, 0, 0))
    rng = np.random.default_rng(0)
    shapes = ((s.size, s.channels), (s.output_size, s.features))
    x, g = (rng.normal(size=(jax.device_count(), share, n, n, c)).astype(kind) for n, c in shapes)
    inputs = (jax_devices.replicate(params), *jax.device_put((x, g), jax_devices.split_sharding()))

    def run(steps: int) -> None:
        for _ in range(steps):
            jax.block_until_ready(mapped(*inputs))

    return run, _description()


def hardware(variant: str) -> Job:
    """The hardware, for the description. A step of this job does nothing."""
    _configure(128, 0)
    return lambda steps: None, {**_description(), "hardware": provenance.hardware()}


def peaks(variant: str) -> Job:
    """Measures the machine's limits on all devices, for the description. A step of this job does nothing.

    The description has `gflops` (square float32 matrix products of 1,024 rows on a CPU, 8,192 elsewhere),
    `gflops_by_precision` (the same in other precisions, on GPUs) and `gigabytes_per_second` (an array of 128 MiB per
    device, read and written).
    """
    _configure(128, 0)
    count, on_cpu = jax.device_count(), jax.default_backend() == "cpu"
    side = 1024 if on_cpu else 8192
    big = jax.device_put(np.ones((count, 1 << 25), np.float32), jax_devices.split_sharding())
    gflops = {}
    for precision in ("float32",) if on_cpu else PRECISIONS:
        kind = set_precision(precision)
        a = jax.device_put(np.ones((count, side, side), kind), jax_devices.split_sharding())
        gflops[precision] = 2e-9 * side**3 * count / _shortest(jax.pmap(lambda x: x @ x), a)
    rates = {
        "gflops": gflops.pop("float32"),
        "gflops_by_precision": gflops,
        "gigabytes_per_second": 2e-9 * big.nbytes / _shortest(jax.pmap(lambda x: x + 1), big),
    }
    return lambda steps: None, {**_description(), **rates}


def _shortest(function: Any, x: jax.Array) -> float:
    """The shortest of twelve calls, in seconds, after one call to compile."""
    jax.block_until_ready(function(x))
    times = []
    for _ in range(12):
        began = time.perf_counter()
        jax.block_until_ready(function(x))
        times.append(time.perf_counter() - began)
    return min(times)


_configured = False


def _configure(batch: int, devices: int) -> None:
    """Sets JAX up at the first call.

    Args:
      batch: images per step.
      devices: number of CPU devices; 0 lets aeden choose, or keeps the number of an earlier call.

    Raises:
      Absent: JAX is already set up with another number of devices, which a process cannot change.
      ValueError: the devices cannot share the batch evenly.
    """
    global _configured
    if not _configured:
        jax_devices.configure(batch, None, devices)
        _configured = True
    elif devices and devices != jax.device_count():
        raise Absent(f"{jax.device_count()} devices are set up in this process")
    jax_devices.check_divides(batch)


def _description() -> dict[str, Any]:
    return {"devices": f"{jax.device_count()} {jax.default_backend()}", "version": jax.__version__}
