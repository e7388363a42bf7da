"""What the commands say of fields that do not exist."""

import sys

import pytest

from experiments import cli


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
        ("--config.epoch=3", 'epoch. Did you mean "epochs"', 'Did you mean "epochs"'),
    ],
)
def test_a_field_that_does_not_exist_is_named_whole(monkeypatch, argument, said, expected):
    monkeypatch.setattr(sys, "argv", ["main.py", "--config=configs/smoke.py", argument])
    assert expected in cli._unknown_field(said)
