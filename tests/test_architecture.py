"""The floors of the README's architecture: a file imports only from floors below its own."""

import ast
import subprocess
import sys

import pytest
from conftest import ROOT

FLOORS = {
    0: ("shapes", "allocator", "keys", "cache", "runs", "lowering", "augmentation", "corruption", "metrics",
        "statistics", "scores", "posterior"),
    1: ("layers", "parallel", "optimizers", "logbook", "report", "baselines", "data.pipeline", "data.folder",
        "data.glyphs", "data.mnist", "data.notmnist", "data.prepared", "data.sources"),
    2: ("models", "checkpoint", "descent", "evaluation", "report_classes", "report_samples", "report_grid",
        "report_html"),
    3: ("train", "transfer", "adversaries", "artifacts"),
    4: ("build", "restoration", "classification", "adversarial_task"),
    5: ("denoising", "phases", "evaluator"),
    6: ("stacked", "adversarial"),
}  # fmt: skip
FLOOR = {f"aeden.{name}": floor for floor, names in FLOORS.items() for name in names}
# Within the data room, files build on each other in this order.
DATA = ("pipeline", "folder", "glyphs", "mnist", "notmnist", "prepared", "sources")


def imported(path):
    """The modules of this repository that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name in FLOOR or name.split(".")[0] in ("configs", "experiments")}


def modules():
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in sorted((ROOT / "aeden").rglob("*.py"))
        if path.stem != "__init__"
    }


def test_every_file_has_a_floor():
    assert modules().keys() == FLOOR.keys()


@pytest.mark.parametrize("name", sorted(FLOOR))
def test_imports_come_from_below(name):
    # The names of shapes serve everywhere.
    for other in imported(modules()[name]) - {"aeden.shapes"}:
        if name.startswith("aeden.data.") and other.startswith("aeden.data."):
            assert DATA.index(other.split(".")[-1]) < DATA.index(name.split(".")[-1]), f"{name} imports {other}"
        else:
            assert FLOOR.get(other, 7) < FLOOR[name], f"{name} imports {other}"


def test_configs_import_base_only():
    for path in (ROOT / "configs").glob("*.py"):
        assert imported(path) <= {"configs", "configs.base"}, path


def test_grids_import_configs_only():
    for path in (ROOT / "configs/ablations").glob("*.py"):
        assert all(name.split(".")[0] == "configs" for name in imported(path)), path


def test_models_need_jax_flax_optax_and_numpy_only():
    absent = ("tensorflow_datasets", "array_record", "ml_collections", "matplotlib", "PIL", "tensorboardX", "tqdm",
              "clu", "grain", "scipy.stats", "jaxtyping", "beartype")  # fmt: skip
    code = f"import sys; sys.modules.update(dict.fromkeys({absent}))\n" + "\n".join(
        f"import aeden.{name}" for name in ("models", "layers", "metrics", "corruption", "optimizers")
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_no_line_names_a_package_index():
    for name in ("pyproject.toml", "constraints.txt", "run.sh"):
        assert "://" not in (ROOT / name).read_text(), name
