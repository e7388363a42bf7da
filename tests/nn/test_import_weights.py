"""Weights of Keras and PyTorch in the layers of aeden: compared with NumPy, and with the libraries where they are."""

from itertools import product

import jax
import numpy as np
import pytest

from aeden.nn.autoencoders import ConvAutoencoder
from aeden.nn.import_weights import (
    conv_from_keras,
    conv_from_torch,
    conv_transpose_from_keras,
    conv_transpose_from_torch,
    padding_from_keras,
    padding_from_torch,
)
from aeden.nn.layers import Conv, ConvTranspose, ResizeConv, TransposeConv

# Warnings of the libraries themselves: Keras' variables under NumPy 2, PyTorch's "same" for even kernels.
of_libraries = pytest.mark.filterwarnings("ignore:__array__ implementation", "ignore:Using padding='same'")
SIZE = (3, 4)
# (kernel size, stride, padding, output padding) of a transposed convolution in PyTorch.
TORCH = [(3, 2, 1, 1), (3, 2, 0, 0), (4, 2, 1, 0), ((2, 5), (3, 2), (0, 2), (1, 0)), (2, 2, 0, 0), (1, 1, 0, 0)]
# (kernel size, stride, padding, output padding) of a transposed convolution in Keras.
KERAS = [
    (3, 2, "same", None),
    (4, 2, "valid", None),
    (3, 2, "same", 1),
    (3, 2, "valid", 1),
    ((2, 5), (3, 2), "same", 0),
]


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def apply(layer, params, x):
    return np.asarray(layer.apply({"params": params}, jax.numpy.asarray(x)))


def scattered(x, kernel, strides):
    """The transposed convolution without padding: each pixel adds the kernel [k, l, out, in] to the output."""
    (b, h, w, _), (k, m, out, _), (s, t) = x.shape, kernel.shape, strides
    result = np.zeros((b, (h - 1) * s + k, (w - 1) * t + m, out))
    for i, j in product(range(h), range(w)):
        result[:, i * s : i * s + k, j * t : j * t + m] += np.einsum("bc,kmoc->bkmo", x[:, i, j], kernel)
    return result


def cropped(image, before, sizes):
    """[b, *sizes, c] from pixel `before` of [b, h, w, c] on, with zeros beyond its border."""
    image = np.pad(image, ((0, 0), *((0, size) for size in sizes), (0, 0)))
    return image[:, before[0] : before[0] + sizes[0], before[1] : before[1] + sizes[1]]


def random_torch(rng, k):
    """x [b, h, w, c], weight [in, out, k, l] and bias."""
    return [rng.normal(size=s).astype(np.float32) for s in ((2, *SIZE, 5), (5, 6, *pair(k)), (6,))]


@pytest.mark.parametrize("transpose_kernel", [False, True])
@pytest.mark.parametrize(("k", "s", "p", "more"), TORCH)
def test_a_transposed_convolution_of_torch_in_numpy(rng, k, s, p, more, transpose_kernel):
    x, weight, bias = random_torch(rng, k)
    padding = padding_from_torch(pair(k), p, more)
    layer = ConvTranspose(6, pair(k), pair(s), padding=padding, transpose_kernel=transpose_kernel)
    out = apply(layer, conv_transpose_from_torch(weight, bias, transpose_kernel=transpose_kernel), x)
    # https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html: the size of the output
    axes = zip(SIZE, pair(s), pair(p), pair(k), pair(more), strict=True)
    sizes = [(n - 1) * s - 2 * p + (k - 1) + o + 1 for n, s, p, k, o in axes]
    expected = cropped(scattered(x, weight.transpose(2, 3, 1, 0), pair(s)), pair(p), sizes) + bias
    assert out.shape == expected.shape
    np.testing.assert_allclose(out, expected, atol=1e-5)


@pytest.mark.parametrize("transpose_kernel", [False, True])
@pytest.mark.parametrize(("k", "s", "padding"), [(3, 2, "same"), (4, 2, "same"), (2, 3, "valid"), (5, 2, "VALID")])
def test_a_transposed_convolution_of_keras_in_numpy(rng, k, s, padding, transpose_kernel):
    x, kernel = rng.normal(size=(2, *SIZE, 5)).astype(np.float32), rng.normal(size=(k, k, 6, 5)).astype(np.float32)
    params = conv_transpose_from_keras(kernel, transpose_kernel=transpose_kernel)
    options = {"padding": padding_from_keras((k, k), padding), "transpose_kernel": transpose_kernel, "use_bias": False}
    out = apply(ConvTranspose(6, (k, k), (s, s), **options), params, x)
    same = padding == "same"
    sizes = [n * s if same else (n - 1) * s + max(k, s) for n in SIZE]
    before = (max(k - s, 0) // 2,) * 2 if same else (0, 0)
    expected = cropped(scattered(x, kernel, (s, s)), before, sizes)
    assert out.shape == expected.shape
    np.testing.assert_allclose(out, expected, atol=1e-5)


def test_convolutions_in_numpy(rng):
    x, weight = rng.normal(size=(2, 6, 7, 4)).astype(np.float32), rng.normal(size=(6, 2, 3, 2)).astype(np.float32)
    bias = rng.normal(size=6).astype(np.float32)
    # Two groups: the first three features see the first two channels.
    expected = np.zeros((2, 4, 6, 6))
    for i, j in product(range(3), range(2)):
        pixels = x[:, i : i + 4, j : j + 6]
        expected[..., :3] += pixels[..., :2] @ weight[:3, :, i, j].T
        expected[..., 3:] += pixels[..., 2:] @ weight[3:, :, i, j].T
    layer = Conv(6, (3, 2), padding="VALID", feature_group_count=2)
    params = conv_from_torch(weight, bias)
    np.testing.assert_allclose(apply(layer, params, x), expected + bias, atol=1e-5)
    for name, value in conv_from_keras(params["kernel"], bias).items():
        np.testing.assert_array_equal(value, params[name])


def test_layers_without_bias_and_unknown_paddings(rng):
    assert set(conv_from_torch(np.ones((2, 3, 1, 1)))) == {"kernel"}
    with pytest.raises(ValueError, match="'full'"):
        padding_from_keras((3, 3), "full")


@pytest.mark.parametrize(("k", "s", "p", "more"), TORCH)
def test_torch_agrees(rng, k, s, p, more):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.ConvTranspose2d(5, 6, k, s, p, more)
    x, *weights = random_torch(rng, k)
    theirs.load_state_dict({name: torch.tensor(w) for name, w in zip(("weight", "bias"), weights, strict=True)})
    with torch.no_grad():
        expected = theirs(torch.tensor(x.transpose(0, 3, 1, 2))).numpy().transpose(0, 2, 3, 1)
    state, padding = theirs.state_dict(), padding_from_torch(pair(k), p, more)
    for transpose_kernel in (False, True):
        params = conv_transpose_from_torch(state["weight"], state["bias"], transpose_kernel=transpose_kernel)
        layer = ConvTranspose(6, pair(k), pair(s), padding=padding, transpose_kernel=transpose_kernel)
        np.testing.assert_allclose(apply(layer, params, x), expected, atol=1e-5)


@of_libraries
@pytest.mark.parametrize(("k", "s", "p", "groups"), [(3, 1, 1, 1), (3, 2, (1, 0), 2), ((2, 4), 1, "same", 1)])
def test_convolutions_of_torch_agree(rng, k, s, p, groups):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Conv2d(4, 6, k, s, p, groups=groups)
    x = rng.normal(size=(2, 8, 7, 4)).astype(np.float32)
    with torch.no_grad():
        expected = theirs(torch.tensor(x.transpose(0, 3, 1, 2))).numpy().transpose(0, 2, 3, 1)
        small = torch.nn.functional.interpolate(torch.tensor(x.transpose(0, 3, 1, 2)), scale_factor=2)
        resized = theirs(small).numpy().transpose(0, 2, 3, 1)
    params = conv_from_torch(theirs.state_dict()["weight"], theirs.state_dict()["bias"])
    options = {"strides": s, "padding": p.upper() if isinstance(p, str) else p, "feature_group_count": groups}
    np.testing.assert_allclose(apply(Conv(6, pair(k), **options), params, x), expected, atol=1e-5)
    np.testing.assert_allclose(apply(ResizeConv(6, pair(k), **options), params, x), resized, atol=1e-5)


@pytest.fixture(scope="module")
def keras():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "jax")
        return pytest.importorskip("keras")


@of_libraries
@pytest.mark.parametrize(("k", "s", "padding", "more"), KERAS)
def test_keras_agrees(keras, rng, k, s, padding, more):
    theirs = keras.layers.Conv2DTranspose(6, k, s, padding, output_padding=more, bias_initializer="normal")
    x = rng.normal(size=(2, *SIZE, 5)).astype(np.float32)
    expected = np.asarray(theirs(x))
    for transpose_kernel in (False, True):
        params = conv_transpose_from_keras(*theirs.get_weights(), transpose_kernel=transpose_kernel)
        options = {"padding": padding_from_keras(pair(k), padding, more), "transpose_kernel": transpose_kernel}
        np.testing.assert_allclose(apply(ConvTranspose(6, pair(k), pair(s), **options), params, x), expected, atol=1e-5)
    if padding == "same" and more is None:
        params = {"conv": conv_transpose_from_keras(*theirs.get_weights(), transpose_kernel=True)}
        np.testing.assert_allclose(apply(TransposeConv(6, k, s), params, x), expected, atol=1e-5)


@of_libraries
def test_the_autoencoder_of_the_keras_example(keras, rng):
    layers, relu = keras.layers, {"activation": "relu", "padding": "same", "bias_initializer": "normal"}
    theirs = keras.Sequential(
        [
            layers.Conv2D(32, 3, **relu),
            layers.MaxPooling2D(2, padding="same"),
            layers.Conv2D(32, 3, **relu),
            layers.MaxPooling2D(2, padding="same"),
            layers.Conv2DTranspose(32, 3, strides=2, **relu),
            layers.Conv2DTranspose(32, 3, strides=2, **relu),
            layers.Conv2D(1, 3, activation="sigmoid", padding="same"),
        ]
    )
    x = rng.uniform(size=(2, 28, 28, 1)).astype(np.float32)
    expected = np.asarray(theirs(x))
    pairs = list(zip(*[iter(theirs.get_weights())] * 2, strict=True))
    grow = [{"conv": conv_transpose_from_keras(*each, transpose_kernel=True)} for each in pairs[2:4]]
    params = {
        "encoder": {"stage0": conv_from_keras(*pairs[0]), "stage1": conv_from_keras(*pairs[1])},
        "decoder": {"stage0": grow[0], "stage1": grow[1], "out": conv_from_keras(*pairs[4])},
    }
    restored = jax.nn.sigmoid(jax.jit(ConvAutoencoder().apply)({"params": params}, jax.numpy.asarray(x)))
    np.testing.assert_allclose(restored, expected, atol=1e-5)
