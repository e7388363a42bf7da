"""The stacked run: pre-train autoencoders on top of each other, fine-tune them, tell classes by their code.

Layer-wise pre-training follows Vincent et al. 2010, "Stacked denoising autoencoders": each layer restores its own
corrupted input, the code of the layers below, which stay as they are. Then the whole may be trained as one deep
autoencoder (Hinton & Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks"), and a softmax
layer on its code, logistic regression, tells the classes, with all weights or none but its own trained.

Each training is a phase with a folder of its own, `phases/NAME`, that holds what a denoising run's folder does;
a phase starts from the last state of the one before.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from aeden import random_keys
from aeden.data.batches import TrainBatches, epochs
from aeden.data.dataset import Dataset
from aeden.nn.parameters import apply, count_parameters
from aeden.nn.stack import Stack
from aeden.plots import classes as class_plots
from aeden.plots import curves
from aeden.plots.restoration import save_restoration
from aeden.runtime import devices, provenance
from aeden.shapes import PyTree
from aeden.tasks import from_config
from aeden.tasks.objectives import classification, restoration
from aeden.tasks.stack import embedding
from aeden.tasks.stack.phases import Phase, build_classifier, check_stack, layer_noise, plan_phases
from aeden.tasks.stack.pretrained import load_autoencoder
from aeden.training import gradient_step
from aeden.training.evaluation import map_split
from aeden.training.loop import Fitted, fit_in_folder
from aeden.training.running_totals import Clock
from aeden.training.schedule import Schedule

Done = tuple[Phase, Schedule, Fitted]


def check(config: Any, dataset: Dataset) -> None:
    """Refuses a run that cannot be, before anything is trained.

    Raises:
      ValueError: a field of the config has a value that it cannot have.
    """
    _plan(config, dataset, from_config.build_stack(config, dataset.image_shape))


def _plan(config: Any, dataset: Dataset, stack: Stack) -> tuple[list[Phase], list[TrainBatches], list[Schedule]]:
    check_stack(config, dataset)
    plan = plan_phases(config, dataset, stack)
    batches = [TrainBatches(phase.split, config.batch_size, config.seed, phase.number) for phase in plan]
    schedules = [
        from_config.build_schedule(config, own.steps_per_epoch, phase.epochs, phase.steps)
        for phase, own in zip(plan, batches, strict=True)
    ]
    return plan, batches, schedules


def run(config: Any, dataset: Dataset, workdir: Path, started: float) -> dict[str, Any]:
    """Trains, tests and reports a stacked run in its locked folder; goes on where an earlier start stopped.

    It takes, returns and raises what `aeden.tasks.denoise.run.run` does.
    """
    stack = from_config.build_stack(config, dataset.image_shape)
    # What cannot be is refused before the first phase is trained.
    plan, batches, schedules = _plan(config, dataset, stack)
    given, cause = load_autoencoder(config, stack, dataset) if config.stack.pretrained else ({}, None)
    done: list[Done] = []
    for i, (phase, own, schedule) in enumerate(zip(plan, batches, schedules, strict=True)):
        if devices.is_primary():
            print(f"phase {i + 1} of {len(plan)}: {phase.title}", file=sys.stderr, flush=True)
        fitted = fit_in_folder(
            workdir / "phases" / phase.name,
            phase.make_task(given, schedule.steps),
            own,
            schedule,
            config.seed,
            started,
            config.checkpoint.keep,
            phase.metric,
            phase.number,
        )
        given = {**given, **jax.device_get(fitted.state.params)}
        done.append((phase, schedule, fitted))
        started = time.monotonic()
    tested = _test(config, dataset, stack, plan, given)
    summary = {**_summary(config, dataset, done, tested), "pretrained": cause}
    if devices.is_primary():
        _draw(config, dataset, done, tested, summary, workdir)
    summary["wall_seconds"] = round(summary["wall_seconds"] + time.monotonic() - started, 3)
    return summary


@dataclasses.dataclass(frozen=True)
class Tested:
    """What the test split showed.

    Attributes:
      restoration: {"noisy", "restored"}: figures of the autoencoder as it was before a head; None where none was made.
      samples: clean, noisy and restored images of it.
      logits: of every image [n, classes]; None without a head.
      code: of the images that are embedded, flattened [m, nodes]; None where none are.
      filters: the lowest layer's kernels as images [n, h, w, c]; None for a head on pixels.
    """

    restoration: dict[str, dict[str, float]] | None
    samples: tuple[np.ndarray, np.ndarray, np.ndarray] | None
    logits: np.ndarray | None
    code: np.ndarray | None
    filters: np.ndarray | None


def _test(config: Any, dataset: Dataset, stack: Stack, plan: list[Phase], params: PyTree) -> Tested:
    restoration_, samples, logits, code, filters = None, None, None, None, None
    noise, pixels = layer_noise(config, 0), gradient_step.part_pixels(stack, dataset.image_shape)
    if any(phase.name != "classify" for phase in plan):
        evaluate = restoration.make_evaluation(stack, {"noise": noise}, config.seed, random_keys.Stream.TEST)
        restoration_ = evaluate(params, dataset.test)["noise"]
        samples = restoration.restore_samples(stack, params, noise, dataset.test, config.seed)
    if config.stack.head != "none":
        model = build_classifier(config, stack, len(dataset.classes))
        logits = map_split(functools.partial(apply, model), params, dataset.test, pixels)
    if config.stack.head != "pixels":
        encoder = params.get("stack", params)
        filters = first_filters(encoder["layers_0"], dataset.image_shape)
        if config.stack.embedding != "none":
            few = dataset.test.select(embedding.embedded(len(dataset.test)))
            code = map_split(functools.partial(apply, stack, method="encode"), encoder, few, pixels)
            code = code.reshape(len(code), -1)
    return Tested(restoration_, samples, logits, code, filters)


def first_filters(layer: PyTree, image_shape: tuple[int, ...]) -> np.ndarray:
    """The kernels that look at the images, as images: [n, h, w, c], whole images for a dense layer."""
    if "encoder" in layer:
        return np.moveaxis(np.asarray(layer["encoder"]["stage0"]["kernel"]), -1, 0)
    return np.asarray(layer["encoder_0"]["kernel"]).T.reshape(-1, *image_shape)


def _summary(config: Any, dataset: Dataset, done: list[Done], tested: Tested) -> dict[str, Any]:
    last_phase, last_schedule, last = done[-1]
    clock = sum((fitted.clock for _, _, fitted in done), Clock())
    test = dict(tested.restoration["restored"]) if tested.restoration else {}
    confusion = None
    if tested.logits is not None and dataset.test.labels is not None:
        test |= classification.score(tested.logits, dataset.test.labels)
        confusion = classification.confusion(tested.logits, dataset.test.labels).tolist()
    return {
        **dataset.describe(),
        "task": "stack",
        "decoder": from_config.decoder_name(config),
        "head": config.stack.head,
        "labels": len(last_phase.split) if config.stack.head != "none" else 0,
        "classes": list(dataset.classes),
        "parameters": count_parameters(last.state.params),
        "noise": {**config.noise.to_dict(), "levels": list(config.stack.levels)},
        "seed": config.seed,
        "steps": sum(schedule.steps for _, schedule, _ in done),
        "epochs": epochs(last_schedule.steps, config.batch_size, len(last_phase.split)),
        "best_step": last.best_step,
        "wall_seconds": clock.wall_seconds,
        "images_per_second": clock.images_per_second(),
        "noisy": tested.restoration["noisy"] if tested.restoration else None,
        "test": test,
        "validation": last.validation,
        "confusion": confusion,
        "phases": [
            {
                "name": phase.name,
                "steps": schedule.steps,
                "images": len(phase.split),
                "seconds": fitted.clock.wall_seconds,
                "images_per_second": fitted.clock.images_per_second(),
                "validation": fitted.validation,
            }
            for phase, schedule, fitted in done
        ],
        **provenance.provenance(),
    }


def _draw(
    config: Any, dataset: Dataset, done: list[Done], tested: Tested, summary: dict[str, Any], workdir: Path
) -> None:
    what = f"{dataset.label}, {opening(config)}"
    test, classes, labels = summary["test"], dataset.classes, dataset.test.labels
    curves.save_phases(
        workdir / "curves.png", what, [(phase.title, phase.metric, fitted.rows) for phase, _, fitted in done]
    )
    if tested.samples is not None:
        title = f"{what}: test PSNR {summary['noisy']['psnr']:.2f} to {test['psnr']:.2f} dB"
        save_restoration(workdir / "samples.png", title, *tested.samples)
    if tested.filters is not None:
        class_plots.save_filters(workdir / "filters.png", f"{what}: filters of the first layer", tested.filters)
    if tested.code is not None:
        index = embedding.embedded(len(dataset.test))
        points = embedding.embed(tested.code, config.stack.embedding, config.seed)
        class_plots.save_embedding(
            workdir / "embedding.png",
            f"{what}: {len(index):,} test images by their code",
            points,
            None if labels is None else labels[index],
            classes,
            config.stack.embedding,
        )
    if tested.logits is not None and labels is not None:
        accuracy = f"test accuracy {test['accuracy']:.2%}, {summary['labels']:,} labels"
        counts = np.array(summary["confusion"])
        class_plots.save_confusion(workdir / "confusion.png", f"{what}: {accuracy}", counts, classes)
        class_plots.save_errors(
            workdir / "errors.png",
            f"{what}: the most confident errors\n{label_noise_note(dataset)}",
            dataset.test.images,
            labels,
            tested.logits,
            classes,
        )


def label_noise_note(dataset: Dataset) -> str:
    """What to say of wrong labels beside errors."""
    noise = dataset.describe()["label_noise"]
    if noise is None:
        return "some of these may be the labels' errors"
    return f"by its author's estimate, about {noise['test']:.1%} of the test labels are wrong themselves"


def opening(config: Any) -> str:
    """What is trained, in a few words."""
    heads = {
        "finetune": "fine-tuned with a softmax head",
        "frozen": "logistic regression on its frozen code",
        "pixels": "logistic regression on pixels",
        "none": "without a head",
    }
    if config.stack.head == "pixels":
        return heads["pixels"]
    taught = config.stack.pretrain_epochs or config.stack.pretrained or config.stack.unroll_epochs
    start = "" if taught else "from random parameters, "
    return f"stacked {from_config.decoder_name(config)} autoencoder, {start}{heads[config.stack.head]}"


def title(summary: dict[str, Any]) -> str:
    """What was trained, in a few words."""
    return "logistic regression on pixels" if summary["head"] == "pixels" else f"{summary['decoder']} stack"


def closing(summary: dict[str, Any]) -> list[str]:
    """The lines that a finished run prints, after what was trained on what."""
    lines = [
        f"  {phase['name']:<12} {phase['steps']:>6} steps in {phase['seconds']:4.0f} s" for phase in summary["phases"]
    ]
    test = summary["test"]
    if summary["noisy"]:
        lines.append(
            f"  restored     PSNR {summary['noisy']['psnr']:.2f} to {test['psnr']:.2f} dB, SSIM {test['ssim']:.4f}"
        )
    if "accuracy" in test:
        lines.append(
            f"  classes      accuracy {test['accuracy']:.2%}, cross-entropy {test['cross_entropy']:.4f} "
            f"({summary['labels']:,} labels)"
        )
    return lines
