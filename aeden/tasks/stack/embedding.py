"""A 2-D embedding of the codes of test images: t-SNE or PCA."""

from __future__ import annotations

import numpy as np

from aeden.data.splits import spread

# Maximum number of images that are embedded.
EMBEDDED = 2000


def embedded(count: int) -> np.ndarray:
    """The indices of the images that are embedded, out of `count`: at most 2,000, evenly spread."""
    return spread(count, EMBEDDED)


def embed(code: np.ndarray, method: str, seed: int) -> np.ndarray:
    """Positions of codes in a plane.

    Args:
      code: [m, nodes].
      method: "tsne" (van der Maaten & Hinton 2008, initialised with the principal components) or "pca".
      seed: seed of t-SNE.

    Returns:
      [m, 2].
    """
    code = code.astype(np.float64)
    # Codes that do not span a plane (dead units, one node, few images) have no two principal components.
    centred = code - code.mean(0)
    lengths = np.linalg.norm(centred, axis=1)
    direction = centred[lengths.argmax()] / max(lengths.max(), 1e-300)
    along = centred @ direction
    distance = np.abs(centred - np.outer(along, direction)).max()
    if distance <= 1e-9 * lengths.max() or len(code) < 4:
        return np.stack([along, np.zeros(len(code))], axis=1)
    if method == "pca":
        from sklearn.decomposition import PCA

        return PCA(2, random_state=seed).fit_transform(code)
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(code) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=-1).fit_transform(code)
