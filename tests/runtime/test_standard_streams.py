"""Standard streams that are closed."""

import subprocess
import sys

from conftest import ROOT

CODE = """
import os
from aeden.runtime import standard_streams
standard_streams.open_closed()
import sys
print("a message", file=sys.stderr, flush=True)
opened = os.open(os.devnull, os.O_RDONLY)
print(opened > 2)
"""


def test_a_closed_standard_error_takes_messages_and_its_number_is_not_given_to_a_file():
    result = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" 2>&-', sys.executable, CODE],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    assert result.stdout == "True\n"
