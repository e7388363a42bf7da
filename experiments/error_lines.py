"""An error in one line that a user can act on: fields, sections and values of the command line that cannot be read."""

from __future__ import annotations

import difflib
import re
import sys

from absl import flags

from aeden.runtime import files, run_folder
from aeden.tasks import field_ranges
from configs.ablations import grid_base

# Characters of an error: messages of JAX can hold whole arrays.
LONGEST_LINE = 1500
# Sections of a grid in which every name is the user's.
FREE_SECTIONS = ("axes", "contenders", "shared_run", "tuning.fields")
# What the config of a grid has beside its `experiment`.
GRID_SECTIONS = tuple(grid_base.get_config())


def illegal_value(said: str) -> str:
    """What to say of a flag whose value cannot be read.

    Args:
      said: what absl says, "flag --NAME=VALUE: reason".
    """
    # It has the whole traceback of a config file that fails: its last line says what is wrong.
    before, failed, traceback = said.partition("Error whilst parsing config file:")
    if failed:
        return before + traceback.strip().splitlines()[-1]
    flag = re.match(r"flag --config\.(?:experiment\.)?([\w.]+)=(.*?): ", said, re.DOTALL)
    if flag and flag[1] in field_ranges.RANGES:
        return f"{flag[1]} {flag[2]!r} cannot be read: use {field_ranges.RANGES[flag[1]].words}"
    if flag and flag[2].startswith("{"):
        return f"{flag[1]} is no dict of Python: quote its names and texts, --config.{flag[1]}=\"{{'name': ...}}\""
    if flag:
        return f"{flag[1]} {flag[2]!r} cannot be read: it is a section; set its fields, --config.{flag[1]}.FIELD=VALUE"
    return re.sub(r"^flag (\S+): invalid literal for int.*", r"\1 is no whole number", said, flags=re.DOTALL)


def unknown_field(said: str) -> str:
    """What to say of a field that does not exist.

    Args:
      said: its name, or a sentence about it.
    """
    paths = [argument.removeprefix("--config.").partition("=")[0] for argument in sys.argv[1:]]
    near = re.match(r"\W*(\w+)\W+Did you mean \W*(\w+)", said)
    for path in paths:
        names = path.split(".")
        if near and near[1] in names:
            meant = ".".join(near[2] if name == near[1] else name for name in names)
            if _exists(meant):
                return f"there is no field {path}; did you mean {meant}?"
            return f"there is no field {path}: configs/ lists the fields, with their meanings"
    # The missing name is the last one of the path, or that of a section on the way.
    path = next((path for path in paths if said in path.split(".")), "")
    section, _, name = path.rpartition(".")
    if section in FREE_SECTIONS:
        return f"{section} has no {name} yet: set the whole section, --config.{section}=\"{{'{name}': ...}}\""
    path = path or next((path for path in paths if _field_above(path)), "")
    if not path:
        return said
    grid = "experiment." if path.startswith("experiment.") else ""
    near_names = difflib.get_close_matches(path.removeprefix(grid), field_ranges.RANGES, 1, 0.75)
    meant = _field_above(path) or "".join(grid + name for name in near_names)
    remedy = f"; did you mean {meant}?" if meant else ": configs/ lists the fields, with their meanings"
    return f"there is no field {path}{remedy}"


def _exists(path: str) -> bool:
    """Whether a path names a field or a section of an experiment, or anything in a grid."""
    own = path.removeprefix("experiment.")
    is_part = any(f"{field}.".startswith(f"{own}.") for field in field_ranges.RANGES)
    return is_part or path.partition(".")[0] in GRID_SECTIONS


def _is_field(name: str) -> bool:
    """Whether a field or a section of any experiment has this name."""
    return any(name in path.split(".") for path in field_ranges.RANGES)


def _field_above(path: str) -> str:
    """The field that a path goes on from, as if it were a section: model.decoder for model.decoder.x; else ""."""
    names = path.split(".")
    above = (".".join(names[:count]) for count in range(1, len(names)))
    return next((field for field in above if field.removeprefix("experiment.") in field_ranges.RANGES), "")


def one_line(error: BaseException) -> str:
    """An error in one line, marked as aeden's own fault if its type is not one that aeden raises on purpose."""
    line = _one_line(error)
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}... (--debug shows all)"


def _one_line(error: BaseException) -> str:
    text = files.explain(error) if isinstance(error, OSError) else _without_type(" ".join(str(error).split()))
    expected = (ValueError, AttributeError, OSError, ArithmeticError, run_folder.RunFolderError, flags.Error)
    missing = re.fullmatch(r"\W*([a-z]\w*)\W*", text)
    if isinstance(error, KeyError | AttributeError) and missing and _is_field(missing[1]):
        return f"the config has no field {missing[1]}: a section that is set as a whole needs all its fields"
    if "Gloo context initialization failed" in text:
        return (
            "the processes could not connect to each other within 30 s: a machine is very busy, or a firewall keeps "
            "them apart; run the same command again"
        )
    if isinstance(error, MemoryError):
        return "there is not enough memory: use a smaller batch_size, model, data.crop or data.limit"
    if isinstance(error, expected) and text:
        return text
    return f"this should not happen ({text or 'no details'}): please report it with the command; --debug shows where"


def _without_type(text: str) -> str:
    """A message without the names of Python's exceptions, which say nothing to a user."""
    return re.sub(r"\b(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Interrupt): ", "", text)
