"""The architecture of docs/architecture.md: one order of packages, no import circle, small files."""

import ast
import re
import subprocess
import sys

import pytest
from conftest import ROOT

# A package imports only from packages before it; the entries of one group do not import each other.
ORDER = (
    ("aeden.shapes", "aeden.shipped", "aeden.plots", "configs"),
    ("aeden.random_keys", "aeden.runtime", "aeden.nn", "aeden.measures", "aeden.transforms"),
    ("aeden.data",),
    ("aeden.training",),
    ("aeden.tasks",),
    ("aeden.inference",),
    ("aeden.demo",),
    ("aeden.cli",),
    ("experiments",),
)
RANK = {name: rank for rank, group in enumerate(ORDER) for name in group}


def modules():
    """Every module of the repository but the tests: dotted name -> file."""
    files = [path for top in ("aeden", "configs", "experiments") for path in sorted((ROOT / top).rglob("*.py"))]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


MODULES = modules()


def imported(path):
    """The modules of this repository that a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            # `from package import module` imports the module; `from module import name` imports the module.
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                names.add(full if full in MODULES else node.module)
    # `aeden` itself is no more than its version.
    return names & MODULES.keys() - {"aeden"}


def package(name):
    """The entry of ORDER that a module belongs to."""
    return next((entry for entry in RANK if name == entry or name.startswith(f"{entry}.")), None)


def test_no_fast_fourier_transform_is_compiled():
    """Two at the same time can wait for each other forever on a CPU, see `aeden.measures.checkerboard`."""
    code = {name: ast.unparse(ast.parse(path.read_text())) for name, path in MODULES.items()}
    assert [name for name, text in code.items() if re.search(r"\b(jnp|lax|jax\.\w+)\.fft\b[.(]", text)] == []


def test_every_module_belongs_to_a_package():
    assert [name for name in MODULES if package(name) is None and name != "aeden"] == []
    assert len(RANK) <= 16


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_follow_the_order_of_packages(name):
    for other in imported(MODULES[name]):
        mine, its = package(name), package(other)
        assert its == mine or RANK[its] < RANK[mine], f"{name} imports {other}"


def test_no_import_circle():
    graph = {name: imported(path) for name, path in MODULES.items()}
    while leaves := [name for name, others in graph.items() if not others & graph.keys()]:
        for name in leaves:
            del graph[name]
    assert graph == {}, f"these import each other: {sorted(graph)}"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_files_are_below_300_lines(name):
    assert len(MODULES[name].read_text().splitlines()) < 300


def functions(path):
    """Every function of a file, nested ones included."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def parameters(function):
    names = function.args
    return [arg.arg for arg in (*names.posonlyargs, *names.args, *names.kwonlyargs) if arg.arg not in ("self", "cls")]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_functions_are_below_60_lines_and_take_at_most_7_parameters(name):
    for function in functions(MODULES[name]):
        assert function.end_lineno - function.lineno < 60, f"{name}.{function.name}"
        assert len(parameters(function)) <= 7, f"{name}.{function.name}"


# Modules that may take a config: the commands, the configs, what compares configs, and where a run is prepared.
TAKES_CONFIG = ("experiments", "configs", "aeden.runtime.identity", "aeden.runtime.run_folder")
PREPARES = (
    *("task", "checks", "from_config", "model_from_config", "field_ranges", "unused_values"),
    *("execute", "execute_together"),
)


@pytest.mark.parametrize("name", sorted(name for name in MODULES if not name.startswith(TAKES_CONFIG)))
def test_configs_end_where_a_run_is_prepared(name):
    if name.startswith("aeden.tasks.") and name.rpartition(".")[2] in PREPARES:
        return
    assert [function.name for function in functions(MODULES[name]) if "config" in parameters(function)] == []


def test_ruff_decides_the_format():
    skips = sum(path.read_text().count("# fmt: " + "skip") for path in [*MODULES.values(), *ROOT.glob("tests/**/*.py")])
    assert skips <= 10


def test_configs_import_configs_only():
    for name, path in MODULES.items():
        if name.startswith("configs"):
            assert all(other.startswith("configs") for other in imported(path)), name


def test_networks_need_jax_flax_and_numpy_only():
    code = """
import importlib, pkgutil, sys
import jax, flax.linen, numpy
import aeden.nn
def imported(names):
    before = set(sys.modules)
    for name in names:
        importlib.import_module(f"aeden.nn.{name}")
    tops = {name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names
    return sorted(top for top in tops if top not in ("aeden", "jax", "jaxlib", "flax", "numpy"))
modules = [module.name for module in pkgutil.iter_modules(aeden.nn.__path__)]
others = imported(name for name in modules if name != "nnx_layers")
import flax.nnx  # which imports optax and treescope itself
print(others + imported(["nnx_layers"]))
"""
    hidden = "import sys; sys.modules.update(dict.fromkeys(('jaxtyping', 'beartype')))\n"
    found = subprocess.run([sys.executable, "-c", hidden + code], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == "[]"


def test_no_line_names_a_package_index():
    for name in ("pyproject.toml", "constraints.txt", "run.sh"):
        assert "://" not in (ROOT / name).read_text(), name
