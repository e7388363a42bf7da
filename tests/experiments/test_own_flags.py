"""The frame of commands with flags of their own."""

import subprocess
import sys

PRINTS = """
from absl import flags
from experiments import own_flags
own_flags.run(flags.FlagValues(), "Prints.", lambda: print("line\\n" * 100_000), "--flag")
"""


def test_a_reader_that_has_what_it_wanted_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-c", PRINTS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "line\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 0
