"""config.task="denoise": train an autoencoder on corrupted images, test it, report it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any

from aeden.data.batches import TrainBatches
from aeden.data.dataset import Dataset
from aeden.measures import checkerboard, equivariance, holes, image_quality
from aeden.measures.metric import select
from aeden.nn.parameters import make_init
from aeden.random_keys import Stream
from aeden.tasks import from_config, model_from_config
from aeden.tasks.denoise import extras
from aeden.tasks.denoise.checks import check_data
from aeden.tasks.denoise.decoder_artifacts import RESPONSE_METRICS
from aeden.tasks.denoise.run import TRAINING_NOISE, DenoiseRun
from aeden.tasks.objectives.noisy_images import FixedNoise
from aeden.tasks.objectives.restoration import (
    fixed_noise,
    image_losses,
    make_validation,
    make_validation_of_seeds,
    restoration_objective,
)
from aeden.tasks.summary import Identification, not_tested
from aeden.tasks.task import Summary, Task
from aeden.training.gradient_step import part_pixels
from aeden.transforms.noise import HOLES, check_noise, corrupt

# What a summary says of the noise of data that come with noisy images.
PAIRS = "pairs"


def prepare(config: Any, dataset: Dataset) -> DenoiseRun:
    """The run of a config, see `aeden.tasks.task.Task`.

    Raises:
      ValueError: a field of the config has an invalid value.
    """
    shape, seed = dataset.image_shape, config.seed
    model, noise = model_from_config.build_model(config, shape), from_config.build_noise(config)
    model_from_config.check_image_size(model, shape)
    loss = from_config.check_loss(config)
    check_data(config, dataset)
    batches = TrainBatches(dataset.train_examples, config.batch_size, seed)
    schedule = from_config.build_schedule(config, batches.steps_per_epoch, config.epochs, config.steps)
    objective = restoration_objective(
        make_init(model, shape),
        from_config.gradient_step_maker(config)(config.learning_rate, schedule.steps, part_pixels(model, shape)),
        noise,
        image_losses(loss, model),
        make_validation(model, fixed_noise(noise, seed, Stream.VALIDATION), dataset.validation),
        from_config.build_augmentation(config, shape),
    )
    of_seeds = make_validation_of_seeds(model, noise, dataset.validation)
    objective = dataclasses.replace(objective, validate_seeds=of_seeds)
    levels = {f"{level:g}": from_config.build_noise(config, level, name="eval.levels:") for level in config.eval.levels}
    noises = _other_noises(config)
    return DenoiseRun(
        name=Identification("denoise", model_from_config.decoder_name(config), seed),
        dataset=dataset,
        model=model,
        training=from_config.training_maker(config)(objective, batches, schedule, "psnr"),
        noise=fixed_noise(noise, seed, Stream.TEST),
        levels={level: fixed_noise(noise, seed, Stream.TEST) for level, noise in levels.items()},
        noise_fields={"kind": PAIRS} if dataset.pairs else config.noise.to_dict(),
        noise_name="noise of the pairs" if dataset.pairs else from_config.noise_name(config),
        loss=loss,
        noises=noises,
        holes=_with_holes(config, dataset, noises),
        tests=config.eval.test,
        extras=config.eval.extras,
    )


def _other_noises(config: Any) -> dict[str, FixedNoise]:
    """The further kinds of noise to test with, by their name in `eval.noises`, e.g. "speckle:0.5"."""
    noises = {}
    for name in config.eval.noises:
        kind, _, number = name.partition(":")
        try:
            level = float(number)
        except ValueError:
            raise ValueError(f'eval.noises {name!r} is not "kind:level", such as "speckle:0.5"') from None
        check_noise(kind, {f"eval.noises {name!r}: level": level})
        if config.model.architecture == "unet" and config.model.level_input:
            raise ValueError(
                f"eval.noises {name!r}: the network is given levels of {config.noise.kind} noise (model.level_input); "
                "those of another kind mean something else: use eval.levels, or model.level_input=False"
            )
        noise = functools.partial(corrupt, kind=kind, low=level, high=level, clip=config.noise.clip)
        noises[f"{kind}:{level:g}"] = fixed_noise(noise, config.seed, Stream.TEST)
    return noises


def _with_holes(config: Any, dataset: Dataset, noises: Iterable[str]) -> frozenset[str]:
    """Names of the tested noises that leave parts of the images out; none for images that come with noisy versions."""
    if dataset.pairs:
        return frozenset()
    own = (TRAINING_NOISE, *(f"{level:g}" for level in config.eval.levels)) if config.noise.kind in HOLES else ()
    return frozenset([*own, *(name for name in noises if name.partition(":")[0] in HOLES)])


def title(summary: Summary) -> str:
    """See `aeden.tasks.task.Task`."""
    return f"{summary['decoder']} decoder"


def closing(summary: Summary) -> list[str]:
    """See `aeden.tasks.task.Task`."""
    if not summary["test"]:
        return [not_tested(summary)]
    lines = [
        f"  {name:<9} PSNR {row['psnr']:6.2f} dB   SSIM {row['ssim']:.4f}   MSE {row['mse']:.5f}   "
        f"BCE {row['bce']:.4f} ({row['bce_excess']:.4f} above a perfect restoration)"
        for name, row in (("noisy", summary["noisy"]), ("restored", summary["test"]))
    ]
    values = figures(summary)
    if holes.PSNR_INSIDE.name in values and summary["holes"]["hole_share"]:
        lines.append(_hole_line(summary["holes"]))
    places = {f"at a noise level of {level}": both for level, both in summary["levels"].items()}
    places |= {f"with {name.replace(':', ' noise of level ')}": both for name, both in _noises(summary).items()}
    lines += [
        f"  tested {place}: PSNR {both['noisy']['psnr']:.2f} to {both['test']['psnr']:.2f} dB"
        for place, both in places.items()
    ]
    for metric, meaning in (
        (extras.PSNR_GAP, "PSNR of training images above that of test images"),
        (equivariance.SHIFT_EQUIVARIANCE, "shift equivariance"),
    ):
        if metric.name in values:
            lines.append(f"  {meaning}: {values[metric.name]:.{metric.digits}f} {metric.unit}")
    return lines


def _hole_line(found: Mapping[str, float]) -> str:
    """The figures of `holes` in a summary; those of before there was one of the input lack it."""
    inside, outside = (found[metric.name] for metric in (holes.PSNR_INSIDE, holes.PSNR_OUTSIDE))
    before = f"{found['noisy_psnr_inside']:.2f} to " if "noisy_psnr_inside" in found else ""
    return (
        f"  inside the holes ({found['hole_share']:.0%} of the pixels): PSNR {before}{inside:.2f} dB, "
        f"outside {outside:.2f} dB"
    )


def _noises(summary: Summary) -> dict[str, Any]:
    """The results with further kinds of noise; none in a summary of before there were any."""
    return dict(summary.get("noises", {}))


def figures(summary: Summary) -> dict[str, float]:
    """See `aeden.tasks.task.Task`: the metrics of the test, the decoder's artifacts, and the extras."""
    values = summary["test"] | select([equivariance.SHIFT_EQUIVARIANCE], summary)
    values |= summary.get("holes", {})
    if "train" in summary:
        values |= extras.gaps(summary["test"], summary["train"])
    if "artifacts" in summary:
        artifacts = summary["artifacts"]
        values |= artifacts["residual"]
        for when in ("initial", "trained"):
            values |= {f"{name}_{when}": value for name, value in artifacts.get(when, {}).items()}
    return select(METRICS, values)


METRICS = (
    image_quality.PSNR,
    image_quality.SSIM,
    image_quality.BCE,
    image_quality.MSE,
    holes.PSNR_INSIDE,
    holes.PSNR_OUTSIDE,
    checkerboard.HARMONIC_ENERGY,
    checkerboard.PHASE_VARIATION,
    checkerboard.SPECTRUM_DISTANCE,
    *RESPONSE_METRICS,
    equivariance.SHIFT_EQUIVARIANCE,
    extras.PSNR_GAP,
    extras.BCE_GAP,
)
DENOISE = Task(
    sections=("optimizer", "data", "augment", "noise", "model", "eval", "checkpoint"),
    tested_on=("noise.",),
    metrics=METRICS,
    prepare=prepare,
    title=title,
    closing=closing,
    figures=figures,
)
