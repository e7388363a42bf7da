"""Parses command lines as a command would. Started by `test_docs.py` in a process of its own.

Reads {"module": the module that defines the flags, "commands": [[argument, ...], ...]} from standard input and prints
{"errors": [one per command, "" for none], "flags": [the names of the module's own flags]}.
"""

import importlib
import json
import os
import sys

from absl import flags


def parse(own: flags.FlagValues, arguments: list[str]) -> None:
    """Parses the arguments of one command by its flags.

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


def problem(own: flags.FlagValues, arguments: list[str]) -> str:
    """What is wrong with a command; "" for nothing. Parsed in a fork, since a process keeps its flags."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        text = ""
        try:
            parse(own, arguments)
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writer, text.encode()[:4096])
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        text = file.read().decode(errors="replace")
    os.wait()
    return text


if __name__ == "__main__":
    request = json.load(sys.stdin)
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
    errors = [problem(own, arguments) for arguments in request["commands"]]
    print(json.dumps({"errors": errors, "flags": names}))
