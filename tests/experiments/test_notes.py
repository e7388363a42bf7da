"""Which notes of configs are printed: those that are true of the grid."""

import pytest
from absl import flags
from conftest import ROOT
from ml_collections import config_flags

from configs.ablations.quick import NOTE
from experiments import cli
from experiments.ablate import __main__

QUICK = "configs/ablations/quick.py"


def parsed(monkeypatch, path, *options):
    """The config of a file with options, as a command parses it."""
    monkeypatch.chdir(ROOT)
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values)
    monkeypatch.setattr("sys.argv", ["ablate", f"--config={path}", *options])
    values(["ablate", f"--config={path}", *options])
    return values["config"].value


def note_of(monkeypatch, *options):
    settings = parsed(monkeypatch, QUICK, *options)
    __main__.apply_note(settings, QUICK)
    return settings.note


pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")  # ml_collections' own


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--config.seeds=6",),  # what it has already
        ("--config.experiment.data.dir=elsewhere", "--noconfig.baselines", "--config.costs=False"),
    ],
)
def test_the_note_of_an_unchanged_grid_stays(monkeypatch, options):
    assert note_of(monkeypatch, *options) == NOTE


@pytest.mark.parametrize(
    "option",
    [
        "--config.experiment.data.name=glyphs/digits",
        "--config.experiment.data.limit=100",
        "--config.tuning.fields={'learning_rate': (4e-3, 1e-1)}",
        "--config.axes={'loss': ('bce', 'mse')}",
        "--config.metric=ssim",
        "--config.seeds=8",
        "--config.contenders.k3={'model': {'decoder': 'subpixel'}}",
        "--config.contenders={'nearest': {'model': {'decoder': 'upsample'}}, 'new': {}}",
    ],
)
def test_a_changed_grid_does_not_have_the_note_of_its_config(monkeypatch, option):
    assert note_of(monkeypatch, option, "--config.experiment.data.dir=elsewhere") == ""


def test_a_note_given_as_an_option_stays(monkeypatch):
    assert note_of(monkeypatch, "--config.note=My own.", "--config.seeds=8") == "My own."


def test_changed_fields_are_named_also_of_a_config_with_an_argument(monkeypatch):
    path = "configs/ablations/tune.py:dense_mnist"
    assert cli.changed_fields(parsed(monkeypatch, path), path) == set()
    changed = cli.changed_fields(parsed(monkeypatch, path, "--config.experiment.model.hidden=(8,)"), path)
    assert changed == {"experiment.model.hidden"}


def test_the_example_report_has_the_note():
    assert NOTE in (ROOT / "docs/quick.html").read_text()
