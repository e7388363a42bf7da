"""Whole processes, timed from their start to their end."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from experiments.benchmark.peers import Absent

LONGEST_REASON = 200


@dataclass(frozen=True)
class Command:
    """`python -m MODULE ARGUMENTS`.

    Attributes:
      module: the module.
      arguments: its arguments.
      environment: environment variables of the process, in addition to those of this one.
    """

    module: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self, errors: int) -> subprocess.Popen[str]:
        """Starts the process without input and without output.

        Args:
          errors: file descriptor for its standard error.
        """
        return subprocess.Popen(
            [sys.executable, "-m", self.module, *self.arguments],
            env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            text=True,
        )


def time_command(command: Command, is_done: Callable[[], bool] | None = None) -> float:
    """Seconds from the start of a command to its end, or to the moment when something is done.

    Args:
      command: the command.
      is_done: is asked every 10 ms; the time ends when it is true. The process goes on to its end.

    Raises:
      Absent: the command failed. The message is the last line of its standard error.
    """
    with tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        process = command.start(errors.fileno())
        seconds = None
        try:
            while is_done is not None and process.poll() is None and not is_done():
                time.sleep(0.01)
            if is_done is not None:
                seconds = time.perf_counter() - began
            status = process.wait()
        finally:
            process.kill()
            process.wait()
        seconds = time.perf_counter() - began if seconds is None else seconds
        if status:
            errors.seek(0)
            lines = [line.strip() for line in errors.read().splitlines() if line.strip()]
            raise Absent(f"it exited with status {status}: {lines[-1] if lines else 'no message'}"[:LONGEST_REASON])
    return seconds
