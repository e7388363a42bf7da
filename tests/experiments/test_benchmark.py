"""The benchmark: contenders side by side, by name where they are absent, as JSON and as Markdown."""

import pytest
from conftest import start

from aeden.runtime.files import read_json
from experiments.benchmark.peers import Absent, __main__
from experiments.benchmark.race import PEERS
from experiments.benchmark.tables import markdown


@pytest.mark.proof
def test_contenders_are_compared_and_an_absent_one_is_named(tmp_path):
    names = ("aeden", "plain Flax", "PyTorch (CUDA graphs)")
    process = start(
        "experiments.benchmark",
        "--rounds=2",
        "--seconds=0.05",
        "--batch=32",
        "--decoders=transpose",
        "--sections=training",
        f"--contenders={','.join(names)}",
        f"--output={tmp_path / 'benchmark.json'}",
    )
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    (training,) = read_json(tmp_path / "benchmark.json")["results"]
    assert training["settings"]["batch"] == 32
    ours, plain, graphs = training["contenders"]
    assert (ours["name"], plain["name"], graphs["name"]) == names
    assert len(ours["seconds_a_step"]) == len(plain["seconds_a_step"]) == 2
    assert "absent" in graphs
    assert {one["parameters"] for one in training["contenders"][:2]} == {28_353}
    assert "| PyTorch (CUDA graphs) | absent: " in out
    assert out.startswith((tmp_path / "benchmark.md").read_text())


def test_unknown_sections_are_refused():
    process = start("experiments.benchmark", "--sections=trainings")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "unknown section 'trainings': use layers" in err


def test_a_contender_without_the_job_is_absent():
    with pytest.raises(Absent, match="keras3 has no layer"):
        __main__.build("keras3", "tensorflow", "layer", {})


def test_ratios_are_to_the_fastest_peer_and_to_the_limit():
    hardware = {"platform": "cpu", "processor": "p", "cores": 2, "device_kind": "cpu"}
    timed = {"devices": "2 cpu", "version": "1"}
    cell = {
        "section": "training",
        "commit": "c0ffee",
        "settings": {"decoder": "transpose", "batch": 100, "size": 28},
        "multiplications": 1_000_000,
        "contenders": [
            {"name": "aeden", "median_seconds": 0.05, **timed},
            {"name": "plain Flax", "median_seconds": 0.01, **timed},
            {"name": "PyTorch", "median_seconds": 0.2, **timed},
            {"name": "Keras on JAX", "median_seconds": 0.1, **timed},
        ],
    }
    limits = {"gflops": 100.0, "gigabytes_per_second": 10.0}
    table = markdown({"hardware": hardware, **limits, "versions": {}, "results": [cell]}, PEERS)
    # 100 images of six million operations at 100 GFLOP/s: 6 ms; the fastest peer takes 100 ms.
    assert "| aeden | 2000 | 50 ms | 12% | 2.00 |" in table
    assert "| Keras on JAX | 1000 | 100 ms | 6% | 1.00 |" in table
    assert "No GPU" in table
