"""One contender at work: `python -m experiments.benchmark.peers "MODULE VARIANT"`, for `experiments.benchmark.race`.

It reads a request a line, {"job", "settings", "steps"}, and answers each with a line: {"seconds", "description"}, or
{"absent": why}. A job is built and warmed up when it is first asked for, and kept. It ends where its input ends.
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


def main() -> None:
    """Answers requests until there are no more."""
    module, _, variant = sys.argv[1].partition(" ")
    # Whatever a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    jobs: dict[str, Job] = {}
    for line in sys.stdin:
        request = json.loads(line)
        name = json.dumps([request["job"], request["settings"]])
        try:
            if name not in jobs:
                jobs.clear()  # a library's memory pools are kept, its arrays are not
                jobs[name] = build(module, variant, request["job"], request["settings"])
            run, description = jobs[name]
            began = time.perf_counter()
            run(request["steps"])
            print(json.dumps({"seconds": time.perf_counter() - began, "description": description}), file=answers)
        except Exception as error:
            print(json.dumps({"absent": f"{type(error).__name__}: {error}".splitlines()[0][:200]}), file=answers)


def build(module: str, variant: str, job: str, settings: dict[str, Any]) -> Job:
    """A job, warm."""
    make = getattr(importlib.import_module(f"experiments.benchmark.peers.{module}"), job, None)
    if make is None:
        raise Absent(f"{module} has no {job}")
    began = time.perf_counter()
    run, description = make(variant, **settings)
    run(WARM_UP_STEPS)
    return run, {**description, "warm_up_seconds": time.perf_counter() - began}


if __name__ == "__main__":
    main()
