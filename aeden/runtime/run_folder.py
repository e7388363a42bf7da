"""The run folder: one run, one process at a time, one config for good; and what a result must say of its cause."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Where the data lies may change between two calls of one run; what it holds may not (see `dataset_sha256`).
MAY_CHANGE = ("data.dir",)

# The environment's name for the process that started a run among others.
PARENT = "AEDEN_PARENT"
# The Linux kernel's "send me this signal when my parent dies".
PR_SET_PDEATHSIG = 1


class RunFolderError(Exception):
    """The folder belongs to another run, or to another process."""


@contextlib.contextmanager
def locked(workdir: Path, primary: bool = True) -> Iterator[None]:
    """Holds a run folder for one run; makes it where it does not exist. Only a run's primary process holds the lock.

    Raises:
      RunFolderError: another process holds it.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    if not primary:
        yield
        return
    with open(workdir / ".lock", "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise RunFolderError(
                f"{workdir} is in use by another process ({file.read().strip() or 'unknown'}): "
                "wait for it, or choose another --workdir"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}")
        file.flush()
        yield


def claim(workdir: Path, config: dict[str, Any], dataset: dict[str, str], primary: bool = True) -> None:
    """Binds a run folder to its config and data, or checks that it is bound to the same.

    Args:
      workdir: the run folder, locked.
      config: the whole config as JSON holds it.
      dataset: name and sha256 of the data really opened, and the name asked for.
      primary: whether this process writes.

    Raises:
      RunFolderError: the folder holds a run with another config or other data; the message shows the difference.
    """
    path = workdir / "config.json"
    if not path.exists():
        if primary:
            write_json(path, {"config": config, "dataset": dataset})
        return
    check_config(workdir, config)
    check_data(workdir, dataset)


def check_data(workdir: Path, dataset: dict[str, str]) -> None:
    """Refuses a folder that holds a run on other data; an empty folder passes.

    Raises:
      RunFolderError: naming both.
    """
    path = workdir / "config.json"
    if not path.exists():
        return
    old = read_json(path)["dataset"]
    if old["sha256"] != dataset["sha256"]:
        raise RunFolderError(
            f"{workdir} was trained on {old['name']} (sha256 {old['sha256'][:12]}), but the data found now is "
            f"{dataset['name']} (sha256 {dataset['sha256'][:12]}): choose another --workdir"
        )


def check_config(workdir: Path, config: dict[str, Any]) -> None:
    """Refuses a folder that holds a run with another config; an empty folder passes.

    Raises:
      RunFolderError: naming every field that differs.
    """
    path = workdir / "config.json"
    if not path.exists():
        return
    old, new = flatten(read_json(path)["config"]), flatten(json.loads(json.dumps(config)))
    missing = "(absent)"
    changed = [
        f"{name}: {old.get(name, missing)!r} there, {new.get(name, missing)!r} now"
        for name in sorted({*old, *new})
        if name not in MAY_CHANGE and old.get(name, missing) != new.get(name, missing)
    ]
    if changed:
        raise RunFolderError(
            f"{workdir} holds a run with another config ({'; '.join(changed)}): choose another --workdir, or delete it"
        )


def finished(workdir: Path) -> dict[str, Any] | None:
    """The summary of a finished run, or None."""
    path = workdir / "summary.json"
    return read_json(path) if path.exists() else None


def flatten(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON file at once or not at all, and through to the disk."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a text file at once or not at all, and through to the disk."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
      RunFolderError: the file is damaged.
    """
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise RunFolderError(f"{path} is damaged ({error}): delete it, or choose another --workdir") from error


def cause() -> dict[str, Any]:
    """What a result owes to the place it was made: hardware, versions, commit."""
    return {"hardware": hardware(), "versions": versions(), "commit": commit()}


def versions() -> dict[str, str]:
    """Versions of Python and of what the numbers depend on."""
    packages = ("aeden", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "pillow")
    found = {"python": platform.python_version()}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def commit() -> str:
    """The git commit of the code, with "+changes" where files differ from it; "unknown" outside a checkout."""
    root = Path(__file__).resolve().parents[2]

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        head = git("rev-parse", "HEAD")
        return head + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def hardware() -> dict[str, Any]:
    """What the run ran on: platform, devices, processes, processor and cores."""
    import jax

    return {
        "platform": jax.default_backend(),
        "devices": jax.device_count(),
        "device_kind": jax.devices()[0].device_kind,
        "processes": jax.process_count(),
        "processor": _processor(),
        "cores": cores(),
    }


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS tells no more than this.


def keep_to_cores(count: int) -> None:
    """Keeps this process to so many of its cores, where the system can; 0 leaves it as it is. Before JAX starts.

    XLA's sums over many threads are in another order than one thread's: the last bits of a result depend on it.

    Raises:
      ValueError: there are not so many.
    """
    if count and hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        if not 0 < count <= len(allowed):
            raise ValueError(f"--cpu_cores={count}: there are {len(allowed)} here; 0 keeps all of them")
        os.sched_setaffinity(0, allowed[-count:])


def stop_with_parent() -> None:
    """Where the environment names the process that this one must not outlive (`PARENT`): stops, saving, when it dies.

    Linux only; elsewhere nothing.

    Raises:
      RunFolderError: it has died already.
    """
    parent = os.environ.get(PARENT)
    if parent is None or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        raise RunFolderError(f"process {parent}, which started this one, is gone")


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
