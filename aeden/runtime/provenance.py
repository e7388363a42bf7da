"""The provenance of a result: hardware, package versions and git commit."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

from aeden.runtime.processes import cores


def provenance() -> dict[str, Any]:
    """Hardware, versions and commit, as recorded with every result."""
    return {"hardware": hardware(), "versions": versions(), "commit": commit()}


def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that affect the numbers."""
    packages = ("aeden", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "pillow")
    installed = {"python": platform.python_version()}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            installed[name] = importlib.metadata.version(name)
    return installed


def commit() -> str:
    """The git commit of the code, with "+changes" if tracked files differ from it; "unknown" outside a checkout.

    An installed copy of aeden may lie in the git repository of another project. Git does not track it there, so its
    commit is unknown.
    """
    file = Path(__file__).resolve()

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(
            command, cwd=file.parent, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", file.name)
        head = git("rev-parse", "HEAD")
        return head + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def hardware() -> dict[str, Any]:
    """The hardware of the run: platform, devices, processes, processor and cores."""
    import jax

    return {
        "platform": jax.default_backend(),
        "devices": jax.device_count(),
        "device_kind": jax.devices()[0].device_kind,
        "processes": jax.process_count(),
        "processor": _processor(),
        "cores": cores(),
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
