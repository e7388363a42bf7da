"""Losing a partner: every process shows that it lives and works, looks at the others, and ends if one does not.

JAX's service notices a lost process too, but later, and ends the others with pages of a stack.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from aeden.runtime.distributed import turns
from aeden.runtime.distributed.placement import Place
from aeden.runtime.distributed.turns import Turn

# Seconds without a sign of life after which a process counts as lost.
LIMIT = 25.0
# The most seconds of patience that a process has left once its own collective has failed.
LONGEST_VERDICT = 60.0
# Seconds between two signs of life.
BEAT = 1.0
# Seconds that a process has to report by itself what another one has reported.
GRACE = 5.0
# The end of messages about a run that can go on, and the beginnings of those of a process that was asked to stop.
ADVICE = ": run the same command again to go on"
STOPPED = ("stopped", "it was interrupted")
ALIVE, LEFT, TURNS = "aeden/alive/", "aeden/left/", "aeden/turns/"


class Partners:
    """The other processes of a run, as one of them sees them.

    Attributes:
      saved: returns the newest saved step, or None; for the message about a loss.

    Args:
      place: the place of this process.
      store: the client of the coordination service.
      fatal: set when JAX's service gives up; the coordinator is gone then.
      patience: seconds that the others wait for a process that lives but does not come to the next step.
    """

    def __init__(self, place: Place, store: Any, fatal: threading.Event, patience: float = math.inf):
        self._place, self._store, self._fatal, self._patience = place, store, fatal, patience
        self.saved: Callable[[], int | None] = lambda: None
        self._reported: str | None = None
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._left: dict[int, str] = {}
        self._counts: dict[int, str] = {}
        self._seen: dict[int, float] = {}
        self._turns: dict[int, tuple[Turn, float]] = {}
        self._looked = self._answered = 0.0
        self._restart()

    def start(self) -> None:
        """Begins to show that this process lives, and to look whether the others do."""
        for work, pause in ((self.beat, BEAT), (self._look, BEAT)):
            thread = threading.Thread(target=self._repeat, args=(work, pause), daemon=True, name="partners")
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Ends the watch. Call it when all processes have finished."""
        self._ended.set()
        for thread in self._threads:
            thread.join(2 * BEAT)

    def report(self, line: str) -> None:
        """Notes that this process says by itself why it ends."""
        self._reported = line

    def wait_for_verdict(self) -> None:
        """After a failed collective: waits until the watch knows who is lost or stuck; it then ends this process."""
        self._ended.wait(10 + max(LIMIT, min(self._patience, LONGEST_VERDICT)))

    def leave(self) -> None:
        """Tells the others why this process ends. Process 0 waits some seconds for them, as the store ends with it."""
        self._ended.set()
        # In another thread, because a store whose process is gone may never answer.
        telling = threading.Thread(target=self._tell, daemon=True)
        telling.start()
        telling.join(GRACE)

    def _tell(self) -> None:
        with contextlib.suppress(Exception):
            line = self._reported or "it was stopped"
            self._store.key_value_set(f"{LEFT}{self._place.process}", line, allow_overwrite=True)
            until = time.monotonic() + GRACE
            while self._place.process == 0 and time.monotonic() < until:
                if len(self._store.key_value_dir_get(LEFT)) >= self._place.processes:
                    break
                time.sleep(0.1)

    def beat(self) -> None:
        """Shows that this process lives and how far it is, and asks the same of the others."""
        self._store.key_value_increment(f"{ALIVE}{self._place.process}", 1)
        self._store.key_value_set(f"{TURNS}{self._place.process}", turns.now().text(), allow_overwrite=True)
        counts, left, reached = self._all(ALIVE), self._all(LEFT), self._all(TURNS)
        with self._lock:
            now = self._answered = time.monotonic()
            for process, count in counts.items():
                if count != self._counts.get(process):
                    self._seen[process] = now
            self._counts, self._left = counts, left
            for process, turn in {process: Turn.read(text) for process, text in reached.items()}.items():
                if process not in self._turns or self._turns[process][0] != turn:
                    self._turns[process] = turn, now

    def _all(self, folder: str) -> dict[int, str]:
        """What each process has written into a folder of the store."""
        return {int(key.rpartition("/")[2]): value for key, value in self._store.key_value_dir_get(folder)}

    def verdict(self) -> str | None:
        """Who is lost or stuck, in one line; None while all live and work."""
        with self._lock:
            now, others = time.monotonic(), set(range(self._place.processes)) - {self._place.process}
            if now - self._looked > LIMIT / 2:
                self._restart()  # this process itself was stopped: what it knows of the others is old
            self._looked = now
            for process in sorted(others & self._left.keys()):
                return f"process {process} has ended: {self._left[process].removesuffix(ADVICE)}"
            if 0 in others and (self._fatal.is_set() or now - self._answered > LIMIT or not self._listens()):
                return f"process 0 is lost: it does not answer at {self._place.coordinator}"
            for process in sorted(others):
                if now - self._seen[process] > LIMIT:
                    return f"process {process} is lost: no sign of life for {LIMIT:.0f} s"
            return self._stuck(now)

    def _stuck(self, now: float) -> str | None:
        """Which process does not come to the collective in which others wait, in one line."""
        still = {process: turn for process, (turn, since) in self._turns.items() if now - since > self._patience}
        waited_for = max((turn.begun for turn in still.values() if turn.waits), default=0)
        for process, turn in sorted(still.items()):
            if turn.begun < waited_for and not turn.waits:
                return (
                    f"process {process} is stuck: the others have waited for it for {self._patience:.0f} s "
                    "(--partner_timeout)"
                )
        return None

    def _restart(self) -> None:
        """Counts all processes as seen just now."""
        now = self._looked = self._answered = time.monotonic()
        self._seen = dict.fromkeys(range(self._place.processes), now)
        self._turns = {process: (turn, now) for process, (turn, _) in self._turns.items()}

    def _listens(self) -> bool:
        """Whether anybody listens at the coordinator's address: False only if the connection is refused."""
        try:
            socket.create_connection(self._place.address, 2).close()
        except ConnectionRefusedError:
            return False
        except OSError:
            return True  # a time-out or a lost route may pass
        return True

    def _look(self) -> None:
        line = self.verdict()
        if line is None:
            return
        if line.startswith("process") and "has ended" in line:
            # The others may be about to say the same, e.g. all have diverged, or all were asked to stop.
            until = time.monotonic() + GRACE
            while time.monotonic() < until and not self._ended.is_set():
                time.sleep(0.1)
        if not self._ended.is_set():
            self._end(line)

    def _end(self, line: str) -> None:
        step, stopped = None, any(f"has ended: {word}" in line for word in STOPPED)
        with contextlib.suppress(Exception):
            step = self.saved()
        known = f"step {step} is saved" if step is not None else "no step is saved yet"
        with contextlib.suppress(Exception):
            print(f"{'' if stopped else 'error: '}{line}; {known}{ADVICE}", file=sys.stderr, flush=True)
        # In another thread, because a store whose process is gone never answers, and JAX aborts soon.
        self._reported = line
        telling = threading.Thread(target=self._tell, daemon=True)
        telling.start()
        telling.join(2 * BEAT)
        os._exit(130 if stopped else 1)

    def _repeat(self, work: Callable[[], None], pause: float) -> None:
        while not self._ended.wait(pause):
            # A call that fails leaves what is known as it is; `verdict` sees that it grows old.
            with contextlib.suppress(Exception):
                work()
