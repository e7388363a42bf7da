"""What the data of segmentation need, and what only other tasks use."""

from __future__ import annotations

from typing import Any

from aeden.data.dataset import Dataset
from aeden.tasks.objectives.segmentation import pixel_counts


def check_data(dataset: Dataset, names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuses data that a segmentation cannot be learnt from.

    Args:
      dataset: the data.
      names: the classes of the pixels.

    Returns:
      Sentences about classes without pixels in the validation or test split, which mean IoU leaves out.

    Raises:
      ValueError: the pixels have no classes, there are more classes than names, or a class has no pixels to train on.
    """
    notes = []
    for title, split in (("training", dataset.train), ("validation", dataset.validation), ("test", dataset.test)):
        if split.pixel_labels is None:
            raise ValueError(
                f"{dataset.name} does not say to which class each pixel belongs, which task=segment learns: use "
                "data.name=letters"
            )
        counts = pixel_counts(split.pixel_labels, len(names))
        if len(counts) > len(names):
            raise ValueError(
                f"the pixels of {dataset.name} have {len(counts)} classes, and data.characters names {len(names)} with "
                "the background: name them all"
            )
        missing = [name for name, count in zip(names, counts, strict=True) if not count]
        if missing and title == "training":
            raise ValueError(
                f"no pixel of the {len(split):,} training images belongs to {', '.join(missing)}: use more images "
                "(data.limit, data.train_limit), or fewer data.characters"
            )
        if missing:
            notes.append(f"no pixel of the {title} images belongs to {', '.join(missing)}: left out of mean IoU")
    return tuple(notes)


def check_fields(config: Any) -> None:
    """Refuses fields that are set and that a segmentation does not read.

    Raises:
      ValueError: naming the first such field.
    """
    if config.loss != "bce":
        raise ValueError(
            f"loss={config.loss} has no effect with task=segment, whose loss is the cross-entropy of the classes: "
            "leave it at its default, bce"
        )
    augment = config.augment
    for name in ("shift", "turn", "zoom", "flip", "quarter_turns"):
        if augment[name]:
            raise ValueError(
                f"augment.{name} would move the images and not the classes of their pixels: it is not for task=segment"
            )
