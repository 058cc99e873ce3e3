"""Checks of the characters: damaged encodings, control characters, leaked tokens of chat templates."""

import re
from collections.abc import Callable

import numpy as np
import pyarrow.compute as pc

from orpo_studio.data.doctor.check import Kind, RowCheck
from orpo_studio.data.doctor.columns import PARTS, Bools, PairBatch, as_mask

_HIGH = "\u0080-\u00bf\u0192\u02c6\u02dc\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u2013-\u203a\u20ac\u2122"
"""What the bytes 0x80 to 0xBF become when they are read as Latin-1 or Windows-1252."""
DAMAGE = (
    f"\ufffd|[\u00c3\u00c5\u00d0\u00d1][{_HIGH}]|\u00c2[\u0080-\u00bf]"
    f"|\u00e2[\u20ac\u0080-\u0084\u201a][{_HIGH}]|\u00f0\u0178|\u00ef\u00bb\u00bf"
)
"""Letters that only stand together where UTF-8 was read as Latin-1 or Windows-1252, and the mark of lost ones."""
CONTROL = "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufeff\u202a-\u202e\u2066-\u2069]"
LEAKED = (
    r"<\|[a-zA-Z_0-9]{2,40}\|>|(?:<s>\s*)?\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|</s>"
    r"|(?:^|\n)#{2,3} ?(?:Assistant|Human|Instruction|Response|User|System) ?:"
    r"|(?:^|\n)(?:Human|Assistant|USER|ASSISTANT): "
)
"""Tokens and headings of chat templates, as they leak into texts."""

ENCODING_DAMAGE = Kind(
    code="encoding-damage",
    looks_for="Text that was read with a wrong encoding",
    one="holds characters of a damaged encoding, such as “Ã©” for “é”",
    many="hold characters of a damaged encoding, such as “Ã©” for “é”",
    none="No text shows a damaged encoding.",
    why="The model learns to write the damage, and its tokens are rare, so that they weigh much in the loss.",
    advice="Have them repaired. What is lost (U+FFFD) stays lost.",
    warning=0.0,
    serious=0.05,
    remedy="repair-encoding",
)
CONTROL_CHARACTERS = Kind(
    code="control-characters",
    looks_for="Characters that cannot be seen",
    one="holds control characters",
    many="hold control characters",
    none="No text holds control characters.",
    why="They are no language, come from faulty exports, and can hide what a text says.",
    advice="Have them removed.",
    warning=0.001,
    remedy="remove-control-characters",
)
TEMPLATE_TOKENS = Kind(
    code="template-tokens",
    looks_for="Leaked tokens of chat templates",
    one="holds a token or heading of a chat template as text",
    many="hold a token or heading of a chat template as text",
    none="No text holds tokens of a chat template.",
    why="Where the tokenizer knows the token it ends a turn in the midst of an answer; else the model learns to "
    "write it. Both show as answers that run on or stop early.",
    advice="Have them stripped where they stand at the beginning or end; look at the others.",
    warning=0.0,
    serious=0.05,
    remedy="strip-template-tokens",
)


def matches_anywhere(pattern: str) -> Callable[[PairBatch], Bools]:
    """Return what tells where a pattern (RE2) stands in any part of a pair."""

    def where(batch: PairBatch) -> Bools:
        found = np.zeros(len(batch), dtype=bool)
        for part in PARTS:
            found |= as_mask(pc.match_substring_regex(batch.texts(part), pattern))
        return found

    return where


def around(pattern: str, reach: int = 40) -> Callable[[PairBatch, int], str]:
    """Return what shows the first match of a pattern in a pair with what stands around it."""
    compiled = re.compile(pattern)

    def show(batch: PairBatch, place: int) -> str:
        for part in PARTS:
            text = batch.text(part, place)
            if match := compiled.search(text):
                start, end = max(0, match.start() - reach), match.end() + reach
                return (
                    f"{part}: {'…' if start else ''}{' '.join(text[start:end].split())}{'…' if end < len(text) else ''}"
                )
        return ""

    return show


CHECKS = (
    RowCheck(ENCODING_DAMAGE, matches_anywhere(DAMAGE), around(DAMAGE)),
    RowCheck(CONTROL_CHARACTERS, matches_anywhere(CONTROL), around(CONTROL)),
    RowCheck(TEMPLATE_TOKENS, matches_anywhere(LEAKED), around(LEAKED)),
)
"""The checks of characters."""
