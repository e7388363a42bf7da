"""The provenance of a result: hardware, versions and commit."""

import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

from aeden.runtime import provenance


def test_a_result_names_its_hardware_versions_and_commit():
    assert {"python", "jax", "flax", "optax", "orbax-checkpoint"} <= provenance.versions().keys()
    assert provenance.hardware()["devices"] == 2
    assert provenance.commit()
    assert provenance.provenance().keys() == {"hardware", "versions", "commit"}


def git(folder, *arguments):
    identity = ("-c", "user.name=tester", "-c", "user.email=tester@example.org")
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git repository with a copy of the code, `aeden/runtime/provenance.py`, all committed."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "aeden" / "runtime" / "provenance.py"
    file.parent.mkdir(parents=True)
    file.write_text((ROOT / "aeden" / "runtime" / "provenance.py").read_text())
    (tmp_path / "README.md").write_text("text\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    monkeypatch.setattr(provenance, "__file__", str(file))
    return tmp_path


def test_the_commit_of_a_checkout(checkout):
    head = git(checkout, "rev-parse", "HEAD")
    assert provenance.commit() == head
    (checkout / "untracked.txt").write_text("text\n")
    assert provenance.commit() == head
    (checkout / "README.md").write_text("changed\n")
    assert provenance.commit() == f"{head}+changes"


def test_an_installed_copy_in_the_repository_of_another_project_has_no_commit(checkout, monkeypatch):
    """Once it got the commit of that project."""
    installed = checkout / ".venv" / "site-packages" / "aeden" / "runtime" / "provenance.py"
    installed.parent.mkdir(parents=True)
    installed.write_text(Path(provenance.__file__).read_text())
    monkeypatch.setattr(provenance, "__file__", str(installed))
    assert provenance.commit() == "unknown"


def test_without_a_repository_or_without_git_there_is_no_commit(checkout, tmp_path_factory, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "")
        assert provenance.commit() == "unknown"
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(elsewhere.parent))
    monkeypatch.setattr(provenance, "__file__", str(elsewhere / "provenance.py"))
    assert provenance.commit() == "unknown"
