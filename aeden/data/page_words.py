"""Text without meaning for drawn pages: words by letter frequency, numbers, sentences, formulas."""

from __future__ import annotations

import functools
from collections.abc import Collection

from aeden.data.page_random import Dice, Real

# Letters from frequent to rare, vowels and consonants apart.
SCRIPTS = {
    "latin": ("eaoiu" + "eaoieaeay", "tnshrdlcmwfgypbvkjxqz" + "tnshrdltnshr"),
    "accents": ("eaoiueaieéèêáíóúäöüåøæ", "tnshrdlcmfgpbvkjzçñß" + "tnrslm"),
    "greek": ("αοιεηυωαοιεάίόέή", "τνσρκπμλγδθχφβξψζτνσρκ"),
    "cyrillic": ("оеаиуяыюоеаи", "нтсрвлкмдпгзбчйхжшцщфнтсрвл"),
}
DIGITS = "0123456789"
BASIC = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + DIGITS
PUNCTUATION = ".,;:!?'\"()[]{}<>/\\|-–—_+=*&%$€£#@^~“”‘’«»…•·§©°"
SYMBOLS = "∑∫∏√∞≈≠≤≥±×÷∂∇∈∉⊂∪∩∀∃→←⇒⇔∝∠⊥∥⊕⊗ℝℤ"
MATHEMATICAL = SYMBOLS + "αβγδεζηθλμνξπρστφχψωΓΔΘΛΞΠΣΦΨΩ"
# Every character that a page may hold.
CHARACTERS = "".join(
    dict.fromkeys(BASIC + PUNCTUATION + MATHEMATICAL + "".join(a + b + (a + b).upper() for a, b in SCRIPTS.values()))
)


@functools.cache
def vocabulary(script: str) -> tuple[str, ...]:
    """Eight hundred words of one to twelve letters, the earlier ones shorter."""
    dice = Dice("vocabulary", script)
    vowels, consonants = SCRIPTS[script]
    words = []
    for rank in range(800):
        length = dice.integer(1, 4) if rank < 100 else dice.integer(2, 12)
        vowel, word = dice.chance(0.4), ""
        for _ in range(length):
            word += dice.choose(vowels if vowel else consonants)
            vowel = dice.chance(0.12 if vowel else 0.75)
        words.append(word)
    return tuple(words)


def word(dice: Dice, script: str) -> str:
    """A word of the vocabulary, the earlier ones more often."""
    words = vocabulary(script)
    return words[int(len(words) * dice.uniform(0, 1) ** 2.5)]


def number(dice: Dice) -> str:
    """A number as texts and tables have them."""
    size = dice.integer(1, 4)
    digits = "".join(dice.choose(DIGITS) for _ in range(size))
    form = dice.weighted({"": 5, "decimal": 4, "percent": 1, "year": 1, "thousands": 1, "negative": 1, "money": 0.5})
    fraction = dice.choose(DIGITS) + dice.choose(DIGITS)
    return {
        "": digits,
        "decimal": f"{digits}.{fraction}",
        "percent": f"{digits} %",
        "year": f"{dice.choose(('19', '20'))}{fraction}",
        "thousands": f"{digits},{fraction}0",
        "negative": f"-{digits}.{fraction}",
        "money": f"{dice.choose('$€£')}{digits}.{fraction}",
    }[form]


def token(dice: Dice, script: str) -> str:
    """A word, number or symbol within a sentence."""
    text = word(dice, script)
    kind = dice.uniform(0, 1)
    if kind < 0.84:
        return text
    if kind < 0.89:
        return number(dice)
    if kind < 0.93:
        return text.capitalize()
    if kind < 0.945:
        return text.upper()
    if kind < 0.96:
        return dice.choose(("({})", "“{}”", '"{}"', "[{}]", "{}'s", "'{}'")).format(text)
    if kind < 0.97:
        return f"{text}-{word(dice, script)}"
    if kind < 0.985:
        return dice.choose(MATHEMATICAL)
    return dice.choose(("&", "–", "—", "/", "§ 3", "= 0", "+", "@", "#1", "www." + text, "* *"))


def sentences(dice: Dice, count: int, script: str) -> list[str]:
    """`count` tokens with the capitals and punctuation of sentences; no token holds a space at its ends."""
    tokens, start, left = [], True, dice.integer(4, 18)
    for _ in range(count):
        text = token(dice, script)
        if start:
            text, start = text[:1].upper() + text[1:], False
        left -= 1
        if left <= 0:
            text, start, left = text + dice.choose("......?!:"), True, dice.integer(4, 18)
        elif dice.chance(0.09):
            text += dice.choose(",,,,;")
        tokens.append(text)
    return tokens


def title(dice: Dice, count: int, script: str) -> str:
    """`count` words with a capital at the start, or at the start of each, or throughout; sometimes with a number."""
    words = [word(dice, script) for _ in range(count)]
    style = dice.weighted({"first": 5, "each": 3, "all": 1})
    text = " ".join(words)
    text = {"first": text[:1].upper() + text[1:], "each": text.title(), "all": text.upper()}[style]
    return f"{dice.integer(1, 9)}.{dice.integer(1, 9)} {text}" if dice.chance(0.2) else text


def formula(dice: Dice, held: Collection[str]) -> list[tuple[str, Real]]:
    """The parts of a formula: text, and the part's height above the line in units of the size.

    Args:
      dice: the random choices.
      held: the characters that the face has.
    """
    letters = [*"xyzabcnkfgt", *(c for c in "αβγδθλμπσφω" if c in held)]
    operators = ["=", "+", "-", *(c for c in "±×≤≥≈→∈≠⇒" if c in held)]
    big = [c for c in "∑∫∏√∂∇" if c in held] or ["f"]
    parts = []
    for k in range(dice.integer(2, 7)):
        if k:
            parts.append((f" {dice.choose(operators)} ", 0.0))
        if dice.chance(0.25):
            parts.append((dice.choose(big), 0.0))
        name = dice.choose(letters)
        parts.append((f"{name}({dice.choose(letters)})" if dice.chance(0.25) else name, 0.0))
        if dice.chance(0.4):
            parts.append((dice.choose([*letters, *"0123"]), dice.choose((0.38, -0.2))))
    return parts


def code(dice: Dice) -> str:
    """A line of a program, without its indentation."""
    one, two = word(dice, "latin"), word(dice, "latin")
    value = number(dice)
    return dice.choose(
        (
            f"{one} = {two}({value})",
            f"def {one}({two}):",
            f"if {one} > {value}:",
            f"return {one}[{dice.integer(0, 9)}] + {two}",
            f"for {one} in {two}: {{",
            f"# {one} {two} {word(dice, 'latin')}",
            f">>> {one}.{two}('{one}')",
            f"$ {one} --{two}={value}",
            f'"{one}": "{two}", {value};',
        )
    )
