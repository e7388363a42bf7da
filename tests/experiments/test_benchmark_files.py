"""Result files of the benchmark: sittings, older files, machines, and the tables made from them."""

import copy
import importlib
import json
import sys

import pytest
from conftest import ROOT

from aeden.runtime.files import read_json, write_json
from experiments.benchmark import sittings, whole, whole_process
from experiments.benchmark.commands import Command, time_command
from experiments.benchmark.libraries import PEERS
from experiments.benchmark.peers import Absent
from experiments.benchmark.race import Worker
from experiments.benchmark.tables.page import markdown

HARDWARE = {"platform": "cpu", "processor": "p", "cores": 2, "device_kind": "cpu"}
MACHINE = {"hardware": HARDWARE, "gflops": 100.0, "gigabytes_per_second": 10.0, "vector_extensions": "AVX2"}
# A result file as it was written before there were sittings, with some of its results.
OLD = ROOT / "tests" / "experiments" / "fixtures" / "benchmark_without_sittings.json"
NETWORK = {"decoder": "transpose", "batch": 100, "size": 28}


def sitting(commit="c0ffee", **fields):
    measuring = {"rounds": 3, "seconds": 1.0, "seed": 5}
    return {"date": "2026-01-02", "commit": commit, **MACHINE, "versions": {"jax": "1"}, **measuring, **fields}


def peer(name, *seconds):
    median = sorted(seconds)[len(seconds) // 2]
    described = {"devices": "2 cpu", "version": "1", "parameters": 7, "first_seconds": 9.0}
    return {"name": name, **described, "seconds_a_step": list(seconds), "median_seconds": median}


def training(*peers):
    return {"section": "training", "settings": NETWORK, "multiplications": 1_000_000, "contenders": list(peers)}


def test_a_file_without_sittings_has_one():
    content, old = sittings.read(OLD), read_json(OLD)
    (only,) = content["sittings"]
    assert (only["gflops"], only["versions"]) == (old["gflops"], old["versions"])
    assert {result["sitting"] for result in content["results"]} == {only["sitting"]}
    without = [{key: value for key, value in result.items() if key != "sitting"} for result in content["results"]]
    assert without == old["results"]
    assert markdown(content) == markdown(old)


def test_what_is_no_result_file_is_refused(tmp_path):
    write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(ValueError, match=r"x\.json is not a result file"):
        sittings.read(tmp_path / "x.json")


def test_an_appended_sitting_is_added_to_an_older_file():
    old = sittings.read(OLD)
    merged = sittings.merge(old, sitting(), [training(peer("aeden", 1.0))])
    assert merged["results"][:-1] == old["results"]
    assert merged["results"][-1]["commit"] == "c0ffee"
    assert [one["sitting"] for one in merged["sittings"]] == [0, 1]
    assert merged["results"][-1]["sitting"] == 1
    assert merged["gflops"] == 100.0
    text = markdown(merged)
    assert "Sittings 1, 2, aeden at commit 401e8f0c3610, c0ffee." in text
    assert json.loads(json.dumps(merged)) == merged


def test_without_appending_a_comparison_replaces_the_earlier_one():
    old = sittings.read(OLD)
    before = copy.deepcopy(old)
    measured = next(result for result in old["results"] if result["section"] == "training")
    new = {**training(peer("aeden", 1.0)), "settings": measured["settings"]}
    merged = sittings.merge(old, sitting(), [new], append=False)
    assert old == before
    # Other comparisons stay, also those of the same section.
    assert merged["results"][:-1] == [result for result in old["results"] if result is not measured]
    assert merged["results"][-1]["sitting"] == 1
    # A sitting whose results are all replaced goes too.
    last = sittings.merge(merged, sitting("beef"), merged["results"], append=False)
    assert [one["commit"] for one in last["sittings"]] == ["beef"]


def test_ratios_are_formed_within_a_sitting():
    """A machine that is ten times slower in the second sitting: ratios of 2 and 2.2, not of pooled times."""
    fast = training(peer("aeden", *[1.0] * 5), peer("PyTorch", *[2.0] * 5))
    slow = training(peer("aeden", *[10.0] * 5), peer("PyTorch", *[2.2 * 10] * 5))
    content = sittings.merge(sittings.merge(None, sitting(), [fast]), sitting("beef"), [slow])
    assert [one["sitting"] for one in content["sittings"]] == [0, 1]
    text = markdown(content)
    assert "| PyTorch | 15 | 6633 ms | " in text  # the geometric mean of 2 s and 22 s
    assert "2.10 [1.14, 3.85]" in text  # Student's t with one degree of freedom
    assert "Over 2 sittings, aeden is at least 1.14 times as fast." in text


def test_a_sitting_without_the_best_peer_does_not_count_for_the_best_peer():
    one = training(peer("aeden", 1.0, 1.0), peer("PyTorch", 3.0, 3.0), peer("PyTorch (compiled)", 2.0, 2.0))
    other = training(peer("aeden", 1.0, 1.0), peer("PyTorch", 3.0, 3.0))
    slow = training(peer("aeden", 9.0, 9.0), peer("PyTorch", 27.0, 27.0))
    content = sittings.merge(None, sitting(), [one])
    for result in (other, slow):
        content = sittings.merge(content, sitting(), [result])
    text = markdown(content)
    assert "divided by aeden's: 2.00 [2.00, 2.00]; the fastest is PyTorch (compiled)." in text
    assert "| PyTorch (compiled) (1 of 3 sittings) | 50 | 2000 ms | " in text
    assert "3.00 [3.00, 3.00]" in text


def test_speeds_are_compared_with_the_fastest_other_library_and_with_the_limit():
    peers = [("aeden", 0.05), ("plain Flax", 0.01), ("PyTorch", 0.2), ("Keras on JAX", 0.1)]
    result = training(*(peer(name, *[seconds] * 5) for name, seconds in peers))
    table = markdown(sittings.merge(None, sitting(), [result]))
    # 100 images with six million operations each at 100 GFLOP/s take 6 ms. The fastest other library takes 100 ms.
    assert "| aeden | 2000 | 50 ms | 12% |  | 2 cpu | 1 |" in table
    assert "| Keras on JAX | 1000 | 100 ms | 6% | 2.00 [2.00, 2.00] |" in table
    assert (
        "2.00 [2.00, 2.00]; the fastest is Keras on JAX. In this one sitting, aeden is at least 2.00 times as fast."
        in table
    )
    assert "No GPU" in table


@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [
        ((1.2, 1.2, 1.35, 1.5, 1.5), "In this one sitting, aeden is at least 1.20 times as fast."),
        ((0.9, 0.9, 1.35, 1.5, 1.5), "neither is faster beyond the noise of this measurement."),
        ((0.5, 0.5, 0.55, 0.6, 0.6), "aeden is slower: that one is at least 1.66 times as fast."),
        ((1.2, 1.35, 1.5), "3 rounds cannot tell which is faster."),
        ((1.5,), "1 round cannot tell which is faster."),
    ],
)
def test_a_claim_is_what_the_end_of_the_interval_says(seconds, sentence):
    content = sittings.merge(
        None, sitting(), [training(peer("aeden", *[1.0] * len(seconds)), peer("PyTorch", *seconds))]
    )
    assert sentence in markdown(content)


NOTHING = {"absent": "it died"}


def all_sections(names, present=()):
    """A result of every section, in which all peers but those in `present` are absent."""
    peers = [peer(name, 1.0, 2.0, 3.0) if name in present else {"name": name, **NOTHING} for name in names]
    layer = {"kind": "upsample", "pass_": "forward", "batch": 8, "size": 7, "channels": 1, "features": 1}
    settings = {
        "training": NETWORK,
        "variants": {**NETWORK, "channels": 3, "decoder_kernel": 4},
        "inference": {**NETWORK, "precision": "bfloat16"},
        "scaling": {**NETWORK, "devices": 2},
        "dispatch": {**NETWORK, "dispatch": 50},
        "dense": {"network": "classifier", "batch": 128},
        "layers": {**layer, "kernel": 3, "stride": 2},
        "whole": whole.GRID,
    }
    results = [
        {"section": name, "settings": each, "multiplications": 5, "contenders": copy.deepcopy(peers)}
        for name, each in settings.items()
    ]
    search = {
        "library": "PyTorch",
        "seconds": 3.0,
        "chosen": "",
        "trials": [{"configuration": "a", **NOTHING}],
        "final": [],
    }
    results[0]["search"] = [search]
    others = [{"section": "startup", **NOTHING}, {"section": "quality", "target_bce": 0.1, "aeden": NOTHING}]
    return [*results, *others]


@pytest.mark.parametrize("present", [(), ("aeden",), ("PyTorch",), ("plain Flax",), ("aeden", "PyTorch")], ids=str)
def test_tables_name_every_peer_that_is_absent(present):
    names = ("aeden", "plain Flax", "PyTorch")
    content = sittings.merge(None, sitting(), all_sections(names, present))
    text = markdown(content)
    parts = text.split("\n## ")[1:]
    assert len(parts) == 10
    for part in parts:
        title = part.partition("\n")[0]
        if title in ("Startup", "Quality"):
            assert "aeden is absent: it died" in part
        elif title in ("Scaling", "Steps per dispatch"):
            assert ("| absent: it died |" in part) == ("aeden" not in present)
        else:
            named = [name for name in names if f"| {name} | absent: it died |" in part or f"- {name}, absent" in part]
            assert named == [name for name in names if name not in present]
    if {"aeden", "PyTorch"} <= set(present):
        assert text.count("cannot tell which is faster") == 5
    else:
        assert "times as fast" not in text


def test_tables_do_without_the_limits_of_the_machine():
    limits = {"gflops": None, "gflops_by_precision": None, "gigabytes_per_second": None, "limits_absent": "it died"}
    content = sittings.merge(None, sitting(**limits), [training(peer("aeden", 1.0, 1.0))])
    assert "| not measured: it died |" in markdown(content)
    assert "| aeden | 100 | 1000 ms |  |" in markdown(content)


def test_a_search_is_shown_with_its_choice():
    trials = [
        {"configuration": "eager", "relative": 1.0, "seconds_a_step": [0.02], "median_seconds": 0.02},
        {"configuration": "compiled", "relative": 0.5, "seconds_a_step": [0.01], "median_seconds": 0.01},
        {"configuration": "autotuned", **NOTHING},
    ]
    search = {"library": "PyTorch", "seconds": 12.0, "chosen": "compiled", "trials": trials, "final": trials[:2]}
    result = {**training(peer("aeden", 1.0)), "search": [search]}
    text = markdown(sittings.merge(None, sitting(), [result]))
    assert "| eager | 1.00 (20) |\n| compiled | **0.50 (10)** |\n| autotuned | absent: it died |" in text
    assert "The search took 12 s." in text


CPUINFO = "processor : 0\nflags\t\t: fpu sse2 avx avx2 {}\n"


@pytest.mark.parametrize(
    ("cpuinfo", "extensions"),
    [(CPUINFO.format("avx512f avx512bw"), "AVX-512"), (CPUINFO.format(""), "AVX2"), ("Features : asimd", ""), ("", "")],
)
def test_vector_extensions_are_read_from_the_flags_of_the_processor(cpuinfo, extensions):
    assert sittings.vector_extensions(cpuinfo) == extensions
    assert sittings.used_extensions(cpuinfo, {"XLA_FLAGS": "--xla_dump_to=x"}) == extensions


@pytest.mark.parametrize(
    "limit", [{"ONEDNN_MAX_CPU_ISA": "AVX2"}, {"ATEN_CPU_CAPABILITY": "avx2"}, {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"}]
)
def test_limited_libraries_need_a_name_for_the_result(limit):
    wide = CPUINFO.format("avx512f")
    with pytest.raises(ValueError, match=f"{next(iter(limit))} limits some .* --vector_extensions"):
        sittings.used_extensions(wide, limit)
    assert sittings.used_extensions(wide, limit, "AVX2 (played)") == "AVX2 (played)"
    assert sittings.used_extensions(wide, {}) == "AVX-512"


def test_machines_with_other_vector_extensions_have_other_files():
    names = {sittings.file_name(HARDWARE, extensions) for extensions in ("AVX-512", "AVX2", "AVX2 (played)", "")}
    assert names == {"p-2-cores-avx-512", "p-2-cores-avx2", "p-2-cores-avx2-played", "p-2-cores"}
    gpu = {**HARDWARE, "platform": "gpu", "device_kind": "NVIDIA H200"}
    assert sittings.file_name(gpu, "AVX-512") == "nvidia-h200"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vector_extensions": "AVX-512"}, "vector extensions AVX2, not AVX-512"),
        ({"hardware": {**HARDWARE, "processor": "q"}}, "processor p, not q"),
        ({"hardware": {**HARDWARE, "cores": 4}}, "cores 2, not 4"),
    ],
)
def test_two_machines_are_not_mixed_in_a_file(tmp_path, change, message):
    earlier = sittings.merge(None, sitting(), [])
    sittings.check_same_machine(earlier, sitting(), tmp_path)
    with pytest.raises(ValueError, match=message):
        sittings.check_same_machine(earlier, {**sitting(), **change}, tmp_path)


def test_a_sitting_records_code_versions_and_environment(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=x")
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    described = sittings.describe(MACHINE, {"rounds": 3, "seed": 4})
    assert described["environment"]["XLA_FLAGS"] == "--xla_dump_to=x"
    assert "ONEDNN_MAX_CPU_ISA" not in described["environment"]
    assert {"date", "commit", "versions", "gflops", "vector_extensions", "rounds", "seed"} <= described.keys()
    assert "jax" in described["versions"]


# --- whole processes


def test_a_command_that_fails_is_absent_with_its_last_line(tmp_path):
    assert time_command(Command("json.tool", ["--help"])) > 0
    with pytest.raises(Absent, match=r"it exited with status 1: .*no such file|No such file"):
        time_command(Command("json.tool", [str(tmp_path / "gone.json")]))


def failing(monkeypatch, module):
    monkeypatch.setattr(module, "time_command", lambda *_: (_ for _ in ()).throw(Absent("it exited with status 1")))


def test_startup_and_quality_without_aeden_are_absent(monkeypatch):
    failing(monkeypatch, whole_process)
    startup, quality = whole_process.startup(""), whole_process.time_to_quality("")
    assert startup == {"section": "startup", "absent": "it exited with status 1"}
    assert quality["aeden"] == {"absent": "it exited with status 1"}
    text = markdown(sittings.merge(None, sitting(), [startup, quality]))
    assert text.count("aeden is absent: it exited with status 1") == 2


def test_whole_runs_name_what_failed(monkeypatch):
    def time(command):
        if "ablate" in command.module or "--mode=compiled" in command.arguments:
            raise Absent("it exited with status 1")
        return 10.0 if command.module == "experiments.main" else 20.0

    monkeypatch.setattr(whole, "time_command", time)
    run, grid = whole.whole("", whole.CONTENDERS, 2, 0, lambda text: None)
    assert [peer.get("absent", peer.get("seconds_a_step")) for peer in run["contenders"]] == [
        [10.0, 10.0],
        [20.0, 20.0],
        "it exited with status 1",
    ]
    assert "absent" in grid["contenders"][0]
    text = markdown(sittings.merge(None, sitting(), [run, grid]))
    assert "| PyTorch (plain script) | 20.0 | 20.0 | 2.00 [2.00, 2.00] |" in text
    assert "There is no comparison of aeden with the plain script." in text


def test_whole_commands_name_configs_that_exist(tmp_path):
    for settings in (whole.RUN, whole.GRID):
        command = whole.make_command("aeden", settings, "/data", tmp_path)(1)
        (config,) = (one.partition("=")[2] for one in command.arguments if one.startswith("--config="))
        assert (ROOT / config).exists()
        assert command.arguments.count(f"--workdir={tmp_path / 'aeden-1'}") == 1


def fake_aeden(tmp_path, answers):
    path = tmp_path / "aeden.py"
    path.write_text(
        "import json, os, sys\n"
        f"answers = {answers!r}\n"
        "for line in sys.stdin:\n"
        "    job = json.loads(line)['job']\n"
        "    if job not in answers: os._exit(3)\n"
        "    print(json.dumps({'seconds': 1.0, 'description': answers[job]}), flush=True)\n"
    )
    return lambda peer: Worker([sys.executable, str(path)])


def test_a_machine_whose_limits_cannot_be_measured_is_still_known(monkeypatch, tmp_path):
    monkeypatch.setattr(type(PEERS["aeden"]), "start", fake_aeden(tmp_path, {"hardware": {"hardware": HARDWARE}}))
    machine = whole_process.measure_machine()
    assert machine["hardware"] == HARDWARE
    assert (machine["gflops"], machine["limits_absent"]) == (None, "its process exited with status 3")


def test_without_any_answer_of_aeden_the_command_ends_in_one_line(monkeypatch, tmp_path):
    command = importlib.import_module("experiments.benchmark.__main__")
    monkeypatch.setattr(type(PEERS["aeden"]), "start", fake_aeden(tmp_path, {}))
    monkeypatch.delenv("XLA_FLAGS", raising=False)  # those of the tests limit the processor
    monkeypatch.setattr("sys.argv", ["benchmark", f"--output={tmp_path / 'x.json'}"])
    saved = {name: command.FLAGS[name].value for name in command.FLAGS}
    try:
        with pytest.raises(SystemExit, match="error: its process exited with status 3"):
            command.main()
    finally:
        for name, value in saved.items():
            command.FLAGS[name].value = value
    assert list(tmp_path.glob("*.json")) == []
