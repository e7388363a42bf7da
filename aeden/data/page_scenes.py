"""What a drawn page shows: an article, a form, a screenshot, a slide, a drawing or handwriting; its fonts and tones."""

from __future__ import annotations

import itertools

from aeden.data import page_blocks as blocks
from aeden.data import page_fonts, page_words
from aeden.data.page_blocks import Column
from aeden.data.page_canvas import Page, Theme
from aeden.data.page_figures import chart, diagram, geometry
from aeden.data.page_handwriting import handwriting
from aeden.data.page_random import Dice, Real

Families = tuple[tuple[str, ...], ...]

# Scenes with their shares of the pages, and the range of the body's size in pixels.
SHARES = {"article": 0.36, "screenshot": 0.2, "slide": 0.12, "form": 0.12, "drawing": 0.12, "handwriting": 0.08}
SIZES = {
    "article": (7, 30),
    "screenshot": (8, 20),
    "slide": (14, 60),
    "form": (7, 24),
    "drawing": (8, 26),
    "handwriting": (8, 44),
}
ARTICLE: dict[blocks.Block, Real] = {
    blocks.paragraph: 6.0,
    blocks.heading: 1.5,
    blocks.listing: 0.8,
    blocks.program: 0.5,
    blocks.table: 0.7,
    blocks.formula: 0.8,
    blocks.figure: 0.9,
    blocks.notice: 0.3,
    blocks.separator: 0.3,
    blocks.space: 0.2,
}
FORM: dict[blocks.Block, Real] = {
    blocks.form: 3.0,
    blocks.table: 3.0,
    blocks.heading: 0.8,
    blocks.paragraph: 0.7,
    blocks.notice: 0.6,
    blocks.separator: 0.5,
    blocks.space: 0.3,
}
SCREEN: dict[blocks.Block, Real] = {
    blocks.paragraph: 2.0,
    blocks.listing: 1.5,
    blocks.program: 2.0,
    blocks.table: 1.5,
    blocks.notice: 1.2,
    blocks.heading: 1.0,
    blocks.form: 1.0,
    blocks.figure: 0.7,
    blocks.separator: 0.5,
    blocks.space: 0.4,
}
SLIDE: dict[blocks.Block, Real] = {
    blocks.listing: 3.0,
    blocks.figure: 1.5,
    blocks.paragraph: 1.0,
    blocks.formula: 0.6,
    blocks.notice: 0.5,
}


def make_theme(dice: Dice, scene: str, families: Families) -> Theme:
    """Fonts, sizes and tones of a page; a third of the screenshots and slides, and few others, are light on dark."""
    family = dice.choose(families)
    other = dice.choose(families)
    bold = [face for face in family if page_fonts.is_style(face, "bold", "cmb", "black")]
    slanted = [face for face in family if page_fonts.is_style(face, "italic", "oblique", "cmti", "cmmi")]
    plain = [face for face in family if face not in bold and face not in slanted] or list(family)
    mono = [face for faces in families for face in faces if page_fonts.is_style(face, "mono", "cmtt", "courier")]
    body = dice.choose(plain if dice.chance(0.8) else family)
    scripts = [
        name for name, letters in page_words.SCRIPTS.items() if page_fonts.held(body).issuperset("".join(letters))
    ]
    script = dice.choose(scripts) if dice.chance(0.3) else "latin"
    ink, paper = dice.integer(0, 80) if dice.chance(0.6) else 0, dice.integer(200, 255) if dice.chance(0.6) else 255
    if dice.chance(0.33 if scene in ("screenshot", "slide") else 0.03):
        ink, paper = 255 - ink, 255 - paper if dice.chance(0.8) else dice.integer(60, 120)
        ink = max(ink, paper + 90)
    if scene == "handwriting":
        ink, paper = dice.integer(10, 80), dice.integer(150, 250)
    return Theme(
        body=body,
        strong=dice.choose(bold or plain),
        slanted=dice.choose(slanted or plain),
        heading=dice.choose(other) if dice.chance(0.4) else dice.choose(bold or plain),
        code=dice.choose(mono) if mono and dice.chance(0.8) else body,
        size=dice.log_uniform(*SIZES[scene]),
        leading=dice.uniform(1.05, 1.75),
        align=dice.weighted({"left": 5, "justify": 4, "centre": 0.7, "right": 0.3}),
        script=script if script in scripts else "latin",
        paper=paper,
        ink=ink,
        soft=dice.uniform(0.35, 0.8),
        phase=0.5 if dice.chance(0.4) else 0.0,
    )


def draw_scene(page: Page, scene: str) -> None:
    """Draws a scene onto an empty page whose `frame` is set."""
    {
        "article": _article,
        "screenshot": _screenshot,
        "slide": _slide,
        "form": _form,
        "drawing": _drawing,
        "handwriting": _handwriting,
    }[scene](page)


def _columns(page: Page, most: int) -> list[Column]:
    """The columns within the margins of the frame, at least twelve letters' sizes wide if there are several."""
    dice, size, (left, top, right, bottom) = page.dice, page.theme.size, page.frame
    margin = dice.uniform(0.03, 0.12) * (right - left)
    count = min(most, dice.weighted({1: 5, 2: 3, 3: 1}))
    gap = dice.uniform(1.0, 2.5) * size
    while count > 1 and (right - left - 2 * margin - (count - 1) * gap) / count < 12 * size:
        count -= 1
    width = (right - left - 2 * margin - (count - 1) * gap) / count
    foot = bottom - margin if dice.chance(0.8) else top + (bottom - top) * dice.uniform(0.3, 0.9)
    return [
        Column(left + margin + k * (width + gap), left + margin + k * (width + gap) + width, foot) for k in range(count)
    ]


def _start(page: Page) -> Real:
    """Where the text begins: below the upper margin; above the page if the frame reaches far above it."""
    top = page.frame[1] + page.dice.uniform(0.03, 0.1) * (page.frame[2] - page.frame[0])
    return max(top, -page.dice.uniform(0, 5) * page.theme.size)


def _article(page: Page) -> None:
    dice, columns, y = page.dice, _columns(page, 3), _start(page)
    if y > 0 and dice.chance(0.6):
        whole = Column(columns[0].left, columns[-1].right, columns[0].bottom)
        y = blocks.heading(page, whole, y)
    for column in columns:
        below = blocks.flow(page, column, y, ARTICLE)
        if below < page.frame[3]:
            style = page.theme.style(0.8)
            page.text(column.left, page.frame[3] - 1.5 * style.size, str(dice.integer(1, 400)), style)
    if len(columns) > 1 and dice.chance(0.2):
        for one, two in itertools.pairwise(columns):
            page.rule(((one.right + two.left) / 2, y), one.bottom - y, dice.uniform(0.3, 1), vertical=True)


def _form(page: Page) -> None:
    columns, y = _columns(page, 2), _start(page)
    if page.dice.chance(0.3):
        page.box((columns[0].left - 4, y - 6, columns[-1].right + 4, columns[0].bottom + 4), line=1.0)
    for column in columns:
        blocks.flow(page, column, y, FORM)


def _slide(page: Page) -> None:
    dice, theme, (left, top, right, bottom) = page.dice, page.theme, page.frame
    column, y = _columns(page, 1)[0], _start(page)
    if y > 0 and dice.chance(0.4):  # a filled band with the title
        high = 2.2 * theme.style(1.3).size
        page.box((left, top, right, top + high), fill=dice.uniform(0.1, 0.9))
        style = theme.style(1.3, theme.heading, 0.0 if dice.chance(0.6) else 1.0)
        page.text(column.left, top + 0.7 * high, page_words.title(dice, 4, theme.script), style)
        y = top + high + theme.size
    else:
        y = blocks.heading(page, column, y)
    blocks.flow(page, column, y, SLIDE)
    if dice.chance(0.4):
        page.rule((left, bottom - 2 * theme.size), right - left, dice.uniform(0.2, 1))


def _screenshot(page: Page) -> None:
    """A window: title bar, a row of menus or buttons, a list at the side, and the content."""
    dice, theme, (left, top, right, bottom) = page.dice, page.theme, page.frame
    bar, y = 2.2 * theme.size, top
    for _ in range(dice.integer(0, 2)):
        tone = dice.choose((0.06, 0.12, 0.25, 0.8))
        page.box((left, y, right, y + bar), fill=tone)
        style, x = theme.style(tone=0.0 if tone > 0.5 else 1.0), left + theme.size
        buttons = dice.chance(0.5)
        while x < right - 4 * theme.size:
            text = page_words.title(dice, 1, "latin")
            end = x + page.text_width(text, style)
            if buttons:
                corners = (
                    x - 0.5 * theme.size,
                    y + 0.3 * theme.size,
                    end + 0.5 * theme.size,
                    y + bar - 0.3 * theme.size,
                )
                page.box(corners, fill=0.15 if tone > 0.5 else 0.0, line=0.5)
            page.text(x, y + 0.65 * bar, text, theme.style() if buttons else style)
            x = end + dice.uniform(1.3, 3) * theme.size
        y += bar
        page.rule((left, y), right - left, 0.35)
    content = Column(left + theme.size, right - theme.size, bottom)
    if dice.chance(0.4):  # a list at the side
        side = min(12 * theme.size, 0.35 * (right - left))
        page.box((left, y, left + side, bottom), fill=dice.uniform(0.02, 0.12))
        page.rule((left + side, y), bottom - y, 0.3, vertical=True)
        row, chosen = y + theme.size, dice.integer(0, 9)
        for k in range(60):
            if row > min(bottom, page.height):
                break
            if k == chosen:
                page.box((left, row - 0.3 * theme.size, left + side, row + 1.4 * theme.size), fill=0.3)
            page.text(
                left + theme.size, row + 0.85 * theme.size, page_words.title(dice, 1, theme.script), theme.style()
            )
            row += 1.9 * theme.size
        content = content.inner(side)
    blocks.flow(page, content, max(y + theme.size, -dice.uniform(0, 5) * theme.size), SCREEN)


def _drawing(page: Page) -> None:
    """One figure or several that fill the page."""
    dice, theme, (left, top, right, bottom) = page.dice, page.theme, page.frame
    x0, y0, x1, y1 = max(left, 0) + 6, max(top, 0) + 6, min(right, page.width) - 6, min(bottom, page.height) - 6
    if x1 - x0 < 60 or y1 - y0 < 60:
        x0, y0, x1, y1 = 0, 0, page.width, page.height
    rows = max(1, round((y1 - y0) / 260))
    if dice.chance(0.2):  # squared paper
        step, tone = dice.uniform(6, 22), dice.uniform(0.1, 0.35)
        for k in range(int((right - left) / step)):
            page.rule((left + k * step, top), bottom - top, tone, 0.7, vertical=True)
        for k in range(int((bottom - top) / step)):
            page.rule((left, top + k * step), right - left, tone, 0.7)
    if dice.chance(0.2):
        page.box((x0 - 3, y0 - 3, x1 + 3, y1 + 3), line=1.0, width=dice.integer(1, 3))
    for row in range(rows):
        corners = (x0, y0 + (y1 - y0) * row / rows, x1, y0 + (y1 - y0) * (row + 1) / rows - theme.size)
        dice.weighted({chart: 3, diagram: 3, geometry: 4})(page, corners)


def _handwriting(page: Page) -> None:
    """Strokes of a pen on blank, ruled or squared paper."""
    dice, theme, (left, top, right, bottom) = page.dice, page.theme, page.frame
    step, tone = theme.size * dice.uniform(1.6, 2.4), dice.uniform(0.1, 0.5)
    kind = dice.choose(("blank", "ruled", "ruled", "squared"))
    for k in range(int((bottom - top) / step) if kind != "blank" else 0):
        page.rule((left, top + k * step), right - left, tone)
    for k in range(int((right - left) / step) if kind == "squared" else 0):
        page.rule((left + k * step, top), bottom - top, tone, vertical=True)
    margin = dice.uniform(0, 0.1) * (right - left)
    bounds = (max(left + margin, -2 * theme.size), max(top, -theme.size), min(right, page.width) + 20, page.height)
    handwriting(page, bounds, theme.size * dice.uniform(0.5, 1))
