"""A drop-in layer is one call for Flax's tools, in either lowering, and combines with a partly manual mesh."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from aeden.nn.fast_convolution import convolution, transposed_convolution
from aeden.nn.layers import Conv, ConvTranspose, ResizeConv


@pytest.mark.parametrize("lowering", ["reference", "fast"])
@pytest.mark.parametrize("make", [Conv, ResizeConv, lambda *a, **k: ConvTranspose(*a, strides=(2, 2), **k)])
def test_captured_intermediates_have_one_call(make, lowering):
    layer, x = make(4, (3, 3), lowering=lowering), jnp.ones((2, 6, 6, 5))
    params = layer.init(jax.random.key(0), x)
    _, captured = layer.apply(params, x, capture_intermediates=True)
    assert len(captured["intermediates"]["__call__"]) == 1


@pytest.mark.parametrize("function", [convolution, lambda x, k: transposed_convolution(x, k, 2)])
def test_one_axis_of_an_explicit_mesh_may_be_manual(function):
    mesh = jax.make_mesh((2, 1), ("a", "b"), axis_types=(AxisType.Explicit,) * 2)
    x, kernel = jnp.ones((4, 6, 6, 5)), jnp.ones((3, 3, 5, 5))
    with jax.set_mesh(mesh):
        mapped = jax.shard_map(function, in_specs=(P("a"), P()), out_specs=P("a"), axis_names={"a"})
        assert jnp.allclose(jax.jit(mapped)(x, kernel), function(x, kernel))


def test_kernels_with_many_taps_and_few_channels_need_little_memory():
    """The form for few channels would hold a product for each tap of each pixel."""
    x, kernel = jnp.ones((1, 64, 64, 1)), jnp.ones((21, 21, 1, 1))
    compiled = jax.jit(convolution).lower(x, kernel).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 64 * x.nbytes
