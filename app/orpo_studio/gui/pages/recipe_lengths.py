"""How long the training pairs are in a model's tokens: of the longest ones, and of a sample. No widget.

Pairs are ranked by the bytes of their text, which the memory-mapped file knows without reading any text; then only
the longest and every so-many-th are rendered and encoded.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from orpo_studio.data.text_sizes import training_bytes

if TYPE_CHECKING:
    from orpo_studio.data.pair import Pair
    from orpo_studio.data.prepared import PreparedData
    from orpo_studio.fit.rows import PairLengths
    from orpo_studio.gui.pairs.reading import Reading
    from orpo_studio.models.card import ModelCard

LONGEST = 512
"""As many of the longest pairs are counted."""
SAMPLED = 1500
"""As many pairs are counted beside them, at most."""
_AT_ONCE = 64
_TOO_LONG = 200_000
"""A pair with more bytes of text is not encoded but taken as a token for each three bytes, which few texts exceed."""


def count_lengths(
    card: "ModelCard", prepared: "PreparedData", is_cancelled: Callable[[], bool]
) -> "PairLengths | None":
    """Return the lengths of training pairs; None without a tokenizer to count with, or when it was cancelled.

    Raises:
        ModelProblem: the tokenizer or the template cannot be used.
        DataProblem: the converted pairs are gone.
    """
    from orpo_studio.fit.rows import PairLengths
    from orpo_studio.gui.pairs.reading import Reading

    if not card.has_tokenizer or not prepared.summary.train:
        return None
    reading = Reading.of(card)
    sizes = training_bytes(prepared)
    counted: list[tuple[int, int, int]] = []
    with prepared.pages() as pages:
        rows = choose_rows(sizes.sum(axis=1))
        for start in range(0, len(rows), _AT_ONCE):
            if is_cancelled():
                return None
            chosen = rows[start : start + _AT_ONCE]
            huge = [row for row in chosen if sizes[row].sum() > _TOO_LONG]
            counted += [(int(p) // 3, int(c) // 3, int(r) // 3) for p, c, r in sizes[huge]]
            normal = [row for row in chosen if sizes[row].sum() <= _TOO_LONG]
            counted += _count([pages.page(row, 1, "train")[0] for row in normal], reading)
    return PairLengths.of(counted) if counted else None


def choose_rows(sizes: np.ndarray, longest: int = LONGEST, sampled: int = SAMPLED) -> list[int]:
    """Return the rows to count: the longest ones, and others evenly over the file; all of them where they are few."""
    if len(sizes) <= longest + sampled:
        return list(range(len(sizes)))
    top = np.argpartition(sizes, len(sizes) - longest)[-longest:]
    spread = np.linspace(0, len(sizes) - 1, sampled).astype(np.int64)
    return [int(row) for row in np.union1d(top, spread)]


def _count(pairs: "Sequence[Pair]", reading: "Reading") -> list[tuple[int, int, int]]:
    from orpo_studio.data.rendering import encode_pairs, render_pair
    from orpo_studio.models.chat_template import TemplateProblem

    rendered = []
    for pair in pairs:
        try:
            rendered.append(render_pair(pair, reading.template))
        except TemplateProblem:
            continue  # the trainer sets such a pair aside
    if reading.counter is None or not rendered:
        return []
    encoded = encode_pairs(rendered, reading.counter, bos_id=reading.bos_id, eos_id=reading.eos_id)
    return [
        (max(len(pair.chosen_prompt), len(pair.rejected_prompt)), len(pair.chosen), len(pair.rejected))
        for pair in encoded
    ]
