"""The config of each run of a grid."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from aeden.runtime.identity import flatten
from aeden.tasks.unused_values import RESIZING


def run_config(grid: Any, contender: str, fields: Mapping[str, Any], setting: Mapping[str, Any], seed: int) -> Any:
    """The experiment of a contender at a setting with a seed.

    Args:
      grid: the grid's config.
      contender: name of the contender, for error messages.
      fields: the contender's own fields, dotted name -> value.
      setting: value of each axis, by the name of its field.
      seed: seed of the run.

    Raises:
      ValueError: a field does not exist, cannot have the value, or has no effect.
    """
    config = grid.experiment.copy_and_resolve_references()
    for owner, changes in ((f"contender {contender}", fields), ("axes", setting), ("seeds", {"seed": seed})):
        for name, value in changes.items():
            set_field(config, name, value, owner)
    for name in RESIZING:
        if name in {**fields, **setting} and config.model.decoder != "upsample":
            raise ValueError(
                f"contender {contender}: {name}={config.model[name.removeprefix('model.')]} has no effect with "
                f"model.decoder={config.model.decoder}"
            )
    if not config.steps and 0 < config.stack.labels * config.epochs / config.batch_size < grid.least_steps:
        config.steps, config.epochs = grid.least_steps, 0.0
    return config


def shared_config(grid: Any, seed: int, taken: Mapping[str, Any]) -> Any:
    """The experiment of the shared run of a seed.

    Args:
      grid: the grid's config.
      seed: seed of the run.
      taken: the fields that it takes from a contender, see `taken_fields`.

    Raises:
      ValueError: a field of `shared_run` does not exist, cannot have the value, is the seed, or is taken too.
    """
    fields = flatten(grid.shared_run.to_dict())
    if "seed" in fields:
        raise ValueError("shared_run sets seed: it is run once with each seed of the grid")
    config = grid.experiment.copy_and_resolve_references()
    for name in taken:
        if name in fields:
            raise ValueError(f"shared_run sets {name}, and by shared_fields it is a contender's: remove it from one")
    for name, value in {**taken, **fields, "seed": seed}.items():
        set_field(config, name, value, "shared_run")
    return config


def taken_fields(grid: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a contender's fields that its shared run takes, by `shared_fields`: names of fields or of sections."""
    names = tuple(grid.shared_fields)
    return {
        name: value for name, value in fields.items() if any(name == one or name.startswith(f"{one}.") for one in names)
    }


def set_field(config: Any, name: str, value: Any, owner: str) -> None:
    """Sets a field of a config by its dotted name.

    Raises:
      ValueError: there is no such field, or it has another type. The message begins with `owner`, who sets it.
    """
    before = field_of(config, name, owner)
    *sections, last = name.split(".")
    for section in sections:
        config = config[section]
    try:
        config[last] = value
    except TypeError:
        expected = type(before).__name__
        raise ValueError(f"{owner}: {name} takes a value of type {expected}, not {value!r}") from None


def field_of(config: Any, name: str, owner: str) -> Any:
    """The value of a field of a config by its dotted name.

    Raises:
      ValueError: there is no such field. The message begins with `owner`, who names it.
    """
    fields = flatten(config.to_dict())
    if name not in fields:
        near = difflib.get_close_matches(name, fields, 1)
        raise ValueError(f"{owner}: there is no field {name}" + (f"; did you mean {near[0]}?" if near else ""))
    return fields[name]
