"""How similar generated samples are to real images: FID, KID, precision, recall, density, coverage, authenticity.

All metrics compare features of images. The features come from a classifier trained here (`aeden.tasks.gan.judge`), so
values are comparable only for the same classifier, and never with values from an Inception network.
"""

from __future__ import annotations

import numpy as np

from aeden.measures.metric import Metric

# Samples per block: pairwise distances are computed block by block to bound the memory.
BLOCK = 1000

FID = Metric("fid", "FID", "", higher_is_better=False, digits=3)


def frechet_distance(one: np.ndarray, other: np.ndarray) -> float:
    """FID: Fréchet distance of two normal distributions with the means and covariances of the features, >= 0.

    Heusel et al. 2017. It is 0 for equal distributions. Finite samples bias it upwards, so compare with its value for
    two sets of real images.

    Args:
      one, other: features [n, d] and [m, d].
    """
    from scipy.linalg import eigh

    means = [x.mean(0, dtype=np.float64) for x in (one, other)]
    covariances = [np.cov(np.asarray(x, np.float64), rowvar=False) for x in (one, other)]
    # tr sqrt(A B) = tr sqrt(sqrt(A) B sqrt(A)), whose argument is a symmetric matrix.
    values, vectors = eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    cross = np.sqrt(np.maximum(eigh(root @ covariances[1] @ root, eigvals_only=True), 0.0)).sum()
    distance = np.sum((means[0] - means[1]) ** 2) + sum(np.trace(c) for c in covariances) - 2.0 * cross
    return float(max(distance, 0.0))


KID = Metric("kid", "KID", "", higher_is_better=False, digits=4)


def kernel_distance(one: np.ndarray, other: np.ndarray) -> float:
    """KID: squared maximum mean discrepancy with the kernel (x·y / d + 1)^3 (Bińkowski et al. 2018).

    The estimate is unbiased, so it can be negative if both sets come from one distribution.

    Args:
      one, other: features [n, d] and [m, d], with n and m 2 or more.
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


PRECISION = Metric("precision", "precision", "", higher_is_better=True, digits=3)
RECALL = Metric("recall", "recall", "", higher_is_better=True, digits=3)


def precision_and_recall(real: np.ndarray, fake: np.ndarray, neighbours: int = 3) -> tuple[float, float]:
    """Precision, the share of realistic samples, and recall, the share of real images covered, each in [0, 1].

    Kynkäänniemi et al. 2019. A sample counts as realistic if it lies inside the k-nearest-neighbour ball of some real
    image, whose radius is the distance to the k-th nearest other real image. Recall is the same with real images and
    samples exchanged. An outlier among the real images has a large ball, which can contain unrealistic samples;
    `density_and_coverage` is less affected by that.

    Args:
      real, fake: features of real images [n, d] and of samples [m, d], with n and m greater than `neighbours`.
      neighbours: k.
    """
    return (
        float(np.mean(_count_in_balls(fake, real, neighbours)[0] > 0)),
        float(np.mean(_count_in_balls(real, fake, neighbours)[0] > 0)),
    )


DENSITY = Metric("density", "density", "", higher_is_better=None, digits=3)
COVERAGE = Metric("coverage", "coverage", "", higher_is_better=True, digits=3)


def density_and_coverage(real: np.ndarray, fake: np.ndarray, neighbours: int = 5) -> tuple[float, float]:
    """Density of the samples around real images, >= 0, and coverage, the share of real images with a sample nearby.

    Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", equations 5 and 6. Density is
    the mean number of nearest-neighbour balls of real images (see `precision_and_recall`) that a sample lies in,
    divided by k: about 1 for real images, and more if samples concentrate in the middle of the distribution. Coverage
    is the share of balls that contain a sample, in [0, 1].

    Args:
      real, fake: features of real images [n, d] and of samples [m, d], with n greater than `neighbours`.
      neighbours: k.
    """
    counts, occupied = _count_in_balls(fake, real, neighbours)
    return float(counts.mean() / neighbours), float(occupied.mean())


# Some real images also lie close to training images by chance, so higher is not better than the value of real images.
AUTHENTICITY = Metric("authenticity", "authenticity", "", higher_is_better=None, digits=3)


def authenticity(training: np.ndarray, samples: np.ndarray) -> float:
    """The share of samples that are not copies of a training image, in [0, 1].

    Alaa et al. 2022, "How faithful is your synthetic data?", section 3.3. A sample counts as a copy if it is at most as
    far from its nearest training image as that image is from its own nearest training image. Some images that are not
    copies are as close by chance, so compare with the value of real images that were not used for training.

    Args:
      training, samples: features [n, d] and [m, d], with n 2 or more.
    """
    from sklearn.neighbors import NearestNeighbors

    distances, which = nearest(samples, training)
    neighbours, position = np.unique(which, return_inverse=True)
    index = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(training)
    spacing = index.kneighbors(training[neighbours])[0][:, 1]  # entry 0 is the image itself
    return float(np.mean(distances > spacing[position]))


def _count_in_balls(points: np.ndarray, centres: np.ndarray, neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    """The number of balls that each point lies in, and whether each ball contains a point.

    Every centre has a ball, whose radius is the distance to its k-th nearest other centre.
    """
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=neighbours + 1, algorithm="brute").fit(centres)
    radii = index.kneighbors(centres)[0][:, -1]  # entry 0 is the centre itself
    exact = np.asarray(centres, np.float64)
    norms = (exact**2).sum(1)[None]
    counts, occupied = [], np.zeros(len(centres), bool)
    for start in range(0, len(points), BLOCK):
        block = np.asarray(points[start : start + BLOCK], np.float64)
        squares = (block**2).sum(1)[:, None] + norms - 2.0 * block @ exact.T
        inside = np.sqrt(np.maximum(squares, 0.0)) <= radii[None]
        counts.append(inside.sum(1))
        occupied |= inside.any(0)
    return np.concatenate(counts), occupied


def nearest(samples: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest image of each sample by Euclidean distance: the distances [n] and the indices of the images [n]."""
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(images.reshape(len(images), -1))
    distances, which = index.kneighbors(samples.reshape(len(samples), -1))
    return distances[:, 0], which[:, 0]
