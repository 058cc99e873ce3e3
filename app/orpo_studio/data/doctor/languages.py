"""Checks of languages and scripts: by the first bytes of letters in all pairs, by py3langid in a sample."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from orpo_studio.data.doctor.check import MOST_EXAMPLES, Kind, RowCheck, beginning, finding
from orpo_studio.data.doctor.columns import PARTS, Bools, Ints, PairBatch, Pairs, Part
from orpo_studio.data.doctor.facts import Tell
from orpo_studio.data.doctor.report import Finding, Severity
from orpo_studio.data.doctor.sketch import bytes_of

SAMPLE = 1_000
"""Pairs whose language is told; more would take longer than all other checks together."""
_LEAST_LETTERS = 20
_LEAST_CHARACTERS = 80
_EXCERPT = 300
_SURE = 0.9

SCRIPT_MISMATCH = Kind(
    code="script-mismatch",
    looks_for="Answers in different scripts",
    one="has its two answers in different scripts",
    many="have their two answers in different scripts",
    none="In every pair both answers are in the same script.",
    why="The script alone then tells the answers apart: the model learns to prefer a language and nothing else.",
    advice="Set these pairs aside, unless the language of the answer is what is to be learnt.",
    warning=0.0,
    serious=0.1,
    remedy="drop-script-mismatch",
)
MIXED_SCRIPTS = Kind(
    code="mixed-scripts",
    looks_for="Two scripts in one answer",
    one="has an answer with much text in each of two scripts",
    many="have an answer with much text in each of two scripts",
    none="No answer has much text in two scripts.",
    why="Answers that slip into another language are a known fault of models; in chosen answers it is taught.",
    advice="Look at them. Translations and language lessons are as they should be.",
    warning=0.02,
)
MIXED_LANGUAGES = Kind(
    code="mixed-languages",
    looks_for="Pairs in another language than the most",
    one="of the sample is in another language than the most",
    many="of the sample are in another language than the most",
    none="All pairs of the sample are in one language.",
    why="A language with few pairs is learnt worst, and its answers may come in the language of the many.",
    advice="Nothing is to do where several languages are meant; else set the others aside in the source.",
    warning=0.05,
)
LANGUAGE_MISMATCH = Kind(
    code="language-mismatch",
    looks_for="Answers in another language than each other",
    one="of the sample has its two answers in different languages",
    many="of the sample have their two answers in different languages",
    none="In every pair of the sample both answers are in the same language.",
    why="The language alone then tells the answers apart: the model learns to prefer a language and nothing else.",
    advice="Look at them, and set aside in the source those that are not meant.",
    warning=0.01,
    serious=0.1,
)

_SCRIPTS = ("Latin", "Greek", "Cyrillic", "Armenian, Hebrew", "Arabic", "Indic", "Thai, Lao, Tibetan", "CJK", "Hangul")


def _script_table() -> np.ndarray:
    """Return for each first byte of UTF-8 the number of its script, or -1; 0xE0 counts as Indic until looked at."""
    table = np.full(256, -1, dtype=np.int8)
    table[[*range(ord("A"), ord("Z") + 1), *range(ord("a"), ord("z") + 1)]] = 0
    table[0xC3:0xCA] = 0
    table[0xCD:0xD0] = 1
    table[0xD0:0xD4] = 2
    table[0xD4:0xD8] = 3
    table[0xD8:0xDC] = 4
    table[0xE0] = 5
    table[0xE3:0xEA] = 7
    table[0xEA:0xEE] = 8
    return table


_TABLE = _script_table()


_IS_OTHER = (_TABLE > 0) | (np.arange(256) == 0xE0)


def _with_other_scripts(batch: PairBatch) -> Ints:
    """Return the places of the pairs whose answers hold a letter that is not Latin: few in most sets."""
    found = np.zeros(len(batch), dtype=bool)
    for part in PARTS[1:]:
        data, ends = bytes_of(batch.texts(part))
        found[np.searchsorted(ends, np.flatnonzero(_IS_OTHER[data]), side="right") - 1] = True
    return np.flatnonzero(found).astype(np.int64)


def script_counts(batch: PairBatch, part: Part, places: Ints) -> Ints:
    """Return roughly how many letters of each script a part of some pairs has: (places, scripts)."""
    data, ends = bytes_of(batch.texts(part))
    counts = np.zeros((len(places), len(_SCRIPTS)), dtype=np.int64)
    for row, place in enumerate(places):
        text = data[ends[place] : ends[place + 1]]
        kinds = _TABLE[text]
        indic = np.flatnonzero(text[:-1] == 0xE0)
        kinds[indic[text[indic + 1] >= 0xB8]] = 6
        counts[row] = np.bincount(kinds[kinds >= 0], minlength=len(_SCRIPTS))
    counts[:, 7:] *= 2  # a sign of these stands for more than a letter
    return counts


def script_mismatch(batch: PairBatch) -> Bools:
    """Tell where the two answers have enough letters and are mostly in different scripts."""
    places = _with_other_scripts(batch)
    chosen, rejected = (script_counts(batch, part, places) for part in PARTS[1:])
    enough = (chosen.sum(axis=1) >= _LEAST_LETTERS) & (rejected.sum(axis=1) >= _LEAST_LETTERS)
    apart = enough & (chosen.argmax(axis=1) != rejected.argmax(axis=1))
    return _mask(batch, places[apart])


def mixed_scripts(batch: PairBatch) -> Bools:
    """Tell where an answer has at least a fifth of its letters in each of two scripts."""
    places = _with_other_scripts(batch)
    mixed = np.zeros(len(places), dtype=bool)
    for part in PARTS[1:]:
        counts = np.sort(script_counts(batch, part, places), axis=1)
        total = counts.sum(axis=1)
        mixed |= (total >= 2 * _LEAST_LETTERS) & (counts[:, -2] >= 0.2 * total)
    return _mask(batch, places[mixed])


def _mask(batch: PairBatch, places: Ints) -> Bools:
    found = np.zeros(len(batch), dtype=bool)
    found[places] = True
    return found


CHECKS = (
    RowCheck(SCRIPT_MISMATCH, script_mismatch, beginning("chosen")),
    RowCheck(MIXED_SCRIPTS, mixed_scripts, beginning("chosen")),
)
"""The checks of scripts, of all pairs."""


@dataclass(frozen=True, slots=True)
class Languages:
    """The languages of a sample.

    Attributes:
        rows: (sample,) numbers of the pairs.
        prompt, chosen, rejected: a language each, as its ISO 639-1 code; empty where too little text says it.
        excerpts: the beginning of the chosen answers.
    """

    rows: Ints
    prompt: Sequence[str]
    chosen: Sequence[str]
    rejected: Sequence[str]
    excerpts: Sequence[str]


def tell_languages(pairs: Pairs, most: int = SAMPLE, seed: int = 0, tell: Tell | None = None) -> Languages:
    """Return the languages of a sample of the pairs; ``tell`` is told how far it is and may raise to stop."""
    rows: list[Ints] = []
    told: dict[str, list[str]] = {part: [] for part in PARTS}
    excerpts: list[str] = []
    for batch in pairs.sample(most, seed):
        rows.append(batch.rows)
        for part in PARTS:
            told[part] += [_language(str(text)[:_EXCERPT]) for text in batch.texts(part).to_pylist()]
        if tell is not None:
            tell(min(1.0, len(told["chosen"]) / max(1, min(most, len(pairs)))))
        excerpts += [" ".join(str(text)[:100].split()) for text in batch.texts("chosen").to_pylist()]
    numbers = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    return Languages(numbers, told["prompt"], told["chosen"], told["rejected"], excerpts)


def language_findings(found: Languages) -> list[Finding]:
    """Return what the languages of a sample show."""
    said = Counter(language for language in (*found.prompt, *found.chosen) if language)
    main = said.most_common(1)[0][0] if said else ""
    other, apart = [], []
    for place in range(len(found.rows)):
        chosen, rejected = found.chosen[place], found.rejected[place]
        if chosen and rejected and chosen != rejected:
            apart.append(place)
        elif chosen and chosen != main:
            other.append(place)
    result = [
        finding(kind, found.rows[np.array(places, dtype=np.int64)], len(found.rows), examples=_examples(found, places))
        for kind, places in ((MIXED_LANGUAGES, other), (LANGUAGE_MISMATCH, apart))
    ]
    if said:
        total = sum(said.values())
        shares = ", ".join(f"{language} {count / total:.1%}" for language, count in said.most_common(6))
        result[0] = replace(result[0], advice=f"{result[0].advice} Languages of the sample: {shares}.")
    else:
        result[0] = replace(result[0], title="The texts are too short to tell their language.", severity=Severity.NOTE)
    return result


def _examples(found: Languages, places: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"{found.chosen[place]}: {found.excerpts[place]}" for place in places[:MOST_EXAMPLES])


def _language(text: str) -> str:
    """Return a text's language where it is long enough, holds mostly words, and the identifier is sure."""
    plain = " ".join(word for word in text.split() if word.strip(".,;:!?()\"'“”").isalpha())
    if len(plain) < (_LEAST_CHARACTERS if max(plain, default="") < "\u2e80" else _LEAST_LETTERS):
        return ""
    language, sure = _identifier().classify(plain)
    return str(language) if sure >= _SURE else ""


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
