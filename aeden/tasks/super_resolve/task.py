"""config.task="super_resolve": train a network that enlarges images, test it against interpolation, report it."""

from __future__ import annotations

from typing import Any

from aeden.data.batches import TrainBatches
from aeden.data.dataset import Dataset
from aeden.measures import checkerboard, image_quality
from aeden.measures.metric import select
from aeden.nn.parameters import make_init
from aeden.nn.resize import INTERPOLATIONS
from aeden.random_keys import Stream
from aeden.shapes import Array
from aeden.tasks import from_config
from aeden.tasks.objectives.restoration import fixed_noise, image_losses, make_validation, restoration_objective
from aeden.tasks.summary import Identification, not_tested
from aeden.tasks.super_resolve.images import fit_images
from aeden.tasks.super_resolve.model_from_config import build_super_resolver
from aeden.tasks.super_resolve.run import SuperResolveRun
from aeden.tasks.super_resolve.tested import NETWORK
from aeden.tasks.task import Summary, Task
from aeden.training.gradient_step import part_pixels
from aeden.transforms import Transform
from aeden.transforms.downsampling import downsample


def prepare(config: Any, given: Dataset) -> SuperResolveRun:
    """The run of a config, see `aeden.tasks.task.Task`.

    Raises:
      ValueError: a field of the config has an invalid value, or does not fit the data.
    """
    options, seed = config.super_resolve, config.seed
    model, degrade, loss = build_super_resolver(config, given.image_shape), degradation(config), _check_loss(config)
    dataset = fit_images(given, options.factor)
    shape = dataset.image_shape
    batches = TrainBatches(dataset.train_examples, config.batch_size, seed)
    schedule = from_config.build_schedule(config, batches.steps_per_epoch, config.epochs, config.steps)
    objective = restoration_objective(
        make_init(model, (shape[0] // options.factor, shape[1] // options.factor, shape[2])),
        from_config.gradient_step_maker(config)(config.learning_rate, schedule.steps, part_pixels(model, shape)),
        degrade,
        image_losses(loss, model),
        make_validation(model, fixed_noise(degrade, seed, Stream.VALIDATION), dataset.validation),
        from_config.build_augmentation(config, shape),
    )
    return SuperResolveRun(
        name=Identification("super_resolve", config.model.decoder, seed),
        dataset=dataset,
        model=model,
        training=from_config.training_maker(config)(objective, batches, schedule, "psnr"),
        degrade=fixed_noise(degrade, seed, Stream.TEST),
        fields={"super_resolve": options.to_dict(), "noise": config.noise.to_dict()},
        loss=loss,
        cropped=dataset is not given,
        tests=config.eval.test,
    )


def degradation(config: Any) -> Transform:
    """Makes images of low resolution: downsampling, and then the noise of the config, if it has a level above 0.

    Raises:
      ValueError: the factor, the kind of noise or its level is invalid.
    """
    factor, antialias = config.super_resolve.factor, config.super_resolve.antialias
    noise = from_config.build_noise_if_any(config)

    def degrade(example_keys: Array, images: Array) -> Array:
        return noise(example_keys, downsample(images, factor, antialias))

    return degrade


def _check_loss(config: Any) -> str:
    loss = from_config.check_loss(config)
    if loss == "bce" and config.super_resolve.residual:
        raise ValueError(
            "loss=bce is for outputs between 0 and 1, and that of super_resolve.residual=True has no limits: use "
            "loss=mse or l1"
        )
    return loss


def title(summary: Summary) -> str:
    """See `aeden.tasks.task.Task`."""
    return f"x{summary['super_resolve']['factor']} super-resolution, {summary['decoder']} decoder"


def closing(summary: Summary) -> list[str]:
    """See `aeden.tasks.task.Task`."""
    if not summary[NETWORK]:
        return [not_tested(summary)]
    rows = {"network": summary[NETWORK], **{name: summary[name] for name in INTERPOLATIONS}}
    return [
        f"  {name:<9} PSNR {row['psnr']:6.2f} dB   SSIM {row['ssim']:.4f}   "
        f"spectrum distance {row['spectrum_distance_db']:5.2f} dB"
        for name, row in rows.items()
    ]


def figures(summary: Summary) -> dict[str, float]:
    """See `aeden.tasks.task.Task`: the metrics of the test."""
    return select(METRICS, summary[NETWORK])


METRICS = (
    image_quality.PSNR,
    image_quality.SSIM,
    checkerboard.SPECTRUM_DISTANCE,
    image_quality.MSE,
    image_quality.BCE,
    checkerboard.HARMONIC_ENERGY,
    checkerboard.PHASE_VARIATION,
)
SUPER_RESOLVE = Task(
    sections=("optimizer", "data", "augment", "noise", "model", "super_resolve", "eval", "checkpoint"),
    tested_on=("noise.", "super_resolve.factor", "super_resolve.antialias"),
    metrics=METRICS,
    prepare=prepare,
    title=title,
    closing=closing,
    figures=figures,
)
