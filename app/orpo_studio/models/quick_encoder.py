"""Encode much text with a ``tokenizers.Tokenizer``: the words met before are looked up, not encoded again."""

import json
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from tokenizers.models import BPE

from orpo_studio.models.added_tokens import AddedTokens, Seam
from orpo_studio.models.word_pattern import WordPattern, word_pattern

_MOST_WORDS = 250_000
"""Words kept, some 50 MB; when there are more the table starts anew."""


class QuickEncoder:
    """Gives the ids that a tokenizer gives when it adds no special tokens.

    Where the tokenizer declares that it cuts text into words, each encoded by itself, and by a pattern whose meaning
    is certain, words are looked up. Every other text goes to the tokenizer as it is.
    """

    def __init__(self, tokenizer: Any) -> None:
        """Take a ``tokenizers.Tokenizer`` that neither cuts nor pads, and that stays as it is from now on."""
        self._tokenizer = tokenizer
        self._added = AddedTokens.of(tokenizer)
        self._is_composed = _normalizer_of(tokenizer) == {"type": "NFC"}
        self._pattern = _pattern_of(tokenizer)
        self._ids = self._first_words()

    def last_seam(self, text: str) -> Seam | None:
        """Return the last place at which a text can be encoded in two parts, or None."""
        return self._added.last_seam(text)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text's tokens."""
        pattern = self._pattern
        if pattern is None or not self._learn(cut := [self._words(text, pattern) for text in texts], pattern):
            return self._by_tokenizer(texts)
        whole = iter(self._by_tokenizer([text for text, words in zip(texts, cut, strict=True) if words is None]))
        ids = self._ids.__getitem__
        return [next(whole) if words is None else list(chain.from_iterable(map(ids, words))) for words in cut]

    def _by_tokenizer(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def _words(self, text: str, pattern: WordPattern) -> list[str] | None:
        """Return the words and added tokens that a text is made of, or None where that is not certain."""
        added = self._added
        if added.awkward is not None and added.awkward.search(text):
            return None
        if self._is_composed and not unicodedata.is_normalized("NFC", text):
            return None
        words: list[str] = []
        for place, part in enumerate(added.splitter.split(text) if added.splitter is not None else [text]):
            if place % 2:
                words.append(part)
            elif part:
                found = pattern.words(part)
                if found is None:
                    return None
                words += found
        return words

    def _learn(self, cut: Iterable[list[str] | None], pattern: WordPattern) -> bool:
        """Have the words encoded that are new. Returns whether every word is one when it stands alone."""
        words = set(chain.from_iterable(filter(None, cut)))
        new = words.difference(self._ids)
        if len(self._ids) + len(new) > _MOST_WORDS:
            self._ids = self._first_words()
            new = words.difference(self._ids)
        listed = list(new)
        if any(pattern.words(word) != [word] for word in listed):
            self._pattern = None
            return False
        self._ids.update(zip(listed, map(tuple, self._by_tokenizer(listed)), strict=True))
        return True

    def _first_words(self) -> dict[str, tuple[int, ...]]:
        return {name: (number,) for name, number in self._added.plain.items()}


def _pattern_of(tokenizer: Any) -> WordPattern | None:
    """Return the pattern that a tokenizer cuts text into words by, where each word's ids depend on the word alone."""
    model = tokenizer.model
    if not isinstance(model, BPE) or model.dropout or tokenizer.encode_special_tokens:
        return None
    if _normalizer_of(tokenizer) not in ({}, {"type": "NFC"}):
        return None
    return word_pattern(_declared(tokenizer.pre_tokenizer))


def _normalizer_of(tokenizer: Any) -> dict[str, Any]:
    return _declared(tokenizer.normalizer)


def _declared(part: Any) -> dict[str, Any]:
    """Return a part of a tokenizer as tokenizer.json declares it; empty where there is none."""
    if part is None:
        return {}
    try:
        declared = json.loads(part.__getstate__())
    except Exception:  # noqa: BLE001 - one written in Python raises a bare Exception: it cannot be pickled
        return {"type": "Custom"}
    return declared if isinstance(declared, dict) else {"type": "Custom"}
