"""config.task="segment": train a network that says of each pixel to which class it belongs, test it, report it."""

from __future__ import annotations

from typing import Any

import numpy as np

from aeden.data.batches import TrainBatches
from aeden.data.dataset import Dataset
from aeden.measures import segmentation
from aeden.measures.metric import select
from aeden.nn.parameters import make_init
from aeden.random_keys import Stream
from aeden.tasks import from_config
from aeden.tasks.from_config import check_choice
from aeden.tasks.objectives.restoration import fixed_noise
from aeden.tasks.objectives.segmentation import class_weights, make_scores, segmentation_objective
from aeden.tasks.segment import checks
from aeden.tasks.segment.model_from_config import build_segmenter, class_names
from aeden.tasks.segment.run import SegmentRun
from aeden.tasks.segment.tested import NETWORK, THRESHOLD
from aeden.tasks.summary import Identification, not_tested
from aeden.tasks.task import Summary, Task
from aeden.training.gradient_step import part_pixels

# Values of `segment.class_weights`.
CLASS_WEIGHTS = ("none", "median_frequency")


def prepare(config: Any, dataset: Dataset) -> SegmentRun:
    """The run of a config, see `aeden.tasks.task.Task`.

    Raises:
      ValueError: a field of the config has an invalid value, or does not fit the data.
    """
    checks.check_fields(config)
    names, shape, seed = class_names(config), dataset.image_shape, config.seed
    model, noise = build_segmenter(config, shape), from_config.build_noise_if_any(config)
    notes = checks.check_data(dataset, names)
    validated, tested = (fixed_noise(noise, seed, stream) for stream in (Stream.VALIDATION, Stream.TEST))
    batches = TrainBatches(dataset.train, config.batch_size, seed)
    schedule = from_config.build_schedule(config, batches.steps_per_epoch, config.epochs, config.steps)
    scores = make_scores(model, validated, len(names))
    objective = segmentation_objective(
        make_init(model, shape),
        from_config.gradient_step_maker(config)(config.learning_rate, schedule.steps, part_pixels(model, shape)),
        model,
        noise,
        _weights(config, dataset, len(names)),
        lambda params: scores(params, dataset.validation)[0],
    )
    return SegmentRun(
        name=Identification("segment", config.model.decoder, seed),
        dataset=dataset,
        classes=names,
        model=model,
        training=from_config.training_maker(config)(objective, batches, schedule, segmentation.MEAN_IOU.name),
        noises=(validated, tested),
        fields={"segment": config.segment.to_dict(), "noise": config.noise.to_dict()},
        notes=notes,
        tests=config.eval.test,
    )


def _weights(config: Any, dataset: Dataset, classes: int) -> np.ndarray | None:
    check_choice("segment.class_weights", config.segment.class_weights, CLASS_WEIGHTS)
    if config.segment.class_weights == "none":
        return None
    assert dataset.train.pixel_labels is not None
    return class_weights(dataset.train.pixel_labels, classes)


def title(summary: Summary) -> str:
    """See `aeden.tasks.task.Task`."""
    return f"segmentation into {len(summary['classes'])} classes, {summary['decoder']} decoder"


def closing(summary: Summary) -> list[str]:
    """See `aeden.tasks.task.Task`."""
    if not summary[NETWORK]:
        return [not_tested(summary)]
    return [
        f"  {name:<9} mean IoU {row['mean_iou']:.4f}   boundary F1 {row['boundary_f1']:.4f} (1 pixel)   "
        f"{row['boundary_f1_2']:.4f} (2 pixels)   pixel accuracy {row['accuracy']:.4f}"
        for name, row in (("network", summary[NETWORK]), ("threshold", summary[THRESHOLD]))
    ]


def figures(summary: Summary) -> dict[str, float]:
    """See `aeden.tasks.task.Task`: the metrics of the test."""
    return select(METRICS, summary[NETWORK])


METRICS = (
    segmentation.MEAN_IOU,
    segmentation.BOUNDARY_F1,
    segmentation.BOUNDARY_F1_2,
    segmentation.PIXEL_ACCURACY,
    segmentation.CROSS_ENTROPY,
)
SEGMENT = Task(
    sections=("optimizer", "data", "augment", "noise", "model", "segment", "eval", "checkpoint"),
    tested_on=("noise.",),
    metrics=METRICS,
    prepare=prepare,
    title=title,
    closing=closing,
    figures=figures,
)
