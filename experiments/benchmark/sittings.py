"""Result files: one per machine, with the results of one or several sittings.

A sitting is one start of `python -m experiments.benchmark`. It records when, with which code and versions, and what the
machine could do then; each result names its sitting. Files written before there were sittings have one, which is made
from what they record. benchmarks/README.md describes the format.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aeden.runtime import files, provenance

Content = dict[str, Any]

# Environment variables that change how fast a library is.
RECORDED = (
    "XLA_FLAGS",
    "ONEDNN_MAX_CPU_ISA",
    "ATEN_CPU_CAPABILITY",
    "MKL_ENABLE_INSTRUCTIONS",
    "OMP_NUM_THREADS",
    "TF_ENABLE_ONEDNN_OPTS",
    "GLIBC_TUNABLES",
)
# Those that limit the vector extensions of a library. XLA's own kernels cannot be limited by a flag.
LIMITING = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS")
# What a sitting records of the machine; also at the top of the file, of its last sitting.
MACHINE = ("hardware", "vector_extensions", "gflops", "gflops_by_precision", "gigabytes_per_second", "versions")


def vector_extensions(cpuinfo: str) -> str:
    """The widest vector extension of an x86 processor, "AVX-512", "AVX2", "AVX" or "SSE"; "" if it is not known.

    Args:
      cpuinfo: content of /proc/cpuinfo.
    """
    line = re.search(r"^flags\s*:(.*)$", cpuinfo, re.M)
    flags = set(line[1].split()) if line else set()
    for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("avx", "AVX"), ("sse2", "SSE")):
        if flag in flags:
            return name
    return ""


def read_cpuinfo() -> str:
    """Content of /proc/cpuinfo; "" where it does not exist."""
    with contextlib.suppress(OSError):
        return Path("/proc/cpuinfo").read_text()
    return ""


def used_extensions(cpuinfo: str, environment: Mapping[str, str], named: str = "") -> str:
    """The vector extensions that the libraries may use: as named by the user, or those of the processor.

    Raises:
      ValueError: the environment limits some of the libraries, and the user has not named the extensions.
    """
    limits = [name for name in LIMITING if name in environment]
    if "--xla_cpu_max_isa" in environment.get("XLA_FLAGS", ""):
        limits.append("XLA_FLAGS")
    if limits and not named:
        raise ValueError(f"{', '.join(limits)} limits some of the libraries: name the result with --vector_extensions")
    return named or vector_extensions(cpuinfo)


def file_name(hardware: Mapping[str, Any], extensions: str) -> str:
    """File name for a machine: `amd-epyc-2-cores-avx-512`, `amd-epyc-2-cores-avx2-played`, `nvidia-h200`."""
    words = f"{hardware['processor']} {hardware['cores']} cores {extensions}"
    if hardware["platform"] != "cpu":
        words = hardware["device_kind"]
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def describe(machine: Mapping[str, Any], measuring: Mapping[str, Any]) -> Content:
    """This sitting.

    Args:
      machine: `hardware` and the measured limits.
      measuring: how it measures: rounds, seconds and seed.
    """
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
        "commit": provenance.commit(),
        **machine,
        "versions": {**provenance.versions(), **_other_versions()},
        "environment": {name: os.environ[name] for name in RECORDED if name in os.environ},
        **measuring,
    }


def _other_versions() -> dict[str, str]:
    """Versions of the installed libraries that aeden is compared with."""
    versions = {}
    for name in ("torch", "keras", "tensorflow"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def read(path: Path) -> Content:
    """A result file, with sittings even if it was written without them.

    Raises:
      ValueError: it is not a result file.
    """
    return with_sittings(files.read_json(path), str(path))


def with_sittings(content: Content, where: str = "this file") -> Content:
    """The content of a result file, with the one sitting of a file that was written without sittings.

    Raises:
      ValueError: it is not a result file.
    """
    if not isinstance(content, dict) or "results" not in content:
        raise ValueError(f"{where} is not a result file of the benchmark")
    if "sittings" in content:
        return content
    first: Content = {"sitting": 0, "date": "", "commit": "", "environment": {}}
    first |= {name: content[name] for name in MACHINE if name in content}
    return {**content, "sittings": [first], "results": [{**result, "sitting": 0} for result in content["results"]]}


def merge(earlier: Content | None, sitting: Content, results: list[Content], append: bool = True) -> Content:
    """The content of a result file with the results of a new sitting.

    Args:
      earlier: the file before this sitting, as from `read`; None for no file.
      sitting: the new sitting, see `describe`.
      results: its results.
      append: keep the earlier results of the same comparisons. Otherwise they are dropped, as are sittings of which no
        result is left.
    """
    before: Content = earlier or {"sittings": [], "results": []}
    replaced = [] if append else [(result["section"], result.get("settings")) for result in results]
    kept = [result for result in before["results"] if (result["section"], result.get("settings")) not in replaced]
    number = 1 + max((one["sitting"] for one in before["sittings"]), default=-1)
    new = {"sitting": number, **sitting}
    commit = {"commit": sitting["commit"]}
    everything = [*kept, *({**result, **commit, "sitting": number} for result in results)]
    used = {result["sitting"] for result in everything} | {number}
    return {
        **{name: sitting[name] for name in MACHINE if name in sitting},
        "sittings": [one for one in [*before["sittings"], new] if one["sitting"] in used],
        "results": everything,
    }


def check_same_machine(earlier: Content, sitting: Content, path: Path) -> None:
    """Refuses to add a sitting to a file of another machine. What an older file does not record is not compared.

    Raises:
      ValueError: processor, cores, platform or vector extensions differ.
    """
    for one in earlier["sittings"]:
        pairs = [(one.get("vector_extensions"), sitting.get("vector_extensions"), "vector extensions")]
        before, now = one.get("hardware", {}), sitting["hardware"]
        pairs += [(before.get(name), now.get(name), name) for name in ("platform", "device_kind", "processor", "cores")]
        for then, here, what in pairs:
            if then and here and then != here:
                raise ValueError(f"{path} is of a machine with {what} {then}, not {here}: choose another --output")
