"""Joining several processes to one run."""

import pytest

from aeden.runtime import hosts


@pytest.mark.parametrize(("processes", "process"), [(2, 2), (2, -1), (0, 0)])
def test_a_process_index_that_does_not_fit_is_refused(processes, process):
    with pytest.raises(ValueError, match="--process from 0"):
        hosts.join_processes("localhost:1", processes, process)
