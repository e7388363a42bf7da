"""The range of every field of `configs/base.py`, and the one place where values are checked against it.

Whatever the task, all fields are checked, before a run writes anything. What depends on several fields or the data is
checked where it is used. A range may be widened, never narrowed: finished runs may have used what it allows.

To add a field: give it a line in `RANGES`, or in `network_ranges.py`, under the name it has in `configs/base.py`.
"""

from __future__ import annotations

from typing import Any

from aeden.data import letters, own_images
from aeden.data.drawn_letters.letter_shapes import SOURCES as SHAPES
from aeden.nn.gan import DOWNSAMPLINGS
from aeden.tasks.gan.judge import JUDGES
from aeden.tasks.network_ranges import CHANNELS, LARGEST, LEVEL, MOST_SEEDS, NETWORK_RANGES, SMALLEST, count
from aeden.tasks.objectives import adversarial
from aeden.tasks.objectives.restoration import LOSSES
from aeden.tasks.ranges import Choice, Flag, Number, OrZero, Range, Several, Text, check_value
from aeden.tasks.segment.task import CLASS_WEIGHTS
from aeden.tasks.stack.checks import EMBEDDINGS, HEADS
from aeden.training.loop import RESULTS

FLAG, TEXT = Flag(), Text()
# Share of something: 0 or more, less than 1.
SHARE = Number(0, 1, below=True)
RATE = Number(SMALLEST, LARGEST)
EPOCHS, WEIGHT = Number(0, 1e6), Number(0, 1e6)

RANGES: dict[str, Range] = {
    "task": Choice(("denoise", "stack", "gan", "super_resolve", "segment")),
    "seed": count(0, MOST_SEEDS),
    "epochs": EPOCHS,
    "steps": count(),
    "batch_size": count(1, 1_000_000),
    "loss": Choice(LOSSES),
    "learning_rate": RATE,
    "log_every": count(),
    "steps_per_dispatch": count(0, 100_000),
    "optimizer.name": Text(empty=False, longest=100),
    "optimizer.warmup_steps": count(),
    "optimizer.weight_decay": Number(0, 1e6),
    "optimizer.grad_clip": OrZero(Number(SMALLEST, LARGEST)),
    "data.name": Text(empty=False),
    "data.dir": TEXT,
    "data.fallback": Choice(("glyphs", "")),
    "data.limit": count(),
    "data.train_limit": count(),
    "data.crop": count(0, 65_536),
    "data.held_out": Number(0, 0.5, above=True, below=True),
    "data.channels": Choice(tuple(own_images.CHANNELS)),
    "data.characters": Text(empty=False, longest=100),
    "data.photos": TEXT,
    "data.shapes": Choice(tuple(SHAPES)),
    "data.side": count(letters.LEAST_SIDE, letters.MOST_SIDE),
    "augment.shift": Number(0, 1e4),
    "augment.turn": Number(0, 180),
    "augment.zoom": Number(0, 0.9),
    "augment.flip": FLAG,
    "augment.quarter_turns": FLAG,
    **NETWORK_RANGES,
    "stack.layerwise": FLAG,
    "stack.levels": Several(LEVEL),
    "stack.pretrain_epochs": EPOCHS,
    "stack.pretrain_learning_rate": RATE,
    "stack.unroll_epochs": EPOCHS,
    "stack.pretrained": TEXT,
    "stack.head": Choice(tuple(HEADS)),
    "stack.labels": count(),
    "stack.head_noise": LEVEL,
    "stack.dropout": SHARE,
    "stack.label_smoothing": SHARE,
    "stack.embedding": Choice(tuple(EMBEDDINGS)),
    "gan.latent": CHANNELS,
    "gan.modes": count(0, 65_536),
    "gan.hidden": Several(CHANNELS),
    "gan.width": CHANNELS,
    "gan.conditional": FLAG,
    "gan.loss": Choice(tuple(adversarial.LOSSES)),
    "gan.r1": WEIGHT,
    "gan.r2": WEIGHT,
    "gan.r1_every": count(1),
    "gan.discriminator_rate": Number(0, 1e6, above=True),
    "gan.discriminator": Several(CHANNELS, 1),
    "gan.downsampling": Choice(tuple(DOWNSAMPLINGS)),
    "gan.b1": SHARE,
    "gan.b2": SHARE,
    "gan.average": SHARE,
    "gan.samples": count(0, 10_000_000),
    "gan.truncation": Number(0, 1e6),
    "gan.truncations": Several(Number(0, 1e6, above=True), most=100),
    "gan.judge": Choice(tuple(JUDGES)),
    "segment.class_weights": Choice(CLASS_WEIGHTS),
    "eval.every": count(),
    "eval.checkpoint": Choice(tuple(RESULTS)),
    "eval.levels": Several(LEVEL, most=100),
    "eval.noises": Several(Text(empty=False, longest=100), most=100),
    "eval.extras": FLAG,
    "eval.test": FLAG,
    "checkpoint.every": count(),
    "checkpoint.keep": count(1, 1_000_000),
}


def check_fields(config: Any) -> None:
    """Checks the range of every field that a config has.

    Raises:
      ValueError: naming the first field that is out of its range, its value and the range.
    """
    for name in RANGES:
        check_field(config, name)


def check_field(config: Any, name: str) -> None:
    """Checks the range of one field, given by its dotted name. A config without it passes: its default is valid.

    Raises:
      ValueError: naming the field, its value and its range.
    """
    value = config
    for part in name.split("."):
        if part not in value:
            return
        value = value[part]
    check_value(name, value, RANGES[name])


def check_levels(noise: Any) -> None:
    """Refuses a largest noise level below the level, which would change nothing.

    Raises:
      ValueError: naming both.
    """
    if 0 < noise.level_max < noise.level:
        raise ValueError(
            f"noise.level_max {noise.level_max:g} is below noise.level {noise.level:g} and would have no effect: "
            "set it above, or to 0 for one level"
        )
