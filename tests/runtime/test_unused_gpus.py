"""A job with GPUs whose JAX computes on the CPU is told so."""

import pytest

from aeden.runtime.unused_gpus import unused_gpus


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, None),
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, "CUDA_VISIBLE_DEVICES=0,1"),
        ({"SLURM_STEP_GPUS": "3", "CUDA_VISIBLE_DEVICES": "0"}, "SLURM_STEP_GPUS=3"),
        ({"CUDA_VISIBLE_DEVICES": ""}, None),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, None),
        ({"CUDA_VISIBLE_DEVICES": "0", "JAX_PLATFORMS": "cpu"}, None),
    ],
)
def test_gpus_that_jax_does_not_see(environment, named):
    note = unused_gpus(environment)
    assert bool(note) == (named is not None)
    assert named is None or (named in note and "pip install -e '.[cuda12]'" in note)
