"""An HTML page that needs no other file and no network: its style sheet, text and sortable tables."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

STYLE = """
:root { color-scheme: light dark; --ink: #1f2430; --gray: #6b7280; --line: #e5e7eb; --page: #ffffff; --soft: #f6f7f9;
        --accent: #1f6feb; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8ec; --gray: #9aa3b2; --line: #343a46; --page: #15181e; --soft: #1e232c; --accent: #6ea8fe; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 2rem 1.2rem 4rem; background: var(--page); color: var(--ink);
       font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .3rem; } h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; }
p { margin: .5rem 0; } .note, figcaption, small { color: var(--gray); font-size: .9rem; }
.verdict { background: var(--soft); border-left: 4px solid var(--accent); padding: .8rem 1.1rem; border-radius: 4px;
           font-size: 1.05rem; }
.warning { border-left-color: #d9730d; }
figure { margin: 1rem 0; } figure svg, figure img { max-width: 100%; height: auto; display: block; }
figure.lines { overflow-x: auto; } figure.lines svg { max-width: none;
  width: min(100%, calc(var(--inches) * 7rem)); min-width: calc(var(--inches) * 4.6rem); }
figure.pixels { overflow-x: auto; } figure.pixels img { image-rendering: pixelated; background: #fff;
  border-radius: 4px; max-width: max(100%, calc(var(--inches) * 4.6rem)); }
/* Reduced without smoothing, the labels would be unreadable. */
@media (max-width: 72rem) { figure.pixels img { image-rendering: auto; } }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { cursor: pointer; border-bottom: 2px solid var(--gray); white-space: normal; vertical-align: bottom; }
th[aria-sort=ascending]::after { content: " \\2191"; } th[aria-sort=descending]::after { content: " \\2193"; }
details { margin: .6rem 0; } summary { cursor: pointer; } code, pre { font-size: .82rem; }
pre { background: var(--soft); padding: .7rem; overflow-x: auto; border-radius: 4px; }
@media print { body { max-width: none; padding: 0; font-size: 12px; } figure, tr { break-inside: avoid; }
  h2 { break-after: avoid; } details { display: none; } .scroll { overflow: visible; } table { font-size: 8.5px; }
  th, td { white-space: normal; padding: .2rem .35rem; } figure.lines svg { min-width: 0; max-height: 9cm; }
  :root { --ink: #000; --gray: #555; --line: #ccc; --page: #fff; --soft: #fff; } }
"""

SCRIPT = """
document.querySelectorAll('table:not(.map)').forEach(table => table.querySelectorAll('th').forEach((head, column) => {
  head.tabIndex = 0;
  const sort = () => {
    const down = head.getAttribute('aria-sort') === 'ascending';
    table.querySelectorAll('th').forEach(other => other.removeAttribute('aria-sort'));
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const body = table.tBodies[0], value = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const order = (a, b) => { const x = value(a), y = value(b), n = x - y;
      return isNaN(n) || x === '' || y === '' ? x.localeCompare(y) : n; };
    [...body.rows].sort((a, b) => (down ? -1 : 1) * order(a, b)).forEach(row => body.append(row));
  };
  head.addEventListener('click', sort);
  head.addEventListener('keydown', event => { if (event.key === 'Enter') sort(); });
}));
"""


def page(title: str, body: Sequence[str]) -> str:
    """A complete page.

    Args:
      title: of the browser's window, as plain text.
      body: parts of the page as HTML.
    """
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + f"\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def escape(text: Any) -> str:
    """Converts plain text to HTML."""
    return html.escape(str(text))


def note(text: str) -> str:
    """A paragraph of plain text in small print."""
    return f'<p class="note">{escape(text)}</p>'


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table that is sorted by a column if its head is clicked.

    Args:
      heads: of the columns, as plain text.
      rows: cells of each row: a value, or (text to show, value to sort by).
    """
    lines = ["<div class=scroll><table><thead><tr>", *(f'<th scope="col">{escape(head)}</th>' for head in heads)]
    lines.append("</tr></thead><tbody>")
    for row in rows:
        cells = [cell if isinstance(cell, tuple) else (cell, cell) for cell in row]
        lines.append(
            "<tr>"
            + "".join(f'<td data-value="{escape(value)}">{escape(shown)}</td>' for shown, value in cells)
            + "</tr>"
        )
    return "".join([*lines, "</tbody></table></div>"])
