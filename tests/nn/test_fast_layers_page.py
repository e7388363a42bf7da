"""The Python code of docs/fast-layers.md runs, in order; blocks that import what is not installed are left out."""

import ast
import importlib.util

import jax
import pytest
from documents import ROOT, read_markdown

PAGE = ROOT / "docs/fast-layers.md"
OF_OTHERS = {"equinox", "haiku", "torch"}


def imported(code):
    """The names of the packages that a piece of code imports."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.filterwarnings("ignore::DeprecationWarning:haiku", "ignore::DeprecationWarning:equinox")
def test_the_examples_run():
    blocks = [block for block in read_markdown(PAGE.read_text()).blocks if block.language == "python"]
    left_out, names = set(), {}
    for block in blocks:
        code = "\n".join(block.lines)
        missing = {name for name in imported(code) if importlib.util.find_spec(name) is None}
        left_out |= missing
        if not missing:
            with jax.numpy_rank_promotion("allow"):  # as for users
                exec(compile(code, str(PAGE), "exec"), names)
    assert left_out <= OF_OTHERS
    assert len(blocks) == 9
