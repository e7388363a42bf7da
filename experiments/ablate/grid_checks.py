"""What the config of a grid may not say. Each check raises ValueError, naming the field and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from aeden.data.dataset import Dataset
from aeden.tasks.gan import judge
from configs import base

# What costs, pairing and comparisons at equal steps presume to be the same for all runs of a contender at a setting.
FIXED = (
    *("task", "batch_size", "epochs", "steps", "log_every", "steps_per_dispatch", "stack.labels"),
    # Of generators: their networks, and how samples are drawn.
    *("gan.latent", "gan.modes", "gan.width", "gan.samples", "gan.truncation"),
)
FIXED_SECTIONS = ("model.", "data.", "eval.", "checkpoint.")
# Fields of `data` that decide what is trained on only: contenders may differ in them.
TRAINED_ON = ("data.train_limit", "data.crop")
# All others decide what the test images are, for every task; `Task.tested_on` has those of each task.
DATA_FIELDS = tuple(sorted({f"data.{name}" for name in base.get_config().data} - set(TRAINED_ON)))


def check_contender(
    contender: str, fields: Mapping[str, Any], axes: Mapping[str, Any], tested_on: tuple[str, ...]
) -> None:
    """Refuses a contender that sets its seed, what decides the test images, or what an axis sets."""
    for name in fields:
        if name == "seed":
            raise ValueError(f"contender {contender} sets seed: all use the seeds of the grid, so that runs are paired")
        if name.startswith(tested_on):
            raise ValueError(
                f"contender {contender} sets {name}: all are tested on the same images, so that they can be compared. "
                "Make it an axis to compare the contenders at several of its values"
            )
        if name in axes:
            raise ValueError(f"contender {contender} sets {name}, and so does an axis: remove one of them")


def check_tuned(name: str, contenders: Mapping[str, Any], axes: Mapping[str, Any], tested_on: tuple[str, ...]) -> None:
    """Refuses to tune a field that something else sets, or that decides test images, network, batch or length."""
    if name == "seed" or name.startswith(tested_on):
        raise ValueError(f"tuning.fields.{name}: what decides the seed or the test images cannot be tuned")
    if name in FIXED or name.startswith(FIXED_SECTIONS) or (name.startswith("stack.") and name.endswith("epochs")):
        raise ValueError(
            f"tuning.fields.{name}: what decides the network, the data, the batch, the length or the records of a run "
            "cannot be tuned; tune how it trains: learning_rate, optimizer.*, augment.*, stack.dropout and the like"
        )
    for owner, fields in {
        **{f"contender {one}": fields for one, fields in contenders.items()},
        "an axis": axes,
    }.items():
        if name in fields:
            raise ValueError(f"tuning.fields.{name}: {owner} sets it too; remove one of them")


def check_axes(axes: Mapping[str, Any]) -> None:
    """Refuses an axis that is no tuple of different values."""
    for name, values in axes.items():
        if not isinstance(values, tuple | list) or not values or len({str(v) for v in values}) < len(values):
            raise ValueError(f"axes.{name} takes a tuple of different values, not {values!r}")


def check_shared(grid: Any, contenders: Mapping[str, Any], reserved: str) -> None:
    """Refuses contenders with the name of shared runs, and `shared_fields` that do nothing or miss something."""
    for contender in contenders:
        if contender.startswith(reserved):
            raise ValueError(
                f"contender {contender!r}: the name {reserved!r} is reserved for shared_run; choose another"
            )
    names = tuple(grid.shared_fields)
    if names and not grid.shared_run:
        raise ValueError("shared_fields is set, but shared_run is empty: name the fields of the shared run there")
    if names and grid.pairing != "none":
        raise ValueError(f"shared_fields and pairing={grid.pairing} are both set: shared runs are not paired")
    for name in names:
        if not any(field == name or field.startswith(f"{name}.") for own in contenders.values() for field in own):
            raise ValueError(f"shared_fields: no contender sets {name}; remove it")


def check_judged(task: str, dataset: Dataset) -> None:
    """Refuses generators of data that no judge can be trained on: nothing would be left to compare them by."""
    if task == "gan" and (why := judge.obstacle(dataset)):
        raise ValueError(
            f"a grid compares generators by a classifier of the classes, and {dataset.name} {why}: use data with "
            "labels, such as a folder with a subfolder for each class"
        )


def check_left_out(names: Any, kinds: Mapping[str, tuple[str, str]], reference: str) -> None:
    """Refuses to leave out what is not there, everything, or a reference that others are compared with.

    Args:
      names: what the grid leaves out.
      kinds: contender and setting in words (`grid.kind`) -> contender, setting in words.
      reference: name of the reference.
    """
    for name in names:
        if name not in kinds:
            near = difflib.get_close_matches(str(name), kinds, 1) or list(kinds)[:1]
            raise ValueError(
                f"leave_out: there is no {name!r} in this grid: use a name of --list without the seed, e.g. {near[0]!r}"
            )
    kept = {name: which for name, which in kinds.items() if name not in names}
    if not kept:
        raise ValueError("leave_out leaves no run: remove a name from it")
    compared = {place for _, place in kept.values()}
    for name in names:
        contender, place = kinds[name]
        if contender == reference and place in compared:
            others = [other for other, (_, where) in kept.items() if where == place]
            raise ValueError(
                f"leave_out: {name!r} is the reference of {others[0]!r}: keep it, or leave out all of its setting"
            )
