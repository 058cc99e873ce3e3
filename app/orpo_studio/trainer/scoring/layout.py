"""Where the pairs of a batch lie in the tensors that a model is fed, and which tokens of them are scored.

A pair's two sequences begin with the same tokens: the prompt, and often the answers' first words. That beginning is
scored once. Packed, it is also fed once: ``[shared | rest of chosen | rest of rejected]``, pair after pair in one
row without padding (prefix sharing: Wang & Hegde 2024, arXiv 2412.05579). The last token of each sequence predicts
nothing and is not fed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from orpo_studio.trainer.scoring.batch import PairBatch
from orpo_studio.trainer.tokens import TokenizedPair


@dataclass(frozen=True, slots=True)
class Span:
    """One pair among the scored tokens, which lie in the order shared, chosen, rejected.

    Attributes:
        shared: scored tokens that both sequences begin with.
        chosen: scored tokens of the chosen sequence alone.
        rejected: scored tokens of the rejected sequence alone.
        chosen_answer: place of the chosen answer's first token, counted over shared and chosen.
        rejected_answer: place of the rejected answer's first token, counted over shared and rejected.
    """

    shared: int
    chosen: int
    rejected: int
    chosen_answer: int
    rejected_answer: int

    @property
    def scored(self) -> int:
        """How many scored tokens the pair has."""
        return self.shared + self.chosen + self.rejected


@dataclass(frozen=True, slots=True)
class Block:
    """One pair in a packed row: how many tokens are fed of each part, in this order."""

    shared: int
    chosen: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Layout:
    """A batch in tensors.

    Attributes:
        input_ids: (rows, length) what is fed: one row when packed, two a pair when padded.
        position_ids: (1, length) when packed: places within each sequence; None when padded.
        attention_mask: (rows, length) when padded; None when packed.
        places: (scored,) index into the flattened rows of the token that predicts each scored token.
        targets: (scored,) the scored tokens.
        spans: the pairs among the scored tokens.
        blocks: the pairs in the packed row; empty when padded.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor | None
    attention_mask: torch.Tensor | None
    places: torch.Tensor
    targets: torch.Tensor
    spans: tuple[Span, ...]
    blocks: tuple[Block, ...] = ()


def lay_out_packed(batch: PairBatch, device: torch.device) -> Layout:
    """Lay a batch out as one row without padding, each pair's common beginning once."""
    ids: list[np.ndarray] = []
    positions: list[np.ndarray] = []
    places: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    spans, blocks = [], []
    start = 0
    for pair in batch.pairs:
        chosen, rejected, shared = _sequences(pair)
        first = max(shared, 1)  # the first token that is scored on each side alone
        alone = len(chosen) - 1 - shared, len(rejected) - 1 - shared
        ids += [chosen[:-1], rejected[shared:-1]]
        positions += [np.arange(len(chosen) - 1), np.arange(shared, len(rejected) - 1)]
        # What predicts the rejected side's tokens: the shared beginning's last token, then the side's own.
        branch = start + len(chosen) - 1
        before = [start + shared - 1] if shared else []
        places += [np.arange(start, branch), np.array(before, dtype=np.int64), np.arange(branch, branch + alone[1])]
        targets += [chosen[1:], rejected[first:]]
        spans.append(_span(pair, shared))
        blocks.append(Block(shared, *alone))
        start = branch + alone[1]
    return Layout(
        input_ids=_tensor(ids, device)[None],
        position_ids=_tensor(positions, device)[None],
        attention_mask=None,
        places=_tensor(places, device),
        targets=_tensor(targets, device),
        spans=tuple(spans),
        blocks=tuple(blocks),
    )


def lay_out_padded(batch: PairBatch, device: torch.device, *, pad_id: int) -> Layout:
    """Lay a batch out as TRL does: all chosen rows, then all rejected rows, padded on the right to the longest."""
    sequences = [_sequences(pair) for pair in batch.pairs]
    rows = [chosen for chosen, _, _ in sequences] + [rejected for _, rejected, _ in sequences]
    length = max(map(len, rows))
    ids = np.full((len(rows), length), pad_id, dtype=np.int64)
    mask = np.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
        mask[index, : len(row)] = 1
    places: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    for index, (chosen, rejected, shared) in enumerate(sequences):
        first = max(shared, 1)
        above = (len(sequences) + index) * length
        places += [index * length + np.arange(len(chosen) - 1), above + np.arange(first - 1, len(rejected) - 1)]
        targets += [chosen[1:], rejected[first:]]
    return Layout(
        input_ids=sent(torch.from_numpy(ids), device),
        position_ids=None,
        attention_mask=sent(torch.from_numpy(mask), device),
        places=_tensor(places, device),
        targets=_tensor(targets, device),
        spans=tuple(_span(pair, shared) for pair, (_, _, shared) in zip(batch.pairs, sequences, strict=True)),
    )


def _sequences(pair: TokenizedPair) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the two sequences, and how many tokens of their common beginning are shared.

    Each side keeps a token of its own, even where the sequences are equal.
    """
    chosen = np.asarray(pair.chosen, dtype=np.int64)
    rejected = np.asarray(pair.rejected, dtype=np.int64)
    both = min(len(chosen), len(rejected))
    if both < 2:
        raise ValueError(f"Row {pair.source_row} has a sequence of {both} tokens; none of them can be scored.")
    differs = chosen[:both] != rejected[:both]
    common = int(differs.argmax()) if differs.any() else both
    return chosen, rejected, min(common, both - 1)


def _span(pair: TokenizedPair, shared: int) -> Span:
    first = max(shared, 1)
    return Span(
        shared=first - 1,
        chosen=len(pair.chosen) - first,
        rejected=len(pair.rejected) - first,
        chosen_answer=max(pair.chosen_prompt - 1, 0),
        rejected_answer=max(pair.rejected_prompt - 1, 0),
    )


def _tensor(parts: Sequence[np.ndarray], device: torch.device) -> torch.Tensor:
    return sent(torch.from_numpy(np.concatenate(parts).astype(np.int64, copy=False)), device)


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor of main memory on a device, without waiting for what the device has to do before."""
    # A card takes larger ones from pinned memory alone without being waited for.
    return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)
