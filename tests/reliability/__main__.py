"""Tries what may go wrong, many times, and writes the table of docs/reliability.md.

    python -m tests.reliability [--only=NAME ...] [--times=N] [--seed=N] [--list]

An hour or more on two cores in all. Each scenario that is done replaces its row of results/reliability.json, so they
can be tried one by one. An attempt that did not end as promised is told with its seed; --seed=SEED --times=1 repeats
it. With --times or --seed nothing is recorded.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import tempfile
from pathlib import Path

from experiments.settings.document import insert, table
from tests.reliability import damage, hosts, killed, settings, several, surroundings
from tests.reliability.processes import ROOT
from tests.reliability.scenario import try_out

RECORD, PAGE = ROOT / "results/reliability.json", ROOT / "docs/reliability.md"
ROOMS = (several, hosts, killed, surroundings, damage, settings)
SCENARIOS = [scenario for room in ROOMS for scenario in room.scenarios()]


def markdown(record: dict[str, dict[str, object]]) -> str:
    """The table of what was tried."""
    rows = []
    for scenario in SCENARIOS:
        row = record.get(scenario.name)
        if row is None:
            rows.append([scenario.tried, scenario.promised, "not tried yet", "", ""])
            continue
        otherwise = "; ".join(f"{count} times: {what}" for what, count in dict(row["otherwise"]).items())  # type: ignore[call-overload]
        kept = f"{row['kept']} of {row['times']}"
        rows.append([scenario.tried, scenario.promised, kept, otherwise, f"{row['seconds']} s, {row['date']}"])
    return table(["tried", "promised", "kept", "what happened otherwise", "time"], rows)


def main() -> int:
    """Tries the scenarios that the arguments name; status 1 if a promise was broken."""
    parser = argparse.ArgumentParser("python -m tests.reliability", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--only", action="append", choices=[one.name for one in SCENARIOS], help="a scenario; repeat it"
    )
    parser.add_argument("--times", type=int, default=0, help="how often each is tried; 0 for its own number")
    parser.add_argument("--seed", type=int, default=0, help="of the first attempt")
    parser.add_argument("--list", action="store_true", help="say what there is, and do nothing")
    chosen = parser.parse_args()
    if chosen.list:
        print("\n".join(f"{one.name}: {one.tried}, {one.times} times" for one in SCENARIOS))
        return 0
    # Figures are to be those of users, and no accelerator is needed.
    os.environ["JAX_PLATFORMS"] = "cpu"
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    broken = False
    with tempfile.TemporaryDirectory() as folder:
        for scenario in SCENARIOS:
            if chosen.only and scenario.name not in chosen.only:
                continue
            times = chosen.times or scenario.times
            row = try_out(scenario, Path(folder), chosen.seed, times, lambda line: print(line, flush=True))
            broken |= row["kept"] != row["times"]
            if chosen.times or chosen.seed:
                continue
            record[scenario.name] = {**row, "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat()}
            RECORD.write_text(json.dumps(record, indent=1) + "\n")
            PAGE.write_text(insert(PAGE.read_text(), {"tried": markdown(record)}))
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
