"""Checks for what should not be learnt by heart: personal data and keys. Examples are masked."""

import re
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orpo_studio.data.doctor.check import Kind, RowCheck
from orpo_studio.data.doctor.columns import PARTS, Bools, PairBatch, as_mask
from orpo_studio.data.doctor.sketch import bytes_of

_AT = re.compile("@")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,12}\b")
_HARMLESS_DOMAIN = re.compile(
    r"@(?:[a-z0-9-]+\.)*(?:example|test|domain|email|company|yourcompany|yourdomain|mail)\.[a-z]+$", re.IGNORECASE
)
_PHONE = re.compile(
    r"(?<![\w.+/=*-])(?<!\d )(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]?\d{2,4}){2,4}"
    r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4})(?![\w/-])"
)
_INVENTED_PHONE = re.compile(r"\b555[ .-]?01\d\d\b|\b555[ .-]\d{4}\b|123[ .-]?456[ .-]?7890")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CLUSTER = re.compile(r"\d(?:[ .()-]{0,2}\d){7,}")
"""Eight digits and more; only there the patterns of numbers, which are slow, are looked for."""
_CARD = re.compile(
    r"(?<![\d.,=+*/-])(?:(?:4\d{3}|5[1-5]\d{2}|6011|65\d{2})([ -]?)\d{4}\1\d{4}\1\d{4}"
    r"|3[47]\d{2}([ -]?)\d{6}\2\d{5})(?![\d.,]?\d)"
)
_KEY_PATTERN = (
    r"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{20,}|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\bhf_[A-Za-z0-9]{30,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bAIza[0-9A-Za-z_-]{35}"
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
)
_KEY = re.compile(_KEY_PATTERN)
_REACH = 20
"""Bytes in which eight digits of a number stand, with what is written between them."""
_IS_DIGIT = np.zeros(256, dtype=bool)
_IS_DIGIT[ord("0") : ord("9") + 1] = True

PERSONAL_DATA = Kind(
    code="personal-data",
    looks_for="E-mail addresses, telephone, account and card numbers",
    one="holds an e-mail address, a telephone, account or card number",
    many="hold an e-mail address, a telephone, account or card number",
    none="No text holds an e-mail address, a telephone, account or card number.",
    why="A model can repeat what it was trained on, word for word, to anybody who asks.",
    advice="Have them replaced by placeholders, unless they are invented or meant to be public.",
    warning=0.0,
    serious=0.1,
    remedy="mask-personal-data",
)
SECRETS = Kind(
    code="secrets",
    looks_for="Keys and passwords of services",
    one="holds what looks like a secret key",
    many="hold what looks like a secret key",
    none="No text holds what looks like a secret key.",
    why="A model can repeat a key to anybody who asks; whoever reads the data has it already.",
    advice="Have them replaced by placeholders, and revoke keys that are real.",
    warning=0.0,
    serious=0.0,
    remedy="mask-secrets",
)


def luhn(digits: str) -> bool:
    """Tell whether the digits have the check digit of a card number."""
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def is_iban(text: str) -> bool:
    """Tell whether a text has the check digits of an account number (ISO 13616)."""
    bare = text.replace(" ", "")
    if not 15 <= len(bare) <= 34:
        return False
    return int("".join(str(int(sign, 36)) for sign in bare[4:] + bare[:4])) % 97 == 1


def personal(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield where personal data stands in a text, and what it is."""
    for at in _AT.finditer(text):
        # Looked for around each @ alone: over a whole text the pattern would try every word.
        for match in _EMAIL.finditer(text, max(0, at.start() - 65), at.start() + 100):
            if match.start() < at.start() < match.end() and not _HARMLESS_DOMAIN.search(match[0]):
                yield match.start(), match.end(), "e-mail"
    for cluster in _CLUSTER.finditer(text):
        yield from _numbers(text, max(0, cluster.start() - 5), cluster.end() + 2)


def _numbers(text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """Yield account, card and telephone numbers of a stretch of text."""
    for match in _IBAN.finditer(text, max(0, start - 15), end + 25):
        if is_iban(match[0]):
            yield match.start(), match.end(), "account"
    for match in _CARD.finditer(text, start, end):
        digits = re.sub(r"\D", "", match[0])
        if len(set(digits)) > 3 and luhn(digits):
            yield match.start(), match.end(), "card"
    for match in _PHONE.finditer(text, start, end):
        sums = text[max(0, match.start() - 8) : match.start()].rstrip()[-1:].isdigit()
        if not sums and not _INVENTED_PHONE.search(match[0]):
            yield match.start(), match.end(), "phone"


def secrets(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield where keys stand in a text."""
    for match in _KEY.finditer(text):
        yield match.start(), match.end(), "key"


def mask(text: str, found: Callable[[str], Iterator[tuple[int, int, str]]]) -> str:
    """Return a text with placeholders such as ``[e-mail]`` in place of what is found."""
    done, parts = 0, []
    for start, end, what in sorted(found(text)):
        if start >= done:
            parts += [text[done:start], f"[{what}]"]
            done = end
    return "".join([*parts, text[done:]])


def has_personal_data(batch: PairBatch) -> Bools:
    """Tell where a part holds personal data."""
    found = np.zeros(len(batch), dtype=bool)
    for part in PARTS:
        for place in np.flatnonzero(_worth_a_look(batch.texts(part)) & ~found):
            found[place] = next(personal(batch.text(part, int(place))), None) is not None
    return found


def _worth_a_look(texts: pa.StringArray) -> Bools:
    """Tell which texts hold an @ or eight digits close together, as account numbers do too."""
    data, ends = bytes_of(texts)
    digits = np.flatnonzero(_IS_DIGIT[data])
    close = digits[:-7][digits[7:] - digits[:-7] <= _REACH]
    hits = np.concatenate([np.flatnonzero(data == ord("@")), close])
    found = np.zeros(len(texts), dtype=bool)
    found[np.searchsorted(ends, hits, side="right") - 1] = True
    return found


def has_secrets(batch: PairBatch) -> Bools:
    """Tell where a part holds a key."""
    found = np.zeros(len(batch), dtype=bool)
    for part in PARTS:
        found |= as_mask(pc.match_substring_regex(batch.texts(part), _KEY_PATTERN))
    return found


def _masked(find: Callable[[str], Iterator[tuple[int, int, str]]]) -> Callable[[PairBatch, int], str]:
    def show(batch: PairBatch, place: int) -> str:
        for part in PARTS:
            text = batch.text(part, place)
            if (first := min(find(text), default=None)) is not None:
                start, end, what = first
                before, shown, after = text[max(0, start - 30) : start], text[start : start + 2], text[end : end + 30]
                hidden = f"{mask(mask(before, personal), secrets)}{shown}••• [{what}]{mask(after, personal)}"
                return f"{part}: {' '.join(hidden.split())}"
        return ""

    return show


CHECKS = (
    RowCheck(PERSONAL_DATA, has_personal_data, _masked(personal)),
    RowCheck(SECRETS, has_secrets, _masked(secrets)),
)
"""The checks for what should not be learnt by heart."""
