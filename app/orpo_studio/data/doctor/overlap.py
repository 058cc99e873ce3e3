"""Prompts to train on that are nearly held out: alike by the words that tell prompts of this set apart.

Two prompts of one form, such as “Translate … into French.”, share most of their words and are still two questions.
So words weigh by how rare they are among all prompts (their inverse document frequency), and two prompts are nearly the
same where they share most of their words, and most of the weight of the lighter one is in the other one too: what is
common to all weighs nothing, a name or a number that differs a lot, and a word more than the other has does no harm.
In a short prompt one other word makes another question: fewer than twenty words must all be in the other one.
"""

import numpy as np

from orpo_studio.data.doctor.columns import Bools, Ints, Keys, Pairs
from orpo_studio.data.doctor.sketch import ALIKE, Sketches, alike_candidates, likeness, word_hashes

SAME = 0.8
"""Share of the lighter prompt's weight that the other one must have too."""
_OTHER = 0.05
"""Share of the shorter prompt's words that the other one need not have."""
_SAMPLED = 20_000
"""Prompts by which the rarity of words is told."""
_EDGES = 20_000
"""Pairs of prompts held against each other at once."""


def nearly_held_out(pairs: Pairs, prompts: Sketches) -> Ints:
    """Return (found, 2) pairs: a prompt to train on and one that is held out, which are nearly the same.

    Args:
        pairs: all pairs, training ones first.
        prompts: (pairs, PLACES) sketches of their prompts.
    """
    first, second = alike_candidates(prompts)
    across = (first < pairs.train) & (second >= pairs.train)
    edges = np.stack([first[across], second[across]], axis=1)
    edges = edges[likeness(prompts[edges[:, 0]], prompts[edges[:, 1]]) >= ALIKE]
    if not len(edges):
        return edges
    rows, places = np.unique(edges, return_inverse=True)
    words = _Words(*_words_of(pairs, rows), *_rarity(pairs))
    places = places.reshape(-1, 2)
    same = [words.nearly_same(places[start : start + _EDGES]) for start in range(0, len(places), _EDGES)]
    return np.asarray(edges[np.concatenate(same)], dtype=np.int64)


class _Words:
    """The words of some prompts, each once and in order, with their weights.

    Args:
        owners: (words,) place of the prompt of each word, rising.
        hashes: (words,) the words, rising within a prompt.
        known: words whose rarity is known, rising.
        weights: of those.
    """

    def __init__(self, owners: Ints, hashes: Keys, known: Keys, weights: np.ndarray) -> None:
        vocabulary, ids = np.unique(hashes, return_inverse=True)
        self._ids = ids.reshape(-1).astype(np.int64)
        self._keys = (owners << 32) | self._ids
        place = np.minimum(np.searchsorted(known, vocabulary), max(0, len(known) - 1))
        is_known = known[place] == vocabulary if len(known) else np.zeros(len(vocabulary), dtype=bool)
        rarest = float(weights.max()) if len(weights) else 1.0
        own = np.where(is_known, weights[place], rarest) if len(known) else np.full(len(vocabulary), rarest)
        self._weights = own[self._ids]
        count = int(owners[-1]) + 1 if len(owners) else 0
        self._starts = np.searchsorted(owners, np.arange(count + 1))
        self._totals = np.bincount(owners, self._weights, minlength=count)

    def nearly_same(self, edges: Ints) -> Bools:
        """Tell which prompts are nearly the same: (edges, 2) → (edges,)."""
        left, right = edges.T
        counts = self._starts[edges + 1] - self._starts[edges]
        ends = np.cumsum(counts[:, 0])
        own = np.repeat(np.arange(len(edges)), counts[:, 0])
        words = np.arange(ends[-1]) + np.repeat(self._starts[left] - ends + counts[:, 0], counts[:, 0])
        wanted = (right[own] << 32) | self._ids[words]
        found = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        is_there = self._keys[found] == wanted
        common = np.bincount(own, is_there, len(edges))
        weight = np.bincount(own, self._weights[words] * is_there, len(edges))
        lighter = self._totals[edges].min(axis=1)
        shorter = counts.min(axis=1)
        return np.asarray((weight >= SAME * lighter) & (shorter - common <= _OTHER * shorter), dtype=bool)


def _words_of(pairs: Pairs, rows: Ints) -> tuple[Ints, Keys]:
    """Return the words of the prompts at some rows, each once: whose they are, and the words."""
    owners, hashes = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    begun = 0
    for batch in pairs.at(rows):
        own, words = _each_once(*word_hashes(batch.texts("prompt"), whole_words=True))
        owners.append(own + begun)
        hashes.append(words)
        begun += len(batch)
    return np.concatenate(owners), np.concatenate(hashes)


def _rarity(pairs: Pairs) -> tuple[Keys, np.ndarray]:
    """Return the words of a sample of all prompts, rising, and what each weighs: log(prompts / prompts with it)."""
    hashes, count = [np.zeros(0, np.uint64)], 0
    for batch in pairs.sample(_SAMPLED):
        hashes.append(_each_once(*word_hashes(batch.texts("prompt"), whole_words=True))[1])
        count += len(batch)
    words, having = np.unique(np.concatenate(hashes), return_counts=True)
    return words, np.log((count + 1) / having)


def _each_once(hashes: Keys, offsets: Ints) -> tuple[Ints, Keys]:
    owners = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order = np.lexsort((hashes, owners))
    owners, hashes = owners[order], hashes[order]
    first = np.ones(len(hashes), dtype=bool)
    first[1:] = (owners[1:] != owners[:-1]) | (hashes[1:] != hashes[:-1])
    return owners[first].astype(np.int64), hashes[first]
