"""The manifest of a checkpoint: what it consists of, with a checksum of its own.

    {"sha256": of this file with 64 zeros in this place, "step", "metrics", "extra", "files": {path: sha256}}

Manifests of earlier versions have no "sha256". They are read too, and only their form is checked.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

from aeden.runtime.files import as_json, write_text

KEYS = {"step", "files", "metrics", "extra"}
# Only this place is left out of the checksum, so that a change of any other byte is noticed.
_CHECKSUM = re.compile(rb'\A\{\n  "sha256": "([0-9a-f]{64})"')
_ZEROS = "0" * 64
_SHA256 = re.compile(r"[0-9a-f]{64}")


class DamagedManifestError(ValueError):
    """A manifest is not what was written."""


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """Writes a manifest atomically, with its checksum.

    Raises:
      OSError: it cannot be written.
    """
    text = as_json({"sha256": _ZEROS, **manifest})
    write_text(path, text.replace(_ZEROS, hashlib.sha256(text.encode()).hexdigest(), 1))


def read_manifest(path: Path, step: int) -> dict[str, Any]:
    """The manifest of a step: "step", "files", "metrics" (may be None) and "extra".

    Raises:
      DamagedManifestError: it is damaged, or belongs to another step.
      OSError: it cannot be read.
    """
    if path.is_dir():
        raise DamagedManifestError("it is a folder")
    content = path.read_bytes()
    try:
        manifest = json.loads(content)
    except ValueError:
        raise DamagedManifestError("it is not JSON") from None
    except RecursionError:
        raise DamagedManifestError("it is nested too deeply") from None
    if not isinstance(manifest, dict):
        raise DamagedManifestError("it holds no fields")
    match = _CHECKSUM.match(content)
    if match:
        rest = content[: match.start(1)] + _ZEROS.encode() + content[match.end(1) :]
        if hashlib.sha256(rest).hexdigest() != match[1].decode():
            raise DamagedManifestError("its checksum differs from its content")
        manifest.pop("sha256", None)
    # A name that differs is damage too: otherwise a flipped bit in "sha256" would make it a manifest without one.
    if set(manifest) != KEYS:
        raise DamagedManifestError(f"its fields are {', '.join(sorted(manifest)) or 'none'}")
    if type(manifest["step"]) is not int or manifest["step"] != step:
        raise DamagedManifestError(f"it says step {str(manifest['step'])[:40]}")
    _check_files(manifest["files"])
    _check_metrics(manifest["metrics"])
    return manifest


def _check_files(files: Any) -> None:
    if not isinstance(files, dict) or not files:
        raise DamagedManifestError("it lists no files")
    for name, digest in files.items():
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise DamagedManifestError(f"its checksum of {name} is none")


def _check_metrics(metrics: Any) -> None:
    if metrics is None:
        return
    if not isinstance(metrics, dict):
        raise DamagedManifestError("its metrics are none")
    for name, value in metrics.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise DamagedManifestError(f"its metric {name} is {str(value)[:40]}")


def hash_files(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder, by its relative path."""
    hashes = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with open(path, "rb") as file:
                hashes[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes
