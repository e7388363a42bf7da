"""What a denoising run cannot do with its data."""

from __future__ import annotations

from typing import Any

from aeden.data.dataset import Dataset


def check_data(config: Any, dataset: Dataset) -> None:
    """Refuses options that do not fit the data.

    Raises:
      ValueError: naming the option and the remedy.
    """
    if dataset.cropped is not None:
        if config.model.architecture == "dense":
            raise ValueError(
                "model.architecture=dense takes images of one size, and data.crop is tested on whole images: use "
                "model.architecture=conv, or data.crop=0"
            )
        if config.eval.extras:
            raise ValueError("eval.extras measures images of one size: set it to False, or use data.crop=0")
    if not dataset.pairs:
        return
    if config.model.architecture == "unet" and config.model.level_input:
        raise ValueError("model.level_input needs noise levels, which pairs of images do not have: set it to False")
    for name in ("levels", "noises"):
        if config.eval[name]:
            raise ValueError(f"eval.{name} adds noise, and these data come with noisy images: set eval.{name}=()")
    for name in ("shift", "turn", "zoom"):
        if config.augment[name]:
            raise ValueError(
                f"augment.{name} interpolates, which would smooth the noise of the noisy images: use augment.flip and "
                "augment.quarter_turns"
            )
