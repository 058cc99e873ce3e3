"""From pairs to token ids: TRL's, but for a doubled end token, and never without room for an answer."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from transformers import PreTrainedTokenizerBase

from orpo_studio.data.pair import Pair
from orpo_studio.data.rendering import EncodedPair, RenderedPair, encode_pairs, render_pair, room_for_answer
from orpo_studio.models.chat_template import ChatTemplate, TemplateProblem

NO_ROOM = "no-room"
"""Reason of a row set aside: its prompt leaves no room for an answer. In stock TRL it turns the weights to NaN."""
TEMPLATE_REFUSED = "template-refused"
"""Reason of a row set aside: the model's chat template does not accept its turns."""

_BATCH = 256


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

    pairs: list[TokenizedPair]
    texts: list[Pair]
    set_aside: Counter[str]


class HuggingFaceEncoder:
    """A transformers tokenizer as `encode_pairs` wants it."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text's tokens; none is added."""
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
    encoder = HuggingFaceEncoder(tokenizer)
    result = Tokenized([], [], Counter())
    for start in range(0, len(pairs), _BATCH):
        rendered = _render(pairs[start : start + _BATCH], template, result.set_aside)
        encoded = encode_pairs(
            [text for _, text in rendered], encoder, bos_id=tokenizer.bos_token_id, eos_id=tokenizer.eos_token_id
        )
        for (pair, _), ids in zip(rendered, encoded, strict=True):
            row = _cut(ids, pair.source_row, tokenizer, max_length)
            if row is None:
                result.set_aside[NO_ROOM] += 1
            else:
                result.pairs.append(row)
                result.texts.append(pair)
        advance(min(start + _BATCH, len(pairs)))
    return result


def _render(pairs: Sequence[Pair], template: ChatTemplate, set_aside: Counter[str]) -> list[tuple[Pair, RenderedPair]]:
    rendered = []
    for pair in pairs:
        try:
            rendered.append((pair, render_pair(pair, template)))
        except TemplateProblem as problem:
            if problem.code != TEMPLATE_REFUSED:
                raise
            set_aside[TEMPLATE_REFUSED] += 1
    return rendered


def _cut(
    ids: EncodedPair, source_row: int, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> TokenizedPair | None:
    chosen_room = room_for_answer(len(ids.chosen_prompt), max_length)
    rejected_room = room_for_answer(len(ids.rejected_prompt), max_length)
    if not chosen_room or not rejected_room:
        return None
    chosen = without_double_end(ids.chosen, tokenizer)
    rejected = without_double_end(ids.rejected, tokenizer)
    return TokenizedPair(
        source_row=source_row,
        chosen=ids.chosen_prompt + chosen[:chosen_room],
        chosen_prompt=len(ids.chosen_prompt),
        rejected=ids.rejected_prompt + rejected[:rejected_room],
        rejected_prompt=len(ids.rejected_prompt),
        truncated=len(chosen) > chosen_room or len(rejected) > rejected_room,
    )


def without_double_end(answer: list[int], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Drop what stands behind the template's own end token when that is only blanks and a second end token.

    ChatML ends a turn with ``<|im_end|>`` and a line break. TRL sees no end token in last place and adds another,
    and the model learns to write a line break after its answer's end.
    """
    end = tokenizer.eos_token_id
    if answer[-1] != end:
        return answer
    before = len(answer) - 2
    while before >= 0 and answer[before] != end:
        before -= 1
    if before < 0 or str(tokenizer.decode(answer[before + 1 : -1])).strip():
        return answer
    return answer[: before + 1]


class TokenizedDataset(torch.utils.data.Dataset[dict[str, Any]]):
    """Tokenized pairs as the rows that TRL's collator takes."""

    def __init__(self, pairs: Sequence[TokenizedPair]) -> None:
        self._pairs = pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        pair = self._pairs[index]
        return {
            "source_row": pair.source_row,
            **_side("chosen", pair.chosen, pair.chosen_prompt),
            **_side("rejected", pair.rejected, pair.rejected_prompt),
        }

    def map(self, *_arguments: object, **_options: object) -> Self:
        """Return the rows as they are: TRL asks to tokenize here, and that is done."""
        return self


def _side(name: str, ids: list[int], prompt: int) -> dict[str, list[int]]:
    return {
        f"{name}_input_ids": ids,
        f"{name}_attention_mask": [1] * len(ids),
        f"{name}_labels": [-100] * prompt + ids[prompt:],
    }
