#!/usr/bin/env bash
# ./run.sh [ARGUMENT ...]        trains the main experiment; arguments go to experiments.main, e.g. --config.epochs=1
# ./run.sh test [ARGUMENT ...]   runs the tests; arguments go to pytest
# ./run.sh check                 lint, types and tests: what must be clean before a change lands
#
# The first start makes .venv and installs into it; later starts install nothing. PYTHON=... chooses the interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

fail() {
    echo "error: $1" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local name
    for name in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3 python}; do
        if is_new_enough "$name"; then
            echo "$name"
            return
        fi
    done
    fail "${PYTHON:+PYTHON=$PYTHON is not Python 3.11 or newer: }aeden needs Python 3.11 or newer; install it, or name it with PYTHON=..."
}

make_venv() {
    # A .venv cannot start if its interpreter is gone (after a system upgrade, or if the folder was moved).
    if is_new_enough .venv/bin/python; then
        return
    fi
    local python
    python=$(find_python)
    echo "creating .venv with $("$python" --version) ..." >&2
    rm -rf .venv
    "$python" -m venv .venv || fail "$python cannot make a virtual environment (on Debian: apt install python3-venv)"
}

# install NAME EXTRA,...: installs once. The stamp of NAME holds a hash of everything that decides which packages.
install() {
    local extras=$2 stamp=.venv/installed-$1 wanted
    if command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; then
        extras=${extras:+$extras,}cuda12
    fi
    make_venv
    wanted="$extras $(.venv/bin/python -c '
import hashlib, os
files = b"".join(open(name, "rb").read() for name in ("pyproject.toml", "constraints.txt"))
print(hashlib.sha256(files + os.getcwd().encode()).hexdigest())')"
    if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    echo "installing aeden${extras:+ with $extras} into .venv, once ..." >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --constraint constraints.txt --editable ".${extras:+[$extras]}" || fail "installation failed: see above"
    echo "$wanted" >"$stamp"
}

run_main() {
    install run ""
    local argument
    for argument in "$@"; do
        case $argument in
        --config | --config=* | -config | -config=*) exec .venv/bin/python -m experiments.main "$@" ;;
        esac
    done
    exec .venv/bin/python -m experiments.main --config=configs/transpose_mnist.py "$@"
}

case ${1:-} in
test)
    shift
    install test test
    exec .venv/bin/python -m pytest "$@"
    ;;
check)
    install test test
    .venv/bin/python -m ruff check .
    .venv/bin/python -m ruff format --check .
    .venv/bin/python -m mypy
    exec .venv/bin/python -m pytest
    ;;
*)
    run_main "$@"
    ;;
esac
