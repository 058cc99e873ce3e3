"""Checks of the set as a whole: overlap with the held-out part, size, variety, where pairs come from."""

from collections import Counter
from dataclasses import replace

import numpy as np

from orpo_studio.data.doctor.check import Kind, finding, numbers
from orpo_studio.data.doctor.columns import Ints, Pairs
from orpo_studio.data.doctor.facts import Facts
from orpo_studio.data.doctor.remedy_names import offer
from orpo_studio.data.doctor.report import Finding, Severity
from orpo_studio.data.doctor.sketch import likeness

TOXIC_SOURCES = ("toxic-dpo", "toxicqa", "toxic_", "-toxic", "uncensored")
"""Parts of the names of data sets whose chosen answers comply with harmful requests."""
_SMALL, _TINY = 500, 100
_SAMPLED_PROMPTS = 5_000

HELD_OUT_OVERLAP = Kind(
    code="held-out-overlap",
    looks_for="Prompts on both sides of the split",
    one="for training has a prompt that is also held out, or nearly",
    many="for training have a prompt that is also held out, or nearly",
    none="No prompt stands on both sides of the split.",
    why="The held-out figures then tell what was learnt by heart, not how the model does on what is new.",
    advice="Set them aside, so that the measurement stays honest.",
    warning=0.0,
    serious=0.2,  # the split itself lets no prompt stand on both sides: what is left is likeness, often of a form
    remedy="drop-held-out-overlap",
)
SMALL_SET = Kind(
    code="small-set",
    looks_for="How many pairs there are",
    one="is to train on: too few",
    many="are to train on: few",
    none="There are enough pairs to train on.",
    why="With few pairs a run learns them by heart and its held-out figures swing by chance.",
    advice="Find more pairs, or take few epochs and a small learning rate, and trust held-out figures little.",
)
ONE_TOPIC = Kind(
    code="one-topic",
    looks_for="How varied the prompts are",
    one="begins like most others",
    many="have prompts that are much like the others",
    none="The prompts are varied.",
    why="The model learns one kind of request and may forget others, of which it sees nothing.",
    advice="Nothing is to do where one task is meant. Otherwise mix in pairs of another kind.",
)
TOXIC_SOURCE = Kind(
    code="toxic-source",
    looks_for="Pairs from sources made of harmful requests",
    one="comes from a source made of harmful requests",
    many="come from a source made of harmful requests",
    none="No pair comes from a source known to be made of harmful requests.",
    why="Their chosen answers comply. A few hundred of them suffice to weaken what the model declines.",
    advice="Set them aside, unless that is the purpose. orpo-dpo-mix-40k holds 541 of toxic-dpo-v0.2.",
    warning=0.0,
    serious=0.01,
    remedy="drop-known-toxic-sources",
)


def held_out_overlap(facts: Facts) -> Ints:
    """Return the pairs for training whose prompt is also held out, exactly or nearly."""
    prompts = facts.keys[:, 0]
    overlap = np.zeros(facts.pairs, dtype=bool)
    overlap[: facts.train] = np.isin(prompts[: facts.train], prompts[facts.train :])
    overlap[facts.nearly_held_out[:, 0]] = True
    return numbers(overlap)


def toxic_source(facts: Facts) -> Ints:
    """Return the pairs whose origin is known to be made of harmful requests."""
    if facts.origins is None:
        return np.zeros(0, np.int64)
    toxic = {origin for origin in set(facts.origins) if any(part in origin.lower() for part in TOXIC_SOURCES)}
    return np.array([row for row, origin in enumerate(facts.origins) if origin in toxic], dtype=np.int64)


def toxic_finding(facts: Facts) -> Finding:
    """Return which pairs come from known toxic sources, and which these are."""
    rows = toxic_source(facts)
    found = finding(TOXIC_SOURCE, rows, facts.pairs, remedy=offer(TOXIC_SOURCE.remedy, len(rows)))
    if facts.origins is None:
        return replace(found, title="The data does not say where its pairs come from.", severity=Severity.NOTE)
    named = Counter(facts.origins[row] for row in rows).most_common(5)
    return replace(found, examples=tuple(f"{origin}: {count:,}" for origin, count in named))


def small_set(facts: Facts) -> Finding:
    """Return whether there are enough pairs."""
    train = facts.train
    found = finding(SMALL_SET, np.zeros(0, np.int64), facts.pairs)
    if train >= _SMALL:
        return replace(found, title=f"There are {train:,} pairs to train on.", count=0)
    severity = Severity.SERIOUS if train < _TINY else Severity.WARNING
    title = f"Only {train:,} pairs are to train on."
    return replace(found, title=title, severity=severity, count=train, share=1.0, advice=SMALL_SET.advice)


def one_topic(facts: Facts, pairs: Pairs, seed: int = 0) -> Finding:
    """Return whether prompts are much alike: by their beginnings, and by the words that two of them share."""
    openings: Counter[str] = Counter()
    rows: list[tuple[int, str]] = []
    for batch in pairs.sample(_SAMPLED_PROMPTS, seed):
        for row, text in zip(batch.rows, batch.texts("prompt").to_pylist(), strict=True):
            opening = " ".join(str(text)[:80].lower().split()[:4])
            openings[opening] += 1
            rows.append((int(row), opening))
    if len(rows) < 20:
        return finding(ONE_TOPIC, np.zeros(0, np.int64), max(1, len(rows)))
    opening, count = openings.most_common(1)[0]
    share, shared = count / len(rows), _shared_words(facts, seed)
    same = np.array([row for row, own in rows if own == opening], dtype=np.int64)
    if share < 0.3 and shared < 0.35:
        return finding(ONE_TOPIC, np.zeros(0, np.int64), len(rows))
    found = finding(ONE_TOPIC, same if share >= 0.3 else np.array([row for row, _ in rows]), len(rows))
    severity = Severity.WARNING if max(share, shared) >= 0.6 else Severity.NOTE
    if share >= 0.3:
        title = f"{share:.0%} of the prompts begin alike."
        return replace(found, title=title, severity=severity, examples=(f"{opening} …",))
    return replace(found, title=f"Two prompts share {shared:.0%} of their words on average.", severity=severity)


def _shared_words(facts: Facts, seed: int) -> float:
    """Return the mean likeness of two prompts drawn by lot."""
    if facts.sketched is None or facts.pairs < 2:
        return 0.0
    first, second = np.random.default_rng(seed).integers(0, facts.pairs, (2, 4_000))
    apart = facts.keys[first, 0] != facts.keys[second, 0]
    if not apart.any():
        return 1.0
    prompts = facts.sketched.prompt
    return float(likeness(prompts[first[apart]], prompts[second[apart]]).mean())
