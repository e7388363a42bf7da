"""What makes two configs the same experiment."""

from __future__ import annotations

from typing import Any

# Where the data lies may change between two calls of one run; what it holds may not (see `dataset_sha256`).
MAY_CHANGE = ("data.dir",)


def flatten(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat
