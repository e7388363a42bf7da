"""The flags and the frame of the commands: parse, set JAX up, report an error in one line.

Import it after `malloc.restart_tuned`.
"""

from __future__ import annotations

import atexit
import contextlib
import difflib
import logging
import os
import re
import runpy
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from absl import flags
from ml_collections import config_flags

from aeden.runtime import cache, devices, files, processes, run_folder, standard_streams
from aeden.runtime.distributed import agreement, joining, placement
from aeden.runtime.processes import Interrupted
from aeden.tasks import field_ranges, from_config
from aeden.tasks.execute import task_of
from configs import base
from experiments import command_help
from experiments.own_flags import ignore_closed_pipe

CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment: a file of configs/.")
WORKDIR = flags.DEFINE_string("workdir", None, "Folder for the results; by default runs/ and the name of the config.")
DEBUG = flags.DEFINE_bool("debug", False, "Print the traceback of an error.")
DEVICES = flags.DEFINE_integer("cpu_devices", 0, "Number of XLA devices to make of the CPU; 0 to choose.")
CORES = flags.DEFINE_integer(
    "cpu_cores", 0, "Number of CPU cores to use; 0 for all. It decides the order of sums, and so the last bits."
)
COMPILATION_CACHE = flags.DEFINE_bool("compilation_cache", True, "Keep compiled programs for the next start.")
COORDINATOR = flags.DEFINE_string("coordinator", None, "host:port of process 0, for a run of several processes.")
PROCESSES = flags.DEFINE_integer("processes", None, "Number of processes of the run.")
PROCESS = flags.DEFINE_integer("process", None, "Number of this process, from 0.")
DISTRIBUTED = flags.DEFINE_string(
    "distributed", "auto", "auto: one of several processes if flags or a cluster say so; off: trains alone."
)
JOIN_TIMEOUT = flags.DEFINE_float("join_timeout", 300.0, "Seconds to wait for the other processes at the start.")
PARTNER_TIMEOUT = flags.DEFINE_float(
    "partner_timeout", 45.0, "Seconds in which processes wait for one that lives but does not come to the next step."
)
# Sections of a grid in which every name is the user's.
FREE_SECTIONS = ("axes", "contenders", "shared_run", "tuning.fields")


def guarded(command: Callable[[], None]) -> int:
    """Parses the flags, runs a command and returns the exit status. An error is one line on standard error."""
    with standard_streams.forgiving_stderr():
        return _guarded(command)


def _guarded(command: Callable[[], None]) -> int:
    if "--debug" not in sys.argv:
        # A failed write is reported below in one line; threads and log of Orbax would print pages about it.
        sys.unraisablehook = lambda _: None
        threading.excepthook = lambda _: None
        for name in ("absl", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    processes.note_interrupts()
    if hasattr(sys.stdout, "reconfigure"):
        # Paths and names of classes need not be text.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        _parse()
        processes.stop_with_parent()
        command()
        return 0
    except Interrupted as stop:
        joining.report(str(stop))
        print(stop, file=sys.stderr)
        return 130
    except BrokenPipeError:
        ignore_closed_pipe()
        return 0
    except KeyboardInterrupt:
        joining.report("it was interrupted")
        print("interrupted: run the same command again to go on from the last checkpoint", file=sys.stderr)
        return 130
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        joining.report(one_line(error), error)
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 1


def leave(status: int) -> NoReturn:
    """Ends the process after its exit handlers, without taking the interpreter apart: that takes 0.3 s with JAX."""
    if joining.leave(status):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _parse() -> None:
    if command_help.is_wanted(sys.argv[1:]):
        _print_help()
        raise SystemExit(0)
    try:
        rest = flags.FLAGS(sys.argv)[1:]
    except flags.UnrecognizedFlagError as error:
        raise ValueError(f"{error}; --help lists the flags. Fields look like --config.epochs=3") from error
    except flags.IllegalFlagValueError as error:
        raise ValueError(_illegal_value(str(error))) from error
    except (
        KeyError,
        AttributeError,
        TypeError,
    ) as error:  # there is no such section or field
        raise ValueError(_unknown_field(str(error).replace("\\n", ". ").replace("\\", "").strip("\"'"))) from error
    if rest:
        raise ValueError(f"unexpected argument {rest[0]!r}: options look like --config.epochs=3")
    path = config_path() if flags.FLAGS["config"].present else ""
    if path and not Path(path.partition(":")[0]).exists():
        raise ValueError(f"there is no config file {path}: see configs/")
    if CONFIG.value is None:
        raise ValueError("name an experiment: --config=configs/transpose_mnist.py")


def _illegal_value(said: str) -> str:
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
    if flag:
        return f"{flag[1]} {flag[2]!r} cannot be read: it is a section; set its fields, --config.{flag[1]}.FIELD=VALUE"
    return said


def _unknown_field(said: str) -> str:
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
            return f"there is no field {path}; did you mean {meant}?"
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


def _field_above(path: str) -> str:
    """The field that a path goes on from, as if it were a section: model.decoder for model.decoder.x; else ""."""
    names = path.split(".")
    above = (".".join(names[:count]) for count in range(1, len(names)))
    return next((field for field in above if field.removeprefix("experiment.") in field_ranges.RANGES), "")


def _print_help() -> None:
    """Prints what the command does, its flags, and where the fields of an experiment are explained."""
    listed = [
        flag
        for module, own in flags.FLAGS.flags_by_module_dict().items()
        if module.startswith("experiments") or module == sys.argv[0]
        for flag in own
    ]
    print(command_help.describe(sys.modules["__main__"].__doc__, listed))
    print("\nEvery field of an experiment is a flag too, e.g. --config.epochs=3; configs/base.py explains them.")


def config_path() -> str:
    """The file of the config, as given on the command line."""
    return config_flags.get_config_filename(flags.FLAGS["config"])


def config_name() -> str:
    """The name of the config's file without suffix, and of what follows a colon: `tune_smoke` for `tune.py:smoke`."""
    file, _, argument = config_path().partition(":")
    return "_".join(Path(part).stem for part in (file, argument) if part)


def changed_fields(config: Any, path: str) -> set[str]:
    """The names of the fields, dotted, that differ from what the config's own file gives: those changed by options.

    Args:
      config: the config with the options.
      path: its file as given on the command line, with what follows a colon.
    """
    file, colon, argument = path.partition(":")
    own = runpy.run_path(file)["get_config"](*([argument] if colon else []))
    return set(_differing(own.to_dict(), config.to_dict()))


def _differing(own: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The names of the fields, dotted, that differ between nested dicts; also of empty sections, such as contenders
    without fields, which `identity.flatten` drops."""
    for name in {**own, **now}:
        one, other = own.get(name), now.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _differing(one, other, f"{prefix}{name}.")
        elif one != other:
            yield prefix + name


def defaults() -> dict[str, Any]:
    """The default of every field of an experiment, see `aeden.runtime.identity`."""
    return base.get_config().to_dict()


def set_up(config: Any, joins: bool = False) -> None:
    """Joins the other processes, if any, and sets JAX up for a config. Once per process.

    Args:
      config: the experiment.
      joins: whether this command can be one of several processes of a run.

    Raises:
      ValueError: unknown task, or a batch that is out of range or cannot be divided by the number of devices.
    """
    processes.keep_to_cores(CORES.value)
    programs = cache.cache_folder() / "xla" if COMPILATION_CACHE.value else None
    place = None
    if joins:
        place = placement.find_place(DISTRIBUTED.value, COORDINATOR.value, PROCESSES.value, PROCESS.value)
    if place is not None:
        joining.join_processes(place, JOIN_TIMEOUT.value, PARTNER_TIMEOUT.value, DEBUG.value)
        agreement.agree_on_command(config.to_dict(), place, JOIN_TIMEOUT.value)
    task_of(config)
    field_ranges.check_field(config, "batch_size")
    devices.configure(config.batch_size, programs, DEVICES.value or from_config.cpu_devices(config))
    if place is not None:
        agreement.agree_on_devices(place, JOIN_TIMEOUT.value)


def one_line(error: BaseException) -> str:
    """An error in one line, marked as aeden's own fault if its type is not one that aeden raises on purpose."""
    text = files.explain(error) if isinstance(error, OSError) else _without_type(" ".join(str(error).split()))
    expected = (ValueError, AttributeError, OSError, ArithmeticError, run_folder.RunFolderError, flags.Error)
    if isinstance(error, MemoryError):
        return "there is not enough memory: use a smaller batch_size, model or data.limit"
    if isinstance(error, expected) and text:
        return text
    return f"this should not happen ({text or 'no details'}): please report it with the command; --debug shows where"


def _without_type(text: str) -> str:
    """A message without the names of Python's exceptions, which say nothing to a user."""
    return re.sub(r"\b(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Interrupt): ", "", text)
