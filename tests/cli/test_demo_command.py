"""`aeden demo`: what it refuses, each in one line."""

import importlib.util

import pytest

from aeden.cli.main import main


@pytest.fixture
def with_gradio(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())


def test_without_gradio_the_remedy_is_named(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["demo", "nowhere"]) == 1
    assert capsys.readouterr().err == 'error: the demo needs gradio: pip install "aeden[demo]"\n'


def test_a_missing_run_is_named(with_gradio, capsys):
    assert main(["demo", "nowhere"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: nowhere does not exist: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [["demo"], ["demo", "run", "--port", "0"], ["demo", "run", "--port", "65536"]])
def test_wrong_arguments(arguments, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert "RUN" in capsys.readouterr().err
