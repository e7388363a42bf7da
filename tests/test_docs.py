"""The documentation: every link leads somewhere, and every documented command is one that the programs accept."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import urllib.parse

import pytest
from documents import (
    DOCUMENTS,
    ROOT,
    anchors,
    documented_commands,
    documented_files,
    link_problem,
    links,
    parse_command,
    read_markdown,
    shell_lines,
    slug,
)

from aeden.runtime.identity import flatten
from configs import base
from configs.ablations import grid_base

# What is started with `python -m`, and the module that defines its flags.
COMMANDS = {
    "experiments.main": "experiments.main",
    "experiments.labels": "experiments.labels",
    "experiments.ablate": "experiments.ablate.__main__",
    "experiments.ablate.cost": "experiments.ablate.cost",
    "experiments.ablate.trial_pairs": "experiments.ablate.trial_pairs",
    "experiments.ablate.other_images": "experiments.ablate.other_images",
    "experiments.ablate.draw_convergence": "experiments.ablate.draw_convergence",
    "experiments.settings": "experiments.settings.__main__",
    "experiments.benchmark": "experiments.benchmark.__main__",
    "experiments.benchmark.seeds": "experiments.benchmark.seeds",
    "experiments.draw_pages": "experiments.draw_pages",
}
by_path = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@by_path
def test_every_link_leads_somewhere(document):
    problems = [link_problem(target, document, ROOT) for target in links(document.read_text())]
    assert [text for text in problems if text] == []


def test_every_page_and_picture_of_the_docs_is_linked():
    """From the README on, following links."""
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or not page.exists():
            continue
        seen.add(page)
        targets = links(page.read_text()) if page.suffix == ".md" else []
        paths = [urllib.parse.urlsplit(target).path for target in targets if "://" not in target]
        waiting += [(page.parent / path).resolve() for path in paths if path]
    assert [path.name for path in (ROOT / "docs").iterdir() if path not in seen] == []


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("What else it does", "what-else-it-does"),
        ("Compare experiments: grids", "compare-experiments-grids"),
        ("Devices, processes, machines", "devices-processes-machines"),
        ("`run.sh` and its *two* words", "runsh-and-its-two-words"),
        ("A generator's samples", "a-generators-samples"),
        ("FID & KID", "fid--kid"),
        ("snake_case stays", "snake_case-stays"),
        ("[a link](x.md) here", "a-link-here"),
        ("Größe", "größe"),
    ],
)
def test_anchors_are_those_of_github(heading, anchor):
    assert slug(heading) == anchor


def test_repeated_headings_are_numbered_and_code_has_none():
    text = "# One\n\n## Two\n\n## Two ##\n\n```\n# no heading\n```\n\n    # none either\n\nThree\n=====\n"
    assert anchors(text) == {"one", "two", "two-1", "three"}


def test_dead_links_are_found(tmp_path):
    (tmp_path / "other.md").write_text("# There\n")
    page = tmp_path / "page.md"
    good = ["other.md", "other.md#there", "#here", "https://example.org/a_(b)", "page.md"]
    bad = [
        "gone.md",
        "other.md#gone",
        "#gone",
        "https://nodots",
        "http://localhost/x",
        "/etc/passwd",
        "..",
        "ftp://x.y",
    ]
    text = "# Here\n" + "".join(f"[x]({target})\n" for target in [*good, *bad])
    text += "![p](gone.png) `[c](code.md)`\n\n    [c](block.md)\n\n[![n](inner.png)](outer.md)\n\n[r]: reference.md\n"
    page.write_text(text)
    assert links(text) == [*good, *bad, "gone.png", "inner.png", "outer.md", "reference.md"]
    assert [link_problem(target, page, tmp_path) for target in good] == [""] * len(good)
    assert all(link_problem(target, page, tmp_path) for target in bad)


def test_commands_are_found_in_every_form_in_which_documents_write_them():
    assert parse_command("python -m experiments.main --config=a.py  # why") == ("experiments.main", ("--config=a.py",))
    assert parse_command("AEDEN_DATA=/d .venv/bin/python -m experiments.benchmark") == ("experiments.benchmark", ())
    assert parse_command('$ ./run.sh test -k "a or b"') == ("run.sh test", ("-k", "a or b"))
    assert parse_command("./run.sh --config=a.py") == ("experiments.main", ("--config=a.py",))
    assert parse_command("./run.sh") == ("experiments.main", ("--config=configs/transpose_mnist.py",))
    assert parse_command("the first start of ./run.sh installs") is None
    text = "A `python -m\nexperiments.x` span.\n\n    indented \\\n      joined\n\n"
    text += "```bash\nfenced\n```\n\n- item\n\n      in a list\n"
    markdown = read_markdown(text)
    assert markdown.spans == ["python -m experiments.x"]
    assert [(block.language, shell_lines(block.lines)) for block in markdown.blocks] == [
        ("", ["indented joined"]),
        ("bash", ["fenced"]),
    ]


def parse_all(commands):
    """By program: what is wrong with its command lines ("" for nothing), and the names of its flags."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", str(ROOT / "tests/parse_flags.py")],
        input=json.dumps([{"module": COMMANDS[name], "commands": lines} for name, lines in commands.items()]),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return dict(zip(commands, map(json.loads, result.stdout.splitlines()), strict=True))


def test_the_documents_start_known_programs_only():
    commands = documented_commands()
    assert [one for one in commands if one.program not in (*COMMANDS, "run.sh test", "run.sh check")] == []
    assert {one.program for one in commands} == {*COMMANDS, "run.sh test", "run.sh check"}


def test_every_documented_command_is_accepted(tmp_path):
    """The config file exists, it has every field and takes its value, and the program has every flag."""
    for name, text in documented_files().items():
        (tmp_path / name).write_text(text)

    def in_place(argument):
        """A config that the documents show whole is where it has just been written."""
        name = argument.removeprefix("--config=")
        return f"--config={tmp_path / name}" if name in documented_files() else argument

    commands = {name: [one for one in documented_commands() if one.program == name] for name in COMMANDS}
    answers = parse_all({name: [[*map(in_place, one.arguments)] for one in some] for name, some in commands.items()})
    refused = [
        f"{command.where}: {command.program} {shlex.join(command.arguments)}: {error}"
        for name, some in commands.items()
        for command, error in zip(some, answers[name]["errors"], strict=True)
        if error
    ]
    assert refused == []
    guide = (ROOT / "docs/guide.md").read_text()
    flags = [flag for answer in answers.values() for flag in answer["flags"]]
    assert all(answer["flags"] for answer in answers.values())
    assert [flag for flag in flags if f"`--{flag}`" not in guide] == [], "docs/guide.md lists every flag"


def test_wrong_commands_are_refused():
    config = "--config=configs/smoke.py"
    wrong = [
        ["--config=configs/gone.py"],
        [config, "--config.gone=1"],
        [config, "--config.epochs=many"],
        [config, "--gone=1"],
        [config, "extra"],
        [],
        [config, "--config.model.features=(8, 8"],
    ]
    right = [config, "--config.epochs=2", "--config.model.features=(4, 4)"]
    errors = parse_all({"experiments.main": [*wrong, right]})["experiments.main"]["errors"]
    assert all(errors[:-1])
    assert errors[-1] == ""


def test_the_grid_of_the_guide_expands(tmp_path):
    """`--list` of every grid that the documents show whole."""
    grids = {name: text for name, text in documented_files().items() if "grid_base" in text}
    assert grids
    for name, text in grids.items():
        (tmp_path / name).write_text(text)
        command = [sys.executable, "-m", "experiments.ablate", f"--config={tmp_path / name}", "--list"]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert result.returncode == 0, result.stderr
        made = int(re.search(r"makes (\d+) runs", (ROOT / "docs/guide.md").read_text())[1])
        assert result.stdout.count("python -m experiments.main") == made


def test_arguments_of_the_tests_select_something():
    """`./run.sh test -m MARKER -k WORDS`: the marker exists, and each word is part of a test's name."""
    markers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["markers"]
    tests = list((ROOT / "tests").rglob("test_*.py"))
    names = [name for path in tests for name in (path.stem, *re.findall(r"def (test_\w+)", path.read_text()))]
    for command in documented_commands():
        options = dict(zip(command.arguments[::2], command.arguments[1::2], strict=False))
        if command.program.startswith("run.sh "):
            assert options.keys() <= {"-m", "-k"}, command
            assert options.get("-m", markers[0].partition(":")[0]) in [name.partition(":")[0] for name in markers]
            for word in set(re.findall(r"\w+", options.get("-k", ""))) - {"and", "or", "not"}:
                assert any(word.lower() in name.lower() for name in names), f"{command}: no test is named {word}"


@by_path
def test_extras_named_in_the_text_exist(document):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"'\.\[(\w+)\]'", document.read_text())) <= extras.keys()


@by_path
def test_no_spread_is_rounded_to_nothing(document):
    """A mean beside its spread has as many digits as the spread needs."""
    nothing = re.compile(r"± 0(\.0+)?(?![\d.])")
    assert nothing.search("0.74 ± 0.00 |")
    assert not nothing.search("0.745 ± 0.005 |")
    assert not nothing.findall(document.read_text())


def dotted(config):
    """The names of all fields and sections of a config."""
    names = flatten(config.to_dict())
    return {".".join(name.split(".")[:i]) for name in names for i in range(1, name.count(".") + 2)}


@by_path
def test_fields_named_in_the_text_exist(document):
    """`--config.FIELD`, `noise.level`, `gan.modes` ... in code spans."""
    experiment = dotted(base.get_config())
    grid = dotted(grid_base.get_config()) | {"contenders", "axes"}
    sections = {name.split(".")[0] for name in experiment if "." in name}
    text = "\n".join(read_markdown(document.read_text()).spans)
    named = re.findall(r"^--config\.([\w.]+)|\s--config\.([\w.]+)|^config\.([\w.]+)", text, re.M)
    names = [name for groups in named for name in groups if name]
    names += [name for name in re.findall(r"^([a-z]+\.\w+)(?==|$)", text, re.M) if name.split(".")[0] in sections]
    unknown = [name for name in names if name not in grid and name.removeprefix("experiment.") not in experiment]
    files_and_placeholders = ("json", "py", "FIELD", "model.jax", "model.onnx", "model.safetensors")
    assert [name for name in unknown if not name.endswith(files_and_placeholders)] == []


def test_the_guide_names_every_page_of_results():
    opening = (ROOT / "docs/guide.md").read_text().partition("- [First run]")[0]
    pages = {path.name for path in (ROOT / "docs").glob("results-*.md")}
    assert pages == set(re.findall(r"results-[\w-]+\.md", opening.replace("](", " ")))


def test_the_contents_of_the_method_are_complete():
    text = (ROOT / "docs/method.md").read_text()
    contents = text.partition("\n## ")[0].lower()
    assert [title for title in re.findall(r"^## (.+)$", text, re.M) if f"[{title.lower()}]" not in contents] == []


def test_the_example_report_names_no_folder_of_the_machine_that_made_it():
    commands = re.findall(r"--workdir=(\S+)", (ROOT / "docs/quick.html").read_text())
    assert commands
    assert all(folder.startswith("runs/ablations/quick/") for folder in commands)
