"""Fields of a config that do nothing: unknown ones, and those that other fields make useless."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from aeden.nn.decoders import DECODERS
from aeden.runtime.identity import flatten

# What only a decoder that resizes reads, and what only noise does.
RESIZING = ("model.resize", "model.placement")
NOISY = ("noise.kind", "noise.clip")
# The fields that noise is added by, at a level above 0.
LEVELS = ("noise.level", "noise.level_max", "stack.head_noise")
MORE_LEVELS = ("eval.levels", "stack.levels")


def check_known(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Refuses fields that do not exist, such as misspelt ones in a config file, which would change nothing.

    Args:
      config, defaults: as nested dicts.

    Raises:
      ValueError: naming the first such field, and one that is meant.
    """
    known = flatten(defaults)
    for name in flatten(config):
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.75)
            remedy = f"; did you mean {near[0]}?" if near else ": configs/base.py lists the fields"
            raise ValueError(f"there is no field {name}{remedy}")


def unused_values(
    config: Mapping[str, Any], defaults: Mapping[str, Any], sections: Collection[str]
) -> list[tuple[str, Any, str]]:
    """The fields that are set to no effect: dotted name, value, and the field that makes it useless.

    They are told and not refused, since finished runs may have them.

    Args:
      config: the experiment, as nested dicts.
      defaults: the default of every field, as nested dicts: what is at its default is not set.
      sections: those that the task reads.
    """
    fields, usual = flatten(config), flatten(defaults)
    useless: dict[str, str] = {}
    decoder = fields["model.decoder"]
    if decoder in DECODERS and decoder != "upsample":
        useless |= dict.fromkeys(RESIZING, f"model.decoder={decoder}")
    levels = [fields[name] for name in LEVELS] + [level for name in MORE_LEVELS for level in fields[name]]
    if not max(levels) and not fields["eval.noises"]:
        useless |= dict.fromkeys(NOISY, "noise.level=0")
    return [
        (name, fields[name], why)
        for name, why in useless.items()
        if name.partition(".")[0] in sections and fields[name] != usual[name]
    ]
