"""From a config to the parts that all tasks share: noise, augmentation, schedule, optimiser, training.

Only this file, `model_from_config.py` and the `task.py` of each task read a config; everything else takes plain
arguments. The commands in `experiments/` read the fields that concern them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aeden.data import letters, own_images, sources
from aeden.data.batches import TrainBatches
from aeden.data.dataset import Dataset
from aeden.data.splits import HELD_OUT
from aeden.runtime import devices, processes
from aeden.shapes import Array
from aeden.tasks.objectives.restoration import LOSSES
from aeden.training.gradient_step import GradientStep
from aeden.training.loop import RESULTS, Training
from aeden.training.objective import Objective
from aeden.training.optimizers import learning_rate_schedule, make_optimizer
from aeden.training.schedule import Schedule
from aeden.transforms import Transform
from aeden.transforms.augmentation import augment, check_augmentation, orient
from aeden.transforms.noise import LevelledNoise, check_noise, corrupt, drawn_levels

# Cap on validations per run by default. Without it, a training set of a hundred images is validated at every step.
MOST_VALIDATIONS = 100
# Steps are counted in int32.
MOST_STEPS = 2**31 - 1
# With fewer images per device than this, overhead dominates the time of a CPU device: 4 crops of 64 x 64 have as many
# pixels as 21 digits.
IMAGES_PER_UNET_DEVICE = 4

# The fields of `data` that only data.name=letters reads, with their defaults.
LETTERS = {"characters": letters.CHARACTERS, "photos": "", "shapes": "fonts", "side": letters.SIDE}
# The tasks that can train on crops of images of any size (`data.crop`).
CROPPING = ("denoise", "super_resolve")


def check_choice(field: str, value: Any, choices: Any) -> None:
    """Refuses a value that is not one of the choices.

    Raises:
      ValueError: naming the field, the value and the choices.
    """
    # Not in a mapping: a value that has no hash, such as a list, would be Python's error.
    if value not in tuple(choices):
        raise ValueError(f"unknown {field} {value!r}: use one of {', '.join(choices)}")


def open_data(config: Any) -> Dataset:
    """Opens the data of an experiment.

    Raises:
      ValueError: a field of `data` has an invalid value, or no effect.
      Whatever `aeden.data.sources.open_dataset` or `aeden.data.own_images.open_images` raise.
    """
    data = config.data
    if config.task == "segment" and data.name != "letters":
        raise ValueError(f"data.name={data.name} does not say to which class each pixel belongs: use data.name=letters")
    crop, channels = data.crop, str(data.channels)
    if not crop:
        if channels != "auto":
            raise ValueError(f"data.channels={channels} has no effect without data.crop: set data.crop, e.g. to 64")
        _check_held_out(data)
        return _open_whole(data)
    if config.task not in CROPPING:
        raise ValueError(
            f"data.crop={crop} is for task={' and '.join(CROPPING)}: task={config.task} needs images of one size"
        )
    own_images.check_crops(crop, channels)
    if data.name != "folder":
        _check_held_out(data)
        return own_images.cut(_open_whole(data), crop, channels)
    _options(data)
    if not data.dir:
        raise ValueError("data.name=folder needs data.dir, a folder of images: --config.data.dir=my_images")
    limits = data.limit, data.train_limit, data.held_out
    return own_images.open_images(Path(data.dir).expanduser(), crop, channels, *limits)


def _open_whole(data: Any) -> Dataset:
    """Opens a data set of images of one size, with the options that only it has."""
    return sources.open_dataset(data.name, data.dir, data.fallback, data.limit, data.train_limit, _options(data))


def _options(data: Any) -> dict[str, Any]:
    """The fields of `data` that only one data set reads."""
    if data.name == "letters":
        return {field: data.get(field, default) for field, default in LETTERS.items()}
    for field, default in LETTERS.items():
        if data.get(field, default) != default:
            raise ValueError(
                f"data.{field}={data[field]} has an effect with data.name=letters only: set it to {default!r}"
            )
    return {}


def _check_held_out(data: Any) -> None:
    """Refuses a share of held-out images for data that are not split by it."""
    if data.held_out != HELD_OUT:
        raise ValueError(f"data.held_out={data.held_out} has an effect on data.name=folder with data.crop only")


def check_loss(config: Any) -> str:
    """The reconstruction loss of a config.

    Raises:
      ValueError: it is unknown, or not for the network.
    """
    if config.loss not in LOSSES:
        raise ValueError(f"unknown loss {config.loss!r}: use {', '.join(LOSSES[:-1])} or {LOSSES[-1]}")
    if config.loss == "bce" and config.model.architecture == "unet" and config.model.residual:
        raise ValueError(
            "loss=bce is for outputs between 0 and 1, and that of model.residual=True has no limits: use loss=mse or l1"
        )
    return config.loss


def noise_name(config: Any) -> str:
    """The noise for titles, e.g. "gaussian 0.4 clipped"."""
    noise = config.noise
    level = f"{noise.level:g}" + (f"-{noise.level_max:g}" if noise.level_max > noise.level else "")
    return f"{noise.kind} {level} {'clipped' if noise.clip else 'not clipped'}"


def build_noise_if_any(config: Any) -> Transform:
    """The noise of a config if it has a level above 0; else what leaves images as they are.

    Raises:
      ValueError: see `build_noise`.
    """
    noise = build_noise(config)
    noisy = max(config.noise.level, config.noise.level_max) > 0
    return noise if noisy else lambda example_keys, images: images


def check_no_denoising_tests(config: Any) -> None:
    """Refuses what only runs of denoising are tested for.

    Raises:
      ValueError: naming the field.
    """
    for name in ("levels", "noises"):
        if config.eval[name]:
            raise ValueError(f"eval.{name} is for task=denoise: set eval.{name}=()")
    if config.eval.extras:
        raise ValueError("eval.extras is for task=denoise: set it to False")


def build_noise(
    config: Any, level: float | None = None, clip: bool | None = None, name: str = "noise level"
) -> Transform:
    """The noise of a config, or the same kind of noise at another level.

    It tells its levels (`LevelledNoise`) if the network is given them.

    Args:
      config: the experiment.
      level: a fixed level in place of the config's `noise.level` and `noise.level_max`.
      clip: whether to clip to [0, 1], in place of `noise.clip`.
      name: what a message calls `level`.

    Raises:
      ValueError: unknown kind of noise, or a level out of its range.
    """
    noise = config.noise
    low = noise.level if level is None else level
    high = max(noise.level_max, low) if level is None else level
    check_noise(noise.kind, {"noise.level": low, "noise.level_max": high} if level is None else {name: level})
    clip = noise.clip if clip is None else clip

    def corrupted(example_keys: Array, images: Array) -> Array:
        return corrupt(example_keys, images, noise.kind, low, high, clip)

    if config.model.architecture != "unet" or not config.model.level_input:
        return corrupted
    return LevelledNoise(corrupted, lambda example_keys: drawn_levels(example_keys, low, high))


def build_augmentation(config: Any, image_shape: tuple[int, ...]) -> Transform | None:
    """The random transform of training images [height, width, channels] of a config; None if there is none.

    Raises:
      ValueError: a value is out of range, or quarter turns are asked for and the images are not square.
    """
    options = config.augment
    shift, turn, zoom, flip, turns = options.shift, options.turn, options.zoom, options.flip, options.quarter_turns
    check_augmentation(shift, turn, zoom)
    if turns and image_shape[0] != image_shape[1]:
        raise ValueError(
            f"augment.quarter_turns needs square images, and these are {image_shape[0]} x {image_shape[1]}: set it to "
            "False, or train on crops with data.crop"
        )
    if not (shift or turn or zoom or flip or turns):
        return None
    return lambda example_keys, images: orient(
        example_keys, augment(example_keys, images, shift, turn, zoom), flip, turns
    )


# (peak learning rate, steps, pixels, trained) -> gradient step; pixels and trained as in `GradientStep`
MakeGradientStep = Callable[..., GradientStep]


def gradient_step_maker(config: Any) -> MakeGradientStep:
    """A function that makes gradient steps with the optimiser of a config.

    Returns:
      (peak learning rate, steps, pixels=0, trained=None) -> `GradientStep`. It raises ValueError if the rate is not
      positive.

    Raises:
      ValueError: optax has no such optimiser, or it takes no weight decay and one is asked for.
    """
    options = config.optimizer
    name, warmup, decay, clip = options.name, options.warmup_steps, options.weight_decay, options.grad_clip
    make_optimizer(name, learning_rate_schedule(1.0, 1, 0), decay, clip)  # refuses what does not exist

    def make(learning_rate: float, steps: int, pixels: int = 0, trained: tuple[str, ...] | None = None) -> GradientStep:
        schedule = learning_rate_schedule(learning_rate, steps, warmup)
        return GradientStep(make_optimizer(name, schedule, decay, clip), schedule, pixels, trained)

    return make


def build_schedule(config: Any, steps_per_epoch: int, epochs: float, steps: int = 0) -> Schedule:
    """The schedule of a training of `steps` steps or, if that is 0, of `epochs` epochs.

    Raises:
      ValueError: no length or two lengths are given, the length is too great, or an interval is negative.
    """
    if min(epochs, steps) < 0 or (steps > 0) == (epochs > 0):
        raise ValueError(
            f"a run lasts either `epochs` or `steps`, with the other 0; here epochs={epochs:g}, steps={steps}"
        )
    for name, interval in (
        ("log_every", config.log_every),
        ("eval.every", config.eval.every),
        ("checkpoint.every", config.checkpoint.every),
        ("steps_per_dispatch", config.steps_per_dispatch),
    ):
        if interval < 0:
            raise ValueError(f"{name} is negative: use 0 or more")
    steps = steps or max(1, math.ceil(epochs * steps_per_epoch))
    if steps > MOST_STEPS:
        raise ValueError(f"{epochs:g} epochs are {steps:,} steps: use fewer, for {MOST_STEPS:,} steps or less")
    return Schedule(
        steps=steps,
        log_every=config.log_every or steps_per_epoch,
        # An epoch of few labelled images may be a single step.
        validate_every=config.eval.every or max(steps_per_epoch, steps // MOST_VALIDATIONS),
        checkpoint_every=config.checkpoint.every,
        steps_per_dispatch=config.steps_per_dispatch or devices.steps_per_dispatch(),
    )


# (objective, batches, schedule, best metric, phase=0) -> training
MakeTraining = Callable[..., Training]


def training_maker(config: Any) -> MakeTraining:
    """A function that makes trainings with the seed and the checkpoints of a config.

    Raises:
      ValueError: `eval.checkpoint` is unknown, or `checkpoint.keep` is less than 1.
    """
    check_choice("eval.checkpoint", config.eval.checkpoint, RESULTS)
    if config.checkpoint.keep < 1:
        raise ValueError(f"checkpoint.keep {config.checkpoint.keep} would keep none: use 1 or more")
    seed, keep, result = config.seed, config.checkpoint.keep, config.eval.checkpoint

    def make(
        objective: Objective, batches: TrainBatches, schedule: Schedule, best_metric: str, phase: int = 0
    ) -> Training:
        return Training(objective, batches, schedule, seed, phase, keep, best_metric, result)

    return make


def cpu_devices(config: Any) -> int:
    """How many XLA devices to make of a CPU for a config; 0 for one per core, if there are enough images for each.

    The threads of a matrix product scale well, unlike those of a convolution. With several devices each would run the
    optimiser over all weights, so a dense network runs on one device. The images of a U-Net, those that are segmented,
    and crops that are to be super-resolved are large: a few are enough for a device.
    """
    if config.model.architecture == "dense":
        return 1
    crops = config.task == "super_resolve" and config.data.crop > 0
    large = config.model.architecture == "unet" or crops or config.task == "segment"
    if not large:
        return 0
    return devices.cpu_device_count(config.batch_size, processes.cores(), IMAGES_PER_UNET_DEVICE)
