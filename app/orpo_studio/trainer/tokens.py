"""From pairs to token ids: TRL's, but for a doubled end token, and never without room for an answer."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from orpo_studio.data.pair import Pair
from orpo_studio.data.rendering import (
    EncodedPair,
    RenderedPair,
    encode_pairs,
    encode_pairs_in_parts,
    render_pair,
    room_for_answer,
)
from orpo_studio.models.chat_template import ChatTemplate, TemplateProblem
from orpo_studio.models.quick_encoder import QuickEncoder

NO_ROOM = "no-room"
"""Reason of a row set aside: its prompt leaves no room for an answer. In stock TRL it turns the weights to NaN."""
TEMPLATE_REFUSED = "template-refused"
"""Reason of a row set aside: the model's chat template does not accept its turns."""

BATCH = 256
"""Pairs rendered and encoded at once."""
_FIRST_CHECKS = 8
"""Pairs of the first batch that are encoded both ways; of each later batch it is one."""
_BLANK_LENGTH = 8
"""Longest run of ids that is remembered as blank or not."""
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class TokenizedPair:
    """One pair's ids, cut to the maximum length.

    Attributes:
        source_row: where it stood in the source, from 1.
        chosen: prompt and chosen answer.
        chosen_prompt: how many of ``chosen`` are the prompt.
        rejected: prompt and rejected answer.
        rejected_prompt: how many of ``rejected`` are the prompt.
        truncated: an answer was cut.
    """

    source_row: int
    chosen: list[int]
    chosen_prompt: int
    rejected: list[int]
    rejected_prompt: int
    truncated: bool

    @property
    def longest(self) -> int:
        """Length of the longer sequence, in tokens."""
        return max(len(self.chosen), len(self.rejected))


@dataclass(frozen=True, slots=True)
class Tokenized:
    """Pairs as ids, the pairs themselves in the same order, and how many were set aside for what."""

    pairs: Sequence[TokenizedPair]
    texts: Sequence[Pair]
    set_aside: Counter[str]


class HuggingFaceEncoder:
    """A transformers tokenizer as `encode_pairs` wants it."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text's tokens; none is added."""
        if not texts:
            return []  # where the template refused a whole batch: transformers fails on no texts
        ids: list[list[int]] = self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return ids


def tokenize_pairs(
    pairs: Sequence[Pair],
    tokenizer: PreTrainedTokenizerBase,
    template: ChatTemplate,
    *,
    max_length: int,
    advance: Callable[[int], None] = lambda _done: None,
) -> Tokenized:
    """Render and encode pairs; answers are cut at ``max_length``, and pairs without room for one are set aside."""

    def tokenize(pair_tokenizer: PairTokenizer) -> Tokenized:
        rows: list[TokenizedPair] = []
        texts: list[Pair] = []
        set_aside: Counter[str] = Counter()
        for start in range(0, len(pairs), BATCH):
            batch = pairs[start : start + BATCH]
            for pair, row in zip(batch, pair_tokenizer.tokenize(batch), strict=True):
                if isinstance(row, str):
                    set_aside[row] += 1
                else:
                    rows.append(row)
                    texts.append(pair)
            advance(min(start + BATCH, len(pairs)))
        return Tokenized(rows, texts, set_aside)

    return in_the_quickest_way(tokenizer, template, max_length, tokenize)


def in_the_quickest_way(
    tokenizer: PreTrainedTokenizerBase,
    template: ChatTemplate,
    max_length: int,
    tokenize: Callable[["PairTokenizer"], _Result],
) -> _Result:
    """Tokenize by the quick way, and all of it anew by the full one where the two turn out to differ."""
    try:
        return tokenize(PairTokenizer(tokenizer, template, max_length=max_length))
    except QuickDiffersError:
        return tokenize(PairTokenizer(tokenizer, template, max_length=max_length, quick=False))


class QuickDiffersError(Exception):
    """The quick way gave other ids than the full one; what it gave before is not to be trusted either."""


class PairTokenizer:
    """Renders, encodes and cuts pairs, some at a time.

    The quick way encodes the beginning of each prompt once and looks up words, by what the tokenizer's files declare;
    the full way gives whole texts to transformers, as TRL does. The quick way is taken where there is one, and some
    pairs of every batch are encoded in both.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, template: ChatTemplate, *, max_length: int, quick: bool = True
    ) -> None:
        self._tokenizer, self._template, self._max_length = tokenizer, template, max_length
        self._bos_id, self._eos_id = tokenizer.bos_token_id, tokenizer.eos_token_id
        self._full = HuggingFaceEncoder(tokenizer)
        self._full.encode_batch([""])  # from here on the tokenizer neither cuts nor pads
        is_quick = quick and isinstance(tokenizer, PreTrainedTokenizerFast)
        self._quick = QuickEncoder(tokenizer.backend_tokenizer) if is_quick else None
        self._checks = _FIRST_CHECKS
        self._are_blank: dict[tuple[int, ...], bool] = {}

    def tokenize(self, pairs: Sequence[Pair]) -> list[TokenizedPair | str]:
        """Return each pair's ids, or the reason why it has none that could be trained on.

        Raises:
            QuickDiffersError: the quick way is not to be taken with this tokenizer.
        """
        rendered = [self._render(pair) for pair in pairs]
        encoded = iter(self._encode([text for text in rendered if not isinstance(text, str)]))
        return [
            text if isinstance(text, str) else self._cut(next(encoded), pair.source_row)
            for pair, text in zip(pairs, rendered, strict=True)
        ]

    def _render(self, pair: Pair) -> RenderedPair | str:
        try:
            return render_pair(pair, self._template)
        except TemplateProblem as problem:
            if problem.code != TEMPLATE_REFUSED:
                raise
            return TEMPLATE_REFUSED

    def _encode(self, rendered: Sequence[RenderedPair]) -> list[EncodedPair]:
        ends = {"bos_id": self._bos_id, "eos_id": self._eos_id}
        if self._quick is None:
            return encode_pairs(rendered, self._full, **ends)
        encoded = encode_pairs_in_parts(rendered, self._quick, **ends)
        every = max(1, len(rendered) // self._checks)
        if encode_pairs(rendered[::every], self._full, **ends) != encoded[::every]:
            raise QuickDiffersError
        self._checks = 1
        return encoded

    def _cut(self, ids: EncodedPair, source_row: int) -> TokenizedPair | str:
        chosen_room = room_for_answer(len(ids.chosen_prompt), self._max_length)
        rejected_room = room_for_answer(len(ids.rejected_prompt), self._max_length)
        if not chosen_room or not rejected_room:
            return NO_ROOM
        chosen = self._without_double_end(ids.chosen)
        rejected = self._without_double_end(ids.rejected)
        return TokenizedPair(
            source_row=source_row,
            chosen=ids.chosen_prompt + chosen[:chosen_room],
            chosen_prompt=len(ids.chosen_prompt),
            rejected=ids.rejected_prompt + rejected[:rejected_room],
            rejected_prompt=len(ids.rejected_prompt),
            truncated=len(chosen) > chosen_room or len(rejected) > rejected_room,
        )

    def _without_double_end(self, answer: list[int]) -> list[int]:
        """Drop what stands behind the template's own end token when that is only blanks and a second end token.

        ChatML ends a turn with ``<|im_end|>`` and a line break. TRL sees no end token in last place and adds another,
        and the model learns to write a line break after its answer's end.
        """
        end = self._eos_id
        if answer[-1] != end or end not in answer[:-1]:
            return answer
        before = len(answer) - 2 - answer[-2::-1].index(end)
        return answer[: before + 1] if self._is_blank(tuple(answer[before + 1 : -1])) else answer

    def _is_blank(self, ids: tuple[int, ...]) -> bool:
        """Tell whether ids are nothing but blanks; few different ones stand behind the ends of answers."""
        known = self._are_blank.get(ids)
        if known is None:
            known = not str(self._tokenizer.decode(list(ids))).strip()
            if len(ids) <= _BLANK_LENGTH:
                self._are_blank[ids] = known
        return known
