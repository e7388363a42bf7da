"""Keeps the figures that a test draws, so that it can look at them."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from aeden.plots import style


def keep_figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were saved and closed so far, in order. To be used as a fixture."""
    figures: list[Figure] = []

    def close(figure: Figure) -> None:
        figures.append(figure)
        plt.close(figure)

    monkeypatch.setattr(style, "close", close)
    return figures
