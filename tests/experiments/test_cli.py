"""What the commands say of fields that do not exist."""

import contextlib
import errno
import io
import sys

import pytest
from conftest import ROOT

import experiments
from experiments import cli, command_help, draw_pages, error_lines
from experiments.benchmark import __main__ as benchmark


@pytest.mark.parametrize(
    ("argument", "said", "expected"),
    [
        ("--config.noise.foo=3", "foo", "there is no field noise.foo"),
        (
            "--config.tuning.fields.rate=(1, 2)",
            "rate",
            "tuning.fields has no rate yet: set the whole section, --config.t",
        ),
        ("--config.axes.epochs=(1, 2)", "epochs", "--config.axes=\"{'epochs': ...}\""),
        ("--config.epoch=3", 'epoch. Did you mean "epochs"', "there is no field epoch; did you mean epochs?"),
        ("--config.evaluation.every=3", "evaluation", "there is no field evaluation.every; did you mean eval.every?"),
        ("--config.model.decoder.x=3", "string indices", "there is no field model.decoder.x; did you mean model.deco"),
        ("--config.modle.init=he", "'modle' Did you mean \"model\"", "no field modle.init; did you mean model.init?"),
    ],
)
def test_a_field_that_does_not_exist_is_named_whole(monkeypatch, argument, said, expected):
    monkeypatch.setattr(sys, "argv", ["main.py", "--config=configs/smoke.py", argument])
    assert expected in error_lines.unknown_field(said)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("flag --config.seed=abc: invalid literal for int()", "seed 'abc' cannot be read: use a whole number from 0"),
        ("flag --config.experiment.epochs=x: could not", "epochs 'x' cannot be read: use a number from 0 to 1e+06"),
        ("flag --config.noise=3: Failed to parse", "noise '3' cannot be read: it is a section"),
        (
            "flag --config.contenders={k3: {}}: Failed to",
            "contenders is no dict of Python: quote its names and texts, -",
        ),
        ("flag --jobs=x: no integer", "flag --jobs=x: no integer"),
        ("flag --processes=two: invalid literal for int() with base 10: 'two'", "--processes=two is no whole number"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_its_range(said, expected):
    assert expected in error_lines.illegal_value(said)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "runs/a.csv"), "runs/a.csv: No space left on device; make r"),
        (OSError("the checkpoint could not be written"), "the checkpoint could not be written"),
        (ValueError("TypeError: bad"), "bad"),
        (KeyError("fine-tune"), "this should not happen ('fine-tune'): please report it"),
        (RuntimeError(), "this should not happen (no details)"),
        (MemoryError(), "there is not enough memory"),
        (KeyError("architecture"), "the config has no field architecture: a section that is set as a whole needs all"),
        (AttributeError("'task'"), "the config has no field task"),
        (
            RuntimeError("Gloo context initialization failed: DEADLINE_EXCEEDED"),
            "the processes could not connect to each other within 30 s",
        ),
        (ValueError("x" * 5000), "x" * 1500 + "... (--debug shows all)"),
    ],
)
def test_an_error_is_one_line_without_names_of_python(error, expected):
    line = error_lines.one_line(error)
    assert line.startswith(expected)
    assert "Error" not in line
    assert "Errno" not in line


def test_every_guarded_command_is_known_before_its_imports():
    files = (ROOT / "experiments").rglob("*.py")
    found = {path.relative_to(ROOT) for path in files if "(cli.guarded(main))" in path.read_text()}
    names = {".".join(path.with_suffix("").parts).removesuffix(".__main__") for path in found}
    assert names == experiments.GUARDED


def test_a_command_whose_messages_nobody_reads_goes_on(monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    closed, done = Closed(), []
    monkeypatch.setattr(sys, "stderr", closed)
    monkeypatch.setattr(sys, "argv", ["main.py", "--debug"])
    monkeypatch.setattr(cli, "_parse", lambda: print("a message", file=sys.stderr, flush=True))
    assert cli.guarded(lambda: done.append(True)) == 0
    assert done == [True]
    assert sys.stderr is closed


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        (draw_pages.main, "--count: Number of pages"),
        (benchmark.main, "--rounds: Rounds per peer"),
        (cli._parse, "--workdir: "),
    ],
)
def test_each_command_explains_itself(monkeypatch, capsys, command, flag):
    monkeypatch.setattr(sys, "argv", ["command", "--help"])
    with contextlib.suppress(SystemExit):
        command()
    out, err = capsys.readouterr()
    assert flag in out
    assert not err


def test_a_command_without_a_config_names_one_of_its_own():
    documentation = "Does it.\n\n    python -m experiments.x --config=configs/ablations/quick.py [--jobs=N]\n"
    assert command_help.example(documentation) == "configs/ablations/quick.py"
    assert command_help.example(None) == "configs/transpose_mnist.py"
