"""Runs of several processes: places, messages, agreement and lost partners, with a store in place of JAX's service."""

import dataclasses
import os
import socket
import threading
import types

import jax
import pytest

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
    store.key_value_set("aeden/agreed/1/1", f'{{"the folder {tmp_path}": "of its own on far"}}')
    with pytest.raises(meeting.MeetingError, match=f"process 1 differs from process 0 in the run folder: .*{tmp_path}"):
        shared_folder.check_shared(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not shared_folder._appears(tmp_path / "absent", 0.0)


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
