"""The fast convolutions under JAX's transformations, compared with the plain layers in float64 to 1e-12."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export, lax
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from test_fast_convolution import (
    assert_close,
    flax_transposed,
    lax_convolution,
    resized,
    resized_then_convolved,
)

from aeden.nn.fast_convolution import convolution, transposed_convolution


def transposed(x, kernel, stride, padding):
    return transposed_convolution(x, kernel.swapaxes(2, 3), stride, padding)


def flax_transposed_of_swapped(x, kernel, stride, padding):
    return flax_transposed(x, kernel.swapaxes(2, 3), stride, padding)


# name -> (fast, plain, (input channels, output channels)), all with kernels [k, l, in, out]
FUNCTIONS = {
    "transposed": (transposed, flax_transposed_of_swapped, (5, 6)),
    "transposed, few channels": (transposed, flax_transposed_of_swapped, (3, 1)),
    "convolution": (convolution, lax_convolution, (5, 6)),
    "convolution, few channels": (convolution, lax_convolution, (1, 5)),
    "resized": (resized, resized_then_convolved, (5, 6)),
}


def of_functions(*names):
    """Runs a test for these functions, and for the others too with `-m proof`."""
    cases = [
        pytest.param(*FUNCTIONS[name], id=name, marks=() if name in names else pytest.mark.proof) for name in FUNCTIONS
    ]
    return pytest.mark.parametrize(("fast", "plain", "channels"), cases)


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def arrays(*shapes):
    rng = np.random.default_rng(3)
    return [jnp.asarray(rng.normal(size=shape)) for shape in shapes]


def bound(function):
    """The function of x and kernel alone: stride 2, "SAME"."""
    return lambda x, kernel: function(x, kernel, 2, "SAME")


def loss(function):
    """A scalar that is not linear in the output of the function."""
    return lambda x, kernel: jnp.sum(jnp.sin(bound(function)(x, kernel)))


def check(compute, fast, plain, *values, tolerance=1e-12):
    """Compares all results of `compute(function)(*values)`, compiled at once."""
    results, expected = jax.jit(lambda *values: [compute(each)(*values) for each in (fast, plain)])(*values)
    assert jax.tree.structure(results) == jax.tree.structure(expected)
    assert_close(jax.tree.leaves(results), jax.tree.leaves(expected), tolerance)


@of_functions("transposed", "convolution, few channels", "resized")
def test_forward_mode_and_hessian_vector_products(fast, plain, channels):
    def compute(function):
        def everything(x, kernel, u, v):
            value, slope = jax.jvp(bound(function), (x, kernel), (u, v))
            _, linear = jax.linearize(bound(function), x, kernel)
            gradient = jax.grad(loss(function), (0, 1))
            forward_over_reverse = jax.jvp(gradient, (x, kernel), (u, v))
            derivative = jax.grad(lambda x, k: jax.jvp(loss(function), (x, k), (u, v))[1], (0, 1))
            third = jax.jvp(derivative, (x, kernel), (v[0, 0, 0, 0] * u, v))
            one = x[:1, :2, :1]
            jacobians = jax.jacfwd(bound(function), (0, 1))(one, kernel)
            return value, slope, linear(u, v), forward_over_reverse, third, jacobians

        return everything

    x, kernel = (2, 4, 3, channels[0]), (3, 3, *channels)
    check(compute, fast, plain, *arrays(x, kernel, x, kernel))


@of_functions("transposed", "convolution, few channels")
def test_vmap_over_images_kernels_and_both(fast, plain, channels):
    def compute(function):
        gradients = jax.value_and_grad(loss(function), (0, 1))

        def everything(xs, kernels):
            x, kernel = xs[0], kernels[0]
            of_each_image = jax.vmap(jax.grad(loss(function), 1), (0, None))(x[:, None], kernel)
            last = jax.vmap(bound(function), (-1, None), -1)(jnp.moveaxis(xs, 0, -1), kernel)
            return [
                jax.vmap(gradients, (0, None))(xs, kernel),
                jax.vmap(gradients, (None, 0))(x, kernels),
                jax.vmap(gradients)(xs, kernels),
                jax.vmap(jax.vmap(bound(function), (None, 0)), (0, None))(xs, kernels),
                jax.vmap(lambda u: jax.jvp(bound(function), (x, kernel), (u, kernel)))(xs),
                of_each_image,
                last,
            ]

        return everything

    check(compute, fast, plain, *arrays((3, 2, 4, 3, channels[0]), (3, 3, 3, *channels)))


@of_functions("transposed", "convolution, few channels")
def test_checkpoint_and_steps_in_a_scan(fast, plain, channels):
    def compute(function):
        def everything(x, kernel):
            gradient = jax.grad(jax.checkpoint(loss(function)), 1)

            def step(kernel, x):
                kernel = kernel - 0.01 * gradient(x, kernel)
                return kernel, loss(function)(x, kernel)

            trained = partial(lax.scan, step)
            # The derivative of the last loss by the first kernel goes through the scan.
            return trained(kernel, x), jax.grad(lambda kernel: trained(kernel, x)[1][-1])(kernel)

        return everything

    check(compute, fast, plain, *arrays((3, 2, 4, 3, channels[0]), (3, 3, *channels)))


def mesh(kind):
    return jax.make_mesh((2,), ("d",), axis_types=(kind,))


@of_functions("transposed", "convolution, few channels")
def test_devices_each_with_a_part_of_the_batch(fast, plain, channels):
    x, kernel = arrays((4, 4, 3, channels[0]), (3, 3, *channels))
    split, whole = PartitionSpec("d"), PartitionSpec()
    expected = jax.jit(jax.grad(loss(plain), (0, 1)))(x, kernel)
    slope = jax.jit(lambda x, k: jax.jvp(bound(plain), (x, k), (x, k)))(x, kernel)

    def on_each(x, kernel):
        # With check_vma the gradient by what all devices share is summed by JAX.
        return jax.grad(lambda x, k: lax.psum(loss(fast)(x, k), "d"), (0, 1))(x, kernel)

    mapped = jax.shard_map(on_each, mesh=mesh(AxisType.Auto), in_specs=(split, whole), out_specs=(split, whole))
    assert_close(jax.jit(mapped)(x, kernel), expected, 1e-12)

    def summed_by_hand(x, kernel):
        dx, dk = jax.grad(loss(fast), (0, 1))(x, kernel)
        return dx, lax.psum(dk, "d"), jax.jvp(bound(fast), (x, kernel), (x, kernel))

    for check_vma in (False, True):
        specs = {"in_specs": (split, whole), "out_specs": (split, whole, split), "check_vma": check_vma}
        if check_vma:  # a kernel that is marked as varying has a gradient that is not yet summed
            by_hand = lambda x, kernel: summed_by_hand(x, lax.pcast(kernel, "d", to="varying"))  # noqa: E731
        else:
            by_hand = summed_by_hand
        dx, dk, parts = jax.jit(jax.shard_map(by_hand, mesh=mesh(AxisType.Auto), **specs))(x, kernel)
        assert_close([dx, dk, *parts], [*expected, *slope], 1e-12)
    dx, dk, parts = jax.pmap(summed_by_hand, "d", in_axes=(0, None))(x.reshape(2, 2, *x.shape[1:]), kernel)
    results = [
        np.asarray(each).reshape(wanted.shape) for each, wanted in zip((dx, *parts), (expected[0], *slope), strict=True)
    ]
    assert_close([*results, dk[0], dk[1]], [expected[0], *slope, expected[1], expected[1]], 1e-12)


def test_a_shard_map_over_kernels():
    x, kernels = arrays((2, 4, 3, 5), (2, 3, 3, 5, 6))
    each, whole = PartitionSpec("d"), PartitionSpec()
    for fast, plain in ((transposed, flax_transposed_of_swapped), (convolution, lax_convolution)):
        function = jax.shard_map(
            lambda x, k, fast=fast: bound(fast)(x, k[0])[None],
            mesh=mesh(AxisType.Auto),
            in_specs=(whole, each),
            out_specs=each,
        )
        assert_close([jax.jit(function)(x, kernels)], [jax.vmap(bound(plain), (None, 0))(x, kernels)], 1e-12)


@of_functions("transposed", "convolution, few channels")
@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
def test_sharded_arrays(fast, plain, channels, kind):
    x, kernel = arrays((4, 4, 3, channels[0]), (3, 3, *channels))
    expected = jax.jit(jax.value_and_grad(loss(plain), (0, 1)))(x, kernel)
    shape = bound(plain)(x, kernel).shape
    with jax.set_mesh(mesh(kind)):
        x = jax.device_put(x, NamedSharding(jax.sharding.get_mesh(), PartitionSpec("d")))
        kernel = jax.device_put(kernel, NamedSharding(jax.sharding.get_mesh(), PartitionSpec()))
        out = jax.jit(bound(fast))(x, kernel)
        assert out.sharding.shard_shape(out.shape) == (2, *shape[1:])
        results = jax.jit(jax.value_and_grad(loss(fast), (0, 1)))(x, kernel)
    assert_close(jax.tree.leaves(results), jax.tree.leaves(expected), 1e-12)


def test_an_image_split_over_devices_by_rows():
    x, kernel = arrays((2, 6, 4, 5), (3, 3, 5, 6))
    expected = flax_transposed_of_swapped(x, kernel, 2, "SAME")
    x = jax.device_put(x, NamedSharding(mesh(AxisType.Auto), PartitionSpec(None, "d")))
    assert_close([jax.jit(bound(transposed))(x, kernel)], [expected], 1e-12)


@of_functions("transposed", "convolution, few channels")
def test_shapes_without_computing_and_export(fast, plain, channels):
    x, kernel = arrays((2, 4, 3, channels[0]), (3, 3, *channels))
    assert jax.eval_shape(bound(fast), x, kernel) == jax.eval_shape(bound(plain), x, kernel)
    exported = export.export(jax.jit(jax.value_and_grad(loss(fast), (0, 1))))(x, kernel)
    expected = jax.jit(jax.value_and_grad(loss(plain), (0, 1)))(x, kernel)
    assert_close(jax.tree.leaves(exported.call(x, kernel)), jax.tree.leaves(expected), 1e-12)
    # One program for any batch size.
    of_any_size = jax.ShapeDtypeStruct((*export.symbolic_shape("b"), *x.shape[1:]), x.dtype)
    exported = export.export(jax.jit(jax.value_and_grad(loss(fast), (0, 1))))(of_any_size, kernel)
    for results, batch in ((exported.call(x, kernel), x), (exported.call(x[:1], kernel), x[:1])):
        expected = jax.value_and_grad(loss(plain), (0, 1))(batch, kernel)
        assert_close(jax.tree.leaves(results), jax.tree.leaves(expected), 1e-12)


@of_functions(*FUNCTIONS)
def test_a_batch_without_images(fast, plain, channels):
    """The gradient by the kernel is zero, as in the plain layers."""
    x, kernel = arrays((0, 4, 3, channels[0]), (3, 3, *channels))
    results, expected = (jax.eval_shape(jax.value_and_grad(loss(each), (0, 1)), x, kernel) for each in (fast, plain))
    assert results == expected
    value, (dx, dk) = jax.jit(jax.value_and_grad(loss(fast), (0, 1)))(x, kernel)
    assert (value, dx.shape, dk.shape) == (0, x.shape, kernel.shape)
    np.testing.assert_array_equal(dk, 0)


def test_an_exported_function_is_read_back_with_its_gradient():
    pytest.importorskip("flatbuffers")  # what jax.export writes with
    x, kernel = arrays((2, 4, 3, 5), (3, 3, 5, 6))
    written = export.export(jax.jit(bound(transposed)))(x, kernel).serialize(vjp_order=1)
    read = export.deserialize(written).call
    expected = jax.grad(loss(flax_transposed_of_swapped), (0, 1))(x, kernel)
    assert_close(jax.grad(lambda x, k: jnp.sum(jnp.sin(read(x, k))), (0, 1))(x, kernel), expected, 1e-12)


@of_functions("transposed, few channels", "convolution")
def test_half_precision(fast, plain, channels):
    x, kernel = arrays((2, 4, 3, channels[0]), (3, 3, *channels))

    def compute(function, dtype):
        def everything(x, kernel):
            def power(x, kernel):
                return jnp.sum(jnp.square(bound(function)(x, kernel).astype(jnp.float32)))

            values = x.astype(dtype), kernel.astype(dtype)
            return bound(function)(*values), *jax.grad(power, (0, 1))(*values), jax.jvp(bound(function), values, values)

        return jax.jit(everything)(x, kernel)

    expected = compute(plain, jnp.float64)
    for dtype, tolerance in ((jnp.bfloat16, 0.03), (jnp.float16, 0.005)):
        results = jax.tree.leaves(compute(fast, dtype))
        assert {result.dtype for result in results} == {jnp.dtype(dtype)}
        assert_close([np.asarray(each, np.float64) for each in results], jax.tree.leaves(expected), tolerance)
