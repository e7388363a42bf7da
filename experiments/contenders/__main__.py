"""One contender at work: `python -m experiments.contenders LIBRARY JOB SETTINGS`, for `experiments.benchmark`.

It prints a line of JSON that describes it once it is built and warm. Then each line it reads, a number of steps, it
answers with the seconds that they took. It ends where its input ends.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time

WARM_UP_STEPS = 3


def main() -> None:
    """Builds a job, warms it up, and times it as often as asked."""
    library, job, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    # Whatever a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    module = importlib.import_module(f"experiments.contenders.{library.partition(' ')[0]}")
    began = time.perf_counter()
    run, description = getattr(module, job)(library.partition(" ")[2], **settings)
    run(WARM_UP_STEPS)
    print(json.dumps({**description, "warm_up_seconds": time.perf_counter() - began}), file=answers)
    for line in sys.stdin:
        steps = int(line)
        began = time.perf_counter()
        run(steps)
        print(json.dumps(time.perf_counter() - began), file=answers)


if __name__ == "__main__":
    main()
