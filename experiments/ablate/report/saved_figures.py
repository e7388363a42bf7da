"""Figures inside the page and as files next to it."""

from __future__ import annotations

import base64
import io

from matplotlib import rc_context
from matplotlib.figure import Figure

from aeden.plots.style import GRAY, GRID, INK, close
from experiments.ablate.report.grid_result import GridResult
from experiments.ablate.report.html import escape

# Colours of a figure that are replaced by those of the page, which has a light and a dark theme.
INHERITED = {INK: "var(--ink)", GRAY: "var(--gray)", GRID: "var(--line)"}


def add_figure(result: GridResult, name: str, figure: Figure, caption: str, images: bool = False) -> str:
    """Writes a figure to figures/NAME.png and figures/NAME.svg and closes it.

    Args:
      result: the grid that the figure belongs to.
      name: of its files.
      figure: a matplotlib figure.
      caption: plain text.
      images: whether it shows pixels, which the page includes as PNG in place of SVG.

    Returns:
      The figure and its caption as HTML.
    """
    folder = result.plan.workdir / "figures"
    folder.mkdir(exist_ok=True)
    part = (raster if images else vector)(figure, caption, f"{result.plan.name}: {name}")
    # A fixed salt gives the elements of an SVG the same names each time.
    with rc_context({"svg.hashsalt": name}):
        figure.savefig(folder / f"{name}.png", dpi=150, facecolor="white", bbox_inches="tight")
        figure.savefig(folder / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
    close(figure)
    return part


def vector(figure: Figure, caption: str, alt: str) -> str:
    """A figure of lines as inline SVG that takes the colours of the page.

    Args:
      figure: a matplotlib figure.
      caption: plain text.
      alt: short description for screen readers.
    """
    text = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": alt, "font.family": "sans-serif"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None}, bbox_inches="tight")
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    for colour, variable in INHERITED.items():
        svg = svg.replace(colour, variable)
    # `fill` colours everything that matplotlib draws in its default black, mostly text.
    attributes = f'role="img" aria-label="{escape(alt)}" fill="var(--ink)" style="--inches:{figure.get_figwidth():g}"'
    svg = svg.replace("<svg ", f"<svg {attributes} ", 1)
    return f"<figure class=lines>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def raster(figure: Figure, caption: str, alt: str) -> str:
    """A figure of images as inline PNG; the arguments are those of `vector`."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=130, facecolor="white", metadata={"Software": None})
    encoded = base64.b64encode(data.getvalue()).decode()
    size = f'style="--inches:{figure.get_figwidth():g}"'
    image = f'<img alt="{escape(alt)}" {size} src="data:image/png;base64,{encoded}">'
    return f"<figure class=pixels>{image}<figcaption>{escape(caption)}</figcaption></figure>"
