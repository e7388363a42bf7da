"""The denoising task: corrupt, restore, loss, evaluation; and the run that trains and reports it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from aeden import keys, metrics, parallel, report, runs
from aeden.checkpoint import Checkpoints, remove_leftovers
from aeden.corruption import check_noise, corrupt
from aeden.data.pipeline import Split, TrainBatches, evaluation_batches
from aeden.data.sources import Dataset
from aeden.layers import LOWERINGS, PLACEMENTS, RESIZE_METHODS
from aeden.logbook import Logbook
from aeden.models import DECODERS, ConvAutoencoder, DenseAutoencoder, count_parameters
from aeden.optimizers import learning_rate_schedule, make_optimizer
from aeden.shapes import Array, Float, Key, UInt8
from aeden.train import Fitted, Schedule, Task, TrainState, fit

PyTree = Any
Autoencoder = ConvAutoencoder | DenseAutoencoder
Figures = dict[str, float]
# images in [0, 1] and their keys -> corrupted images
Corrupt = Callable[[Array, Array], Array]
# noisy images -> restored images
Restore = Callable[[np.ndarray], np.ndarray]

ARCHITECTURES = ("conv", "dense")
DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}
EVALUATION_BATCH = 256
SAMPLES = 10


def to_unit(images: UInt8[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    """uint8 in 0..255 to float32 in [0, 1]."""
    return images.astype(jnp.float32) / 255.0


def reconstruction_loss(kind: str, logits: Float[Array, "b h w c"], target: Float[Array, "b h w c"]) -> Float[Array, b]:
    """Loss of each image, mean over its pixels: "bce" (nats), "mse" or "l1" of the logits' sigmoid.

    Raises:
      ValueError: unknown kind.
    """
    if kind == "bce":
        losses = optax.sigmoid_binary_cross_entropy(logits, target)
    elif kind == "mse":
        losses = jnp.square(nn.sigmoid(logits) - target)
    elif kind == "l1":
        losses = jnp.abs(nn.sigmoid(logits) - target)
    else:
        raise ValueError(f"unknown loss {kind!r}: use bce, mse or l1")
    return jnp.mean(losses, axis=(1, 2, 3))


def build_model(config: Any, image_shape: tuple[int, ...]) -> Autoencoder:
    """The autoencoder that a config describes, for images [height, width, channels].

    Raises:
      ValueError: a field of `model` has a value that it cannot have.
    """
    model = config.model
    for field, value, choices in (
        ("architecture", model.architecture, ARCHITECTURES),
        ("decoder", model.decoder, DECODERS),
        ("resize", model.resize, RESIZE_METHODS),
        ("placement", model.placement, PLACEMENTS),
        ("dtype", model.dtype, DTYPES),
        ("lowering", model.lowering, LOWERINGS),
    ):
        if value not in choices:
            raise ValueError(f"unknown model.{field} {value!r}: use one of {', '.join(choices)}")
    hidden, features, factors = tuple(model.hidden), tuple(model.features), tuple(model.factors)
    if len(features) != len(factors) or not features:
        raise ValueError(f"model.features {features} and model.factors {factors} need one number a stage each")
    if not hidden or min(*hidden, *features, *factors, model.kernel_size) < 1:
        raise ValueError("model.hidden, model.features, model.factors and model.kernel_size take numbers from 1 up")
    if model.architecture == "dense":
        height, width, channels = image_shape
        return DenseAutoencoder((height, width, channels), hidden, model.tied, DTYPES[model.dtype])
    return ConvAutoencoder(
        decoder=model.decoder, features=features, factors=factors, kernel_size=model.kernel_size,
        channels=image_shape[-1], resize=model.resize, placement=model.placement, dtype=DTYPES[model.dtype],
        lowering=model.lowering,
    )  # fmt: skip


def part_pixels(model: Autoencoder, image_shape: tuple[int, ...]) -> int:
    """The pixels by which a device cuts its share of a batch (`parallel.part_count`), 0 for not at all.

    Only feature maps are worth a cache's while: a dense layer's weights outweigh them, and want many rows at once.
    """
    return image_shape[0] * image_shape[1] if isinstance(model, ConvAutoencoder) else 0


def decoder_name(config: Any) -> str:
    """What restores the images, for tables and titles: "transpose", "upsample" or "dense"."""
    return "dense" if config.model.architecture == "dense" else config.model.decoder


def build_corruption(config: Any, level: float | None = None) -> Corrupt:
    """The corruption that a config describes, or the same kind at one given level.

    Raises:
      ValueError: unknown kind, or a level out of its range.
    """
    noise = config.noise
    low = noise.level if level is None else level
    high = max(noise.level_max, low) if level is None else level
    check_noise(noise.kind, (low, high))
    return lambda example_keys, images: corrupt(example_keys, images, noise.kind, low, high, noise.clip)


def build_schedule(config: Any, steps_per_epoch: int) -> Schedule:
    """How long and how often, in steps.

    Raises:
      ValueError: the run has no length, or two.
    """
    if (config.steps > 0) == (config.epochs > 0):
        raise ValueError(
            f"a run lasts either `epochs` or `steps`, with the other 0; here epochs={config.epochs:g}, "
            f"steps={config.steps}"
        )
    for name in ("log_every", "eval.every", "checkpoint.every", "steps_per_dispatch"):
        if runs.flatten(config.to_dict())[name] < 0:
            raise ValueError(f"{name} is negative: use 0 or more")
    steps = config.steps or max(1, math.ceil(config.epochs * steps_per_epoch))
    # On a CPU a step inside a loop is some ten times slower; elsewhere a call costs more than a small step.
    dispatch = config.steps_per_dispatch or (1 if parallel.runs_in_step() else 50)
    return Schedule(
        steps=steps,
        log_every=config.log_every or steps_per_epoch,
        validate_every=config.eval.every or steps_per_epoch,
        checkpoint_every=config.checkpoint.every,
        steps_per_dispatch=dispatch,
    )


def build_task(config: Any, model: Autoencoder, image_shape: tuple[int, ...], steps: int, validation: Split) -> Task:
    """The denoising task of a config: (state, batch, key) -> (state, metrics).

    Raises:
      ValueError: a field of the config has a value that it cannot have.
    """
    schedule = learning_rate_schedule(config.learning_rate, steps, config.optimizer.warmup_steps)
    optimizer = make_optimizer(
        config.optimizer.name, schedule, config.optimizer.weight_decay, config.optimizer.grad_clip
    )
    noise, pixels = build_corruption(config), part_pixels(model, image_shape)
    evaluate = make_evaluation(model, {"validation": noise}, config.seed, keys.Stream.VALIDATION)

    def init(key: Key[Array, ""]) -> TrainState:
        params = model.init(key, jnp.zeros((1, *image_shape)))["params"]
        return TrainState(jnp.int32(0), params, optimizer.init(params))

    def step(state: TrainState, batch: PyTree, key: Key[Array, ""]) -> tuple[TrainState, dict[str, Array]]:
        target = to_unit(batch["image"])
        noisy = noise(keys.example_keys(key, state.step, batch["index"]), target)
        examples = parallel.sum_over_devices(jnp.sum(batch["mask"]))

        def loss_share(params: PyTree, part: PyTree) -> Array:
            losses = reconstruction_loss(config.loss, _logits(model, params, part["noisy"]), part["image"])
            return metrics.masked_sum(losses, part["mask"]) / examples

        whole = {"image": target, "noisy": noisy, "mask": batch["mask"]}
        parts = parallel.part_count(len(target), pixels)
        loss, gradient = parallel.sum_over_devices(
            parallel.sum_over_parts(lambda part: jax.value_and_grad(loss_share)(state.params, part), whole, parts)
        )
        updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return TrainState(state.step + 1, params, opt_state), {"loss": loss, "learning_rate": schedule(state.step)}

    def validate(state: TrainState) -> Figures:
        return evaluate(state.params, validation)["validation"]["restored"]

    return Task(init, step, validate)


def make_evaluation(
    model: Autoencoder, noises: dict[str, Corrupt], seed: int, stream: keys.Stream
) -> Callable[[PyTree, Split], dict[str, dict[str, Figures]]]:
    """Compiles the evaluation of a whole split under several corruptions.

    The noise of an example depends on the seed, the stream and its index only.

    Returns:
      (params, split) -> {name of the corruption: {"noisy": metrics of the input, "restored": of the output}}.
    """
    size = -(-EVALUATION_BATCH // jax.device_count()) * jax.device_count()

    def sums(params: PyTree, batch: PyTree) -> PyTree:
        target, mask = to_unit(batch["image"]), batch["mask"]
        example_keys = keys.example_keys(keys.stream_key(seed, stream), 0, batch["index"])
        totals: dict[str, Any] = {"count": jnp.sum(mask)}
        for name, noise in noises.items():
            noisy = noise(example_keys, target)
            restored = nn.sigmoid(_logits(model, params, noisy))
            totals[name] = {
                "noisy": metrics.restoration_sums(noisy, target, mask),
                "restored": metrics.restoration_sums(restored, target, mask),
            }
        return totals

    mapped = parallel.pmap_sums(sums)

    def evaluate(params: PyTree, split: Split) -> dict[str, dict[str, Figures]]:
        parts = [jax.device_get(mapped(params, parallel.deal(b))) for b in evaluation_batches(split, size)]
        # In float64 from here: float32 sums of ten thousand values would lose digits.
        totals = jax.tree.map(lambda *x: float(np.sum(np.asarray(x, np.float64))), *parts)
        count = totals.pop("count")
        return jax.tree.map(lambda x: x / count, totals)

    return evaluate


def _logits(model: Autoencoder, params: PyTree, images: Array) -> Array:
    return cast(Array, model.apply({"params": params}, images))


def make_restore(model: Autoencoder, params: PyTree, image_shape: tuple[int, ...]) -> Restore:
    """Compiles the restoration of noisy images of a shape: float32 [n, h, w, c] -> the same in [0, 1]."""
    pixels = part_pixels(model, image_shape)
    return parallel.map_examples(lambda p, images: nn.sigmoid(_logits(model, p, images)), params, pixels)


def restore_samples(
    model: Autoencoder, params: PyTree, noise: Corrupt, split: Split, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images spread over the test split (a set may be in the order of its classes), as the evaluation saw them.

    Returns:
      clean, noisy, restored: [n, h, w, c] each.
    """
    count = min(SAMPLES, len(split))
    index = np.arange(count, dtype=np.int32) * len(split) // count
    clean = to_unit(jnp.asarray(split.images[index]))
    noisy = noise(keys.example_keys(keys.stream_key(seed, keys.Stream.TEST), 0, jnp.asarray(index)), clean)
    return np.asarray(clean), np.asarray(noisy), make_restore(model, params, clean.shape[1:])(np.asarray(noisy))


def run(config: Any, dataset: Dataset, workdir: Path, started: float) -> dict[str, Any]:
    """Trains, evaluates and reports a denoising run in its locked folder; goes on where an earlier start stopped.

    Args:
      config: the experiment, see `configs/base.py`.
      dataset: the opened data.
      workdir: the run folder.
      started: `time.monotonic()` when the process began.

    Returns:
      The summary, as written to `summary.json`.

    Raises:
      ValueError: a field of the config has a value that it cannot have.
      TrainingDiverged, Interrupted, OSError: see `aeden.train.fit`.
    """
    model = build_model(config, dataset.image_shape)
    batches = TrainBatches(dataset.train, config.batch_size, config.seed)
    schedule = build_schedule(config, batches.steps_per_epoch)
    task = build_task(config, model, dataset.image_shape, schedule.steps, dataset.validation)
    levels = {f"{level:g}": build_corruption(config, level) for level in config.eval.levels}
    if parallel.is_primary():
        remove_leftovers(workdir / "checkpoints")
    checkpoints = Checkpoints(workdir / "checkpoints", config.checkpoint.keep)
    try:
        fitted = fit(
            task, batches, schedule, checkpoints,
            lambda step: Logbook(workdir if parallel.is_primary() else None, step), config.seed, started,
        )  # fmt: skip
    finally:
        checkpoints.close()
    fit_ended = time.monotonic()
    noises = {"training": build_corruption(config), **levels}
    tested = make_evaluation(model, noises, config.seed, keys.Stream.TEST)(fitted.state.params, dataset.test)
    summary = _summary(config, dataset, schedule, fitted, tested, checkpoints.best_step())
    summary["wall_seconds"] = round(fitted.clock.wall_seconds + time.monotonic() - fit_ended, 3)
    if parallel.is_primary():
        _draw(config, dataset, model, fitted, summary, workdir)
    return summary


def _summary(
    config: Any, dataset: Dataset, schedule: Schedule, fitted: Fitted, tested: dict[str, Any], best_step: int | None
) -> dict[str, Any]:
    main = tested.pop("training")
    clock = fitted.clock
    return {
        "dataset": dataset.name,
        "requested_dataset": dataset.requested,
        "dataset_sha256": dataset.sha256,
        "dataset_notes": list(dataset.notes),
        "examples": {"train": len(dataset.train), "validation": len(dataset.validation), "test": len(dataset.test)},
        "decoder": decoder_name(config),
        "parameters": count_parameters(fitted.state.params),
        "noise": config.noise.to_dict(),
        "seed": config.seed,
        "steps": schedule.steps,
        "epochs": schedule.steps * config.batch_size / max(len(dataset.train), config.batch_size),
        "best_step": best_step,
        "wall_seconds": clock.wall_seconds,
        "images_per_second": clock.train_images / clock.train_seconds if clock.train_seconds else None,
        "noisy": main["noisy"],
        "test": main["restored"],
        "validation": fitted.validation,
        "levels": {name: {"noisy": both["noisy"], "test": both["restored"]} for name, both in tested.items()},
        "hardware": runs.hardware(),
        "versions": runs.versions(),
        "commit": runs.commit(),
    }


def _draw(
    config: Any, dataset: Dataset, model: Autoencoder, fitted: Fitted, summary: dict[str, Any], workdir: Path
) -> None:
    noise = config.noise
    clipped = "clipped" if noise.clip else "not clipped"
    level = f"{noise.level:g}" + (f"-{noise.level_max:g}" if noise.level_max > noise.level else "")
    what = f"{dataset.name}, {noise.kind} {level} {clipped}, {decoder_name(config)} decoder"
    if dataset.is_fallback:
        what += f" (in place of {dataset.requested})"
    clean, noisy, restored = restore_samples(
        model, fitted.state.params, build_corruption(config), dataset.test, config.seed
    )
    decibels = {name: [f"{x:.1f} dB" for x in np.asarray(metrics.psnr(jnp.asarray(images), jnp.asarray(clean)))]
                for name, images in (("noisy", noisy), ("restored", restored))}  # fmt: skip
    report.save_samples(
        workdir / "samples.png",
        f"{what}: test PSNR {summary['noisy']['psnr']:.2f} to {summary['test']['psnr']:.2f} dB",
        {"clean": clean, "noisy": noisy, "restored": restored, "error": restored - clean},
        decibels,
    )
    report.save_curves(workdir / "curves.png", what, fitted.rows, summary["noisy"], config.loss)
