"""config.task="gan": a generator with one of the decoders, trained against a discriminator."""

from __future__ import annotations

from typing import Any

import optax

from aeden.data.batches import TrainBatches
from aeden.data.dataset import Dataset
from aeden.measures import checkerboard, sample_quality
from aeden.measures.metric import select
from aeden.nn.autoencoders import ConvAutoencoder
from aeden.nn.gan import DOWNSAMPLINGS, Discriminator, Generator
from aeden.tasks import from_config, model_from_config
from aeden.tasks.gan import sample_figures
from aeden.tasks.gan.judge import JUDGES, check_labels
from aeden.tasks.gan.run import GanRun
from aeden.tasks.gan.sampler import Sampler
from aeden.tasks.objectives.adversarial import LOSSES, Adversaries
from aeden.tasks.summary import Identification, not_tested
from aeden.tasks.task import Summary, Task
from aeden.training.gradient_step import GradientStep
from aeden.training.optimizers import learning_rate_schedule


def prepare(config: Any, dataset: Dataset) -> GanRun:
    """The run of a config, see `aeden.tasks.task.Task`.

    Raises:
      ValueError: a field of the config has an invalid value.
    """
    gan, shape = config.gan, dataset.image_shape
    generator, discriminator = _networks(config, dataset)
    _check_training(gan)
    if not config.eval.test and not gan.samples:
        raise ValueError("eval.test=False leaves validation figures only, and gan.samples=0 none: change one of them")
    if gan.samples:
        check_labels(dataset)
    make_training = from_config.training_maker(config)
    batches = TrainBatches(dataset.train, config.batch_size, config.seed)
    schedule = from_config.build_schedule(config, batches.steps_per_epoch, config.epochs, config.steps)

    def gradient_step(peak: float) -> GradientStep:
        rate = learning_rate_schedule(peak, schedule.steps, config.optimizer.warmup_steps)
        return GradientStep(optax.adam(rate, gan.b1, gan.b2), rate, shape[0] * shape[1])

    return GanRun(
        name=Identification("gan", model_from_config.decoder_name(config), config.seed),
        dataset=dataset,
        networks=Adversaries(
            generator,
            discriminator,
            gan.latent,
            (gradient_step(config.learning_rate), gradient_step(config.learning_rate * gan.discriminator_rate)),
            gan.loss,
            gan.r1,
            gan.r2,
            gan.average,
            gan.r1_every,
        ),
        sampler=Sampler(generator, gan.latent, config.seed, shape, gan.truncation),
        samples=gan.samples,
        stride=config.model.factors[0],
        judge=gan.judge,
        truncations=tuple(map(float, gan.truncations)),
        tests=config.eval.test,
        make_training=lambda objective: make_training(
            objective, batches, schedule, sample_figures.CONFIDENT_SHARE.name
        ),
    )


def _networks(config: Any, dataset: Dataset) -> tuple[Generator, Discriminator]:
    gan = config.gan
    autoencoder = model_from_config.build_model(config, dataset.image_shape)
    if not isinstance(autoencoder, ConvAutoencoder):
        raise ValueError("the decoder of a generator is convolutional: set model.architecture=conv")
    model_from_config.check_decodes_alone(autoencoder, "a generator")
    model_from_config.check_image_size(autoencoder, dataset.image_shape)
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


def _check_training(gan: Any) -> None:
    for name in ("b1", "b2", "average"):
        if not 0 <= gan[name] < 1:
            raise ValueError(f"gan.{name} {gan[name]:g} is out of range: use 0 or more, and less than 1")
    if min(gan.r1, gan.r2, gan.samples) < 0:
        raise ValueError("gan.r1, gan.r2 and gan.samples take 0 or more")
    if not gan.discriminator_rate > 0:
        raise ValueError(f"gan.discriminator_rate {gan.discriminator_rate:g} is a factor: use a number above 0")
    if gan.r1_every < 1:
        raise ValueError(f"gan.r1_every {gan.r1_every} is a number of steps: use 1 or more")
    if gan.r1_every > 1 and not gan.r1 and not gan.r2:
        raise ValueError(f"gan.r1_every={gan.r1_every} has no effect with gan.r1=0 and gan.r2=0: set it to 1")
    _check_truncation(gan)
    from_config.check_choice("gan.judge", gan.judge, JUDGES)
    from_config.check_choice("gan.loss", gan.loss, LOSSES)
    from_config.check_choice("gan.downsampling", gan.downsampling, DOWNSAMPLINGS)


def _check_truncation(gan: Any) -> None:
    further = tuple(gan.truncations)
    if gan.truncation < 0 or any(limit <= 0 for limit in further):
        raise ValueError("gan.truncation takes 0 (for none) or more, and gan.truncations numbers above 0")
    names = [f"{limit:g}" for limit in further]
    if len(set(names)) < len(names):
        raise ValueError(f"gan.truncations {further} names a number twice")
    if further and not gan.samples:
        raise ValueError("gan.truncations has no effect with gan.samples=0, which judges no samples")


def title(summary: Summary) -> str:
    """See `aeden.tasks.task.Task`."""
    return f"{summary['decoder']} generator"


def closing(summary: Summary) -> list[str]:
    """See `aeden.tasks.task.Task`."""
    test, truncations = summary["test"], summary.get("truncations", {})
    if not test:
        return [not_tested(summary)] if summary["validation"] else []
    lines = [
        f"  {name:<13} FID {row['fid']:7.3f}  KID {row['kid']:8.5f}  precision {row['precision']:.3f}  "
        f"recall {row['recall']:.3f}  coverage {row['coverage']:.3f}  confident {row['confident']:6.1%}  "
        f"checkerboard {row['harmonic_energy']:.5f}"
        + (f"  of its class {row['agreement']:6.1%}" if "agreement" in row else "")
        for name, row in (
            ("untrained", summary["untrained"]),
            ("samples", test),
            *((f"truncated {limit}", row) for limit, row in truncations.items()),
            ("real", summary["real"]),
            *((("unseen", summary["unseen"]),) if summary.get("unseen") else ()),
        )
    ]
    shares = " ".join(f"{100 * share:.1f}" for share in test["class_share"])
    judge = summary["classifier"]
    half = " on images that it was not trained on" if judge.get("kind") == "half" else ""
    return [
        *lines,
        f"  classes (%) {shares}",
        f"  judged by a classifier with an accuracy of {judge['accuracy']:.2%} (sha256 {judge['sha256'][:12]}){half}",
    ]


def set_figures(figures: dict[str, Any]) -> dict[str, float]:
    """The metrics of a judged set of images: samples, samples of the untrained generator, or real images."""
    values = dict(figures)
    if "class_share" in values:
        values |= {"smallest_class": min(values["class_share"]), "largest_class": max(values["class_share"])}
    return select(METRICS, values)


METRICS = (
    sample_quality.KID,
    sample_quality.FID,
    sample_quality.PRECISION,
    sample_quality.RECALL,
    sample_quality.COVERAGE,
    sample_figures.CONFIDENT_SHARE,
    sample_figures.AGREEMENT,
    sample_figures.SMALLEST_CLASS,
    sample_figures.LARGEST_CLASS,
    sample_quality.AUTHENTICITY,
    sample_quality.DENSITY,
    *sample_figures.ARTIFACTS,
    checkerboard.SPECTRUM_DISTANCE,
)
GAN = Task(
    sections=("optimizer", "data", "model", "gan", "eval", "checkpoint"),
    tested_on=("gan.judge",),
    metrics=METRICS,
    prepare=prepare,
    title=title,
    closing=closing,
    figures=lambda summary: set_figures(summary["test"]),
    # It always trains with Adam, and its losses are those of `gan.loss`.
    ignored=("loss", "optimizer.name", "optimizer.weight_decay", "optimizer.grad_clip"),
)
