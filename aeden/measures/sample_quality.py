"""How near samples are to real images, from the features of both: FID, KID, precision, recall, neighbours.

Features are of a classifier trained here (`aeden.tasks.gan.judge`), so figures compare with others of the same classifier
only, never with those of an Inception network.
"""

from __future__ import annotations

import numpy as np

BLOCK = 1000


def frechet_distance(one: np.ndarray, other: np.ndarray) -> float:
    """FID: the Fréchet distance of two normal distributions with the features' means and covariances (Heusel et al.
    2017). 0 for equal ones. Finite samples bias it upwards: compare it with that of two sets of real images.

    Args:
      one, other: features [n, d] and [m, d].
    """
    from scipy.linalg import eigh

    means = [x.mean(0, dtype=np.float64) for x in (one, other)]
    covariances = [np.cov(np.asarray(x, np.float64), rowvar=False) for x in (one, other)]
    # tr sqrt(A B) = tr sqrt(sqrt(A) B sqrt(A)), whose argument is symmetric.
    values, vectors = eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    cross = np.sqrt(np.maximum(eigh(root @ covariances[1] @ root, eigvals_only=True), 0.0)).sum()
    distance = np.sum((means[0] - means[1]) ** 2) + sum(np.trace(c) for c in covariances) - 2.0 * cross
    return float(max(distance, 0.0))


def kernel_distance(one: np.ndarray, other: np.ndarray) -> float:
    """KID: the squared maximum mean discrepancy under the kernel (x·y / d + 1)^3 (Bińkowski et al. 2018).

    The estimate is unbiased, so that it may be negative for sets of one distribution.

    Args:
      one, other: features [n, d] and [m, d], two or more each.
    """
    x, y = (np.asarray(features, np.float64) for features in (one, other))

    def mean(a: np.ndarray, b: np.ndarray, same: bool) -> float:
        total = 0.0
        for start in range(0, len(a), BLOCK):
            kernel = (a[start : start + BLOCK] @ b.T / a.shape[1] + 1.0) ** 3
            total += kernel.sum()
            if same:
                total -= np.trace(kernel[:, start:])
        return total / (len(a) * (len(b) - 1 if same else len(b)))

    return float(mean(x, x, True) + mean(y, y, True) - 2.0 * mean(x, y, False))


def precision_and_recall(real: np.ndarray, fake: np.ndarray, neighbours: int = 3) -> tuple[float, float]:
    """Shares of samples that look real, and of real images that are sampled (Kynkäänniemi et al. 2019).

    A sample looks real if it is nearer to some real image than that is to its k-th nearest of its kind; recall is the
    same with the roles exchanged. Each in [0, 1]. One real image far from the others has a wide sphere, in which what
    looks like nothing may lie: `density_and_coverage` is less easily misled.

    Args:
      real, fake: features [n, d] and [m, d], more than `neighbours` each.
      neighbours: k.
    """
    return (
        float(np.mean(_within(fake, real, neighbours)[0] > 0)),
        float(np.mean(_within(real, fake, neighbours)[0] > 0)),
    )


def density_and_coverage(real: np.ndarray, fake: np.ndarray, neighbours: int = 5) -> tuple[float, float]:
    """How densely samples lie where real images do, and the share of real images that have a sample near (Naeem et al.
    2020, "Reliable fidelity and diversity metrics for generative models", equations 5 and 6).

    Density is the number of real images' spheres (see `precision_and_recall`) that a sample lies in, over k, in the
    mean: about 1 for real images, and more where samples keep to the middle. Coverage is in [0, 1].

    Args:
      real, fake: features [n, d] and [m, d], more than `neighbours` each.
      neighbours: k.
    """
    counts, reached = _within(fake, real, neighbours)
    return float(counts.mean() / neighbours), float(reached.mean())


def authenticity(training: np.ndarray, samples: np.ndarray) -> float:
    """The share of samples that are no copies of a training image (Alaa et al. 2022, "How faithful is your synthetic
    data?", section 3.3).

    A sample is taken for a copy if it is no farther from its nearest training image than that is from its own nearest.
    Some of what is no copy lies as near by chance: compare it with that of real images that were not trained on.

    Args:
      training, samples: features [n, d], two or more, and [m, d].
    """
    from sklearn.neighbors import NearestNeighbors

    distances, which = nearest(samples, training)
    met, back = np.unique(which, return_inverse=True)
    index = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(training)
    own = index.kneighbors(training[met])[0][:, 1]  # the nearest of its kind is itself
    return float(np.mean(distances > own[back]))


def _within(points: np.ndarray, centres: np.ndarray, neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    """In how many centres' spheres each point lies, and whether any point lies in each sphere.

    A sphere ends at the centre's k-th nearest of its kind.
    """
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=neighbours + 1, algorithm="brute").fit(centres)
    radii = index.kneighbors(centres)[0][:, -1]  # the nearest of its kind is itself
    exact = np.asarray(centres, np.float64)
    norms = (exact**2).sum(1)[None]
    counts, reached = [], np.zeros(len(centres), bool)
    for start in range(0, len(points), BLOCK):
        block = np.asarray(points[start : start + BLOCK], np.float64)
        squares = (block**2).sum(1)[:, None] + norms - 2.0 * block @ exact.T
        inside = np.sqrt(np.maximum(squares, 0.0)) <= radii[None]
        counts.append(inside.sum(1))
        reached |= inside.any(0)
    return np.concatenate(counts), reached


def nearest(samples: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest image of each sample by Euclidean distance: their distances [n], and which they are [n]."""
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(images.reshape(len(images), -1))
    distances, which = index.kneighbors(samples.reshape(len(samples), -1))
    return distances[:, 0], which[:, 0]
