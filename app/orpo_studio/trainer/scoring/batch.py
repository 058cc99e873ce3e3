"""A micro-batch of pairs, before any way of computing has placed them in tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch

from orpo_studio.trainer.tokens import TokenizedPair


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Pairs that are computed together."""

    pairs: tuple[TokenizedPair, ...]

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def source_rows(self) -> list[int]:
        """Where the pairs stood in the source, from 1."""
        return [pair.source_row for pair in self.pairs]

    @property
    def tokens(self) -> int:
        """Tokens of all sequences, both of each pair, prompt included each time."""
        return sum(len(pair.chosen) + len(pair.rejected) for pair in self.pairs)

    def nll_tokens(self, *, answer_only: bool) -> int:
        """Return over how many tokens the SFT loss of these pairs is a mean."""
        return sum(len(pair.chosen) - (max(pair.chosen_prompt, 1) if answer_only else 1) for pair in self.pairs)

    def parts(self, at_once: int) -> "list[PairBatch]":
        """Return the same pairs in the same order, at most ``at_once`` together."""
        return [PairBatch(self.pairs[start : start + at_once]) for start in range(0, len(self), at_once)]


def collate(pairs: Sequence[TokenizedPair]) -> dict[str, PairBatch]:
    """Return what the trainer calls its inputs; the Trainer wants a mapping."""
    return {"pairs": PairBatch(tuple(pairs))}


class PairDataset(torch.utils.data.Dataset[TokenizedPair]):
    """Tokenized pairs as a dataset."""

    def __init__(self, pairs: Sequence[TokenizedPair]) -> None:
        self._pairs = pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> TokenizedPair:
        return self._pairs[index]

    def map(self, *_arguments: object, **_options: object) -> Self:
        """Return the pairs as they are: TRL asks to tokenize here, and that is done."""
        return self


def trl_row(pair: TokenizedPair) -> dict[str, list[int]]:
    """Return a pair as the row that TRL's collator takes."""
    return {
        **_side("chosen", pair.chosen, pair.chosen_prompt),
        **_side("rejected", pair.rejected, pair.rejected_prompt),
    }


def _side(name: str, tokens: Sequence[int], prompt: int) -> dict[str, list[int]]:
    ids = [int(token) for token in tokens]
    return {
        f"{name}_input_ids": ids,
        f"{name}_attention_mask": [1] * len(ids),
        f"{name}_labels": [-100] * prompt + ids[prompt:],
    }
