"""The process of one peer: `python -m experiments.benchmark.peers "MODULE VARIANT"`, started by `race`.

It reads one request per line, {"job", "settings", "steps"}, and answers each with one line: {"seconds", "description"},
or {"absent": reason}. A job is built and warmed up at its first request and kept until another job is requested. The
process exits at the end of its input.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

from experiments.benchmark.peers import Absent, Job

WARM_UP_STEPS = 3
LONGEST_REASON = 200


def main() -> None:
    """Answers requests until the input ends."""
    module, _, variant = sys.argv[1].partition(" ")
    # Libraries print to standard output too: answers keep the real one, and descriptor 1 becomes standard error.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    jobs: dict[str, Job] = {}
    for line in sys.stdin:
        request = json.loads(line)
        key = json.dumps([request["job"], request["settings"]])
        try:
            if key not in jobs:
                jobs.clear()  # frees the arrays of the job before
                jobs[key] = build(module, variant, request["job"], request["settings"])
            run, description = jobs[key]
            began = time.perf_counter()
            taken = run(request["steps"]) or request["steps"]
            seconds = (time.perf_counter() - began) * request["steps"] / taken
            answer = {"seconds": seconds, "description": description}
        except Exception as error:
            answer = {"absent": reason(error)}
        print(json.dumps(answer), file=answers)


def build(module: str, variant: str, job: str, settings: dict[str, Any]) -> Job:
    """Builds a job and warms it up.

    Raises:
      Absent: the peer does not have this job, or cannot run it here.
    """
    make = getattr(importlib.import_module(f"experiments.benchmark.peers.{module}"), job, None)
    if make is None:
        raise Absent(f"{module} has no {job}")
    began = time.perf_counter()
    run, description = make(variant, **settings)
    run(WARM_UP_STEPS)
    return run, {**description, "warm_up_seconds": time.perf_counter() - began}


def reason(error: Exception) -> str:
    """Why a peer is absent, in one line, which is not empty."""
    text = str(error) if isinstance(error, Absent) else f"{type(error).__name__}: {error}"
    return next((line for line in text.splitlines() if line.strip()), "no reason given")[:LONGEST_REASON]


if __name__ == "__main__":
    main()
