"""Reads the documentation: links, anchors and commands of Markdown files, and commands of config docstrings."""

from __future__ import annotations

import ast
import functools
import re
import shlex
import unicodedata
import urllib.parse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Folders that hold no documentation of this repository.
IGNORED = {"runs", "data", "build", "dist"}
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part in IGNORED for part in path.relative_to(ROOT).parts)
)
CONFIGS = sorted(path for path in (ROOT / "configs").rglob("*.py") if path.name != "__init__.py")
SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
LIST_ITEM = re.compile(r"\s*([-*+]|\d+[.)])\s")


@dataclass(frozen=True)
class Block:
    """A code block of a Markdown file: the language of its fence ("" for an indented block), and its lines."""

    language: str
    lines: list[str]


@dataclass(frozen=True)
class Markdown:
    """A Markdown text taken apart.

    Attributes:
      prose: the text without code blocks and code spans.
      outline: the text without code blocks, in which headings are looked for.
      blocks: its fenced and indented code blocks.
      spans: its code spans, each in one line.
    """

    prose: str
    outline: str
    blocks: list[Block]
    spans: list[str]


@functools.cache
def read_markdown(text: str) -> Markdown:
    """Takes a Markdown text apart."""
    outline: list[str] = []
    blocks: list[Block] = []
    fence, indented = "", False
    for line in text.splitlines():
        stripped = line.strip()
        mark = re.match(r"`{3,}|~{3,}", stripped)
        if fence:
            if stripped.startswith(fence) and not stripped.strip(fence[0]):
                fence = ""
            else:
                blocks[-1].lines.append(line)
        elif mark:
            fence = mark[0]
            blocks.append(Block(stripped.removeprefix(fence).strip(), []))
        elif stripped and line.startswith("    ") and (indented or _may_start_block(outline)):
            if not indented:
                blocks.append(Block("", []))
            blocks[-1].lines.append(line[4:])
            indented = True
        else:
            indented = indented and not stripped
            outline.append(line)
    joined = "\n".join(outline)
    return Markdown(SPAN.sub("", joined), joined, blocks, [" ".join(code.split()) for _, code in SPAN.findall(joined)])


def _may_start_block(outline: list[str]) -> bool:
    """Whether an indented line starts a code block: after an empty line that does not belong to a list."""
    last = next((line for line in reversed(outline) if line.strip()), "")
    in_list = bool(LIST_ITEM.match(last)) or last.startswith("  ")
    return (not outline or not outline[-1].strip()) and not in_list


def slug(heading: str) -> str:
    """The anchor that GitHub gives to a heading: lower case, no punctuation, a hyphen for each space."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "").strip().lower()
    return "".join(c for c in text if c in " -_" or unicodedata.category(c)[0] in "LMN").replace(" ", "-")


def anchors(text: str) -> set[str]:
    """Every anchor of a Markdown text: its headings, numbered where they repeat, and explicit ids."""
    outline = read_markdown(text).outline
    headings = re.finditer(r"^#{1,6}[ ]+(.+?)[ ]*#*$|^(\S.*)\n(?:=+|-+)$", outline, re.M)
    found = set(re.findall(r"<[^>]+\s(?:id|name)=\"([^\"]+)\"", outline))
    seen: Counter[str] = Counter()
    for name in (slug(heading[1] or heading[2]) for heading in headings):
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found


def links(text: str) -> list[str]:
    """The target of every link and picture of a Markdown text, code left out."""
    prose = read_markdown(text).prose
    targets = re.findall(r"\]\(\s*<?((?:[^()<>\s]|\([^()\s]*\))*)>?(?:\s+\"[^\"]*\")?\s*\)", prose)
    targets += re.findall(r"^[ ]*\[[^\]]+\]:[ ]*(\S+)", prose, re.M)
    targets += re.findall(r"<(?:a|img)\s[^>]*?(?:href|src)=\"([^\"]*)\"", prose)
    return targets + re.findall(r"<(https?:[^>\s]*)>", prose)


def link_problem(target: str, document: Path, root: Path) -> str:
    """What is wrong with a link of a document; "" if nothing is. Web addresses are checked for their form only."""
    parts = urllib.parse.urlsplit(target)
    if parts.scheme in ("http", "https"):
        well_formed = re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}(:\d+)?", parts.netloc, re.I)
        return "" if well_formed else f"{target} is not a well-formed address"
    if parts.scheme or not target or target.startswith("/"):
        return f"{target!r} is neither a relative path nor a web address"
    path = (document.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else document
    if not path.is_relative_to(root) or not path.exists():
        return f"{target} does not exist"
    if parts.fragment and path.suffix == ".md" and parts.fragment not in anchors(path.read_text()):
        return f"{target}: {path.name} has no heading with this anchor"
    return ""


@dataclass(frozen=True)
class Command:
    """A documented command.

    Attributes:
      where: the file that documents it.
      program: the module that it starts, e.g. "experiments.main"; or "run.sh test", "run.sh check".
      arguments: its arguments, as the shell splits them.
    """

    where: str
    program: str
    arguments: tuple[str, ...]


def parse_command(line: str) -> tuple[str, tuple[str, ...]] | None:
    """(program, arguments) of a line of shell that starts one of the commands; None for any other line."""
    if not re.search(r"python3? -m experiments|\./run\.sh", line):
        return None
    try:
        words = shlex.split(line.strip().removeprefix("$ "), comments=True)
    except ValueError:  # prose with an apostrophe
        return None
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    if words[:1] == ["./run.sh"]:
        if words[1:2] in (["test"], ["check"]):
            return f"run.sh {words[1]}", tuple(words[2:])
        named = any(word.startswith("--config=") for word in words)
        return "experiments.main", (*(() if named else ("--config=configs/transpose_mnist.py",)), *words[1:])
    if len(words) > 2 and re.fullmatch(r"(\S*/)?python3?", words[0]) and words[1] == "-m":
        return words[2], tuple(words[3:])
    return None


def shell_lines(lines: list[str]) -> list[str]:
    """Lines of a code block, those that end with a backslash joined to the next."""
    return re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()


@functools.cache
def documented_commands() -> list[Command]:
    """Every command in a code block or code span of the documents, and in the docstrings of the configs."""
    found: list[tuple[Path, str]] = []
    for document in DOCUMENTS:
        markdown = read_markdown(document.read_text())
        blocks = [block for block in markdown.blocks if block.language != "python"]
        found += [(document, line) for block in blocks for line in shell_lines(block.lines)]
        # A span without arguments names a program.
        found += [(document, span) for span in markdown.spans if not re.fullmatch(r"python -m [\w.]+", span)]
    for path in CONFIGS:
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        found += [(path, line) for line in shell_lines(docstring.splitlines())]
    parsed = [(str(path.relative_to(ROOT)), command) for path, line in found if (command := parse_command(line))]
    return list(dict.fromkeys(Command(where, *command) for where, command in parsed))


@functools.cache
def documented_files() -> dict[str, str]:
    """Python files that the documents show whole: name -> text of each code block whose first line is `# NAME.py`."""
    found = {}
    for document in DOCUMENTS:
        for block in read_markdown(document.read_text()).blocks:
            if block.language == "python" and (name := re.fullmatch(r"# (\w+\.py)", block.lines[0])):
                found[name[1]] = "\n".join(block.lines) + "\n"
    return found


def documented_keys() -> set[str]:
    """The keys of summaries that the guide explains."""
    section = (ROOT / "docs/guide.md").read_text().partition("### The keys of a summary")[2].partition("\n### ")[0]
    return set(re.findall(r"`(\w+)`", section))
