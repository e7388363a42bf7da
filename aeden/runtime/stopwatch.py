"""Where the time of a run goes: `part` names what this process does, `breakdown` gives the seconds of each part.

Parts may be nested: time in an inner part does not count for the outer one. Tracing and compiling by JAX is the part
"compile", wherever it happens. Whatever happens outside all parts, e.g. before the run begins, is "start".
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping

import jax

START, COMPILE = "start", "compile"
# The durations that JAX reports of tracing, lowering and compiling (or reading from the compilation cache).
COMPILATION = "/jax/core/compile/"


class _Stopwatch:
    """Records which part ran when. Only the main thread is recorded."""

    def __init__(self) -> None:
        self._open = [START]
        self._since = time.monotonic()
        # (begin, end, part), in order, without overlaps and gaps
        self._log: list[tuple[float, float, str]] = []

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._note()
        self._open.append(name)
        try:
            yield
        finally:
            self._note()
            self._open.pop()

    def compiled(self, event: str, duration_secs: float, **kwargs: str | int) -> None:
        """Listens to JAX: assigns the last `duration_secs` to "compile"."""
        if not event.startswith(COMPILATION) or threading.current_thread() is not threading.main_thread():
            return
        self._note()
        begin = self._since - duration_secs
        # A compilation may contain others that were reported before.
        while self._log and self._log[-1][0] >= begin:
            self._log.pop()
        if self._log and self._log[-1][1] > begin:
            first, _, name = self._log.pop()
            self._log.append((first, begin, name))
        self._log.append((begin, self._since, COMPILE))

    def breakdown(self, started: float) -> dict[str, float]:
        self._note()
        seconds: dict[str, float] = {}
        early = (self._log[0][0] if self._log else self._since) - started
        if early > 0:
            seconds[START] = early
        for begin, end, name in self._log:
            if end > started:
                seconds[name] = seconds.get(name, 0.0) + end - max(begin, started)
        return seconds

    def _note(self) -> None:
        now = time.monotonic()
        self._log.append((self._since, now, self._open[-1]))
        self._since = now


_stopwatch = _Stopwatch()
jax.monitoring.register_event_duration_secs_listener(_stopwatch.compiled)


def part(name: str) -> contextlib.AbstractContextManager[None]:
    """A context: what happens in it belongs to a part of the run."""
    return _stopwatch.part(name)


def breakdown(started: float) -> dict[str, float]:
    """Seconds of each part since `started` (`time.monotonic()`); their sum is the time since then."""
    return _stopwatch.breakdown(started)


def merge(*times: Mapping[str, float]) -> dict[str, float]:
    """The seconds of each part, summed over several breakdowns."""
    names = dict.fromkeys(name for one in times for name in one)
    return {name: sum(one.get(name, 0.0) for one in times) for name in names}
