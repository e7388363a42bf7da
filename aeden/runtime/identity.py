"""What makes two configs the same experiment."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

# The data may lie elsewhere when a run is continued. What they contain may not change: a run is bound to their hash.
MAY_CHANGE = ("data.dir",)


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def identity(config: Mapping[str, Any], defaults: Mapping[str, Any], sections: Collection[str]) -> dict[str, Any]:
    """The fields that define an experiment: those that its task reads and that differ from the defaults.

    A field that a config does not have counts as its default. So a field that is added later, to whatever section,
    does not change the identity of earlier runs.

    Args:
      config: the config as nested dicts, of now or as an earlier version saved it.
      defaults: the default of every field, see `configs/base.py`.
      sections: the sections of the config that its task reads; the fields at the top level always count.

    Returns:
      Dotted name -> value, as JSON represents it (tuples become lists).
    """
    return {
        name: value
        for name, value in _changed(config, defaults).items()
        if name not in MAY_CHANGE and _is_read(name, sections)
    }


def without_effect(
    config: Mapping[str, Any], defaults: Mapping[str, Any], sections: Collection[str], ignored: Collection[str]
) -> dict[str, Any]:
    """The fields that differ from the defaults and that a task does not read: dotted name -> value.

    Args:
      config, defaults, sections: see `identity`.
      ignored: names of further fields that the task does not read.
    """
    return {
        name: value
        for name, value in _changed(config, defaults).items()
        if name in ignored or not _is_read(name, sections)
    }


def _changed(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    fields, usual = (flatten(json.loads(json.dumps(dict(nested)))) for nested in (config, defaults))
    return {name: value for name, value in fields.items() if name not in usual or value != usual[name]}


def _is_read(name: str, sections: Collection[str]) -> bool:
    return "." not in name or name.partition(".")[0] in sections


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], defaults: Mapping[str, Any], sections: Collection[str]
) -> list[str]:
    """The fields in which two configs are different experiments, each as "name: old there, new now".

    Args:
      old, new: configs as nested dicts.
      defaults, sections: see `identity`.
    """
    usual = flatten(json.loads(json.dumps(dict(defaults))))
    there, now = (identity(config, defaults, sections) for config in (old, new))
    names = sorted({*there, *now})
    values = [(name, *(fields.get(name, usual.get(name, "(absent)")) for fields in (there, now))) for name in names]
    return [f"{name}: {one!r} there, {other!r} now" for name, one, other in values if one != other]
