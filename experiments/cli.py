"""The flags and the frame of the commands: parse, set JAX up, report an error in one line.

Import it after `malloc.restart_tuned`.
"""

from __future__ import annotations

import atexit
import contextlib
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

from aeden.runtime import cache, devices, processes, standard_streams
from aeden.runtime.distributed import agreement, joining, placement
from aeden.runtime.processes import Interrupted
from aeden.runtime.unused_gpus import unused_gpus
from aeden.tasks import field_ranges, from_config
from aeden.tasks.execute import task_of
from configs import base
from experiments import command_help, error_lines
from experiments.own_flags import ignore_closed_pipe

CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment: a file of configs/.")
WORKDIR = flags.DEFINE_string("workdir", None, "Folder for the results; by default runs/ and the name of the config.")
DEBUG = flags.DEFINE_bool("debug", False, "Print the traceback of an error.")
DEVICES = flags.DEFINE_integer(
    "cpu_devices", 0, "Number of XLA devices to make of the CPU; 0 to choose.", lower_bound=0, upper_bound=1024
)
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


def guarded(command: Callable[[], None]) -> int:
    """Parses the flags, runs a command and returns the exit status. An error is one line on standard error."""
    with standard_streams.forgiving_stderr():
        return _guarded(command)


def _guarded(command: Callable[[], None]) -> int:
    if not _debugs():
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
        if _debugs():
            raise
        line = error_lines.one_line(error)
        joining.report(line, error)
        print(f"error: {line}", file=sys.stderr)
        return 1


def _debugs() -> bool:
    """Whether --debug is the last word about it; also where the flags could not be parsed."""
    said = [argument for argument in sys.argv[1:] if re.fullmatch(r"--(no)?debug(=.*)?", argument)]
    return bool(said) and said[-1] in ("--debug", "--debug=true", "--debug=True", "--debug=1")


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
    if nameless := next((argument for argument in sys.argv[1:] if argument.startswith("--config.=")), ""):
        raise ValueError(f"{nameless} names no field: fields look like --config.epochs=3")
    try:
        rest = flags.FLAGS(sys.argv)[1:]
    except flags.UnrecognizedFlagError as error:
        raise ValueError(f"{error}; --help lists the flags. Fields look like --config.epochs=3") from error
    except flags.IllegalFlagValueError as error:
        raise ValueError(error_lines.illegal_value(str(error))) from error
    except SyntaxError as error:
        raise ValueError(f"the config file is not written in Python ({error}): see configs/") from error
    except (KeyError, AttributeError, TypeError) as error:
        # There is no such section or field.
        raise ValueError(
            error_lines.unknown_field(str(error).replace("\\n", ". ").replace("\\", "").strip("\"'"))
        ) from error
    except (ValueError, flags.Error):
        raise
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"the config file fails ({said}): correct it; --debug shows where") from error
    if rest:
        raise ValueError(f"unexpected argument {rest[0]!r}: options look like --config.epochs=3")
    path = config_path() if flags.FLAGS["config"].present else ""
    if path and not Path(path.partition(":")[0]).is_file():
        raise ValueError(f"there is no config file {path}: see configs/")
    if path and not hasattr(CONFIG.value, "to_dict"):
        raise ValueError(f"get_config of {path} returns no ConfigDict: end it with `return config`")
    if CONFIG.value is None:
        raise ValueError(f"name a config: --config={command_help.example(sys.modules['__main__'].__doc__)}")


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
    if "task" not in config and "experiment" in config:
        raise ValueError(f"{config_path()} is a grid of experiments: use python -m experiments.ablate")
    task_of(config)
    field_ranges.check_field(config, "batch_size")
    devices.configure(config.batch_size, programs, DEVICES.value or from_config.cpu_devices(config))
    if place is not None:
        agreement.agree_on_devices(place, JOIN_TIMEOUT.value)
    if note := unused_gpus(os.environ):
        print(note, file=sys.stderr)
