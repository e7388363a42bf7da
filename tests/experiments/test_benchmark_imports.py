"""What the commands of experiments and the peers of the benchmark import."""

import subprocess
import sys

import pytest
from conftest import ROOT

# Import names of packages that aeden does not require; pyproject.toml lists most of them as extras.
OPTIONAL = ("bm3d", "keras", "pywt", "skimage", "submitit", "tensorflow", "torch")


def run(code, *arguments):
    """Runs code in a new process; returns its output without the final newline."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_one_process_can_import_every_module_of_experiments():
    """Two commands that define the same absl flag would raise DuplicateFlagError."""
    paths = sorted((ROOT / "experiments").rglob("*.py"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    code = """
import importlib, sys
optional, names = sys.argv[1].split(","), sys.argv[2].split(",")
for name in names:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in optional:
            raise
    else:
        print(name)
"""
    imported = run(code, ",".join(OPTIONAL), ",".join(names)).splitlines()
    assert {"experiments.main", "experiments.ablate.cost", "experiments.benchmark.__main__"} <= set(imported)


@pytest.mark.parametrize("peer", ["plain_flax", "keras3", "pytorch", "plain_pytorch"])
def test_the_process_of_another_library_imports_nothing_of_aeden(peer):
    code = f"""
import sys
import experiments.benchmark.peers.__main__
try:
    import experiments.benchmark.peers.{peer}
except ModuleNotFoundError as error:
    assert error.name.partition(".")[0] in {OPTIONAL}
print(sorted(name for name in sys.modules if name == "aeden" or name.startswith(("aeden.", "configs"))))
"""
    assert run(code) == "[]"
