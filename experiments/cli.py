"""The flags and the frame of the commands: parse, set JAX up, report an error in one line.

Import it after `malloc.restart_tuned`.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from absl import flags
from ml_collections import config_flags

from aeden.runtime import cache, devices, hosts, processes, run_folder
from aeden.runtime.processes import Interrupted
from aeden.tasks import from_config
from aeden.tasks.execute import task_of
from configs import base

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
# Sections of a grid in which every name is the user's.
FREE_SECTIONS = ("axes", "contenders", "shared_run", "tuning.fields")


def guarded(command: Callable[[], None]) -> int:
    """Parses the flags, runs a command and returns the exit status. An error is one line on standard error."""
    if "--debug" not in sys.argv:
        # A failed write is reported below in one line; threads and log of Orbax would print pages about it.
        sys.unraisablehook = lambda _: None
        for name in ("absl", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        _parse()
        processes.stop_with_parent()
        command()
        return 0
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of the output has what it wanted, e.g. `head`. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on from the last checkpoint", file=sys.stderr)
        return 130
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 1


def leave(status: int) -> NoReturn:
    """Ends the process after its exit handlers, without taking the interpreter apart: that takes 0.3 s with JAX."""
    atexit._run_exitfuncs()
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def _parse() -> None:
    if {"-h", "--help", "-help"} & set(sys.argv[1:]):
        _print_help()
        raise SystemExit(0)
    try:
        rest = flags.FLAGS(sys.argv)[1:]
    except flags.UnrecognizedFlagError as error:
        raise ValueError(f"{error}; --help lists the flags. Fields look like --config.epochs=3") from error
    except flags.IllegalFlagValueError as error:
        # The flag's error has the whole traceback of a config file that fails: its last line says what is wrong.
        before, failed, traceback = str(error).partition("Error whilst parsing config file:")
        raise ValueError(before + traceback.strip().splitlines()[-1] if failed else str(error)) from error
    except KeyError as error:  # a section that does not exist
        raise ValueError(f"there is no such field: {error.args[0]}") from error
    except AttributeError as error:  # a field that does not exist; ml_collections says no more if no name is similar
        raise ValueError(_unknown_field(str(error).replace("\\n", ". ").replace("\\", "").strip("\"'"))) from error
    if rest:
        raise ValueError(f"unexpected argument {rest[0]!r}: options look like --config.epochs=3")
    path = config_path() if flags.FLAGS["config"].present else ""
    if path and not Path(path.partition(":")[0]).exists():
        raise ValueError(f"there is no config file {path}: see configs/")
    if CONFIG.value is None:
        raise ValueError("name an experiment: --config=configs/transpose_mnist.py")


def _unknown_field(said: str) -> str:
    """What to say of a field that does not exist.

    Args:
      said: its name, or a sentence about it.
    """
    paths = [argument.removeprefix("--config.").partition("=")[0] for argument in sys.argv[1:]]
    path = next((path for path in paths if path.rpartition(".")[2] == said), "")
    section, _, name = path.rpartition(".")
    if section in FREE_SECTIONS:
        return f"{section} has no {name} yet: set the whole section, --config.{section}=\"{{'{name}': ...}}\""
    return f"there is no field {path}: configs/ lists the fields, with their meanings" if path else said


def _print_help() -> None:
    """Prints what the command does, its flags, and where the fields of an experiment are explained."""
    print((sys.modules["__main__"].__doc__ or "").strip())
    print("\nFlags:")
    for module, own in flags.FLAGS.flags_by_module_dict().items():
        if module.startswith("experiments") or module == sys.argv[0]:
            print("\n".join(f"  --{flag.name}: {flag.help} (default: {flag.default})" for flag in own))
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


def set_up(config: Any) -> None:
    """Joins the other processes, if any, and sets JAX up for a config. Once per process.

    Raises:
      ValueError: unknown task, or a batch that cannot be divided by the number of devices.
    """
    processes.keep_to_cores(CORES.value)
    programs = cache.cache_folder() / "xla" if COMPILATION_CACHE.value else None
    if COORDINATOR.value:
        hosts.join_processes(COORDINATOR.value, PROCESSES.value or 0, PROCESS.value or 0)
    task_of(config)
    devices.configure(config.batch_size, programs, DEVICES.value or from_config.cpu_devices(config))


def one_line(error: BaseException) -> str:
    """An error in one line, marked as unexpected if its type is not one that aeden raises on purpose."""
    text = " ".join(str(error).split()) or type(error).__name__
    expected = (ValueError, AttributeError, OSError, ArithmeticError, run_folder.RunFolderError, flags.Error)
    if isinstance(error, expected):
        return text
    return f"unexpected {type(error).__name__}: {text} (--debug shows where)"
