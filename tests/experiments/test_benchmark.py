"""The benchmark: its plan, its result files and its tables."""

import dataclasses
import importlib

import pytest
from conftest import ROOT, start

from aeden.runtime.files import read_json
from experiments.benchmark.libraries import PEERS, SEARCHED, configurations
from experiments.benchmark.peers import PRECISIONS, Absent, LayerSettings, NetworkSettings, __main__, split_variant
from experiments.benchmark.plan import DECODERS, MORE_SECTIONS, SECTIONS, Options, plan
from experiments.benchmark.tables.page import markdown


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
        "--search=off",
        f"--contenders={','.join(names)}",
        f"--output={tmp_path / 'benchmark.json'}",
    )
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    content = read_json(tmp_path / "benchmark.json")
    (training,), (sitting,) = content["results"], content["sittings"]
    assert (sitting["rounds"], training["sitting"]) == (2, sitting["sitting"])
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
        ("--decoders=unpool", "error: unknown decoder 'unpool': use transpose, upsample"),
        ("--precisions=float16", "error: unknown precision 'float16': use float32, tf32, bfloat16"),
        ("--batches=128,many", "error: --batches=128,many: use positive whole numbers"),
        ("--search=maybe", "error: flag --search=maybe"),
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


SETTINGS = {"layer": LayerSettings, "training": NetworkSettings, "inference": NetworkSettings}
WHOLE = Options(False, tuple(PEERS), DECODERS, (128, 1024), PRECISIONS, (1, 50), on_cpu=False, search=True)
ON_CPU = Options(False, tuple(PEERS), DECODERS, (128,), search=True)


@pytest.mark.parametrize("options", [WHOLE, ON_CPU], ids=["GPU", "CPU"])
def test_every_peer_accepts_the_settings_of_every_comparison(options):
    comparisons = plan((*SECTIONS, *MORE_SECTIONS), options)
    others = {"startup", "whole"} | (set() if options is WHOLE else {"dispatch"})
    assert {comparison.section for comparison in comparisons} | others == {*SECTIONS, "dispatch"}
    assert any("devices" in comparison.settings for comparison in comparisons) == options.on_cpu
    for comparison in comparisons:
        if comparison.job in SETTINGS:
            known = dataclasses.asdict(SETTINGS[comparison.job](**comparison.settings))
            assert known.items() >= comparison.settings.items()
        for name in comparison.peers:
            job = getattr(importlib.import_module(f"experiments.benchmark.peers.{PEERS[name].module}"), comparison.job)
            assert callable(job)  # Keras has neither layers nor dense networks, and is left out of these comparisons.
        assert set(comparison.searched) <= set(SEARCHED)


def test_an_older_result_has_the_settings_of_todays_comparison(monkeypatch):
    """So that `--append` adds to it: a setting at its default is not named."""
    monkeypatch.setattr("aeden.runtime.processes.cores", lambda: 2)
    results = read_json(ROOT / "benchmarks" / "amd-epyc-2-cores-avx-512.json")["results"]
    old = [(result["section"], result["settings"]) for result in results if "settings" in result]
    today = [(comparison.section, comparison.settings) for comparison in plan(SECTIONS, ON_CPU)]
    assert [settings for settings in old if settings not in today] == []


def test_passes_of_the_layers_can_be_chosen():
    chosen = plan(["layers"], dataclasses.replace(ON_CPU, passes=("forward",)))
    assert {comparison.settings["pass_"] for comparison in chosen} == {"forward"}
    assert chosen == [one for one in plan(["layers"], ON_CPU) if one.settings["pass_"] == "forward"]


def test_only_peers_that_exist_are_left_out_on_a_cpu():
    layers = {name for comparison in plan(["layers"], ON_CPU) for name in comparison.peers}
    assert {name for comparison in plan(["layers"], WHOLE) for name in comparison.peers} - layers == {
        "aeden (fast lowering)",
        "PyTorch (compiled)",
        "PyTorch (CUDA graphs)",
    }


def test_a_quick_plan_is_a_part_of_the_whole_plan():
    quick, whole = (plan(SECTIONS, dataclasses.replace(ON_CPU, quick=quick)) for quick in (True, False))
    assert 0 < len(quick) < len(whole)
    for comparison in quick:
        sections = (other for other in whole if other.section == comparison.section)
        (same,) = (other for other in sections if other.settings == comparison.settings)
        assert set(comparison.peers) <= set(same.peers)


def test_only_chosen_peers_are_measured_and_searched():
    comparisons = plan(SECTIONS, Options(False, ("plain Flax", "PyTorch"), DECODERS[:1], (32,), search=True))
    training = [comparison for comparison in comparisons if comparison.section == "training"]
    assert {comparison.peers for comparison in training} == {("plain Flax", "PyTorch")}
    assert {comparison.searched for comparison in training} == {("PyTorch",)}
    assert {comparison.peers for comparison in comparisons if comparison.section == "dense"} == {("PyTorch",)}
    assert {comparison.settings["decoder"] for comparison in training} == {"transpose"}


@pytest.mark.parametrize("on_cpu", [True, False])
@pytest.mark.parametrize("library", SEARCHED)
def test_configurations_have_names_of_their_own(monkeypatch, library, on_cpu):
    monkeypatch.setattr("experiments.benchmark.libraries.cores", lambda: 2)
    tried = configurations(library, on_cpu)
    assert len({peer.name for peer in tried}) == len(tried) > 5
    assert len({(peer.variant, tuple(peer.environment)) for peer in tried}) == len(tried)


def test_a_variant_has_words_and_options():
    assert split_variant("channels_last compile=max-autotune threads=1") == (
        {"channels_last"},
        {"compile": "max-autotune", "threads": "1"},
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--precisions=float32,tf32"], "tf32 needs a GPU"),
        (["--dispatches=1,50"], "--dispatches needs a GPU"),
        (["--sections=dispatch"], "--dispatches needs a GPU"),
    ],
)
def test_what_makes_no_sense_on_a_cpu_is_refused(arguments, message):
    command = importlib.import_module("experiments.benchmark.__main__")
    saved = {name: command.FLAGS[name].value for name in command.FLAGS}
    try:
        command.FLAGS(["benchmark", *arguments])
        with pytest.raises(ValueError, match=message):
            command.check_machine(on_cpu=True)
    finally:
        for name, value in saved.items():
            command.FLAGS[name].value = value


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.json")), ids=lambda path: path.stem)
def test_committed_tables_are_those_of_the_committed_results(path):
    assert path.with_suffix(".md").read_text() == markdown(read_json(path))
