"""What the options of a grid change: its note, which stays while it is true, or nothing, which is refused."""

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
        ("--config.seeds=2",),
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
        "--config.contenders.k3={'model': {'decoder': 'subpixel'}}",
        "--config.contenders={'nearest': {'model': {'decoder': 'upsample'}}, 'new': {}}",
    ],
)
def test_a_changed_grid_does_not_have_the_note_of_its_config(monkeypatch, option):
    assert note_of(monkeypatch, option, "--config.experiment.data.dir=elsewhere") == ""


def test_a_note_given_as_an_option_stays(monkeypatch):
    assert note_of(monkeypatch, "--config.note=My own.", "--config.metric=ssim") == "My own."


def test_changed_fields_are_named_also_of_a_config_with_an_argument(monkeypatch):
    path = "configs/ablations/tune.py:dense_mnist"
    assert cli.changed_fields(parsed(monkeypatch, path), path) == set()
    changed = cli.changed_fields(parsed(monkeypatch, path, "--config.experiment.model.hidden=(8,)"), path)
    assert changed == {"experiment.model.hidden"}


def test_the_tuning_can_be_switched_off(monkeypatch):
    settings = parsed(monkeypatch, "configs/ablations/generators_mnist.py", "--config.tuning.fields={}")
    assert not settings.tuning.fields
    __main__.check_options(settings, ["tuning.fields"])


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--config.experiment.model.decoder=subpixel", "every contender sets model.decoder itself"),
        ("--config.tuning.trials=20", "the grid tunes nothing"),
    ],
)
def test_an_option_without_effect_is_refused(monkeypatch, option, reason):
    settings = parsed(monkeypatch, QUICK, option)
    name = option.removeprefix("--config.").partition("=")[0]
    with pytest.raises(ValueError, match=f"{name} has no effect: {reason}"):
        __main__.check_options(settings, [name])


def test_an_option_that_an_axis_overrides_is_refused(monkeypatch):
    path, name = "configs/ablations/skips_mnist.py", "experiment.model.skip"
    with pytest.raises(ValueError, match=f"{name} has no effect: the grid has an axis of model.skip"):
        __main__.check_options(parsed(monkeypatch, path, f"--config.{name}=True"), [name])


def test_options_with_an_effect_are_accepted(monkeypatch):
    names = ["experiment.epochs", "tuning.trials", "seeds"]
    settings = parsed(monkeypatch, "configs/ablations/tuned_mnist.py", *(f"--config.{name}=20" for name in names))
    __main__.check_options(settings, names)


def test_the_example_report_has_the_note():
    assert NOTE in (ROOT / "docs/quick.html").read_text()
