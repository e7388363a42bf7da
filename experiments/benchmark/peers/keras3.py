"""Keras 3, as in its example "Convolutional autoencoder for image denoising".

A variant is the Keras backend ("tensorflow", "jax" or "torch") and options: "jit_compile=0" or "jit_compile=1",
"steps_per_execution=N", "threads=N" (of one operation, TensorFlow only), and the word "channels_first".
"""

from __future__ import annotations

import importlib.metadata
import os
from typing import Any

import numpy as np

from experiments.benchmark.peers import LEARNING_RATE, NOISE, Absent, Job, NetworkSettings, split_variant

BACKENDS = ("tensorflow", "jax", "torch")


def build(variant: str, s: NetworkSettings, noisy: bool) -> Any:
    """The compiled model of the example, with any decoder.

    Args:
      variant: see the module.
      s: the network.
      noisy: add new Gaussian noise to the input at every training step.
    """
    words, options = split_variant(variant)
    _set_up(variant, s.precision)
    import keras
    from keras import layers

    channels_first = "channels_first" in words
    keras.config.set_image_data_format("channels_first" if channels_first else "channels_last")
    x = inputs = keras.Input((s.channels, s.size, s.size) if channels_first else (s.size, s.size, s.channels))
    if noisy:
        x = layers.ReLU(max_value=1.0)(layers.GaussianNoise(NOISE)(x))
    for _ in range(2):
        x = layers.Conv2D(32, 3, activation="relu", padding="same")(x)
        x = layers.MaxPooling2D(2, padding="same")(x)
    for _ in range(2):
        x = _enlarge(s, x)
    x = layers.Conv2D(s.channels, 3, activation="sigmoid", padding="same", dtype="float32")(x)
    model = keras.Model(inputs, x)
    compiled: dict[str, Any] = {}
    if "jit_compile" in options:
        compiled["jit_compile"] = options["jit_compile"] == "1"
    if "steps_per_execution" in options:
        compiled["steps_per_execution"] = int(options["steps_per_execution"])
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss="binary_crossentropy", **compiled)
    return model


def _enlarge(s: NetworkSettings, x: Any) -> Any:
    """A stage of the decoder."""
    import keras
    from keras import layers

    kernel = s.decoder_kernel
    if s.decoder == "transpose":
        return layers.Conv2DTranspose(32, kernel, strides=2, activation="relu", padding="same")(x)
    if s.decoder == "upsample":
        return layers.Conv2D(32, kernel, activation="relu", padding="same")(layers.UpSampling2D(2)(x))
    if keras.config.image_data_format() == "channels_first":
        raise Absent("its sub-pixel decoder is written for channels last")
    phases = layers.Conv2D(4 * 32, kernel, activation="relu", padding="same")(x)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return layers.Lambda(lambda x: tf.nn.depth_to_space(x, 2))(phases)
    height, width = phases.shape[1:3]
    split = layers.Reshape((height, width, 2, 2, 32))(phases)
    return layers.Reshape((2 * height, 2 * width, 32))(layers.Permute((1, 3, 2, 4, 5))(split))


def _set_up(variant: str, precision: str) -> None:
    """Chooses the backend, the number of threads and the precision. A process keeps its first backend."""
    words, options = split_variant(variant)
    backend = _backend(words)
    os.environ["KERAS_BACKEND"] = backend
    if backend == "tensorflow":
        import tensorflow as tf

        if "threads" in options:
            tf.config.threading.set_intra_op_parallelism_threads(int(options["threads"]))
        tf.config.experimental.enable_tensor_float_32_execution(precision == "tf32")
    elif backend == "jax":
        from experiments.benchmark.peers.xla_precision import set_precision

        set_precision(precision)
    else:
        import torch

        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")


def _backend(words: set[str]) -> str:
    return next(name for name in BACKENDS if name in words)


def _images(variant: str, s: NetworkSettings) -> np.ndarray:
    """A batch of random images in the variant's layout."""
    images = np.random.default_rng(0).uniform(size=(s.batch, s.size, s.size, s.channels)).astype(np.float32)
    return (
        np.ascontiguousarray(images.transpose(0, 3, 1, 2)) if "channels_first" in split_variant(variant)[0] else images
    )


def training(variant: str, **settings: Any) -> Job:
    """Training steps by `Model.fit` on float32 images: clipped Gaussian noise, binary cross-entropy, Adam."""
    s = NetworkSettings(**settings)
    model, images = build(variant, s, noisy=True), _images(variant, s)
    at_once = int(split_variant(variant)[1].get("steps_per_execution", 1))

    def run(steps: int) -> int:
        steps = -(-steps // at_once) * at_once
        many = np.broadcast_to(images, (steps, *images.shape)).reshape(-1, *images.shape[1:])
        model.fit(many, many, batch_size=s.batch, epochs=1, shuffle=False, verbose=0)
        return steps

    return run, {**_description(variant), "parameters": model.count_params()}


def inference(variant: str, **settings: Any) -> Job:
    """Restoring a batch of noisy images, by `predict_on_batch`: for one batch it is faster than `predict`."""
    s = NetworkSettings(**settings)
    model, noisy = build(variant, s, noisy=False), _images(variant, s)

    def run(steps: int) -> None:
        for _ in range(steps):
            model.predict_on_batch(noisy)

    return run, _description(variant)


def _description(variant: str) -> dict[str, Any]:
    import keras

    backend = _backend(split_variant(variant)[0])
    return {
        "devices": _device(backend),
        "version": f"{keras.__version__} on {backend} {importlib.metadata.version(backend)}",
    }


def _device(backend: str) -> str:
    if backend == "jax":
        import jax

        return jax.default_backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
    import torch

    return "gpu" if torch.cuda.is_available() else "cpu"
