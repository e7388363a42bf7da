"""The allocator's settings: set by a restart, before anything else is imported."""

import ast
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from aeden.runtime import malloc


def test_the_module_imports_only_os_and_sys():
    tree = ast.parse((ROOT / "aeden" / "runtime" / "malloc.py").read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    origins = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert (names, origins) == ({"os", "sys"}, {"__future__"})
    for package in ("aeden", "aeden/runtime"):
        code = ast.parse((ROOT / package / "__init__.py").read_text())
        assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(code))


@pytest.mark.skipif(sys.platform != "linux", reason="these settings exist on Linux only")
def test_a_process_restarts_once_with_the_settings():
    code = "import os; from aeden.runtime import malloc; malloc.restart_tuned(); print(os.environ['GLIBC_TUNABLES'])"
    for environment, expected in (({}, malloc.TUNABLES), ({"GLIBC_TUNABLES": "mine"}, "mine")):
        clean = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
        result = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={**clean, **environment}, capture_output=True, text=True
        )
        assert result.stdout.split() == [expected], result.stderr
