"""Compiled programs are kept where that is possible."""

import inspect
import warnings

from jax._src import compiler

from aeden.cli.compiled_programs import keep_programs


def test_a_cache_on_a_full_disk_is_no_reason_for_a_warning():
    begun = "Error writing persistent compilation cache entry for"
    assert begun in inspect.getsource(compiler)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        keep_programs()
        warnings.warn(f"{begun} 'jit_f': OSError: [Errno 28] No space left on device", stacklevel=1)
    assert seen == []
