"""The 2-D embedding of codes."""

import numpy as np
import pytest
from sklearn.metrics import pairwise_distances

from aeden.tasks.stack import embedding


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_an_embedding_keeps_groups_together(rng, method):
    labels = np.arange(90) % 3
    code = 10 * np.eye(3)[labels] @ rng.normal(size=(3, 12)) + rng.normal(size=(90, 12))
    points = embedding.embed(code, method, 0)
    assert points.shape == (90, 2)
    distances = pairwise_distances(points) + 1e9 * np.eye(90)
    assert (labels[distances.argmin(1)] == labels).mean() > 0.95
    np.testing.assert_array_equal(embedding.embed(code, method, 0), points)


@pytest.mark.parametrize("method", ["tsne", "pca"])
@pytest.mark.parametrize(
    "code",
    [
        np.full((50, 6), 3.0),
        np.zeros((50, 6)),
        np.arange(50.0)[:, None],
        np.ones((1, 6)),
        np.eye(3),
        np.outer(np.arange(20.0), np.arange(5.0)),
    ],
)
def test_codes_that_do_not_span_a_plane(code, method):
    points = embedding.embed(code, method, 0)
    assert points.shape == (len(code), 2)
    assert np.isfinite(points).all()


def test_at_most_2000_images_are_embedded_evenly_spread():
    index = embedding.embedded(5001)
    assert len(index) == 2000
    assert index[-1] > 4990
    np.testing.assert_array_equal(embedding.embedded(7), np.arange(7))
