"""Classification: loss, dropout, metrics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from aeden.data.splits import Split
from aeden.tasks.objectives import classification


@pytest.fixture
def logits(rng):
    return rng.normal(size=(40, 5)).astype(np.float32)


@pytest.fixture
def labels(rng):
    return rng.integers(0, 5, 40).astype(np.int32)


def test_the_smoothed_loss_by_its_definition(logits, labels):
    mine = classification.smoothed_cross_entropy(jnp.asarray(logits), jnp.asarray(labels), 0.2)
    log = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    np.testing.assert_allclose(mine, -(0.8 * log[np.arange(40), labels] + 0.2 * log.mean(1)), rtol=1e-5)


def test_scores_are_scikit_learns(logits, labels):
    figures = classification.score(logits, labels)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert figures["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(labels, logits.argmax(1)))
    expected = sklearn_metrics.log_loss(labels, probabilities / probabilities.sum(1, keepdims=True), labels=range(5))
    assert figures["cross_entropy"] == pytest.approx(expected, rel=1e-5)
    expected = sklearn_metrics.confusion_matrix(labels, logits.argmax(1), labels=range(5))
    np.testing.assert_array_equal(classification.confusion(logits, labels), expected)


def test_scores_over_a_split_are_those_of_its_logits(rng, labels):
    split = Split(rng.integers(0, 256, (40, 3, 3, 1), dtype=np.uint8), labels)
    weights = jnp.asarray(rng.normal(size=(9, 5)), jnp.float32)

    def model(params, images, drop):
        return images.reshape(len(images), -1) @ params

    logits = np.asarray(split.images, np.float32).reshape(40, -1) / 255 @ np.asarray(weights)
    over_split = classification.make_scores(model)(weights, split)
    assert over_split == pytest.approx(classification.score(logits, labels), rel=1e-5)


def test_dropout_leaves_out_its_share_and_keeps_the_mean(rng):
    keys = jax.random.split(jax.random.key(0), 200)
    code = jnp.asarray(rng.uniform(1, 2, size=(200, 1, 1, 100)), jnp.float32)
    drop = classification.make_dropout(keys, 0.25)
    dropped = drop(0, code)
    kept = np.asarray(dropped != 0)
    assert abs(kept.mean() - 0.75) < 0.01
    np.testing.assert_allclose(np.asarray(dropped)[kept], np.asarray(code)[kept] / 0.75, rtol=1e-6)
    assert abs(float(dropped.mean() / code.mean()) - 1) < 0.02
    assert (np.asarray(drop(1, code) != 0) != kept).any()
    np.testing.assert_array_equal(classification.make_dropout(keys[7:9], 0.25)(0, code[7:9]), dropped[7:9])
    assert classification.make_dropout(keys, 0.0) is None
