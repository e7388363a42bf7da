"""The frame of commands that have a set of flags of their own: help, and an error in one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from absl import flags

from experiments import command_help


def help_text(values: flags.FlagValues, documentation: str | None) -> str:
    """What a command prints for `--help`, see `command_help.describe`."""
    own = (flag for listed in values.flags_by_module_dict().values() for flag in listed)
    return command_help.describe(documentation, own)


def ignore_closed_pipe() -> None:
    """Lets a command end quietly whose reader has what it wanted, e.g. `head`; Python would complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(
    values: flags.FlagValues,
    documentation: str | None,
    command: Callable[[], None],
    example: str,
) -> None:
    """Parses the flags and runs a command; prints its help instead if an argument asks for it.

    Args:
      values: its flags.
      documentation: the docstring of its module.
      command: the command.
      example: an option of it, for the message about an argument that is none.

    Raises:
      SystemExit: with one line, if the arguments or the command fail.
    """
    if command_help.is_wanted(sys.argv[1:]):
        print(help_text(values, documentation))
        return
    try:
        rest = values(sys.argv)[1:]
        if rest:
            raise ValueError(f"unexpected argument {rest[0]!r}: options look like {example}")
        command()
        sys.stdout.flush()
    except BrokenPipeError:
        ignore_closed_pipe()
    except (flags.Error, ValueError, OSError) as error:
        raise SystemExit(f"error: {error}") from error
