"""Timing peers in turn: a peer that fails or dies is absent for that job, and the others go on."""

import os
import signal
import sys
import time

import pytest

from experiments.benchmark import measure as measuring
from experiments.benchmark import search as searching
from experiments.benchmark.libraries import Peer
from experiments.benchmark.measure import measure
from experiments.benchmark.peers import Absent
from experiments.benchmark.plan import Comparison
from experiments.benchmark.race import Race, Timing, Worker, shuffled
from experiments.benchmark.search import search
from experiments.benchmark.tables.page import markdown

# Answers like experiments.benchmark.peers.__main__; a step takes 5 ms, or what the settings say for this process. In
# the job "deadly", request number COUNT of the process executes ACTION in place of an answer.
FAKE_PEER = """
import json, os, signal, sys
count, action = int(sys.argv[1]), sys.argv[2]
for number, line in enumerate(sys.stdin, 1):
    request = json.loads(line)
    if request["job"] == "deadly" and number == count:
        exec(action)
    else:
        step = request["settings"].get("steps", {}).get(action, 0.005)
        print(json.dumps({"seconds": step * request["steps"], "description": {"pid": os.getpid()}}), flush=True)
"""
SETTINGS = {"decoder": "transpose", "batch": 1, "size": 28}
EXIT = "os._exit(3)"
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
PARTIAL = "print('{\"seco', end='', flush=True); os._exit(1)"
FAIL = "print(json.dumps({'absent': 'out of memory'}), flush=True)"


class FakePeer:
    """A peer named "COUNT ACTION", or any other name, which never fails."""

    def __init__(self, path, name):
        self.path, self.name = path, name

    def start(self):
        count, _, action = (self.name if self.name[:1].isdigit() else f"0 {self.name}").partition(" ")
        return Worker([sys.executable, str(self.path), count, action])


@pytest.fixture
def fake_peer(tmp_path):
    """Makes fake peers by their names."""
    path = tmp_path / "peer.py"
    path.write_text(FAKE_PEER)
    return lambda name: FakePeer(path, name)


def make_race(show=lambda text: None, rounds=2, **options):
    return Race(rounds, 0.01, show, **options)


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
    with make_race() as timed:
        peers = [fake_peer(one) for one in ("steady", name, "last")]
        steady, dying, last = timed.run(peers, "deadly", SETTINGS)
        assert dying.record() == {"name": name, "absent": reason}
        for timing in (steady, last):
            assert timing.seconds == pytest.approx([0.005, 0.005])
        # The next job starts the peer again; the process of the other one goes on.
        again, revived = timed.run(peers[:2], "harmless", SETTINGS)
        assert again.description == steady.description
        assert len(revived.seconds) == 2
        assert not revived.absent


def test_a_peer_that_dies_between_two_requests_is_absent(fake_peer):
    worker = fake_peer("steady").start()
    pid = worker.ask("harmless", SETTINGS, 1)["description"]["pid"]
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Absent, match="killed by SIGKILL"):
        worker.ask("harmless", SETTINGS, 1)
    assert worker.ended
    worker.close()


def test_a_peer_that_dies_between_two_jobs_is_started_again(fake_peer):
    with make_race() as timed:
        (before,) = timed.run([fake_peer("steady")], "harmless", SETTINGS)
        os.kill(before.description["pid"], signal.SIGKILL)
        while not timed._workers["steady"].ended:
            time.sleep(0.01)
        (after,) = timed.run([fake_peer("steady")], "harmless", SETTINGS)
    assert not after.absent
    assert after.description["pid"] != before.description["pid"]


def test_a_peer_that_closes_its_output_but_does_not_exit_is_absent(fake_peer, monkeypatch):
    monkeypatch.setattr("experiments.benchmark.race.EXIT_SECONDS", 0.1)
    with make_race() as timed:
        (timing,) = timed.run([fake_peer("1 os.close(1); signal.pause()")], "deadly", SETTINGS)
    assert timing.absent == "its process closed its output"


def test_a_peer_that_takes_too_long_is_absent_and_its_process_is_ended(fake_peer):
    with make_race(limit=0.2) as timed:
        (timing,) = timed.run([fake_peer("1 signal.pause()")], "deadly", SETTINGS)
        assert all(worker.ended for worker in timed._workers.values())
    assert timing.absent == "it took longer than 0 s"


def test_a_peer_that_answers_nonsense_is_absent(fake_peer):
    with make_race() as timed:
        (timing,) = timed.run([fake_peer("2 print('hello', flush=True)")], "deadly", SETTINGS)
    assert timing.absent == "its answer is not JSON: hello"


def content_of(result):
    return {
        "hardware": {"platform": "cpu", "processor": "p", "cores": 2},
        "gflops": 1.0,
        "gigabytes_per_second": 1.0,
        "versions": {},
        "results": [{**result, "commit": ""}],
    }


def test_results_and_tables_name_a_peer_that_died(fake_peer):
    name = f"4 {EXIT}"
    comparison = Comparison("scaling", "deadly", (name,), SETTINGS)
    alone = Comparison("scaling", "deadly", ("steady",), SETTINGS, own_processes=True)
    peers = {one: fake_peer(one) for one in (name, "steady")}
    first, second = measure([comparison, alone], make_race, peers)
    assert first["contenders"] == [{"name": name, "absent": "its process exited with status 3"}]
    assert len(second["contenders"][0]["seconds_a_step"]) == 2
    named = {**first, "contenders": [{**first["contenders"][0], "name": "aeden"}]}
    assert "absent: its process exited with status 3" in markdown(content_of(named))


def test_the_order_is_a_new_permutation_in_every_round_and_depends_on_the_seed():
    names = ["a", "b", "c", "d"]
    orders = shuffled(names, 60, 7, "training", SETTINGS)
    assert all(sorted(order) == names for order in orders)
    # With 24 equally likely orders, 60 rounds have each peer in each place: (3/4)^60 is 3e-8.
    assert all({order[place] for order in orders} == set(names) for place in range(4))
    assert orders == shuffled(names, 60, 7, "training", SETTINGS)
    for other in ((60, 8, "training", SETTINGS), (60, 7, "layer", SETTINGS), (60, 7, "training", {})):
        assert shuffled(names, *other) != orders


def test_rounds_follow_the_shuffled_order(fake_peer):
    shown = []
    names = ["a", "b", "c"]
    with Race(4, 0.01, shown.append, seed=3) as timed:
        timed.run([fake_peer(name) for name in names], "harmless", SETTINGS)
    rounds = [text.partition(": ")[2] for text in shown if text.startswith("round")]
    assert rounds == [name for order in shuffled(names, 4, 3, "harmless", SETTINGS) for name in order]


@pytest.fixture
def quick_search(monkeypatch):
    monkeypatch.setattr(searching, "SECONDS", 0.01)
    monkeypatch.setattr(searching, "ANSWER_SECONDS", 1.0)


def test_the_search_chooses_the_fastest_configuration(fake_peer, quick_search):
    steps = {"slow": 0.008, "middling": 0.005, "fast": 0.002, "near": 0.003, "nearer": 0.0025}
    tried = [fake_peer(name) for name in (*steps, f"1 {EXIT}", "1 signal.pause()")]
    found = search(tried, "deadly", {**SETTINGS, "steps": steps}, lambda text: None)
    assert found.chosen is tried[2]
    assert found.record["chosen"] == "fast"
    assert {trial["configuration"] for trial in found.record["final"]} == {"fast", "near", "nearer"}
    absent = {trial["configuration"]: trial["absent"] for trial in found.record["trials"] if "absent" in trial}
    assert absent == {f"1 {EXIT}": "its process exited with status 3", "1 signal.pause()": "it took longer than 1 s"}
    relative = [trial["relative"] for trial in found.record["trials"] if "relative" in trial]
    assert relative == pytest.approx([step / 0.008 for step in steps.values()])


def test_the_search_goes_on_if_its_first_configuration_fails(fake_peer, quick_search):
    tried = [fake_peer(name) for name in (f"1 {EXIT}", "slow", "fast")]
    found = search(tried, "deadly", {**SETTINGS, "steps": {"slow": 0.008, "fast": 0.002}}, lambda text: None)
    assert found.chosen is tried[2]


def test_a_search_without_any_result_chooses_nothing(fake_peer, quick_search):
    found = search([fake_peer(f"1 {EXIT}"), fake_peer(f"1 {KILL}")], "deadly", SETTINGS, lambda text: None)
    assert found.chosen is None
    assert (found.record["chosen"], found.record["final"]) == ("", [])


def test_the_search_ends_when_its_time_is_over(fake_peer, quick_search):
    times = iter([0.0, 0.0, 1000.0, 1000.0])
    tried = [fake_peer(name) for name in ("first", "second")]
    found = search(tried, "harmless", SETTINGS, lambda text: None, clock=lambda: next(times))
    assert found.chosen is tried[0]
    assert found.record["trials"][1]["absent"].startswith("not tried")
    assert found.record["seconds"] == 1000.0


def test_an_earlier_search_of_the_same_comparison_is_not_repeated(monkeypatch):
    tried = [Peer("eager", "pytorch"), Peer("channels last", "pytorch")]
    monkeypatch.setattr(measuring, "configurations", lambda library, on_cpu: tried)
    monkeypatch.setattr(measuring, "search", None)
    comparison = Comparison("training", "training", (), {"batch": 8}, searched=("PyTorch",))
    record = {"library": "PyTorch", "seconds": 1.0, "chosen": "channels last", "trials": [], "final": []}
    other = {"section": "training", "settings": {"batch": 9}, "search": [{**record, "chosen": "eager"}]}
    earlier = [{"section": "training", "settings": {"batch": 8}, "search": [record]}, other]
    peers, searches = measuring.find_best(comparison, print, True, earlier)
    assert [(peer.name, peer.module) for peer in peers] == [("PyTorch (best configuration found)", "pytorch")]
    assert searches == [record]


def test_the_best_configuration_takes_part_and_is_recorded(fake_peer, monkeypatch):
    chosen = Peer("channels last", "pytorch")
    record = {"seconds": 1.0, "chosen": chosen.name, "trials": [], "final": []}
    monkeypatch.setattr(measuring, "configurations", lambda library, on_cpu: [chosen])
    monkeypatch.setattr(measuring, "search", lambda *_: searching.Found(chosen, record))
    monkeypatch.setattr(Peer, "start", lambda self: fake_peer(self.name).start())
    comparison = Comparison("training", "harmless", ("aeden",), SETTINGS, searched=("PyTorch",))
    (result,) = measure([comparison], make_race, {"aeden": fake_peer("aeden")})
    aeden, best = result["contenders"]
    assert (best["name"], best["configuration"]) == ("PyTorch (best configuration found)", "channels last")
    assert "configuration" not in aeden
    assert result["search"] == [{"library": "PyTorch", **record}]


def test_a_timing_is_the_median_over_rounds():
    timing = Timing("aeden", {"devices": "1 cpu"}, [3.0, 1.0, 2.0])
    assert timing.record() == {
        "name": "aeden",
        "devices": "1 cpu",
        "seconds_a_step": [3.0, 1.0, 2.0],
        "median_seconds": 2.0,
    }
