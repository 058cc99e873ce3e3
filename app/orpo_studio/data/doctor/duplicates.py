"""Checks of pairs against each other: the same, nearly the same, and the opposite."""

import numpy as np

from orpo_studio.data.doctor.check import Kind, numbers
from orpo_studio.data.doctor.columns import Bools, Ints, Keys
from orpo_studio.data.doctor.facts import Facts
from orpo_studio.data.doctor.sketch import ALIKE, Sketches, alike_candidates, likeness, mixed

EXACT_DUPLICATES = Kind(
    code="exact-duplicates",
    looks_for="Pairs that stand here more than once",
    one="repeats an earlier one",
    many="repeat an earlier one",
    none="No pair stands here twice.",
    why="What stands here three times weighs three times, and is learnt by heart first. A mix that takes a source "
    "several times makes such pairs on purpose.",
    advice="Set the repeats aside, unless a weight of the mix made them.",
    warning=0.005,
    serious=0.2,
    remedy="drop-exact-duplicates",
)
NEAR_DUPLICATES = Kind(
    code="near-duplicates",
    looks_for="Pairs that are nearly the same",
    one="is nearly the same as an earlier one",
    many="are nearly the same as an earlier one",
    none="No pair is nearly the same as another.",
    why="They weigh like repeats, and make a small set look larger than it is.",
    advice="Look at some of them; set them aside where the difference means nothing.",
    warning=0.02,
    serious=0.3,
    remedy="drop-near-duplicates",
)
CONTRADICTORY_PAIRS = Kind(
    code="contradictory-pairs",
    looks_for="Pairs that contradict each other",
    one="prefers A to B where another prefers B to A",
    many="prefer A to B where another prefers B to A",
    none="No two pairs contradict each other.",
    why="Their odds-ratio terms cancel out, while both answers are trained on. They are also the surest sign of "
    "labels set at random.",
    advice="Set both aside, or decide in the source which is right.",
    warning=0.0,
    serious=0.02,
    remedy="drop-contradictory-pairs",
)


def pair_keys(facts: Facts) -> Keys:
    """Return a number for each pair, the same where all three texts are the same."""
    prompt, chosen, rejected = facts.keys.T
    return _ordered(prompt, chosen, rejected)


def _ordered(prompt: Keys, first: Keys, second: Keys) -> Keys:
    return np.asarray(mixed(mixed(mixed(prompt) ^ first) ^ second), dtype=np.uint64)


def exact_duplicates(facts: Facts) -> Ints:
    """Return the pairs that repeat an earlier one; where one is held out, those for training count as the repeats."""
    if not facts.pairs:
        return np.zeros(0, np.int64)
    order = np.concatenate([np.arange(facts.train, facts.pairs), np.arange(facts.train)])
    _, first = np.unique(pair_keys(facts)[order], return_index=True)
    repeats = np.ones(facts.pairs, dtype=bool)
    repeats[order[first]] = False
    return numbers(repeats)


def contradictory_pairs(facts: Facts) -> Ints:
    """Return the pairs for which another has the same prompt and the answers the other way round, nearly or exactly."""
    prompt, chosen, rejected = facts.keys.T
    opposite = np.isin(pair_keys(facts), _ordered(prompt, rejected, chosen)) & (chosen != rejected)
    return numbers(opposite | _nearly_opposite(facts))


def _nearly_opposite(facts: Facts) -> Bools:
    found = np.zeros(facts.pairs, dtype=bool)
    if (sketched := facts.sketched) is None:
        return found
    first, second = alike_candidates(sketched.whole)
    swapped = _both(sketched.chosen[first], sketched.rejected[second])
    swapped &= _both(sketched.rejected[first], sketched.chosen[second])
    swapped &= _both(sketched.prompt[first], sketched.prompt[second])
    # Answers that are alike themselves are swapped and not swapped at once.
    swapped &= likeness(sketched.chosen[first], sketched.rejected[first]) < ALIKE
    found[first[swapped]] = True
    found[second[swapped]] = True
    return found


def near_duplicates(facts: Facts) -> Ints:
    """Return the pairs that are nearly, but not exactly, the same as an earlier one."""
    if (sketched := facts.sketched) is None:
        return np.zeros(0, np.int64)
    first, second = alike_candidates(sketched.whole)
    same = _both(sketched.prompt[first], sketched.prompt[second])
    same &= _both(sketched.chosen[first], sketched.chosen[second])
    same &= _both(sketched.rejected[first], sketched.rejected[second])
    near = np.zeros(facts.pairs, dtype=bool)
    near[second[same]] = True
    near[exact_duplicates(facts)] = False
    return numbers(near)


def _both(first: Sketches, second: Sketches) -> Bools:
    return np.asarray(likeness(first, second) >= ALIKE, dtype=bool)
