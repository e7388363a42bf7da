"""The command that tries what may go wrong: its counts, and the page that it writes. `python -m tests.reliability`."""

import json

from conftest import ROOT

from experiments.settings.document import insert
from tests.reliability.__main__ import PAGE, RECORD, SCENARIOS, markdown
from tests.reliability.scenario import Broken, Scenario, try_out


def test_attempts_are_counted_by_what_happened(tmp_path):
    seeds, said = [], []

    def attempt(folder, dice):
        assert not list(folder.iterdir())
        seeds.append(dice.random())
        if len(seeds) > 3:
            raise Broken("it hangs")

    row = try_out(Scenario("a", "something", "nothing", 20, attempt), tmp_path, 7, 5, said.append)
    assert (row["times"], row["kept"], row["otherwise"]) == (5, 3, {"it hangs": 2})
    assert len(set(seeds)) == 5
    assert said[3] == "a 4/5, seed 10: it hangs"


def test_the_page_has_the_recorded_table():
    record = json.loads(RECORD.read_text())
    assert record.keys() <= {one.name for one in SCENARIOS}
    assert insert(PAGE.read_text(), {"tried": markdown(record)}) == PAGE.read_text()


def test_the_cheap_scenarios_are_kept_here_too(tmp_path):
    """The others start commands; the suite has short forms of them beside the commands."""
    (one,) = (one for one in SCENARIOS if one.name == "any_config")
    assert try_out(one, tmp_path, 5000, 20, print)["kept"] == 20
    assert (ROOT / "docs/reliability.md") == PAGE
