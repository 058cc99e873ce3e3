"""Checks of lengths: prompts without room, answers cut, and how often the longer answer is the chosen one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from orpo_studio.data.doctor.check import Kind, finding, numbers
from orpo_studio.data.doctor.columns import Bools, Ints, Pairs
from orpo_studio.data.doctor.remedy_names import offer
from orpo_studio.data.doctor.report import Finding, Histogram, Severity

BYTES_PER_TOKEN = 4.0
"""Of English text, for an estimate without a tokenizer."""
TURN_TOKENS = 5
"""What a chat template usually puts around a turn."""
_MOST_COUNTED = 10_000_000
"""Bytes of text that are counted token by token; a tokenizer takes a few seconds for them."""
_BINS = 48
_NEAR = 1.5
"""A maximum length up to so many times as long as nearly all texts stands inside their histogram."""


class Counter(Protocol):
    """Encodes many texts, as `TokenCounter` does."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text's tokens."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """How many tokens the parts of each pair have.

    Attributes:
        tokens: (pairs, 3) for prompt, chosen and rejected, what a chat template adds estimated.
        counted: pairs that were counted by the tokenizer; the others are estimated from their bytes.
        bytes_per_token: what the estimate goes by.
    """

    tokens: Ints
    counted: int
    bytes_per_token: float

    @property
    def whole(self) -> Ints:
        """Tokens of the prompt and the longer answer, pair by pair."""
        return np.asarray(self.tokens[:, 0] + self.tokens[:, 1:].max(axis=1), dtype=np.int64)

    def only(self, kept: Bools) -> "Lengths":
        """Return the lengths of some of the pairs."""
        return replace(self, tokens=self.tokens[kept])


NO_ROOM = Kind(
    code="no-room",
    looks_for="Prompts that fill the maximum length",
    one="has a prompt that leaves no room for an answer at this maximum length",
    many="have a prompt that leaves no room for an answer at this maximum length",
    none="Every prompt leaves room for an answer at this maximum length.",
    why="An answer cut to nothing has no mean log-probability; in stock TRL one such pair turns every weight to NaN. "
    "Training here sets these pairs aside.",
    advice="Raise the maximum length, or set these pairs aside now.",
    warning=0.0,
    serious=0.05,
    remedy="drop-no-room",
)
TRUNCATED = Kind(
    code="truncated-answers",
    looks_for="Answers that the maximum length cuts",
    one="has an answer that the maximum length cuts",
    many="have an answer that the maximum length cuts",
    none="No answer is cut at this maximum length.",
    why="The model learns answers that break off, and never sees the end token behind them: trained on many of "
    "these, it does not stop.",
    advice="Raise the maximum length as far as memory allows, or set these pairs aside.",
    warning=0.02,
    serious=0.2,
    remedy="drop-truncated-answers",
)
LENGTH_BIAS = Kind(
    code="length-bias",
    looks_for="How often the longer answer is the chosen one",
    one="has the longer answer as its chosen one",
    many="have the longer answer as their chosen one",
    none="In no pair is the longer answer the chosen one.",
    why="ORPO compares means over tokens, which does not reward length by itself, but its other half trains on the "
    "chosen answers as they are: the model takes on their length.",
    advice="Where longer is not better, add pairs whose chosen answer is the shorter one.",
)


def count_lengths(
    pairs: Pairs,
    sizes: Ints,
    turns: Ints,
    counter: Counter | None,
    *,
    seed: int = 0,
    tell: Callable[[], None] | None = None,
) -> Lengths:
    """Return the lengths of all pairs.

    With a tokenizer, as many pairs are counted as take a few seconds; their ratio of bytes to tokens serves for the
    others.

    Args:
        pairs: all pairs.
        sizes: (pairs, 3) bytes of text of each part.
        turns: (pairs, 3) turns of each part.
        counter: the chosen model's tokenizer, or None.
        seed: of the choice of pairs to count.
        tell: called now and then; may raise to stop.
    """
    around = turns * TURN_TOKENS
    if counter is None or not len(sizes):
        return Lengths(_estimate(sizes, BYTES_PER_TOKEN) + around, 0, BYTES_PER_TOKEN)
    total = max(1, int(sizes.sum()))
    most = len(sizes) if total <= _MOST_COUNTED else max(200, int(len(sizes) * _MOST_COUNTED / total))
    rows, tokens = [], []
    for batch in pairs.sample(most, seed):
        if tell is not None:
            tell()
        rows.append(batch.rows)
        texts = [batch.texts(part).to_pylist() for part in ("prompt", "chosen", "rejected")]
        tokens.append(np.array([[len(ids) for ids in counter.encode_batch(part)] for part in texts]).T)
    places, counted = np.concatenate(rows), np.concatenate(tokens)
    ratio = float(sizes[places].sum() / max(1, counted.sum()))
    lengths = _estimate(sizes, ratio)
    lengths[places] = counted
    return Lengths(lengths + around, len(places), ratio)


def _estimate(sizes: Ints, bytes_per_token: float) -> Ints:
    return np.ceil(sizes / bytes_per_token).astype(np.int64)


def no_room(lengths: Lengths, max_length: int) -> Ints:
    """Return the pairs whose prompt leaves no room for an answer."""
    return numbers(lengths.tokens[:, 0] >= max_length)


def truncated(lengths: Lengths, max_length: int) -> Ints:
    """Return the pairs that have room for an answer, but not for both whole."""
    return numbers((lengths.whole > max_length) & (lengths.tokens[:, 0] < max_length))


def length_findings(lengths: Lengths, max_length: int) -> list[Finding]:
    """Return what the lengths show."""
    count = len(lengths.tokens)
    full, cut = no_room(lengths, max_length), truncated(lengths, max_length)
    longest = int(lengths.whole.max()) if count else 0
    more = finding(TRUNCATED, cut, count, remedy=offer(TRUNCATED.remedy, len(cut)))
    if len(cut):
        more = replace(more, advice=f"{more.advice} At {longest:,} tokens nothing would be cut.")
    return [finding(NO_ROOM, full, count, remedy=offer(NO_ROOM.remedy, len(full))), more, _length_bias(lengths)]


def _length_bias(lengths: Lengths) -> Finding:
    chosen, rejected = lengths.tokens[:, 1], lengths.tokens[:, 2]
    unequal = int((chosen != rejected).sum())
    longer = numbers(chosen > rejected)
    found = finding(LENGTH_BIAS, longer, max(1, unequal))
    if not unequal:
        return replace(found, title="Chosen and rejected answers are of the same length.", severity=Severity.GOOD)
    mean, other = float(chosen.mean()), float(rejected.mean())
    leaning = abs(found.share - 0.5)
    severity = Severity.SERIOUS if leaning > 0.35 else Severity.WARNING if leaning > 0.15 else Severity.GOOD
    effect = (
        f"Expect answers of about {mean:,.0f} tokens, the mean of the chosen ones; the rejected ones have {other:,.0f}."
    )
    return replace(
        found,
        title=f"The longer answer is the chosen one in {found.share:.0%} of the pairs.",
        severity=severity,
        why=f"{LENGTH_BIAS.why} {effect}",
        advice="Nothing is to do." if severity is Severity.GOOD else _against(found.share),
    )


def _against(share: float) -> str:
    if share > 0.5:
        return LENGTH_BIAS.advice
    return "The shorter answers win. Where shorter is not better, add pairs whose chosen answer is the longer one."


def histograms(lengths: Lengths, likeness: np.ndarray, max_length: int) -> tuple[Histogram, ...]:
    """Return the histograms of lengths, of their differences, and of how alike the two answers are."""
    tokens = lengths.tokens
    edges = np.linspace(0, _top(tokens, max_length), _BINS + 1)
    parts = tuple(
        (name, _bin_counts(tokens[:, place], edges)) for place, name in enumerate(("prompt", "chosen", "rejected"))
    )
    gaps = tokens[:, 1] - tokens[:, 2]
    reach = max(16.0, float(np.quantile(np.abs(gaps), 0.99)) if gaps.size else 0.0)
    gap_edges = np.linspace(-reach, reach, _BINS + 1)
    alike = np.linspace(0, 1, 41)
    whole_edges = np.linspace(0, _top(lengths.whole, max_length), _BINS + 1)
    return (
        Histogram("lengths", "Lengths of the parts", "tokens", _edges(edges), parts, float(max_length)),
        Histogram(
            "whole-lengths",
            "Prompt and longer answer together",
            "tokens",
            _edges(whole_edges),
            (("pair", _bin_counts(lengths.whole, whole_edges)),),
            float(max_length),
        ),
        Histogram(
            "length-difference",
            "Chosen longer (right) or shorter (left) than rejected",
            "tokens",
            _edges(gap_edges),
            (("chosen − rejected", _bin_counts(gaps, gap_edges)),),
            None,
        ),
        Histogram(
            "similarity",
            "Words that chosen and rejected have in common",
            "share",
            _edges(alike),
            (("pair", _bin_counts(likeness, alike)),),
            None,
        ),
    )


def _top(tokens: np.ndarray, max_length: int) -> float:
    """Return where a histogram of lengths ends: with the data, or behind the maximum length where that is near."""
    reach = max(16.0, float(np.quantile(tokens, 0.995)) if tokens.size else 0.0)
    return max(reach, 1.05 * max_length) if max_length <= _NEAR * reach else reach


def _edges(edges: np.ndarray) -> tuple[float, ...]:
    return tuple(float(edge) for edge in edges)


def _bin_counts(values: np.ndarray, edges: np.ndarray) -> tuple[int, ...]:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return tuple(int(count) for count in counts)
