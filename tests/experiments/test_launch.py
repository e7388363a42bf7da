"""How runs are started: several at a time, each fails alone, and none is left behind."""

import contextlib
import os
import time

import pytest

from experiments.ablate import launch


def jobs(folder, **scripts):
    return [launch.Job(name, ["-c", script], folder / name / "log.txt") for name, script in scripts.items()]


def test_each_job_ends_by_itself_with_what_it_said(tmp_path):
    made = jobs(tmp_path, good="print('hello')", bad="raise SystemExit('error: no')", other="print('too')")
    ended = {job.name: status for job, status in launch.run_local(made, [{}], lambda running: None)}
    assert ended == {"good": 0, "bad": 1, "other": 0}
    assert (tmp_path / "bad/log.txt").read_text() == "error: no\n"


def test_no_more_at_once_than_seats_and_each_on_its_own_cores(tmp_path):
    script = "import os, time; print(sorted(os.sched_getaffinity(0))); time.sleep(0.2)"
    seats, most = launch.seats(), []
    assert len(seats) == len(os.sched_getaffinity(0))
    made = jobs(tmp_path, **{f"job{i}": script for i in range(4)})
    assert len(list(launch.run_local(made, seats, most.append))) == 4
    assert max(most) <= len(seats)
    kept = {(tmp_path / job.name / "log.txt").read_text().strip() for job in made}
    assert kept <= {str(sorted(seat["cores"])) for seat in seats}


def test_what_runs_is_stopped_when_the_sweep_is(tmp_path):
    script = (
        "import signal, sys, time\n"
        "def stop(*_):\n    print('saved'); sys.exit(130)\n"
        "signal.signal(signal.SIGTERM, stop); print('up', flush=True); time.sleep(60)"
    )
    made = jobs(tmp_path, long=script, next=script)

    def tell(running):
        log = tmp_path / "long/log.txt"
        if log.exists() and "up" in log.read_text():
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), contextlib.closing(launch.run_local(made, [{}], tell)) as ended:
        list(ended)
    assert time.monotonic() - began < 30
    assert (tmp_path / "long/log.txt").read_text() == "up\nsaved\n"
    assert not (tmp_path / "next").exists()


def test_submitted_jobs_end_as_local_ones_do(tmp_path):
    submitit = pytest.importorskip("submitit")
    made = jobs(tmp_path, good="print('hello')", bad="raise SystemExit('error: no')")
    executor = submitit.LocalExecutor(folder=tmp_path / "slurm")
    ended = {job.name: status for job, status in launch.run_submitted(made, executor, lambda running: None)}
    assert ended == {"good": 0, "bad": 1}
    assert (tmp_path / "good/log.txt").read_text() == "hello\n"


def test_a_job_that_the_cluster_lost_says_so(tmp_path):
    class Lost:
        def submit(self, *_):
            return self

        def done(self):
            return True

        def result(self):
            raise RuntimeError("node failure")

    made = jobs(tmp_path, one="pass")
    assert [status for _, status in launch.run_submitted(made, Lost(), lambda running: None)] == [1]
    assert "node failure" in (tmp_path / "one/log.txt").read_text()
