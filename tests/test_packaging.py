"""The wheel: it contains aeden and nothing else at the top level, and says what it needs."""

import tomllib

import pytest
from conftest import ROOT

import aeden

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_a_wheel_contains_all_of_aeden_and_nothing_else():
    """`configs` and `experiments` run from the checkout; as top-level packages they would clash with anybody's."""
    setuptools = pytest.importorskip("setuptools")
    packages = setuptools.find_packages(ROOT, include=PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"])
    folders = {path.parent for path in (ROOT / "aeden").rglob("*.py")}
    assert set(packages) == {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert {package.partition(".")[0] for package in packages} == {"aeden"}


def test_every_folder_of_code_is_a_package():
    for top in ("aeden", "experiments", "configs"):
        for folder in {path.parent for path in (ROOT / top).rglob("*.py")}:
            assert (folder / "__init__.py").exists(), folder


def test_the_metadata():
    project = PYPROJECT["project"]
    assert project["license"] == "Apache-2.0"
    assert all((ROOT / name).exists() for name in project["license-files"])
    assert project["dynamic"] == ["version"]
    assert aeden.__version__.count(".") == 2
    for requirement in [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]:
        assert ">=" in requirement, f"{requirement} has no floor"
