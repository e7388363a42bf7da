"""The progress of a training."""

from types import SimpleNamespace

import pytest

from aeden.training.progress import Progress, format_time


@pytest.mark.parametrize("shown", [True, False])
def test_without_a_terminal_plain_lines_are_printed(capsys, monkeypatch, shown):
    now = iter(range(0, 1000, 20))
    # Only the clock of this module: threads that other tests left behind need the real one.
    monkeypatch.setattr("aeden.training.progress.time", SimpleNamespace(monotonic=lambda: float(next(now))))
    with Progress(1000, 0, shown) as progress:
        progress.advance(100, 1, 0.5)
        progress.advance(100, 2, 0.4)
    err = capsys.readouterr().err
    assert ("step 2" in err and "loss 0.4000" in err and "left" in err) == shown
    assert "step 1 " not in err
    assert "\r" not in err


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0:00"), (59.6, "1:00"), (3599.0, "59:59"), (3600.0, "1:00:00"), (36061.0, "10:01:01")]
)
def test_times_as_minutes_or_hours(seconds, text):
    assert format_time(seconds) == text
