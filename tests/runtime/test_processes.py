"""The current process: its cores, its parent and the signals that stop it."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from conftest import ROOT

from aeden.runtime import processes


def python(code, **environment):
    """Runs code in a new Python process, because it changes the process."""
    return subprocess.run(
        [sys.executable, "-c", f"from aeden.runtime import processes\n{code}"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_process_can_be_restricted_to_some_of_its_cores():
    result = python("processes.keep_to_cores(0); print(processes.cores())")
    assert int(result.stdout) == processes.cores() >= 1
    if hasattr(os, "sched_setaffinity"):
        result = python("processes.keep_to_cores(1); print(processes.cores())")
        assert result.stdout.strip() == "1", result.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot restrict a process to cores")
@pytest.mark.parametrize("count", [-1, 10_000])
def test_an_impossible_number_of_cores_is_refused(count):
    with pytest.raises(ValueError, match=f"--cpu_cores={count}: this process has {processes.cores()} cores"):
        processes.keep_to_cores(count)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_a_process_whose_parent_is_gone_refuses_to_start():
    assert python("processes.stop_with_parent()", **{processes.PARENT: str(os.getpid())}).returncode == 0
    result = python("processes.stop_with_parent()", **{processes.PARENT: "0"})
    assert "ProcessLookupError: process 0, which started this one, is gone" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_collected_and_the_next_has_its_usual_effect(number):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with processes.stop_signals() as received:
        assert received == []
        os.kill(os.getpid(), number)
        assert received == [number]
        assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_without_a_signal_the_handlers_are_restored():
    before = signal.getsignal(signal.SIGTERM)
    with processes.stop_signals() as received:
        assert signal.getsignal(signal.SIGTERM) is not before
    assert received == []
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_thread_collects_no_signals():
    collected = []

    def run():
        with processes.stop_signals() as received:
            collected.append(received)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert collected == [[]]


def test_an_interrupt_that_python_drops_is_not_lost():
    """An exception in `__del__` is dropped; the next `stop_signals` knows of the signal."""
    code = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell starts in the background
sys.unraisablehook = lambda _: None
processes.note_interrupts()
class Dropping:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000): pass
dropping = Dropping()
del dropping
with processes.stop_signals() as stop:
    print(stop == [signal.SIGINT], processes.stop_requested())
print(processes.stop_requested())
"""
    assert python(code).stdout.split() == ["True", "True", "False"]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupt_during_imports_is_one_line(name):
    code = f"""
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell starts in the background
processes.leave_on_interrupt()
os.kill(os.getpid(), signal.{name})
signal.pause()
"""
    result = python(code)
    assert result.returncode == 130
    assert result.stderr == "interrupted before anything was done\n"


def test_sigterm_before_a_training_is_noted_like_an_interrupt():
    code = """
import os, signal
processes.note_interrupts()
try:
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()
except KeyboardInterrupt:
    print(processes.stop_noted())
"""
    assert python(code).stdout == "True\n"


@pytest.mark.parametrize("inside", ["", "with processes.stop_signals():"])
def test_of_several_processes_a_second_sigterm_ends_one(inside):
    code = f"""
import contextlib, os, signal
processes.note_terminations()
{inside or "with contextlib.nullcontext():"}
    os.kill(os.getpid(), signal.SIGTERM)
    print(processes.stop_noted() or processes.stop_requested(), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()
"""
    result = python(code)
    assert (result.stdout, result.returncode) == ("True\n", -signal.SIGTERM)


@pytest.mark.parametrize(("ignored", "received"), [(False, "[1]"), (True, "[]")])
def test_a_closed_terminal_stops_a_training_unless_nohup_ignores_it(ignored, received):
    code = f"""
import os, signal
signal.signal(signal.SIGHUP, signal.SIG_IGN if {ignored} else signal.SIG_DFL)
processes.note_interrupts()
with processes.stop_signals() as stop:
    os.kill(os.getpid(), signal.SIGHUP)
    print([int(number) for number in stop])
"""
    assert python(code).stdout.strip() == received
