"""A figure that fails never costs the results of a run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

# Whether a figure that fails is an error: in tests.
STRICT = False


@contextlib.contextmanager
def drawing(workdir: Path) -> Iterator[None]:
    """Inside, an error ends the drawing with one line on standard error, and the run goes on.

    Args:
      workdir: the run folder, for the message.
    """
    try:
        yield
    except Exception as error:
        if STRICT:
            raise
        reason = " ".join(str(error).split())[:200] or "no reason given"
        print(
            f"warning: not all pictures of {workdir} could be drawn ({reason}); the results are complete",
            file=sys.stderr,
            flush=True,
        )
