"""Where two texts differ, word by word."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

Span = tuple[int, int]
"""From a character up to another, which is no longer in it."""

MOST_WORDS = 5_000
"""Words of each text that are compared; 5,000 by 5,000 take some ten milliseconds."""
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|[^\w\s]")
"""A word, a sign of punctuation, or one character of a script that puts no blanks between words."""
_GLUE = 3
"""A word so short between two that differ is marked with them, or the marks would be too many to read."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How two texts differ.

    Attributes:
        first: stretches of the first text that the second lacks, in order.
        second: stretches of the second text that the first lacks, in order.
        common: share of the words compared that both have, in the same order, 0 to 1.
        whole: whether all words were compared.
    """

    first: tuple[Span, ...]
    second: tuple[Span, ...]
    common: float
    whole: bool


def differences(first: str, second: str, most_words: int = MOST_WORDS, *, one_word: Sequence[str] = ()) -> Difference:
    """Return where two texts differ.

    Args:
        first: a text.
        second: another one.
        most_words: beyond the first so many words nothing is compared.
        one_word: what counts as one word although it has signs in it, such as special tokens.
    """
    from rapidfuzz.distance import Indel

    pattern = re.compile("|".join([*map(re.escape, one_word), _WORD.pattern])) if one_word else _WORD
    firsts, seconds = (_words(pattern, text, most_words + 1) for text in (first, second))
    whole = max(len(firsts), len(seconds)) <= most_words
    firsts, seconds = firsts[:most_words], seconds[:most_words]
    a, b = [first[start:end] for start, end in firsts], [second[start:end] for start, end in seconds]
    common = 0
    deleted, inserted = [False] * len(a), [False] * len(b)
    for step in Indel.opcodes(a, b):
        if step.tag == "equal":
            common += step.src_end - step.src_start
        for marks, start, end in ((deleted, step.src_start, step.src_end), (inserted, step.dest_start, step.dest_end)):
            if step.tag != "equal":
                marks[start:end] = [True] * (end - start)
    return Difference(
        _stretches(firsts, a, deleted),
        _stretches(seconds, b, inserted),
        2 * common / (len(a) + len(b)) if a or b else 1.0,
        whole,
    )


def _words(pattern: re.Pattern[str], text: str, most: int) -> list[Span]:
    spans = []
    for word in pattern.finditer(text):
        spans.append(word.span())
        if len(spans) == most:
            break
    return spans


def _stretches(spans: Sequence[Span], words: Sequence[str], differs: list[bool]) -> tuple[Span, ...]:
    """Return the words that differ, neighbours as one with the blanks between them."""
    for place in range(1, len(words) - 1):
        if differs[place - 1] and differs[place + 1] and len(words[place]) <= _GLUE:
            differs[place] = True
    stretches: list[Span] = []
    for place, (start, end) in enumerate(spans):
        if not differs[place]:
            continue
        if stretches and differs[place - 1]:
            stretches[-1] = (stretches[-1][0], end)
        else:
            stretches.append((start, end))
    return tuple(stretches)
