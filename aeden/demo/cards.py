"""Cards as HTML: images with captions, for eyes and for screen readers."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import matplotlib
import numpy as np
from PIL import Image

from aeden.demo.comparison import Card

# The difference whose colour is full, and the powers of ten that a spectrum shows.
DIFFERENCE = 0.2
DECADES = 5.0
# Images with no side longer than this are enlarged so that their pixels are seen.
SMALL = 96

LEGEND = (
    "Difference: red where the image is brighter than the clean one (without added noise: than your image), blue "
    f"where it is darker, full from {DIFFERENCE:g} of the range on. Spectrum: log magnitude without the mean, "
    "frequency 0 in the middle, one scale for all; bright points far from it are a pattern, e.g. a checkerboard."
)

STYLE = """
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: 1rem; }
.cards section { border: 1px solid var(--border-color-primary); border-radius: .5rem; padding: .75rem; min-width: 0;
  display: grid; grid-row: span 4; grid-template-rows: subgrid; row-gap: .5rem; }
.cards h3 { margin: 0; font-size: 1rem; overflow-wrap: anywhere; }
.cards p, .legend { margin: 0; font-size: .9rem; color: var(--body-text-color); }
.cards .pair { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; }
.cards figure { margin: 0; }
.cards img { width: 100%; height: auto; display: block; margin: 0; border: 1px solid var(--border-color-primary); }
.cards img.small { image-rendering: pixelated; }
.cards figcaption { font-size: .8rem; color: var(--body-text-color); }
.legend { margin-top: .75rem; }
.failed { color: var(--error-text-color, #b91c1c); font-weight: 600; }
"""


def to_html(cards: Sequence[Card]) -> str:
    """The cards side by side."""
    shown = [card.spectrum.max() for card in cards if card.spectrum is not None]
    top = float(max(shown)) if shown else 0.0
    sections = "".join(_section(card, top) for card in cards)
    restored = sum(card.image is not None for card in cards)
    return (
        f'<div class="cards">{sections}</div><p class="legend">{html.escape(LEGEND)}</p>'
        f'<p role="status" class="legend">{restored} images shown.</p>'
    )


def error_html(text: str) -> str:
    """A message in place of the cards."""
    return f'<p role="alert" class="failed">error: {html.escape(text)}</p>'


def _section(card: Card, top: float) -> str:
    title, caption = html.escape(card.title), html.escape(card.caption)
    if card.image is None:
        return f'<section aria-label="{title}"><h3>{title}</h3><p class="failed">{caption}</p></section>'
    parts = [_figure(f"{title}: {caption}", "", card.image)]
    pair = []
    if card.difference is not None:
        pair.append(_figure(f"{title}: difference", "difference", difference_colours(card.difference)))
    if card.spectrum is not None:
        pair.append(_figure(f"{title}: spectrum", "spectrum", spectrum_colours(card.spectrum, top)))
    parts.append(f'<div class="pair">{"".join(pair)}</div>')
    return f'<section aria-label="{title}"><h3>{title}</h3><p>{caption}</p>{"".join(parts)}</section>'


def _figure(described: str, caption: str, image: np.ndarray) -> str:
    small = ' class="small"' if max(image.shape[:2]) <= SMALL else ""
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure><img{small} alt="{described}" src="{_data_uri(image)}">{below}</figure>'


def difference_colours(difference: np.ndarray) -> np.ndarray:
    """A difference [h, w] in colours, white where there is none: [h, w, 3] in [0, 1]."""
    return matplotlib.colormaps["RdBu_r"](0.5 + difference / (2 * DIFFERENCE))[..., :3]


def spectrum_colours(spectrum: np.ndarray, top: float) -> np.ndarray:
    """A spectrum [h, w] in colours, from black, `DECADES` below `top`, to bright: [h, w, 3] in [0, 1]."""
    return matplotlib.colormaps["magma"](1 + (spectrum - top) / DECADES)[..., :3]


def _data_uri(image: np.ndarray) -> str:
    """An image [h, w, 1 or 3] in [0, 1] as PNG within a page."""
    pixels = np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
