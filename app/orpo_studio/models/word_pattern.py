"""The pattern by which a tokenizer cuts text into words, as Python's ``re`` understands it.

A byte-level BPE tokenizer first cuts text into words by a regular expression, then encodes each word by itself. Who
knows the words can look up those met before, which is ten times faster than encoding them again.

The tokenizer's own engine (Oniguruma) and Python know different versions of Unicode. So a pattern is translated with
its classes written out over *known characters* only: those whose category has been the same since Unicode 3.2. Text
with any other character is not cut here.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""What ``ByteLevel`` cuts by (tokenizers, ``pre_tokenizers/byte_level.rs``)."""
_GPT2_BETWEEN_DIGITS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+"
"""The same within what ``Digits`` leaves between single digits: there, a text ends before each digit."""
_SPACES = frozenset((*range(9, 14), 0x20, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000))
"""Unicode's White_Space, which ``\\s`` means to Oniguruma; to Python it means a few more."""
_NEXT_LINE = 0x85
"""White space to some engines and not to others, so not a known character."""
_EMOJI = range(0x1F000, 0x1FB00)
_UNASSIGNED = frozenset({"Cn", "Co", "Cs"})

_CLASSES = r"(?P<category>\\p\{[LMNPSZ][a-z]?\})|(?P<letter>\\[rnt]|\\?[ '/]|[A-Za-z])"
_WITHIN = re.compile(rf"(?P<space>\\s)|{_CLASSES}|(?P<bracket>\])")
_OUTSIDE = re.compile(
    rf"(?P<space>\\[sS])|{_CLASSES}|(?P<bracket>\[\^?)"
    r"|(?P<group>\((?:\?(?:i?:|!))?|[)|])"
    r"|(?P<repeat>(?:[?*+]|\{[0-9]+(?:,[0-9]*)?\})(?![?*+{]))"  # lazy and possessive ones differ between engines
)


@dataclass(frozen=True, slots=True)
class WordPattern:
    """Cuts text of known characters as the tokenizer does.

    Attributes:
        in_ascii: for text that is all ASCII.
        in_known: for text without an unknown character.
        unknown: finds a character that is not known.
    """

    in_ascii: re.Pattern[str]
    in_known: re.Pattern[str]
    unknown: re.Pattern[str]

    def words(self, text: str) -> list[str] | None:
        """Return the words that a text is made of, or None where it cannot be told."""
        if text.isascii():
            words = self.in_ascii.findall(text)
        elif self.unknown.search(text) is None:
            words = self.in_known.findall(text)
        else:
            return None
        return words if "".join(words) == text else None  # what no word covers is a word of its own, or is dropped


def word_pattern(pre_tokenizer: Mapping[str, object]) -> WordPattern | None:
    """Return the pattern that a pre-tokenizer cuts by, or None where it is of a kind that is not known here.

    Args:
        pre_tokenizer: as tokenizer.json declares it.
    """
    declared = _declared(pre_tokenizer)
    return _translate(declared) if declared is not None else None


def _declared(pre_tokenizer: Mapping[str, object]) -> str | None:
    match _stages(pre_tokenizer):
        case [{"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}]:
            return _GPT2
        case [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
        ]:
            return _GPT2_BETWEEN_DIGITS
        case [
            {"type": "Split", "pattern": {"Regex": str(pattern)}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
        ]:
            return pattern
    return None


def _stages(pre_tokenizer: Mapping[str, object]) -> list[object]:
    if pre_tokenizer.get("type") == "Sequence":
        stages = pre_tokenizer.get("pretokenizers")
        return stages if isinstance(stages, list) else []
    return [pre_tokenizer]


@lru_cache(maxsize=8)
def _translate(pattern: str) -> WordPattern | None:
    known = _known()
    in_ascii = _written_out(pattern, {character: known[character] for character in known if character < 128})
    in_known = _written_out(pattern, known)
    if in_ascii is None or in_known is None:
        return None
    try:
        return WordPattern(re.compile(in_ascii), re.compile(in_known), re.compile(f"[^{_ranges(known)}]"))
    except re.error:
        return None


def _written_out(pattern: str, known: Mapping[int, str]) -> str | None:
    """Return a pattern with its classes as ranges; None where a part may mean something else to Python."""
    if "ss" in pattern:
        return None  # where case is ignored, ß would match it
    spaces = _ranges(character for character in known if character in _SPACES)
    written: list[str] = []
    within, end = False, 0
    while end < len(pattern):
        part = (_WITHIN if within else _OUTSIDE).match(pattern, end)
        if part is None:
            return None
        end = part.end()
        kind, text = part.lastgroup, part[0]
        if kind == "bracket":
            within = not within
            written.append(text)
        elif kind == "category":
            wanted = text[3:-1]
            ranges = _ranges(character for character, category in known.items() if category.startswith(wanted))
            written.append(ranges if within else f"[{ranges}]")
        elif kind == "space":
            written.append(spaces if within else f"[{'^' if text[1] == 'S' else ''}{spaces}]")
        else:
            written.append("(?:" if text == "(" else text)  # no groups of their own: `findall` would return those
    return None if within else "".join(written)


@lru_cache(maxsize=1)
def _known() -> dict[int, str]:
    """Return the known characters, in order, each with its category: unchanged since Unicode 3.2, or an emoji.

    Left out are those that stand for ASCII letters where case is ignored, such as the long s.
    """
    first, now = unicodedata.ucd_3_2_0.category, unicodedata.category
    known: dict[int, str] = {}
    for number in (*range(0x10000), *_EMOJI):
        character = chr(number)
        category = now(character)
        is_emoji = number in _EMOJI and category in {"So", "Sk"}
        if category in _UNASSIGNED or not (is_emoji or category == first(character)):
            continue
        folded = character.casefold()
        if number > 127 and (number == _NEXT_LINE or (folded.isascii() and character != "ß")):
            continue
        known[number] = category
    return known


def _ranges(numbers: Iterable[int]) -> str:
    """Return characters, given in order, as they are written within brackets."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
