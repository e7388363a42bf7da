"""Timing peers in turn: a peer that fails or dies is absent for that job, and the others go on."""

import os
import signal
import sys
import time

import pytest

from experiments.benchmark import __main__ as command
from experiments.benchmark.peers import Absent
from experiments.benchmark.plan import Comparison
from experiments.benchmark.race import Race, Timing, Worker

# Answers like experiments.benchmark.peers.__main__; each step takes 5 ms. In the job "deadly", request number COUNT of
# the process executes ACTION in place of an answer.
FAKE_PEER = """
import json, os, signal, sys
count, action = int(sys.argv[1]), sys.argv[2]
for number, line in enumerate(sys.stdin, 1):
    request = json.loads(line)
    if request["job"] == "deadly" and number == count:
        exec(action)
    else:
        print(json.dumps({"seconds": 0.005 * request["steps"], "description": {"pid": os.getpid()}}), flush=True)
"""
SETTINGS = {"decoder": "transpose", "batch": 1, "size": 28}
EXIT = "os._exit(3)"
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
PARTIAL = "print('{\"seco', end='', flush=True); os._exit(1)"
FAIL = "print(json.dumps({'absent': 'out of memory'}), flush=True)"


@pytest.fixture
def fake_peer(tmp_path):
    """Starts a fake peer named "COUNT ACTION", or "steady", which never fails."""
    path = tmp_path / "peer.py"
    path.write_text(FAKE_PEER)

    def start(name):
        count, _, action = (name if name != "steady" else "0 pass").partition(" ")
        return Worker([sys.executable, str(path), count, action])

    return start


def race(start, rounds=2):
    return Race(rounds, 0.01, lambda text: None, start)


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (EXIT, "its process exited with status 3"),
        (KILL, "its process was killed by SIGKILL"),
        (PARTIAL, "its process exited with status 1"),
        (FAIL, "out of memory"),
    ],
)
@pytest.mark.parametrize("request_number", [1, 2, 3, 4, 6], ids=["build", "warm", "untimed", "timed", "second round"])
def test_a_peer_that_dies_or_fails_is_absent_for_that_job_only(fake_peer, request_number, action, reason):
    name = f"{request_number} {action}"
    with race(fake_peer) as timed:
        steady, dying, last = timed.run(("steady", name, "steady"), "deadly", SETTINGS)
        assert dying.record() == {"name": name, "absent": reason}
        for timing in (steady, last):
            assert timing.seconds == pytest.approx([0.005, 0.005])
        # The next job starts the peer again; the process of the other one goes on.
        again, revived = timed.run(("steady", name), "harmless", SETTINGS)
        assert again.description == steady.description
        assert len(revived.seconds) == 2
        assert not revived.absent


def test_a_peer_that_dies_between_two_requests_is_absent(fake_peer):
    worker = fake_peer("steady")
    pid = worker.ask("harmless", SETTINGS, 1)["description"]["pid"]
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Absent, match="killed by SIGKILL"):
        worker.ask("harmless", SETTINGS, 1)
    assert worker.ended
    worker.close()


def test_a_peer_that_dies_between_two_jobs_is_started_again(fake_peer):
    with race(fake_peer) as timed:
        (before,) = timed.run(("steady",), "harmless", SETTINGS)
        os.kill(before.description["pid"], signal.SIGKILL)
        while not timed._workers["steady"].ended:
            time.sleep(0.01)
        (after,) = timed.run(("steady",), "harmless", SETTINGS)
    assert not after.absent
    assert after.description["pid"] != before.description["pid"]


def test_a_peer_that_closes_its_output_but_does_not_exit_is_absent(fake_peer, monkeypatch):
    monkeypatch.setattr("experiments.benchmark.race.EXIT_SECONDS", 0.1)
    with race(fake_peer) as timed:
        (timing,) = timed.run(("1 os.close(1); signal.pause()",), "deadly", SETTINGS)
    assert timing.absent == "its process closed its output"


def test_results_and_tables_name_a_peer_that_died(fake_peer, monkeypatch):
    name = f"4 {EXIT}"
    monkeypatch.setattr(command, "Race", lambda rounds, seconds, show: Race(rounds, seconds, show, fake_peer))
    comparison = Comparison("scaling", "deadly", (name,), SETTINGS)
    alone = Comparison("scaling", "deadly", ("steady",), SETTINGS, own_processes=True)
    first, second = command.measure([comparison, alone], 2, 0.01)
    assert first["contenders"] == [{"name": name, "absent": "its process exited with status 3"}]
    assert len(second["contenders"][0]["seconds_a_step"]) == 2
    content = {
        "hardware": {"platform": "cpu", "processor": "p", "cores": 2},
        "gflops": 1.0,
        "gigabytes_per_second": 1.0,
        "versions": {},
        "results": [{**first, "commit": ""}],
    }
    assert "absent: its process exited with status 3" in command.markdown(content)


def test_a_timing_is_the_median_over_rounds():
    timing = Timing("aeden", {"devices": "1 cpu"}, [3.0, 1.0, 2.0])
    assert timing.record() == {
        "name": "aeden",
        "devices": "1 cpu",
        "seconds_a_step": [3.0, 1.0, 2.0],
        "median_seconds": 2.0,
    }
