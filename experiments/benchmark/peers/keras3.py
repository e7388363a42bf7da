"""Keras 3, as in its example "Convolutional autoencoder for image denoising". The variant is the Keras backend."""

from __future__ import annotations

import importlib.metadata
import os
from typing import Any

import numpy as np

from experiments.benchmark.peers import LEARNING_RATE, NOISE, Job


def build(backend: str, decoder: str, size: int, noisy: bool) -> Any:
    """The compiled model of the example, with either decoder.

    Args:
      backend: "tensorflow" or "jax".
      decoder: "transpose" or "upsample".
      size: height and width of the images in pixels.
      noisy: add new Gaussian noise to the input at every training step.
    """
    os.environ["KERAS_BACKEND"] = backend
    import keras
    from keras import layers

    x = inputs = keras.Input((size, size, 1))
    if noisy:
        x = layers.ReLU(max_value=1.0)(layers.GaussianNoise(NOISE)(x))
    for _ in range(2):
        x = layers.Conv2D(32, 3, activation="relu", padding="same")(x)
        x = layers.MaxPooling2D(2, padding="same")(x)
    for _ in range(2):
        if decoder == "transpose":
            x = layers.Conv2DTranspose(32, 3, strides=2, activation="relu", padding="same")(x)
        else:
            x = layers.Conv2D(32, 3, activation="relu", padding="same")(layers.UpSampling2D(2)(x))
    x = layers.Conv2D(1, 3, activation="sigmoid", padding="same")(x)
    model = keras.Model(inputs, x)
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss="binary_crossentropy")
    return model


def training(variant: str, decoder: str, batch: int, size: int) -> Job:
    """Training steps by `Model.fit` on float32 images: clipped Gaussian noise, binary cross-entropy, Adam."""
    model = build(variant, decoder, size, noisy=True)
    images = np.random.default_rng(0).uniform(size=(batch, size, size, 1)).astype(np.float32)

    def run(steps: int) -> None:
        many = np.broadcast_to(images, (steps, *images.shape)).reshape(-1, *images.shape[1:])
        model.fit(many, many, batch_size=batch, epochs=1, shuffle=False, verbose=0)

    return run, {**_description(variant), "parameters": model.count_params()}


def inference(variant: str, decoder: str, batch: int, size: int) -> Job:
    """Restoring a batch of noisy images, by `predict_on_batch`: for one batch it is faster than `predict`."""
    model = build(variant, decoder, size, noisy=False)
    noisy = np.random.default_rng(0).uniform(size=(batch, size, size, 1)).astype(np.float32)

    def run(steps: int) -> None:
        for _ in range(steps):
            model.predict_on_batch(noisy)

    return run, _description(variant)


def _description(backend: str) -> dict[str, Any]:
    import keras

    return {"devices": "cpu", "version": f"{keras.__version__} on {backend} {importlib.metadata.version(backend)}"}
