"""The drop-in layers, compared with those of Flax linen and nnx."""

import warnings

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from aeden.nn import nnx_layers
from aeden.nn.convolution import is_fast
from aeden.nn.layers import Conv, ConvTranspose, ResizeConv, upsample

X = (2, 5, 4, 6)  # the images that all layers take
MASK = np.arange(3 * 3 * 6 * 4).reshape(3, 3, 6, 4) % 3 > 0
# Options of nn.ConvTranspose(4, (3, 3)) with a fast form.
TRANSPOSED = {
    "defaults": {},
    "strides": {"strides": (2, 2)},
    "one stride": {"strides": 2, "padding": "VALID"},
    "rectangular": {"kernel_size": (2, 5), "strides": (3, 1)},
    "Keras' kernel": {"strides": (2, 2), "transpose_kernel": True},
    "Keras' rectangular kernel": {"kernel_size": (4, 3), "strides": (2, 3), "transpose_kernel": True},
    "a padding of one integer": {"strides": 2, "padding": 1},
    "an integer for each axis": {"strides": 2, "padding": (1, 2), "transpose_kernel": True},
    "(before, after) of each axis": {"strides": 2, "padding": [(2, 1), (0, 3)]},
    "no bias": {"strides": 2, "use_bias": False},
    "a mask": {"strides": 2, "mask": MASK},
    "float16 parameters": {"strides": 2, "param_dtype": jnp.float16},
    "bfloat16": {"strides": 2, "dtype": jnp.bfloat16},
    "a sequence": {"kernel_size": 4, "strides": 2},
    "a sequence with Keras' kernel": {"kernel_size": (3,), "strides": 3, "padding": 1, "transpose_kernel": True},
}
# Options of nn.Conv(4, (3, 3)) with a fast form.
CONVOLUTIONS = {
    "defaults": {},
    "strides": {"strides": (2, 1), "padding": "VALID"},
    "no strides": {"strides": None, "kernel_size": (2, 4)},
    "a padding of one integer": {"padding": 2},
    "(before, after) of each axis": {"padding": ((0, 1), 2), "strides": 2},
    "more on the lower side": {"padding": "SAME_LOWER", "kernel_size": (2, 4)},
    "circular": {"padding": "CIRCULAR", "strides": 2, "kernel_size": (3, 4)},
    "reflected": {"padding": "REFLECT"},
    "groups": {"feature_group_count": 2, "strides": 2},
    "depthwise": {"feature_group_count": 6, "features": 12},
    "no bias and a mask": {"use_bias": False, "mask": MASK},
    "bfloat16": {"dtype": jnp.bfloat16},
    "a sequence": {"kernel_size": (3,), "strides": 2},
    "a causal sequence": {"kernel_size": 3, "padding": "CAUSAL"},
}
# Options of a resize before nn.Conv(4, (3, 3)).
RESIZED = {
    "defaults": {},
    "rectangular": {"factor": (2, 3), "kernel_size": (2, 4)},
    "valid": {"factor": 3, "padding": "VALID"},
    "(before, after) of each axis": {"padding": ((3, 0), (1, 4))},
    "strides": {"strides": 2},
    "groups": {"feature_group_count": 2},
    "circular": {"padding": "CIRCULAR"},
    "bilinear": {"method": "bilinear"},
    "a factor of 1": {"factor": 1},
    "a factor of 5": {"factor": 5, "kernel_size": (3, 2)},
    "a name in lower case": {"padding": "same"},
    "a mask": {"mask": MASK},
    "a sequence": {"kernel_size": 3, "factor": 4},
}
# Options without a fast form, and the name that the error gives.
REFUSED = [
    (Conv, {"kernel_dilation": 2}, "kernel_dilation=2"),
    (Conv, {"kernel_dilation": (1, 2), "precision": "highest"}, r"kernel_dilation=\(1, 2\), precision=highest"),
    (Conv, {"input_dilation": 2, "padding": 1}, "input_dilation=2"),
    (Conv, {"kernel_size": (1, 2, 2)}, r"kernel_size=\(1, 2, 2\)"),
    (
        Conv,
        {"conv_general_dilated": lambda *args, **options: jax.lax.conv_general_dilated(*args, **options)},
        "conv_gen",
    ),
    (ResizeConv, {"kernel_dilation": 2}, "kernel_dilation=2"),
    (ConvTranspose, {"kernel_dilation": (2, 2)}, r"kernel_dilation=\(2, 2\)"),
    (ConvTranspose, {"padding": "CIRCULAR", "strides": 2}, "padding='CIRCULAR'"),
    (ConvTranspose, {"preferred_element_type": jnp.float32}, "preferred_element_type"),
]


class ResizeThenConv(nn.Module):
    """A resize and a layer of plain Flax with the parameters of `ResizeConv`."""

    conv: nn.Conv
    factor: int | tuple[int, ...] = 2
    method: str = "nearest"

    def __call__(self, x):
        if self.conv.kernel_size == 3:  # a sequence, as an image of one row
            return self.conv(upsample(x[..., None, :, :], (1, self.factor), self.method)[..., 0, :, :])
        return self.conv(upsample(x, self.factor, self.method))


def pair_of_layers(ours, options, lowering="fast"):
    """A drop-in layer, and the layer of plain Flax with the same options."""
    options = {"features": 4, "kernel_size": (3, 3)} | options
    if ours is not ResizeConv:
        return ours(**options, lowering=lowering), {Conv: nn.Conv, ConvTranspose: nn.ConvTranspose}[ours](**options)
    resize = {name: options[name] for name in ("factor", "method") if name in options}
    plain = nn.Conv(**{name: value for name, value in options.items() if name not in resize})
    return ResizeConv(**options, lowering=lowering), ResizeThenConv(plain, **resize)


def check_same_layer(rng, ours, options, lowering="fast", lead=X[:1], gradients=False):
    """Same initial parameters to the bit; same values and gradients, up to rounding."""
    layer, plain = pair_of_layers(ours, options, lowering)
    x = jnp.asarray(rng.normal(size=(*lead, *X[1:])), jnp.float32)
    of_flax = plain.conv if ours is ResizeConv else plain
    params, expected = (
        each.lazy_init(jax.random.key(0), jax.ShapeDtypeStruct(x.shape, x.dtype)) for each in (layer, of_flax)
    )
    assert jax.tree.structure(params) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, params, expected)
    assert [leaf.dtype for leaf in jax.tree.leaves(params)] == [leaf.dtype for leaf in jax.tree.leaves(expected)]
    random = jax.tree.map(lambda p: jnp.asarray(rng.normal(size=p.shape), p.dtype), params)

    def apply_plain(params, x):
        return plain.apply({"params": {"conv": params["params"]}} if ours is ResizeConv else params, x)

    def loss(apply, params, x):
        return jnp.sum(jnp.sin(apply(params, x)))

    @jax.jit
    def both(params, x):
        functions = (layer.apply, apply_plain)
        return [[f(params, x), jax.grad(loss, (1, 2))(f, params, x) if gradients else ()] for f in functions]

    results, expected = both(random, x)
    tolerance = 0.03 if options.get("dtype") == jnp.bfloat16 else 2e-3 if "param_dtype" in options else 1e-5
    for result, wanted in zip(jax.tree.leaves(results), jax.tree.leaves(expected), strict=True):
        assert (result.shape, result.dtype) == (wanted.shape, wanted.dtype)
        result, wanted = np.asarray(result, np.float32), np.asarray(wanted, np.float32)
        np.testing.assert_allclose(result, wanted, rtol=0, atol=tolerance * max(1, np.abs(wanted).max()))


@pytest.mark.parametrize("options", TRANSPOSED.values(), ids=TRANSPOSED)
def test_conv_transpose_is_that_of_flax(rng, options):
    check_same_layer(rng, ConvTranspose, options)


@pytest.mark.parametrize("options", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_conv_is_that_of_flax(rng, options):
    check_same_layer(rng, Conv, options)


@pytest.mark.parametrize("options", RESIZED.values(), ids=RESIZED)
def test_resize_conv_is_a_resize_and_the_convolution_of_flax(rng, options):
    check_same_layer(rng, ResizeConv, options)


@pytest.mark.parametrize(
    ("layer", "options"),
    [
        (ConvTranspose, TRANSPOSED["a mask"]),
        (ConvTranspose, TRANSPOSED["a sequence"]),
        (Conv, CONVOLUTIONS["circular"]),
        (Conv, CONVOLUTIONS["groups"]),
        (ResizeConv, RESIZED["(before, after) of each axis"]),
    ],
)
def test_gradients_are_those_of_flax(rng, layer, options):
    check_same_layer(rng, layer, options, gradients=True)


@pytest.mark.parametrize(("layer", "options", "name"), REFUSED)
def test_options_without_a_fast_form(rng, layer, options, name):
    """The lowering "fast" refuses them by name; "auto" computes them by plain Flax."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # conv_general_dilated is deprecated in Flax
        with pytest.raises(ValueError, match=f"'fast' does not support .*{name}"):
            pair_of_layers(layer, options)[0].lazy_init(jax.random.key(0), jnp.ones(X))
        if options.get("kernel_size") is None and layer is not ResizeConv:
            check_same_layer(rng, layer, options, "auto")
        auto = pair_of_layers(layer, options, "auto")[0]
        out = jax.eval_shape(auto.init_with_output, jax.random.key(0), jnp.ones((2, *X)))[0]
    assert out.shape[-1] == 4


def test_auto_is_fast_on_a_cpu_where_every_option_has_a_fast_form(monkeypatch):
    assert is_fast("auto")
    assert not is_fast("auto", ["precision=highest"])
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert not is_fast("auto")
    assert is_fast("fast")


@pytest.mark.parametrize("lead", [(), (2, 3)])
@pytest.mark.parametrize(
    ("layer", "options"),
    [(Conv, {"padding": "CIRCULAR"}), (Conv, {}), (ConvTranspose, {"strides": 2}), (ResizeConv, {})],
)
def test_any_leading_axes(rng, lead, layer, options):
    check_same_layer(rng, layer, options, lead=lead)


def test_automatic_names_are_those_of_flax():
    class Model(nn.Module):
        transposed: type[nn.Module]
        conv: type[nn.Module]

        @nn.compact
        def __call__(self, x):
            return self.conv(2, (3, 3))(self.transposed(3, (3, 3), (2, 2))(self.conv(4, (3, 3))(x)))

    plain, ours = (
        model.init(jax.random.key(0), jnp.ones(X))
        for model in (Model(nn.ConvTranspose, nn.Conv), Model(ConvTranspose, Conv))
    )
    assert jax.tree.structure(plain) == jax.tree.structure(ours)
    jax.tree.map(np.testing.assert_array_equal, plain, ours)
    assert isinstance(Conv(2, (3, 3)), nn.Conv)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Conv(4, (3, 3), mask=MASK[:2]), r"mask has the kernel's shape \(3, 3, 6, 4\), not \(2, 3, 6, 4\)"),
        (Conv(4, (3, 3), feature_group_count=4), "6 channels cannot be split into 4 groups"),
        (Conv(5, (3, 3), feature_group_count=2), "5 features cannot be split into 2 groups"),
        (Conv(4, (3, 3), lowering="best"), "'best'"),
        (Conv(4, (3, 3), padding="FULL"), "'FULL'"),
        (ResizeConv(4, (3, 3), factor=(2, 0)), r"a factor is a positive integer or two of them, not \(2, 0\)"),
        (ResizeConv(4, (3, 3), method="nearset"), "'nearset'"),
    ],
)
def test_what_cannot_be_computed_is_refused(layer, message):
    with pytest.raises(ValueError, match=message):
        layer.lazy_init(jax.random.key(0), jnp.ones(X))


# (layer of nnx_layers, layer of nnx, their options, options of the drop-in layer only)
NNX = [
    ("ConvTranspose", nnx.ConvTranspose, {"strides": (2, 2), "transpose_kernel": True}, {}),
    ("ConvTranspose", nnx.ConvTranspose, {"strides": 2, "use_bias": False, "mask": jnp.asarray(MASK)}, {}),
    ("Conv", nnx.Conv, {"feature_group_count": 2, "padding": "VALID"}, {}),
    ("Conv", nnx.Conv, {"dtype": jnp.float16, "strides": 2}, {}),
    ("ResizeConv", nnx.Conv, {}, {"factor": (3, 2)}),
    ("ResizeConv", nnx.Conv, {"strides": 2}, {"method": "bilinear"}),
]


@pytest.mark.parametrize(("name", "plain", "options", "more"), NNX)
def test_nnx_layers_are_those_of_flax(rng, name, plain, options, more):
    ours = getattr(nnx_layers, name)(6, 4, (3, 3), rngs=nnx.Rngs(0), lowering="fast", **options, **more)
    theirs = plain(6, 4, (3, 3), rngs=nnx.Rngs(0), **options)
    assert isinstance(ours, plain)
    state, expected = nnx.state(ours, nnx.Param), nnx.state(theirs, nnx.Param)
    assert jax.tree.structure(state) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, state, expected)

    @nnx.jit
    def value_and_gradient(layer, x):
        return nnx.value_and_grad(lambda layer, x: jnp.sum(jnp.sin(layer(x).astype(jnp.float32))))(layer, x)

    x = jnp.asarray(rng.normal(size=X), jnp.float32)
    resized = upsample(x, more.get("factor", 2), more.get("method", "nearest")) if name == "ResizeConv" else x
    results, expected = value_and_gradient(ours, x), value_and_gradient(theirs, resized)
    assert nnx.to_flat_state(results[1]).paths == nnx.to_flat_state(expected[1]).paths
    tolerance = 0.01 if options.get("dtype") == jnp.float16 else 1e-5
    for result, wanted in zip(jax.tree.leaves(results), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(result, wanted, atol=tolerance * max(1.0, np.abs(wanted).max()))


def test_nnx_layers_without_a_fast_form():
    x = jnp.ones(X)
    options = {"rngs": nnx.Rngs(0), "kernel_dilation": 2}
    for layer in (nnx_layers.Conv, nnx_layers.ConvTranspose, nnx_layers.ResizeConv):
        with pytest.raises(ValueError, match="'fast' does not support kernel_dilation=2"):
            layer(6, 4, (3, 3), lowering="fast", **options)(x)
        assert layer(6, 4, (3, 3), **options)(x).shape[-1] == 4
    with pytest.raises(ValueError, match="'fast' does not support out_sharding"):
        nnx_layers.Conv(6, 4, (3, 3), lowering="fast", rngs=nnx.Rngs(0))(x, out_sharding=jax.sharding.PartitionSpec())
    with pytest.raises(ValueError, match="'best'"):
        nnx_layers.Conv(6, 4, (3, 3), lowering="best", rngs=nnx.Rngs(0))(x)


def test_an_nnx_model_trains(rng):
    """The state of nnx's own layers is taken over, and `nnx.Optimizer` trains it."""
    optax = pytest.importorskip("optax")
    theirs = nnx.ConvTranspose(3, 1, (3, 3), (2, 2), transpose_kernel=True, rngs=nnx.Rngs(1))
    layer = nnx_layers.ConvTranspose(3, 1, (3, 3), (2, 2), transpose_kernel=True, rngs=nnx.Rngs(0))
    x = jnp.asarray(rng.normal(size=(4, 4, 4, 3)), jnp.float32)
    nnx.update(layer, nnx.state(theirs))
    np.testing.assert_allclose(layer(x), theirs(x), atol=1e-5)
    target = theirs(x) * 0.5
    optimizer = nnx.Optimizer(layer, optax.adam(0.03), wrt=nnx.Param)

    @nnx.jit
    def step(layer, optimizer):
        loss, gradient = nnx.value_and_grad(lambda layer: jnp.mean(jnp.square(layer(x) - target)))(layer)
        optimizer.update(layer, gradient)
        return loss

    losses = [step(layer, optimizer) for _ in range(30)]
    assert losses[-1] < 0.1 * losses[0]
