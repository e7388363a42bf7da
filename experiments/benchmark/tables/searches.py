"""Table of the searches for the best configurations of other libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.benchmark.intervals import number
from experiments.benchmark.tables.measured import milliseconds

Record = dict[str, Any]


def searches(results: list[Record], describe: Callable[[Record], str]) -> list[str]:
    """One table per library for the last search of each comparison; nothing if nothing was searched.

    Args:
      results: of a section.
      describe: settings -> a few words.
    """
    last: dict[str, dict[str, Record]] = {}
    for result in results:
        for record in result.get("search", []):
            last.setdefault(record["library"], {})[describe(result["settings"])] = record
    lines: list[str] = []
    for library, found in last.items():
        seconds = sum(record["seconds"] for record in found.values())
        lines += [
            f"Configurations of {library} that were searched: time divided by that of the first one, in a few short "
            "rounds in turn. In brackets: milliseconds of the best configurations when they were timed again, all in "
            f"turn, which decides. The chosen one is in bold. The search took {seconds:.0f} s.",
            "",
            f"| configuration | {' | '.join(found)} |",
            "|---|" + "---|" * len(found),
        ]
        names = dict.fromkeys(trial["configuration"] for record in found.values() for trial in record["trials"])
        for name in names:
            lines.append(f"| {name} | {' | '.join(_cell(record, name) for record in found.values())} |")
        lines.append("")
    return lines


def _cell(record: Record, name: str) -> str:
    trial = next((one for one in record["trials"] if one["configuration"] == name), None)
    final = next((one for one in record["final"] if one["configuration"] == name), None)
    if trial is None or "absent" in trial:
        return "" if trial is None else f"absent: {trial['absent']}"
    text = number(trial["relative"])
    if final is not None:
        text += f" ({final['absent'] if 'absent' in final else milliseconds(final['median_seconds'], unit='')})"
    return f"**{text}**" if record["chosen"] == name else text
