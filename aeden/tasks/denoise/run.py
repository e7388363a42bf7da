"""The denoising run: train an autoencoder on corrupted images, test it, report it."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aeden import random_keys
from aeden.data.batches import TrainBatches, epochs
from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.nn.autoencoders import ConvAutoencoder, SingleAutoencoder
from aeden.nn.parameters import count_parameters, make_init
from aeden.plots import curves, restoration
from aeden.runtime import devices, provenance
from aeden.tasks import from_config
from aeden.tasks.denoise import decoder_artifacts
from aeden.tasks.objectives.restoration import (
    image_losses,
    make_evaluation,
    reconstruction_loss,
    restoration_objective,
    restore_samples,
)
from aeden.training.gradient_step import part_pixels
from aeden.training.loop import Fitted, Objective, fit_in_folder
from aeden.training.schedule import Schedule


def build_task(
    config: Any, model: SingleAutoencoder, image_shape: tuple[int, ...], steps: int, validation: Split
) -> Objective:
    """The denoising task of a config: (state, batch, key) -> (state, metrics).

    Raises:
      ValueError: a field of the config has a value that it cannot have.
    """
    noise = from_config.build_noise(config)
    evaluate = make_evaluation(model, {"validation": noise}, config.seed, random_keys.Stream.VALIDATION)
    return restoration_objective(
        make_init(model, image_shape),
        from_config.build_gradient_step(config, config.learning_rate, steps, part_pixels(model, image_shape)),
        noise,
        image_losses(config.loss, model),
        lambda params: evaluate(params, validation)["validation"]["restored"],
        from_config.build_augmentation(config),
    )


def check(config: Any, dataset: Dataset) -> None:
    """Refuses a run that cannot be, before anything is trained.

    Raises:
      ValueError: a field of the config has a value that it cannot have.
    """
    model = from_config.build_model(config, dataset.image_shape)
    batches = TrainBatches(dataset.train, config.batch_size, config.seed)
    schedule = from_config.build_schedule(config, batches.steps_per_epoch, config.epochs, config.steps)
    task = build_task(config, model, dataset.image_shape, schedule.steps, dataset.validation)
    jax.eval_shape(task.init, jax.random.key(0))
    image = jnp.zeros((1, *dataset.image_shape))
    jax.eval_shape(functools.partial(reconstruction_loss, config.loss), image, image)
    for level in config.eval.levels:
        from_config.build_noise(config, level)


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
      TrainingDiverged, Interrupted, OSError: see `aeden.training.loop.fit`.
    """
    model = from_config.build_model(config, dataset.image_shape)
    batches = TrainBatches(dataset.train, config.batch_size, config.seed)
    schedule = from_config.build_schedule(config, batches.steps_per_epoch, config.epochs, config.steps)
    task = build_task(config, model, dataset.image_shape, schedule.steps, dataset.validation)
    noises = {"training": from_config.build_noise(config)}
    noises |= {f"{level:g}": from_config.build_noise(config, level) for level in config.eval.levels}
    fitted = fit_in_folder(workdir, task, batches, schedule, config.seed, started, config.checkpoint.keep)
    fit_ended = time.monotonic()
    tested = make_evaluation(model, noises, config.seed, random_keys.Stream.TEST)(fitted.state.params, dataset.test)
    summary = _summary(config, dataset, schedule, fitted, tested)
    pictures: dict[str, Any] = {}
    if isinstance(model, ConvAutoencoder) and model.factors[0] > 1:
        initial = jax.device_get(task.init(random_keys.stream_key(config.seed, random_keys.Stream.INIT)).params)
        params = jax.device_get(fitted.state.params)
        summary["artifacts"], pictures = decoder_artifacts.measure(
            model, initial, params, noises["training"], config.seed, dataset.test
        )
    summary["wall_seconds"] = round(fitted.clock.wall_seconds + time.monotonic() - fit_ended, 3)
    if devices.is_primary():
        images = dict(
            zip(
                ("clean", "noisy", "restored"),
                restore_samples(model, fitted.state.params, noises["training"], dataset.test, config.seed),
                strict=True,
            )
        )
        np.savez(workdir / "examples.npz", **{**images, **pictures})
        title = f"{dataset.label}, {from_config.noise_name(config)}, {from_config.decoder_name(config)} decoder"
        restoration.save_restoration(
            workdir / "samples.png",
            f"{title}: test PSNR {summary['noisy']['psnr']:.2f} to {summary['test']['psnr']:.2f} dB",
            *images.values(),
        )
        if pictures:
            del pictures["residual power"]
            restoration.save_responses(workdir / "responses.png", title, pictures)
        curves.save_curves(workdir / "curves.png", title, fitted.rows, summary["noisy"], config.loss)
    return summary


def _summary(
    config: Any, dataset: Dataset, schedule: Schedule, fitted: Fitted, tested: dict[str, Any]
) -> dict[str, Any]:
    main = tested.pop("training")
    return {
        **dataset.describe(),
        "task": "denoise",
        "decoder": from_config.decoder_name(config),
        "parameters": count_parameters(fitted.state.params),
        "noise": config.noise.to_dict(),
        "seed": config.seed,
        "steps": schedule.steps,
        "epochs": epochs(schedule.steps, config.batch_size, len(dataset.train)),
        "best_step": fitted.best_step,
        "wall_seconds": fitted.clock.wall_seconds,
        "images_per_second": fitted.clock.images_per_second(),
        "noisy": main["noisy"],
        "test": main["restored"],
        "validation": fitted.validation,
        "levels": {name: {"noisy": both["noisy"], "test": both["restored"]} for name, both in tested.items()},
        **provenance.provenance(),
    }


def opening(config: Any) -> str:
    """What is trained, in a few words."""
    return f"{from_config.decoder_name(config)} decoder"


def title(summary: dict[str, Any]) -> str:
    """What was trained, in a few words."""
    return f"{summary['decoder']} decoder"


def closing(summary: dict[str, Any]) -> list[str]:
    """The lines that a finished run prints, after what was trained on what."""
    return [
        f"  {name:<9} PSNR {figures['psnr']:6.2f} dB   SSIM {figures['ssim']:.4f}   MSE {figures['mse']:.5f}   "
        f"BCE {figures['bce']:.4f} ({figures['bce_excess']:.4f} above a perfect restoration)"
        for name, figures in (("noisy", summary["noisy"]), ("restored", summary["test"]))
    ]
