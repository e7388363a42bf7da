"""Every field has a range, and whatever is out of it is refused in one line before anything is written."""

import math
import runpy

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.runtime.identity import flatten
from aeden.tasks import execute
from aeden.tasks.field_ranges import RANGES, check_fields
from aeden.tasks.ranges import Choice, Flag, Number, OrZero, Several, Text
from configs import base, smoke
from experiments import error_lines

DEFAULTS = flatten(base.get_config().to_dict())
WRONG_TYPES = [None, "1", b"1", (), {"a": 1}, 1j, [[1]], True]
WRONG_NUMBERS = [math.nan, math.inf, -math.inf, -1, -1e300, 1e300, 10**400, 2**32, 2**63]


def changed(name, value, config=None):
    """A config with one field of any type, which `ConfigDict` would not let in."""
    config = config or base.get_config()
    *sections, last = name.split(".")
    section = config[sections[0]] if sections else config
    section._fields[last] = value
    return config


def test_every_field_has_a_range_and_its_default_is_in_it():
    assert set(RANGES) == set(DEFAULTS)
    check_fields(base.get_config())


def test_the_tasks_are_those_that_can_be_run():
    assert RANGES["task"] == Choice(tuple(execute.TASKS))


def test_every_config_is_in_range():
    for path in (ROOT / "configs").glob("*.py"):
        if path.stem not in ("__init__", "base"):
            check_fields(runpy.run_path(str(path))["get_config"]())


@pytest.mark.parametrize("name", sorted(RANGES))
def test_wrong_types_and_numbers_are_named_with_their_field_and_range(name):
    allowed, default = RANGES[name], DEFAULTS[name]
    wrong = [*WRONG_TYPES, *(WRONG_NUMBERS if isinstance(allowed, Number | OrZero) else [])]
    if isinstance(allowed, Several):
        wrong = [*WRONG_TYPES, *((item,) for item in [*WRONG_TYPES, *WRONG_NUMBERS])]
    for value in wrong:
        if allowed.problem(value) is None:
            # Only what has the type of the field can be in its range.
            assert isinstance(value, type(default) | int if isinstance(default, float) else type(default))
            continue
        with pytest.raises(ValueError, match=name.replace(".", r"\.")) as refused:
            check_fields(changed(name, value))
        message = str(refused.value)
        assert allowed.words in message
        assert "\n" not in message
        assert "Error" not in message
        assert len(message) < 1200


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "optimizer.grad_clip",
            -1.0,
            "optimizer.grad_clip -1 is out of range: use 0, or a number from 1.2e-38 to 3.4e+38",
        ),
        ("optimizer.weight_decay", -1000.0, "optimizer.weight_decay -1000 is out of range: use a number from 0 to"),
        ("seed", -1, "seed -1 is out of range: use a whole number from 0 to 4,294,967,295"),
        ("seed", 2**32, "seed 4,294,967,296 is out of range"),
        ("learning_rate", math.nan, "learning_rate nan is out of range: use a number from 1.2e-38 to 3.4e+38"),
        ("batch_size", 0, "batch_size 0 is out of range: use a whole number from 1 to 1,000,000"),
        ("model.kernel_size", 1000, "model.kernel_size 1,000 is out of range"),
        ("model.features", (32, "a"), "model.features (32, 'a'): 'a' is no whole number: use a tuple of 1 to 16"),
        ("noise.kind", "guassian", "unknown noise.kind 'guassian': use one of gaussian, salt_and_pepper"),
        ("stack.head", "fine-tune", "unknown stack.head 'fine-tune': use one of finetune"),
        ("data.dir", "a\0b", "data.dir 'a\\x00b' has control characters"),
    ],
)
def test_the_message_names_field_value_and_range(name, value, message):
    with pytest.raises(ValueError) as refused:  # noqa: PT011 (the whole message is compared)
        check_fields(changed(name, value))
    assert message in str(refused.value)


def values_of(name):
    """Values in and out of a field's range."""
    allowed = RANGES[name]
    wrong = st.sampled_from([*WRONG_TYPES, *WRONG_NUMBERS])
    right = {
        Choice: lambda: st.sampled_from(allowed.words_allowed),
        Flag: st.booleans,
        Text: lambda: st.text(max_size=5),
        Number: lambda: st.integers(0, 8) if allowed.whole else st.sampled_from([0.0, 0.25, 1.0, 50.0]),
        OrZero: lambda: st.sampled_from([0.0, 0.25, 1.0, 50.0]),
        Several: lambda: st.lists(st.integers(0, 4), max_size=3).map(tuple),
    }[type(allowed)]
    return st.one_of(right(), right(), wrong)


@pytest.mark.parametrize("task", [{}, [], None, 1])
def test_a_task_of_another_type_is_refused(task):
    with pytest.raises(ValueError, match=r"^unknown task .*: use one of denoise"):
        execute.task_of(changed("task", task))


def test_a_largest_level_below_the_level_is_refused():
    """It would be ignored: the network would be trained at one level."""
    config = smoke.get_config()
    config.noise.level, config.noise.level_max = 0.5, 0.2
    split = Split(np.zeros((20, 12, 12, 1), np.uint8), np.arange(20, dtype=np.int32) % 2)
    with pytest.raises(ValueError, match=r"noise.level_max 0.2 is below noise.level 0.5 and would have no effect: set"):
        execute.prepare(config, Dataset("random", "random", split, split, split, "0"))


# Without data.*: the images are given.
FUZZED = sorted(name for name in RANGES if not name.startswith("data."))
FEW = st.lists(st.sampled_from(FUZZED), min_size=1, max_size=3, unique=True)


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data(), st.sampled_from(sorted(execute.TASKS)), FEW)
def test_any_config_is_prepared_or_refused_in_one_line(data, task, names):
    config = smoke.get_config()
    config.task = task
    fields = {name: data.draw(values_of(name), label=name) for name in names}
    for name, value in fields.items():
        changed(name, value, config)
    split = Split(np.zeros((20, 12, 12, 1), np.uint8), np.arange(20, dtype=np.int32) % 2)
    try:
        execute.prepare(config, Dataset("random", "random", split, split, split, "0"))
    except ValueError as error:
        message = error_lines.one_line(error)
        assert "\n" not in message
        assert not any(word in message for word in ("Error", "Traceback", "unexpected"))
