"""Local linear regression: values at points, each smoothed over its neighbourhood."""

from __future__ import annotations

import numpy as np


def local_linear(points: np.ndarray, values: np.ndarray, width: float) -> np.ndarray:
    """The value at each point of the plane that fits best around it, by weighted least squares.

    A point at a distance of r has the weight exp(-r² / (2 width²)): Cleveland 1979, "Robust locally weighted
    regression and smoothing scatterplots", equation 1, with Gaussian weights. Unlike a weighted mean it has no bias of
    first order at the border of the points (Fan 1992).

    Args:
      points: [n, d], in a unit in which distances along all axes can be compared.
      values: [n], finite.
      width: standard deviation of the weights, in the unit of the points; positive.

    Returns:
      Float64 [n], in the unit of the values.
    """
    points, values = np.asarray(points, np.float64), np.asarray(values, np.float64)
    smoothed = np.empty(len(points))
    for i, center in enumerate(points):
        offsets = (points - center) / width
        roots = np.exp(-np.square(offsets).sum(axis=1) / 4)
        planes = np.column_stack([np.ones(len(points)), offsets]) * roots[:, None]
        # The plane's height at the centre. lstsq takes the flattest plane if the points leave it undetermined.
        smoothed[i] = np.linalg.lstsq(planes, (values - values[i]) * roots, rcond=None)[0][0] + values[i]
    return smoothed


def scott_width(count: int, dimensions: int) -> float:
    """The width for points spread evenly over ranges of length 1, by Scott's rule.

    Scott 1992, "Multivariate Density Estimation", equation 6.42: the points' standard deviation, which is 1 / sqrt(12)
    here, times count^(-1 / (dimensions + 4)). Five to ten points on a line get a width of about a fifth of their range.

    Args:
      count: number of points, 1 or more.
      dimensions: number of axes, 1 or more.
    """
    return float(count ** (-1 / (dimensions + 4)) / np.sqrt(12))
