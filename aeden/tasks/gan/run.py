"""The GAN run: a generator whose decoder is either of the autoencoders', trained, judged and reported."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from aeden import random_keys
from aeden.data.batches import TrainBatches, epochs
from aeden.data.dataset import Dataset
from aeden.measures import sample_quality
from aeden.nn.autoencoders import ConvAutoencoder
from aeden.nn.gan import Discriminator, Generator
from aeden.nn.parameters import count_parameters
from aeden.runtime import devices, provenance
from aeden.tasks import from_config
from aeden.tasks.gan import pictures
from aeden.tasks.gan.judge import Judge, check_labels, load_judge
from aeden.tasks.gan.sample_figures import class_shares, confident, judge_samples
from aeden.tasks.gan.sampler import Sampler
from aeden.tasks.objectives.adversarial import GanState, adversarial_objective
from aeden.training.gradient_step import GradientStep
from aeden.training.loop import Fitted, Objective, fit_in_folder
from aeden.training.optimizers import learning_rate_schedule
from aeden.training.schedule import Schedule

# Samples of a validation: enough to see classes vanish.
WATCHED = 1000
# A class of ten is missing where it has less than a twentieth of its share.
MISSING = 0.05
# Relativistic or not, losses this small mean that the discriminator is never wrong.
DEFEATED = 0.02
GRID = 100


def build_gan(config: Any, dataset: Dataset) -> tuple[Generator, Discriminator]:
    """Generator and discriminator of a config.

    Raises:
      ValueError: a field of the config has a value that it cannot have.
    """
    gan = config.gan
    autoencoder = from_config.build_model(config, dataset.image_shape)
    if not isinstance(autoencoder, ConvAutoencoder):
        raise ValueError("a generator's decoder is convolutional: model.architecture=conv")
    if min(gan.latent, gan.width, *gan.hidden, *gan.discriminator) < 1:
        raise ValueError("gan.latent, gan.width, gan.hidden and gan.discriminator take numbers from 1 up")
    if gan.modes and not 2 <= gan.modes < gan.latent:
        raise ValueError(f"gan.modes {gan.modes} takes 2 or more, and less than gan.latent {gan.latent}; 0 for none")
    if gan.conditional and dataset.train.labels is None:
        raise ValueError(f"gan.conditional needs labels, and {dataset.name} has none")
    classes = len(dataset.classes) if gan.conditional else 0
    height, width, channels = dataset.image_shape
    return (
        Generator((height, width, channels), autoencoder.mirrored(), gan.width, classes, tuple(gan.hidden), gan.modes),
        Discriminator(tuple(gan.discriminator), gan.downsampling, classes=classes, lowering=config.model.lowering),
    )


def build_task(
    config: Any,
    dataset: Dataset,
    networks: tuple[Generator, Discriminator],
    schedule: Schedule,
    evaluator: Judge | None,
    sampler: Sampler,
    workdir: Path | None,
) -> Objective:
    """The adversarial task of a config. Samples of fixed latents go to `progress/STEP.npy` at every validation.

    Raises:
      ValueError: a field of the config has a value that it cannot have.
    """
    gan = config.gan
    rate = learning_rate_schedule(config.learning_rate, schedule.steps, config.optimizer.warmup_steps)
    for name in ("b1", "b2", "average"):
        if not 0 <= gan[name] < 1:
            raise ValueError(f"gan.{name} {gan[name]:g} is out of range: use 0 or more, and less than 1")
    if min(gan.r1, gan.r2, gan.samples) < 0:
        raise ValueError("gan.r1, gan.r2 and gan.samples take 0 or more")
    pixels = dataset.image_shape[0] * dataset.image_shape[1]
    descent = GradientStep(optax.adam(rate, gan.b1, gan.b2), rate, pixels)
    fixed, drawn = sampler.inputs(random_keys.Stream.TEST, GRID), sampler.inputs(random_keys.Stream.VALIDATION, WATCHED)
    reference = None
    if evaluator is not None:
        reference = evaluator.judge(np.asarray(dataset.validation.images[:WATCHED]))[0]

    def validate(state: GanState) -> dict[str, float]:
        average = jax.device_get(state.average)
        if workdir is not None:
            np.save(workdir / f"{int(state.step)}.npy", sampler.images(average, fixed))
        if evaluator is None or reference is None:
            return {}
        features, shares = evaluator.judge(sampler.images(average, drawn))
        counts = class_shares(shares)
        return {
            "kid": sample_quality.kernel_distance(features, reference),
            "confident": confident(shares),
            "smallest_class": float(counts.min()),
        }

    return adversarial_objective(
        *networks,
        (descent, descent),
        gan.loss,
        (gan.r1, gan.r2),
        gan.latent,
        gan.average,
        validate,
        functools.partial(collapse_warnings, len(dataset.classes)),
    )


def collapse_warnings(classes: int, row: dict[str, int | float]) -> list[str]:
    """What a row of the log says of collapse."""
    warnings = []
    if row.get("train_discriminator_loss", 1.0) < DEFEATED:
        warnings.append("the discriminator is never wrong, and teaches nothing: raise gan.r1, or lower learning_rate")
    if row.get("validation_smallest_class", 1.0) < MISSING / max(classes, 1):
        warnings.append("a class is all but missing from the samples: they may be collapsing")
    return warnings


def check(config: Any, dataset: Dataset) -> None:
    """Refuses a run that cannot be, before anything is trained.

    Raises:
      ValueError: a field of the config has a value that it cannot have.
    """
    networks = build_gan(config, dataset)
    if config.gan.samples:
        check_labels(dataset)
    batches = TrainBatches(dataset.train, config.batch_size, config.seed)
    schedule = from_config.build_schedule(config, batches.steps_per_epoch, config.epochs, config.steps)
    sampler = Sampler(networks[0], config.gan.latent, config.seed, dataset.image_shape)
    task = build_task(config, dataset, networks, schedule, None, sampler, None)
    jax.eval_shape(task.init, jax.random.key(0))


def run(config: Any, dataset: Dataset, workdir: Path, started: float) -> dict[str, Any]:
    """Trains, judges and reports a GAN in its locked run folder; goes on where an earlier start stopped.

    It takes, returns and raises what `aeden.tasks.denoise.run.run` does.
    """
    networks = build_gan(config, dataset)
    batches = TrainBatches(dataset.train, config.batch_size, config.seed)
    schedule = from_config.build_schedule(config, batches.steps_per_epoch, config.epochs, config.steps)
    evaluator = load_judge(dataset, workdir) if config.gan.samples else None
    sampler = Sampler(networks[0], config.gan.latent, config.seed, dataset.image_shape)
    progress = workdir / "progress" if devices.is_primary() else None
    if progress is not None:
        progress.mkdir(exist_ok=True)
    task = build_task(config, dataset, networks, schedule, evaluator, sampler, progress)
    fitted = fit_in_folder(workdir, task, batches, schedule, config.seed, started, config.checkpoint.keep, "confident")
    ended = time.monotonic()
    average = jax.device_get(fitted.state.average)
    untrained = jax.device_get(task.init(random_keys.stream_key(config.seed, random_keys.Stream.INIT)).average)
    inputs = sampler.inputs(random_keys.Stream.TEST, config.gan.samples or GRID)
    made = {
        "trained": sampler.images(average, inputs),
        "untrained": sampler.images(untrained, inputs),
        "real": np.asarray(dataset.test.images),
    }
    judged = judge_samples(evaluator, dataset, made, config.model.factors[0]) if evaluator else {}
    summary = _summary(config, dataset, schedule, fitted, judged, evaluator)
    if devices.is_primary():
        images = functools.partial(sampler.images, average)
        pictures.save_pictures(
            workdir,
            f"{dataset.label}, {opening(config)}",
            made,
            dataset,
            inputs,
            config.gan.latent,
            images,
            fitted.rows,
        )
    summary["wall_seconds"] = round(fitted.clock.wall_seconds + time.monotonic() - ended, 3)
    return summary


def _summary(
    config: Any,
    dataset: Dataset,
    schedule: Schedule,
    fitted: Fitted,
    judged: dict[str, Any],
    evaluator: Judge | None,
) -> dict[str, Any]:
    test = dict(judged.get("trained", {}))
    for name, which in (("floor", "real"), ("untrained", "untrained")):
        test |= {f"{figure}_{name}": judged[which][figure] for figure in ("fid", "kid") if judged}
    return {
        **dataset.describe(),
        "task": "gan",
        "decoder": from_config.decoder_name(config),
        "conditional": config.gan.conditional,
        "parameters": count_parameters(fitted.state.generator.params),
        "discriminator_parameters": count_parameters(fitted.state.discriminator.params),
        "seed": config.seed,
        "steps": schedule.steps,
        "epochs": epochs(schedule.steps, config.batch_size, len(dataset.train)),
        "best_step": fitted.best_step,
        "wall_seconds": fitted.clock.wall_seconds,
        "images_per_second": fitted.clock.images_per_second(),
        "samples": config.gan.samples,
        "test": test,
        "untrained": judged.get("untrained"),
        "real": judged.get("real"),
        "validation": fitted.validation,
        "classes": list(dataset.classes),
        "classifier": evaluator.describe() if evaluator else None,
        **provenance.provenance(),
    }


def opening(config: Any) -> str:
    """What is trained, in a few words."""
    kind = "class-conditional GAN" if config.gan.conditional else "GAN"
    return f"{kind}, {from_config.decoder_name(config)} generator"


def title(summary: dict[str, Any]) -> str:
    """What was trained, in a few words."""
    return f"{summary['decoder']} generator"


def closing(summary: dict[str, Any]) -> list[str]:
    """The lines that a finished run prints, after what was trained on what."""
    test = summary["test"]
    if not test:
        return []
    lines = [
        f"  {name:<10} FID {row['fid']:7.3f}  KID {row['kid']:8.5f}  precision {row['precision']:.3f}  "
        f"recall {row['recall']:.3f}  coverage {row['coverage']:.3f}  confident {row['confident']:6.1%}  "
        f"checkerboard {row['harmonic_energy']:.5f}"
        for name, row in (("untrained", summary["untrained"]), ("samples", test), ("real", summary["real"]))
    ]
    shares = " ".join(f"{100 * share:.1f}" for share in test["class_share"])
    classifier = summary["classifier"]
    return [
        *lines,
        f"  classes (%) {shares}",
        f"  judged by a classifier of accuracy {classifier['accuracy']:.2%} (sha256 {classifier['sha256'][:12]})",
    ]
