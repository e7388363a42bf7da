"""Runs of several processes: places, messages, agreement and lost partners, with a store in place of JAX's service."""

import dataclasses
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import types

import jax
import pytest
from conftest import ROOT

from aeden.runtime import processes
from aeden.runtime.distributed import (
    agreement,
    joining,
    meeting,
    own_address,
    partners,
    placement,
    shared_folder,
    turns,
)
from aeden.runtime.distributed.native_messages import NativeMessages
from aeden.runtime.distributed.partners import Partners
from aeden.runtime.distributed.placement import Place, find_place
from aeden.runtime.distributed.turns import Turn

SLURM = {
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_NODELIST": "node[01-02]",
    "SLURM_NTASKS": "2",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "0",
    "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
}


class Store:
    """The key-value store of JAX's coordination service, in memory."""

    def __init__(self):
        self.values = {}

    def key_value_set(self, key, value, allow_overwrite=False):
        assert allow_overwrite or key not in self.values
        self.values[key] = value

    def key_value_dir_get(self, folder):
        return [(key, value) for key, value in self.values.items() if key.startswith(folder)]

    def key_value_increment(self, key, increment):
        self.values[key] = str(int(self.values.get(key, 0)) + increment)


@pytest.mark.parametrize(
    ("flags", "match"),
    [
        (("on", None, None, None), "--distributed=on: use auto or off"),
        (("off", "host:1", None, None), "leave out --coordinator"),
        (("auto", None, 2, None), "--coordinator and --process missing"),
        (("auto", None, None, 1), "--coordinator and --processes missing"),
        (("auto", "host:1", 2, None), "--process missing"),
        (("auto", "host:1", 2, 2), "--processes=2 --process=2"),
        (("auto", "host:1", 2, -1), "--process from 0"),
        (("auto", "host:1", 0, 0), "--processes=0"),
        (("auto", "nonsense", 2, 0), "use HOST:PORT"),
        (("auto", "::1:80", 2, 0), "use HOST:PORT"),
        (("auto", "host:x", 2, 0), "use HOST:PORT"),
        (("auto", "host:70000", 2, 0), "port from 1 to 65535"),
    ],
)
def test_flags_that_cannot_work_are_refused(flags, match):
    with pytest.raises(ValueError, match=match):
        find_place(*flags)


def test_flags_give_a_place_and_one_process_is_alone():
    assert find_place("auto", "[::1]:80", 2, 1) == Place("[::1]:80", 2, 1)
    assert Place("[::1]:80", 2, 1).address == ("::1", 80)
    assert find_place("auto", "host:80", 1, 0) is None
    assert find_place("auto", None, None, None) is None


def test_a_place_comes_from_slurm_with_all_gpus_of_the_machine(monkeypatch):
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    place = find_place("auto", None, None, None)
    assert place is not None
    assert (place.processes, place.process, place.local_devices, place.found_by) == (2, 1, None, "slurm")
    assert place.coordinator.startswith("node01:")
    assert find_place("off", None, None, None) is None
    monkeypatch.setenv("SLURM_NTASKS", "1")
    assert find_place("auto", None, None, None) is None


@pytest.mark.parametrize(
    ("local", "environment", "expected"),
    [
        (None, {}, None),
        (0, {"SLURM_STEP_TASKS_PER_NODE": "1(x2)"}, None),
        (3, {"SLURM_STEP_TASKS_PER_NODE": "8(x2)"}, (3,)),
        (3, {"SLURM_STEP_TASKS_PER_NODE": "8", "CUDA_VISIBLE_DEVICES": "0"}, None),
        (1, {"OMPI_COMM_WORLD_LOCAL_SIZE": "2", "CUDA_VISIBLE_DEVICES": "0,1"}, (1,)),
        (1, {"OMPI_COMM_WORLD_LOCAL_SIZE": "2", "JAX_LOCAL_DEVICE_IDS": "1"}, None),
    ],
)
def test_processes_on_one_machine_share_its_accelerators(local, environment, expected):
    assert placement.local_devices(local, environment) == expected


def test_a_port_in_use_and_an_unknown_host_are_refused():
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ValueError, match=f"cannot listen at port {port}"):
            placement.check_address(Place(f"127.0.0.1:{port}", 2, 0))
        placement.check_address(Place(f"127.0.0.1:{port}", 2, 1))
    placement.check_address(Place(f"127.0.0.1:{port}", 2, 0))
    with pytest.raises(ValueError, match=r"host no.such.host.invalid"):
        placement.check_address(Place("no.such.host.invalid:80", 2, 1))


def test_pages_of_the_service_are_dropped_and_their_reason_is_kept():
    native = NativeMessages()
    assert native.passes(b"anything else")
    assert not native.passes(b"E1127 01:48:30.239971    7106 coordination_service_agent.cc:289] Polled an error")
    assert not native.passes(b"more of it")
    assert not native.fatal.is_set()
    assert native.passes(b"W1127 01:48:30.239971    7106 cuda_driver.cc:1] of interest")
    assert not native.passes(b"F1127 01:48:30.240042    7106 client.h:80] Terminating process because")
    assert not native.passes(b"    @     0x7f0d98840634  absl::log_internal")
    assert native.fatal.is_set()
    assert native.reason.startswith("Terminating process because")


@pytest.fixture
def store(monkeypatch):
    """A store for the functions of `meeting`, which take this process for number 0 of 2."""
    store = Store()
    monkeypatch.setattr(meeting, "client", lambda: store)
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(jax, "process_index", lambda: 0)
    monkeypatch.setattr(meeting, "_numbers", iter(range(100)))
    return store


def test_a_difference_names_process_and_field(store):
    store.key_value_set("aeden/agreed/0/1", '{"learning_rate": "0.5", "seed": "0"}')
    with pytest.raises(meeting.MeetingError, match=r"process 1 differs .* learning_rate 0.5, not 0.1. Start all"):
        meeting.agree("command", {"learning_rate": 0.1, "seed": 0}, 1.0, (0, 2))
    store.key_value_set("aeden/agreed/1/1", '{"seed": "0"}')
    meeting.agree("command", {"seed": 0}, 1.0, (0, 2))


def test_waiting_is_told_and_ends(store, monkeypatch, capsys):
    monkeypatch.setattr(meeting, "TELL", 0.05)
    with pytest.raises(meeting.MeetingError, match=r"process 1 of 2 has not come within 0 s \(compiled\)"):
        meeting.meet("compiled", 0.2)
    assert "waiting for 1 of 2 processes (process 1; compiled)" in capsys.readouterr().err


def test_what_process_0_makes_reaches_the_others(store, monkeypatch):
    assert meeting.from_primary("a step", lambda: {"step": 3}) == {"step": 3}
    monkeypatch.setattr(meeting, "_numbers", iter(range(100)))
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    assert meeting.from_primary("a step", lambda: pytest.fail("only process 0 makes it")) == {"step": 3}


def test_a_folder_that_is_not_shared_is_named(store, monkeypatch, tmp_path):
    store.key_value_set("aeden/told/1/1", "/elsewhere on far")
    said = "process 1 does not see the run folder of process 0; its own is /elsewhere on far: give all"
    with pytest.raises(meeting.MeetingError, match=said):
        shared_folder.check_shared(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not shared_folder._appears(tmp_path / "absent", 0.0)


def test_a_signal_ends_a_wait_but_not_that_of_a_finished_run(store, monkeypatch):
    monkeypatch.setattr(processes, "_noted", [signal.SIGTERM])
    monkeypatch.setattr(meeting, "TELL", 60)
    with pytest.raises(processes.Interrupted, match="stopped while waiting"):
        meeting.meet("compiled")
    with pytest.raises(meeting.MeetingError, match="has not come within"):
        meeting.meet("done", 0.1, interruptible=False)


def test_a_run_that_is_done_leaves_without_an_error_whatever_comes(store, monkeypatch):
    zero = watch(0, store=store)
    monkeypatch.setattr(joining, "_partners", zero)
    monkeypatch.setattr(partners, "GRACE", 0.2)
    monkeypatch.setattr(meeting, "meet", lambda *_, **__: (_ for _ in ()).throw(meeting.MeetingError("late")))
    assert not joining.leave(0)
    assert store.values[f"{partners.LEFT}0"]


@pytest.mark.parametrize(
    ("reported", "status", "said"),
    [
        (
            "stopped while waiting for the other processes: run the same command again to go on",
            130,
            "process 1 has ended: stopped while waiting for the other processes; step 7 is saved: run the same command "
            "again to go on\n",
        ),
        (
            "the disk is full",
            1,
            "error: process 1 has ended: the disk is full; step 7 is saved: run the same command again to go on\n",
        ),
    ],
)
def test_a_partner_that_was_stopped_is_no_error(monkeypatch, capsys, reported, status, said):
    ended = []
    monkeypatch.setattr(partners.os, "_exit", ended.append)
    monkeypatch.setattr(partners, "GRACE", 0.0)
    store = Store()
    zero, one = watch(0, store=store), watch(1, store=store)
    one.report(reported)
    one.leave()
    zero.saved = lambda: 7
    zero.beat()
    zero._look()
    assert ended == [status]
    assert capsys.readouterr().err == said


def test_native_messages_are_filtered_on_both_streams():
    code = """
import os, sys, time
from aeden.runtime.distributed.native_messages import NativeMessages
NativeMessages().install()
for number in (1, 2):
    os.write(number, b"[Gloo] Rank 1 is connected to 1 peer ranks.\\nof interest\\n")
time.sleep(0.5)
print("ours")
print("ours", file=sys.stderr)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert (result.stdout, result.stderr) == ("of interest\nours\n", "of interest\nours\n")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ((math.nan, 45.0), "--join_timeout=nan: use more than 0 and at most 1,000,000 seconds"),
        ((math.inf, 45.0), "--join_timeout=inf"),
        ((0.0, 45.0), "--join_timeout=0"),
        ((5.0, math.nan), "--partner_timeout=nan: use more than 0 seconds"),
    ],
)
def test_time_outs_that_are_none_are_refused(limits, said):
    with pytest.raises(ValueError, match=said):
        joining.join_processes(Place("127.0.0.1:1", 2, 0), *limits)


def test_process_0_knows_whether_the_address_is_its_own():
    assert joining.is_of_this_machine("127.0.0.1")
    assert not joining.is_of_this_machine("203.0.113.1")  # kept for documents, RFC 5737
    assert "203.0.113.1 is no address of this machine" in joining._absent(Place("203.0.113.1:80", 2, 0))
    with pytest.raises(ValueError, match=r"0.0.0.0 stands for every address"):
        placement.check_address(Place("0.0.0.0:80", 2, 1))


@pytest.fixture
def no_cluster(monkeypatch):
    """An environment without the variables of any launcher."""
    for name in list(os.environ):
        if name.startswith(("SLURM", "OMPI", "PMI", "MPI_", "CUDA", "JOB_COMPLETION", "KUBERNETES")):
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.parametrize("names", placement.MPI)
def test_mpirun_tells_all_but_the_address(no_cluster, names):
    """Open MPI since version 5, MPICH and Intel MPI."""
    for name, value in zip(names, ("3", "2"), strict=True):
        no_cluster.setenv(name, value)
    with pytest.raises(ValueError, match=r"process 2 of 3 that mpirun started, .*--coordinator=HOST:PORT"):
        find_place("auto", None, None, None)
    assert find_place("auto", "10.0.0.1:80", None, None) == Place("10.0.0.1:80", 3, 2)
    for variables in (placement.LOCAL_RANKS, placement.LOCAL_SIZES):
        no_cluster.setenv(variables[placement.MPI.index(names)], "2")
    assert find_place("auto", "10.0.0.1:80", None, None).local_devices == (2,)
    assert find_place("off", None, None, None) is None
    no_cluster.setenv(names[0], "1")
    assert find_place("auto", None, None, None) is None
    no_cluster.setenv(names[0], "many")
    with pytest.raises(ValueError, match=f"the environment variable {names[0]}=many is no whole number"):
        find_place("auto", None, None, None)


def test_a_pod_of_an_indexed_job_does_not_train_alone_in_silence(no_cluster):
    no_cluster.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert find_place("auto", None, None, None) is None
    no_cluster.setenv("JOB_COMPLETION_INDEX", "0")
    no_cluster.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(ValueError, match="pip install kubernetes"):
        find_place("auto", None, None, None)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SLURM_STEP_TASKS_PER_NODE", "x", "'x' is no list of processes per machine"),
        ("SLURM_PROCID", "5", "process 5 of 2"),
    ],
)
def test_wild_variables_of_a_cluster_are_named(no_cluster, name, value, said):
    for known, its in {**SLURM, name: value}.items():
        no_cluster.setenv(known, its)
    with pytest.raises(ValueError, match=f"runs under slurm, which does not tell its place in the run .*{said}"):
        find_place("auto", None, None, None)


def watch(process, coordinator="127.0.0.1:1", store=None):
    """The partners of one of two processes."""
    return Partners(Place(coordinator, 2, process), store or Store(), threading.Event())


def test_a_silent_process_is_lost_and_a_living_one_is_not(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(partners, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    store = Store()
    zero, one = watch(0, store=store), watch(1, store=store)
    for second in range(40):
        now[0] = float(second)
        if second < 5:
            one.beat()
        zero.beat()
        expected = second > 4 + partners.LIMIT
        assert (zero.verdict() is not None) == expected
    assert zero.verdict() == "process 1 is lost: no sign of life for 25 s"
    now[0] += 100  # process 0 was stopped itself: it begins to count again
    assert zero.verdict() is None


def test_a_process_that_lives_but_does_not_come_is_stuck(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(partners, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    store = Store()
    place = Place("127.0.0.1:1", 2, 0)
    zero = Partners(place, store, threading.Event(), patience=45.0)
    one = Partners(dataclasses.replace(place, process=1), store, threading.Event(), patience=45.0)

    def verdict(second, turn_of_zero, turn_of_one):
        now[0] = float(second)
        for process, turn in ((one, turn_of_one), (zero, turn_of_zero)):
            monkeypatch.setattr(turns, "_now", Turn(*turn))
            process.beat()
        return zero.verdict()

    # Process 0 waits in its seventh collective, and process 1 has begun six.
    found = [verdict(second, (7, True), (6, False)) for second in range(60)]
    assert found[:46] == [None] * 46
    assert set(found[46:]) == {"process 1 is stuck: the others have waited for it for 45 s (--partner_timeout)"}
    # Both wait for their devices: a long step.
    assert {verdict(second, (9, True), (8, True)) for second in range(60, 180)} == {None}
    # Both do something else, e.g. write files.
    assert {verdict(second, (9, False), (8, False)) for second in range(180, 300)} == {None}


def test_turns_are_counted_and_an_error_leaves_the_process_waiting(monkeypatch):
    monkeypatch.setattr(turns, "_now", Turn())
    with turns.collective():
        assert turns.now() == Turn(1, True)
        with turns.waiting():
            assert Turn.read(turns.now().text()) == Turn(1, True)
        assert turns.now() == Turn(1, True)
    assert turns.now() == Turn(1, False)
    with pytest.raises(ValueError, match="Gloo"), turns.collective():
        raise ValueError("Gloo")
    assert turns.now() == Turn(2, True)


def test_a_coordinator_that_nobody_listens_at_is_lost_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert watch(1, address).verdict() is None
    assert watch(1, address).verdict() == f"process 0 is lost: it does not answer at {address}"


def test_a_process_that_ends_says_why():
    store = Store()
    one = watch(1, store=store)
    one.report("the disk is full")
    one.leave()
    zero = watch(0, store=store)
    zero.beat()
    assert zero.verdict() == "process 1 has ended: the disk is full"


def test_errors_of_collectives_are_known():
    wrapped = OSError("not written")
    wrapped.__cause__ = ValueError("UNKNOWN: Gloo all-reduce failed: Connection reset by peer")
    assert joining._is_of_jax(wrapped)
    assert not joining._is_of_jax(ValueError("learning_rate -1: use more than 0"))


def test_the_digest_of_code_changes_with_it(tmp_path):
    (tmp_path / "a.py").write_text("x = 1")
    before = agreement.code_digest(tmp_path)
    assert agreement.code_digest(tmp_path) == before
    (tmp_path / "a.py").write_text("x = 2")
    assert agreement.code_digest(tmp_path) != before


def test_children_of_a_launcher_know_it(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("SLURM", "OMPI", "JOB_COMPLETION")):
            monkeypatch.delenv(name)
    assert not placement.in_cluster()
    monkeypatch.setenv("SLURM_STEP_NODELIST", "node01")
    assert placement.in_cluster()


def test_gloo_offers_the_address_that_others_reach(monkeypatch):
    """`python -m tests.reliability --only networks` proves it with two network namespaces."""
    from jax._src.lib import _jax

    def gloo(distributed_client, hostname=None):
        return distributed_client, hostname

    monkeypatch.setattr(_jax, "make_gloo_tcp_collectives", gloo)
    assert own_address.own_address(("127.0.0.1", 80)) == "127.0.0.1"
    for alone in (("127.0.0.1", 80), ("nowhere.invalid", 80)):
        own_address.offer_own_address(alone)
        assert _jax.make_gloo_tcp_collectives("client") == ("client", None)
    monkeypatch.setattr(own_address, "own_address", lambda other: "10.0.0.7")
    own_address.offer_own_address(("10.0.0.1", 80))
    assert _jax.make_gloo_tcp_collectives(distributed_client="client") == ("client", "10.0.0.7")
