"""Keras' example "Convolutional autoencoder for image denoising" on TensorFlow, as published, until it is good enough.

    python -m experiments.benchmark.peers.keras_example CLEAN_EPOCHS TARGET_BCE SECONDS [DATA_FOLDER]

The example first trains on clean images for 50 epochs, then on noisy ones, whose noise is drawn once, up to 100 epochs;
batch 128, Adam at its defaults. Here the second part ends as soon as the test BCE is at most the target, and either at
the time limit. It prints a line of JSON: where it was, how long it took, and the BCE if it came to noisy images.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

from aeden.data.sources import open_dataset
from experiments.benchmark.peers import NOISE
from experiments.benchmark.peers.keras3 import build


def main() -> None:
    """Trains as the example does, and prints how far it came."""
    began = time.perf_counter()
    clean_epochs, target, limit = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    splits = open_dataset("mnist", sys.argv[4] if len(sys.argv) > 4 else "", fallback="")
    # The example trains on all 60,000.
    train = np.concatenate([splits.train.images, splits.validation.images]).astype(np.float32) / 255
    test = splits.test.images.astype(np.float32) / 255
    rng = np.random.default_rng(0)
    noisy, noisy_test = (np.clip(x + NOISE * rng.normal(size=x.shape), 0, 1).astype(np.float32) for x in (train, test))
    model = build("tensorflow", "transpose", 28, noisy=False)

    def out_of_time() -> bool:
        return time.perf_counter() - began > limit

    result = {"clean_epochs": 0, "noisy_epochs": 0, "reached": False}
    while result["clean_epochs"] < clean_epochs and not out_of_time():
        model.fit(train, train, epochs=1, batch_size=128, shuffle=True, validation_data=(test, test), verbose=0)
        result["clean_epochs"] += 1
    while not result["reached"] and result["noisy_epochs"] < 100 and not out_of_time():
        history = model.fit(
            noisy, train, epochs=1, batch_size=128, shuffle=True, validation_data=(noisy_test, test), verbose=0
        )
        result["noisy_epochs"] += 1
        result["bce"] = history.history["val_loss"][-1]
        result["reached"] = result["bce"] <= target
    print(json.dumps({**result, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
