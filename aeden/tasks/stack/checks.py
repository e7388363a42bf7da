"""Checks of the `stack` section of a config against the data."""

from __future__ import annotations

from typing import Any

from aeden.data.dataset import Dataset
from aeden.tasks import from_config
from aeden.tasks.objectives.classification import dropout_levels

HEADS = ("finetune", "frozen", "pixels", "none")
EMBEDDINGS = ("tsne", "pca", "none")
# Codes are not negative and have no upper bound. Noise that is defined for gray levels makes no sense for them.
CODE_NOISES = ("masking", "gaussian")


def check_stack(config: Any, dataset: Dataset, layers: int) -> None:
    """Refuses a stacked run that cannot work, before anything is trained.

    Args:
      config: the experiment.
      dataset: its data.
      layers: number of layers of its stack.

    Raises:
      ValueError: naming the field and the remedy.
    """
    stack = config.stack
    from_config.check_choice("stack.head", stack.head, HEADS)
    from_config.check_choice("stack.embedding", stack.embedding, EMBEDDINGS)
    if stack.head != "none":
        check_labels(dataset, f"stack.head={stack.head}")
    if stack.levels and len(stack.levels) != layers:
        raise ValueError(f"stack.levels {tuple(stack.levels)} needs one level for each of {layers} layers, or none")
    if layers > 1 and stack.pretrain_epochs and config.noise.kind not in CODE_NOISES:
        raise ValueError(f"noise.kind {config.noise.kind} is for images: codes take {' or '.join(CODE_NOISES)}")
    _check_ranges(config)


def _check_ranges(config: Any) -> None:
    stack = config.stack
    if not 0 <= stack.label_smoothing < 1:
        raise ValueError(f"stack.label_smoothing {stack.label_smoothing:g} is out of range: use 0 or more, less than 1")
    dropout_levels(stack.dropout)
    for name, rate in (
        ("learning_rate", config.learning_rate),
        ("stack.pretrain_learning_rate", stack.pretrain_learning_rate),
    ):
        if not rate > 0:
            raise ValueError(f"{name} {rate:g} is not positive")
    if min(stack.pretrain_epochs, stack.unroll_epochs, stack.labels) < 0:
        raise ValueError("stack.pretrain_epochs, stack.unroll_epochs and stack.labels take 0 or more")
    if stack.head == "none" and not stack.unroll_epochs and (stack.pretrained or not stack.pretrain_epochs):
        raise ValueError("nothing to train: set stack.head, stack.pretrain_epochs or stack.unroll_epochs")
    from_config.build_noise(config, stack.head_noise, name="stack.head_noise")


def check_labels(dataset: Dataset, user: str) -> None:
    """Refuses data without labels.

    Args:
      dataset: the data.
      user: what needs the labels, for the message.

    Raises:
      ValueError: a split has no labels, or negative ones.
    """
    for name in ("train", "validation", "test"):
        labels = getattr(dataset, name).labels
        if labels is None:
            raise ValueError(
                f"{user} needs labels, and the {name} split of {dataset.name} has none: set stack.head=none"
            )
        if labels.min() < 0:
            raise ValueError(
                f"{user} needs labels from 0 up, and the {name} split of {dataset.name} has {labels.min()}"
            )
