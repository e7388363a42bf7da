"""The benchmark: its plan, its result files and its tables."""

import dataclasses
import importlib
import inspect

import pytest
from conftest import ROOT, start

from aeden.runtime.files import read_json
from experiments.benchmark.peers import Absent, LayerSettings, __main__
from experiments.benchmark.plan import DECODERS, SECTIONS, Options, plan
from experiments.benchmark.race import PEERS
from experiments.benchmark.tables import markdown

HARDWARE = {"platform": "cpu", "processor": "p", "cores": 2, "device_kind": "cpu"}
LIMITS = {"gflops": 100.0, "gigabytes_per_second": 10.0}


@pytest.mark.proof
def test_peers_are_compared_and_an_absent_one_is_named(tmp_path):
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
    aeden, plain, graphs = training["contenders"]
    assert (aeden["name"], plain["name"], graphs["name"]) == names
    assert len(aeden["seconds_a_step"]) == len(plain["seconds_a_step"]) == 2
    assert "absent" in graphs
    assert {peer["parameters"] for peer in training["contenders"][:2]} == {28_353}
    assert "| PyTorch (CUDA graphs) | absent: " in out
    assert out.startswith((tmp_path / "benchmark.md").read_text())


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--sections=trainings", "error: unknown section 'trainings': use layers"),
        ("--decoders=subpixel", "error: unknown decoder 'subpixel': use transpose, upsample"),
        ("--contenders=aeden,torch", "error: unknown peer 'torch': use aeden"),
        ("--rounds=0", "error: flag --rounds=0"),
        ("--round=1", "error: Unknown command line flag 'round'"),
    ],
)
def test_invalid_flags_are_refused_in_one_line(monkeypatch, option, message):
    command = importlib.import_module("experiments.benchmark.__main__")
    monkeypatch.setattr("sys.argv", ["benchmark", option])
    saved = {name: command.FLAGS[name].value for name in command.FLAGS}
    try:
        with pytest.raises(SystemExit, match=message):
            command.main()
    finally:
        for name, value in saved.items():
            command.FLAGS[name].value = value


def test_the_command_refuses_an_unknown_section():
    process = start("experiments.benchmark", "--sections=trainings")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "unknown section 'trainings': use layers" in err


def test_a_peer_without_the_job_is_absent():
    with pytest.raises(Absent, match="keras3 has no layer"):
        __main__.build("keras3", "tensorflow", "layer", {})


def test_every_peer_accepts_the_settings_of_every_comparison():
    comparisons = plan((*SECTIONS, "quality"), Options(False, tuple(PEERS), DECODERS, 128))
    assert {comparison.section for comparison in comparisons} == set(SECTIONS) - {"startup"}
    assert any("devices" in comparison.settings for comparison in comparisons)
    for comparison in comparisons:
        if comparison.job == "layer":
            assert dataclasses.asdict(LayerSettings(**comparison.settings)) == comparison.settings
        for name in comparison.peers:
            module, _, variant = PEERS[name].partition(" ")
            job = getattr(importlib.import_module(f"experiments.benchmark.peers.{module}"), comparison.job, None)
            # Keras has neither layers nor dense networks, and is left out of these comparisons.
            inspect.signature(job).bind(variant, **comparison.settings)


def test_a_quick_plan_is_a_part_of_the_whole_plan():
    quick, whole = (plan(SECTIONS, Options(quick, tuple(PEERS), DECODERS, 128)) for quick in (True, False))
    assert 0 < len(quick) < len(whole)
    for comparison in quick:
        sections = (other for other in whole if other.section == comparison.section)
        (same,) = (other for other in sections if other.settings == comparison.settings)
        assert set(comparison.peers) <= set(same.peers)


def test_only_chosen_peers_are_measured():
    comparisons = plan(SECTIONS, Options(False, ("plain Flax", "PyTorch"), DECODERS[:1], 32))
    assert {comparison.peers for comparison in comparisons if comparison.section == "training"} == {
        ("plain Flax", "PyTorch")
    }
    assert {comparison.peers for comparison in comparisons if comparison.section == "dense"} == {("PyTorch",)}


def test_speeds_are_relative_to_the_fastest_other_library_and_to_the_limit():
    timed = {"devices": "2 cpu", "version": "1"}
    result = {
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
    table = markdown({"hardware": HARDWARE, **LIMITS, "versions": {}, "results": [result]})
    # 100 images with six million operations each at 100 GFLOP/s take 6 ms. The fastest other library takes 100 ms.
    assert "| aeden | 2000 | 50 ms | 12% | 2.00 |" in table
    assert "| Keras on JAX | 1000 | 100 ms | 6% | 1.00 |" in table
    assert "No GPU" in table


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.json")), ids=lambda path: path.stem)
def test_committed_tables_are_those_of_the_committed_results(path):
    assert path.with_suffix(".md").read_text() == markdown(read_json(path))
