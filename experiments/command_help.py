"""What `--help` prints: what a command does, and its flags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from absl import flags

WAYS_TO_ASK = frozenset({"-h", "--help", "-help"})


def is_wanted(arguments: Sequence[str]) -> bool:
    """Whether one of the arguments asks for help."""
    return not WAYS_TO_ASK.isdisjoint(arguments)


def example(documentation: str | None) -> str:
    """The first config that a command's documentation names; one of an experiment if it names none."""
    found = re.search(r"--config=(\S+)", documentation or "")
    return found[1] if found else "configs/transpose_mnist.py"


def describe(documentation: str | None, own: Iterable[flags.Flag[object]]) -> str:
    """The text of a command's help.

    Args:
      documentation: the docstring of its module; None as Python leaves it out under `-OO`.
      own: its flags.
    """
    lines = [f"  --{flag.name}: {flag.help} (default: {flag.default})" for flag in own]
    return "\n".join([(documentation or "").strip(), "", "Flags:", *lines])
