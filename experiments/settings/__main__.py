"""One verdict over all settings at which contenders were compared: heat map, summary, and what to take when.

    python -m experiments.settings --config=configs/settings/decoders.py --document=docs/which-decoder.md [--out=FOLDER]

It trains nothing. It reads the committed tables that the config names, writes its tables between the markers that the
document has, and next to it a heat map as PNG and as HTML page, whose settings open their reports and tables. Without
--document and --out it prints all tables. Start it in the root of the repository.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from aeden.runtime import files
from configs.settings import base
from experiments import cli
from experiments.settings import document, page
from experiments.settings.advice import answer
from experiments.settings.contenders import contender_tables
from experiments.settings.differences import differences_table
from experiments.settings.setting import Setting, settings_of
from experiments.settings.summary import counted

DOCUMENT = flags.DEFINE_string("document", None, "Page with markers between which the tables are written.")
OUT = flags.DEFINE_string("out", None, "Folder of the heat map; by default that of the document.")


def parts_of(settings: Sequence[Setting], config: Any, folder: Path, root: Path) -> dict[str, str]:
    """Everything that is written into a document: name of its markers -> Markdown.

    Args:
      settings: see `settings_of`.
      config: see configs/settings/base.py.
      folder: that of the document.
      root: of the repository.
    """
    names = list(config.contenders)
    entries = {name: [one for one in settings if one.entry == name] for name in config.tables}
    answers = [answer(one, settings, names, config.reference) for one in config.questions.values()]
    return {
        "short": document.in_short(settings, config),
        "advice": document.advice_table(answers, config),
        "names": document.names_table(config),
        "summary": document.summary_table(settings, config, equal_parameters=False),
        "equal": document.summary_table(settings, config, equal_parameters=True),
        "settings": document.settings_table(settings, folder, root),
        "differences": differences_table(settings, config, folder, root),
        **{f"table:{name}": contender_tables(members, config, folder, root) for name, members in entries.items()},
    }


def text_of(path: Path) -> str:
    """The text of the document.

    Raises:
      OSError: it cannot be read.
      ValueError: there is none, or it is no text.
    """
    if not path.is_file():
        raise ValueError(f"there is no document {path}: write the page first, with markers for each part")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"the document {path} is no text in UTF-8: save it as such") from error


def title_of(text: str) -> str:
    """The first heading of a page; "" for none."""
    return next((line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ")), "")


def _count(settings: Sequence[Setting]) -> str:
    """How many settings there are, and how many of them the first summary counts."""
    number, enter = len(settings), len(counted(settings, equal_parameters=False))
    left_out = f", {enter} of them in the summary" if enter < number else ""
    return f"{number} setting{'s' * (number > 1)}{left_out}"


def main() -> None:
    """Writes the document and the heat map, or prints the tables."""
    config, root = cli.CONFIG.value, Path.cwd()
    if "tables" not in config:
        raise ValueError(f"{cli.config_path()} is no verdict over settings: use one like configs/settings/decoders.py")
    for name in set(config) - set(base.get_config()):
        raise ValueError(f"a verdict has no field {name}: see configs/settings/base.py")
    path = Path(DOCUMENT.value) if DOCUMENT.value else None
    text = text_of(path) if path else ""
    settings = settings_of(config, root)
    folder = path.parent if path else root
    parts = parts_of(settings, config, folder.resolve(), root)
    out = Path(OUT.value) if OUT.value else path.parent if path else None
    if path is None or out is None:
        print("\n".join(f"[{name}]\n\n{text}" for name, text in parts.items() if text))
    if path is not None:
        files.write_text(path, document.insert(text, parts))
        print(f"{path}: {_count(settings)}")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        name = path.stem if path else cli.config_name()
        title = title_of(text) or name
        page.save_picture(out / f"{name}.png", settings, config)
        if config.page:
            files.write_text(out / f"{name}.html", page.html(title, settings, config, out.resolve(), root))
        print(f"heat map: {out / name}.png{' and .html' if config.page else ''}")


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
