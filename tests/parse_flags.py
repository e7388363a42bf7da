"""Parses command lines as a command would. Started by `test_docs.py` in a process of its own.

Reads [{"module": the module that defines the flags, "commands": [[argument, ...], ...]}, ...] from standard input and
prints a line for each: {"errors": [one per command, "" for none], "flags": [the names of the module's own flags]}.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from absl import flags

import aeden.tasks.execute  # noqa: F401 (what every command imports, imported once)


def parse(own: flags.FlagValues, arguments: list[str]) -> str:
    """Parses the arguments of one command by its flags; returns "".

    Raises:
      Exception: what the command would say of them.
    """
    sys.argv = ["command", *arguments]
    rest = own(sys.argv)[1:]
    if rest:
        raise ValueError(f"unexpected argument {rest[0]!r}")
    if "config" in own:
        if own["config"].value is None:
            raise ValueError("there is no --config")
        own["config"].value.to_dict()  # a file that could not be read raises only now
    return ""


def in_fork(function: Callable[[], str]) -> str:
    """What a function returns, or the error that it raises, in a fork: a process keeps its flags and its modules."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        try:
            text = function()
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        with open(writer, "w") as file:
            file.write(text)
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        text = file.read().decode(errors="replace")
    os.wait()
    return text


def answer(request: dict[str, Any]) -> str:
    """The line that is printed for a program."""
    sys.argv = [request["module"]]
    started = importlib.import_module(request["module"])
    # A command may have a set of flags of its own, in place of those of `experiments.cli` or added to them.
    own = getattr(started, "FLAGS", flags.FLAGS)
    if own is not flags.FLAGS and hasattr(started, "cli"):
        flags.FLAGS.append_flag_values(own)
        own = flags.FLAGS
    names = [
        flag.name
        for module, defined in own.flags_by_module_dict().items()
        if module.startswith("experiments")
        for flag in defined
    ]
    errors = [in_fork(lambda a=arguments: parse(own, a)) for arguments in request["commands"]]  # type: ignore[misc]
    return json.dumps({"errors": errors, "flags": names})


if __name__ == "__main__":
    for request in json.load(sys.stdin):
        print(in_fork(lambda request=request: answer(request)), flush=True)  # type: ignore[misc]
