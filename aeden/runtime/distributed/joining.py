"""Joining several processes, on one machine or on many, to one run, and leaving it."""

from __future__ import annotations

import contextlib
import math
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable

import jax

from aeden.runtime import processes
from aeden.runtime.distributed import meeting
from aeden.runtime.distributed.meeting import TELL, MeetingError
from aeden.runtime.distributed.native_messages import NativeMessages
from aeden.runtime.distributed.own_address import offer_own_address
from aeden.runtime.distributed.partners import Partners
from aeden.runtime.distributed.placement import Place, check_address
from aeden.runtime.processes import Interrupted

# After our own time-outs, so that these speak first.
JAX_HEARTBEAT_SECONDS = 60
JAX_EXTRA_SECONDS = 30
# Of --join_timeout, in seconds: twelve days.
LONGEST = 1_000_000
# What JAX's service says, and what it means.
REASONS = {
    "incarnation": "another process has joined with --process={process}: give each process its own number",
    "already connected": "another process has joined with --process={process}: give each process its own number",
    "Unexpected task": "process 0 expects fewer processes than --processes={processes}",
    "not found in": "process 0 expects fewer processes than --processes={processes}",
}

# Words of collectives and of the coordination service that fail because a partner is gone.
_LOST = re.compile(r"Gloo|NCCL|UNAVAILABLE|[Cc]oordination ?[Ss]ervice")

# The others, once this process has joined; whether it is about to.
_partners: Partners | None = None
_joining = False


def join_processes(place: Place, limit: float, patience: float = math.inf, debug: bool = False) -> None:
    """Makes this process one of several processes of a run. Call it before any other use of JAX's devices.

    Args:
      place: the place of this process.
      limit: seconds to wait for the others; more than 0.
      patience: seconds that the others wait for a process that lives but does not come to the next step; more than 0.
      debug: show the messages of JAX's service.

    Raises:
      ValueError: the address cannot be used.
      MeetingError: the others have not come in time, or the service has refused this process.
    """
    global _partners, _joining
    # Neither comparison holds of a NaN.
    if not 0 < limit <= LONGEST:
        raise ValueError(f"--join_timeout={limit:g}: use more than 0 and at most {LONGEST:,} seconds")
    if not patience > 0:
        raise ValueError(f"--partner_timeout={patience:g}: use more than 0 seconds")
    check_address(place)
    _joining = True
    native = NativeMessages()
    if not debug:
        native.install()
    _configure(place)
    processes.note_terminations()
    _connect(place, limit, native)
    _partners = Partners(place, meeting.client(), native.fatal, patience)
    _partners.start()


def _configure(place: Place) -> None:
    # JAX would take SIGTERM for itself; aeden has its own way to save at the same step.
    jax.config.update("jax_enable_preemption_service", False)
    jax.config.update("jax_check_proxy_envs", False)
    offer_own_address(place.address)
    # A web proxy must not stand between the processes; only gRPC reads this variable.
    hosts = [os.environ.get("no_grpc_proxy") or os.environ.get("no_proxy", ""), place.address[0]]  # noqa: SIM112
    os.environ["no_grpc_proxy"] = ",".join(filter(None, hosts))  # noqa: SIM112


def _connect(place: Place, limit: float, native: NativeMessages) -> None:
    """Connects in another thread, so that this one can tell what it waits for and can be interrupted."""
    failed: list[BaseException] = []

    def connect() -> None:
        try:
            jax.distributed.initialize(
                place.coordinator,
                place.processes,
                place.process,
                local_device_ids=place.local_devices,
                cluster_detection_method="deactivate",
                initialization_timeout=int(limit) + JAX_EXTRA_SECONDS,
                heartbeat_timeout_seconds=JAX_HEARTBEAT_SECONDS,
                shutdown_timeout_seconds=JAX_HEARTBEAT_SECONDS,
            )
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=connect, daemon=True, name="join")
    thread.start()
    began, told = time.monotonic(), 1
    while thread.is_alive():
        thread.join(0.05)
        waited = time.monotonic() - began
        if processes.stop_noted():
            raise Interrupted("stopped while it waited for the other processes to join: nothing has been written")
        if native.fatal.is_set():
            raise MeetingError(_refusal(place, native.reason))
        if waited > limit:
            raise MeetingError(
                f"{_absent(place)} within {limit:.0f} s: start all {place.processes} processes, or set --join_timeout"
            )
        if waited > told * TELL:
            told += 1
            print(f"{_waiting(place)}, {waited:.0f} s of {limit:.0f} s", file=sys.stderr, flush=True)
    if failed:
        raise MeetingError(_refusal(place, str(failed[0])))


def _waiting(place: Place) -> str:
    others = place.processes - 1
    if place.process and not listens(place.address):
        return f"waiting for process 0, which does not listen at {place.coordinator} yet"
    count = f"{others}" if others == 1 else f"up to {others}"
    return f"waiting for {count} of {place.processes} processes to join at {place.coordinator}{_elsewhere(place)}"


def _absent(place: Place) -> str:
    if place.process and not listens(place.address):
        return f"process 0 did not listen at {place.coordinator}"
    return f"not all of the {place.processes} processes joined at {place.coordinator}{_elsewhere(place)}"


def _elsewhere(place: Place) -> str:
    """What to add if process 0 runs on a machine that the coordinator's address does not belong to."""
    host, _ = place.address
    if place.process or is_of_this_machine(host):
        return ""
    return f" (this is process 0, and {host} is no address of this machine, unless one that is translated)"


def is_of_this_machine(host: str) -> bool:
    """Whether a host is this machine: whether a socket can have one of its addresses."""
    for family, kind, _, _, address in socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM):
        with contextlib.suppress(OSError), socket.socket(family, kind) as one:
            one.bind(address)
            return True
    return False


def listens(address: tuple[str, int]) -> bool:
    """Whether anybody listens at an address."""
    try:
        socket.create_connection(address, 2).close()
    except OSError:
        return False
    return True


def _refusal(place: Place, reason: str) -> str:
    for words, meaning in REASONS.items():
        if words in reason:
            return meaning.format(process=place.process, processes=place.processes)
    short = " ".join(reason.split())[-300:] or "no reason given"
    return f"joining the run at {place.coordinator} failed ({short}): start all processes with the same command"


def tell_saved(saved: Callable[[], int | None]) -> None:
    """Says how to find the newest saved step, for the message about a lost process."""
    if _partners is not None:
        _partners.saved = saved


def report(line: str, error: BaseException | None = None) -> None:
    """Call it before an error is printed. If the error comes from a lost process, that is told instead, and it ends.

    Args:
      line: what will be printed.
      error: the error.
    """
    if _partners is None:
        return
    if error is not None and _is_of_jax(error):
        _partners.wait_for_verdict()
    _partners.report(line)


def _is_of_jax(error: BaseException | None) -> bool:
    while error is not None:
        # JAX raises a collective that has failed as ValueError, too.
        if isinstance(error, jax.errors.JaxRuntimeError) or _LOST.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def leave(status: int) -> bool:
    """Leaves the run before this process ends.

    Args:
      status: the exit status.

    Returns:
      Whether the exit handlers may run; those of JAX would wait for processes that do not come.
    """
    if _partners is None:
        return not _joining
    if status:
        _partners.leave()
        return False
    try:
        # A signal that came after the last step changes nothing: all is saved.
        meeting.meet("everything is done", interruptible=False)
    except (Exception, KeyboardInterrupt):
        _partners.leave()
        return False
    _partners.stop()
    return True
