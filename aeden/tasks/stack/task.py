"""config.task="stack": pre-train autoencoders on top of each other, fine-tune them, classify by their code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aeden.data.batches import TrainBatches
from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.measures import image_quality
from aeden.measures.metric import select
from aeden.nn.stack import Classifier, Stack
from aeden.shapes import PyTree
from aeden.tasks import from_config, model_from_config
from aeden.tasks.objectives.classification import Regularization
from aeden.tasks.stack.checks import check_stack
from aeden.tasks.stack.phases import (
    Phase,
    StackParts,
    code_noise,
    head_objective,
    pretraining_objective,
    unrolling_objective,
)
from aeden.tasks.stack.pretrained import DECODER_FIELDS, Pretrained
from aeden.tasks.stack.run import Head, StackRun
from aeden.tasks.summary import Identification, not_tested
from aeden.tasks.task import Summary, Task
from aeden.training.gradient_step import GradientStep, part_pixels
from aeden.training.objective import Objective
from aeden.transforms import Transform

HEAD_TITLES = {
    "finetune": "learning classes, all weights",
    "frozen": "logistic regression on the frozen code",
    "pixels": "logistic regression on pixels",
}
HEAD_DESCRIPTIONS = {
    "finetune": "fine-tuned with a softmax head",
    "frozen": "logistic regression on its frozen code",
    "pixels": "logistic regression on pixels",
    "none": "without a head",
}


def prepare(config: Any, dataset: Dataset) -> StackRun:
    """The run of a config, see `aeden.tasks.task.Task`.

    Raises:
      ValueError: a field of the config has an invalid value, or the training split has fewer labels than asked for.
    """
    options = config.stack
    stack = model_from_config.build_stack(config, dataset.image_shape)
    check_stack(config, dataset, len(stack.layers))
    noises = tuple(_layer_noise(config, i) for i in range(len(stack.layers)))
    loss, augment = from_config.check_loss(config), from_config.build_augmentation(config, dataset.image_shape)
    parts = StackParts(stack, dataset, config.seed, loss, noises, augment)
    pretrained = None
    if options.pretrained:
        decoder = {field: config.model[field] for field in DECODER_FIELDS}
        pretrained = Pretrained(Path(options.pretrained), stack, decoder, options.unroll_epochs > 0)
    return StackRun(
        name=Identification("stack", model_from_config.decoder_name(config), config.seed),
        parts=parts,
        phases=(*_autoencoder_phases(config, parts), *_head_phases(config, parts)),
        head=Head(options.head, _classifier(config, parts)),
        pretrained=pretrained,
        noise_fields={**config.noise.to_dict(), "levels": list(options.levels)},
        embedding=options.embedding,
        description=_describe(config),
        tests=config.eval.test,
    )


def _layer_noise(config: Any, i: int) -> Transform:
    """The noise of the input of layer i: of the image (clipped as `noise.clip` says) or of a code (never clipped)."""
    level = config.stack.levels[i] if config.stack.levels else None
    noise = from_config.build_noise(config, level, config.noise.clip and i == 0, "stack.levels:")
    return noise if i == 0 else code_noise(noise)


def _autoencoder_phases(config: Any, parts: StackParts) -> list[Phase]:
    """Pre-training, one phase per layer, and fine-tuning as one deep autoencoder."""
    options, count, split = config.stack, len(parts.stack.layers), parts.dataset.train
    make_gradient_step, rate = from_config.gradient_step_maker(config), options.pretrain_learning_rate

    def make_step(trained: tuple[str, ...] | None, steps: int) -> GradientStep:
        return make_gradient_step(rate, steps, parts.pixels, trained)

    phases: list[Phase] = []
    if options.head == "pixels":
        return phases
    if options.pretrain_epochs and not options.pretrained:
        for i in range(count):
            title = f"pre-training layer {i + 1} of {count}"
            objective = functools.partial(pretraining_objective, parts, i, make_step)
            make_phase = _phase_maker(config, split, i, options.pretrain_epochs)
            phases.append(make_phase(f"pretrain-{i + 1}", title, "psnr", objective))
    if options.unroll_epochs:
        objective = functools.partial(unrolling_objective, parts, make_step)
        make_phase = _phase_maker(config, split, count, options.unroll_epochs)
        phases.append(make_phase("unroll", "fine-tuning as an autoencoder", "psnr", objective))
    return phases


def _head_phases(config: Any, parts: StackParts) -> list[Phase]:
    """The phase of the softmax head; none without a head."""
    options, model = config.stack, _classifier(config, parts)
    if model is None:
        return []
    regularization = Regularization(
        from_config.build_noise(config, options.head_noise) if options.head_noise else None,
        parts.augment,
        options.dropout,
        options.label_smoothing,
    )
    make_gradient_step, rate = from_config.gradient_step_maker(config), config.learning_rate
    pixels = part_pixels(model.stack, parts.dataset.image_shape)
    trained = None if options.head == "finetune" else ("head",)

    def objective(given: PyTree, steps: int) -> Objective:
        gradient_step = make_gradient_step(rate, steps, pixels, trained)
        return head_objective(parts, model, regularization, gradient_step, given)

    labelled = parts.dataset.train.stratified(options.labels, config.seed)
    make_phase = _phase_maker(config, labelled, len(parts.stack.layers) + 1, config.epochs, config.steps)
    return [make_phase("classify", HEAD_TITLES[options.head], "accuracy", objective)]


def _phase_maker(config: Any, split: Split, number: int, epochs: float, steps: int = 0) -> Callable[..., Phase]:
    """A function (name, title, metric, objective) -> `Phase`.

    `objective` is a function (parameters that earlier phases have trained, number of steps) -> `Objective`.
    """
    make_training = from_config.training_maker(config)
    batches = TrainBatches(split, config.batch_size, config.seed, number)
    schedule = from_config.build_schedule(config, batches.steps_per_epoch, epochs, steps)

    def make(name: str, title: str, metric: str, objective: Callable[[PyTree, int], Objective]) -> Phase:
        return Phase(
            name,
            title,
            number,
            metric,
            batches,
            schedule,
            lambda given: make_training(objective(given, schedule.steps), batches, schedule, metric, number),
        )

    return make


def _classifier(config: Any, parts: StackParts) -> Classifier | None:
    """The head on the stack's code or on the images themselves; None without a head."""
    if config.stack.head == "none":
        return None
    return Classifier(Stack(()) if config.stack.head == "pixels" else parts.stack, len(parts.dataset.classes))


def _describe(config: Any) -> str:
    options = config.stack
    if options.head == "pixels":
        return HEAD_DESCRIPTIONS["pixels"]
    trained = options.pretrain_epochs or options.pretrained or options.unroll_epochs
    start = "" if trained else "from random parameters, "
    return f"stacked {model_from_config.decoder_name(config)} autoencoder, {start}{HEAD_DESCRIPTIONS[options.head]}"


def title(summary: Summary) -> str:
    """See `aeden.tasks.task.Task`."""
    return "logistic regression on pixels" if summary["head"] == "pixels" else f"{summary['decoder']} stack"


def closing(summary: Summary) -> list[str]:
    """See `aeden.tasks.task.Task`."""
    lines = [
        f"  {phase['name']:<12} {phase['steps']:>6} steps in {phase['seconds']:4.0f} s" for phase in summary["phases"]
    ]
    test, noisy = summary["test"], summary["noisy"]
    if not test:
        lines.append(not_tested(summary))
    if noisy:
        lines.append(f"  restored     PSNR {noisy['psnr']:.2f} to {test['psnr']:.2f} dB, SSIM {test['ssim']:.4f}")
    if "accuracy" in test:
        lines.append(
            f"  classes      accuracy {test['accuracy']:.2%}, cross-entropy {test['cross_entropy']:.4f} "
            f"({summary['labels']:,} labels)"
        )
    return lines


def figures(summary: Summary) -> dict[str, float]:
    """See `aeden.tasks.task.Task`."""
    return select(METRICS, summary["test"])


METRICS = (image_quality.ACCURACY, image_quality.CROSS_ENTROPY)
STACK = Task(
    sections=("optimizer", "data", "augment", "noise", "model", "stack", "eval", "checkpoint"),
    tested_on=("noise.",),
    metrics=METRICS,
    prepare=prepare,
    title=title,
    closing=closing,
    figures=figures,
)
