"""How many preferences look flipped, told without the big model.

A linear model learns from the form and the words of the answers which of two is chosen, and says of pairs that it has
not seen how sure it is. With clean preferences it is right nearly always where it is surest. With a share ρ of flipped
ones it is wrong there in ρ of the pairs, however sure it is. So ρ is read off from how the share of pairs in which it
agrees levels off: ``ρ + (1 − 2ρ) · σ(a · margin)``, with a and ρ weighed by their likelihood.

Where form and words say little, ρ cannot be told, and the interval says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from orpo_studio.data.doctor.check import Kind
from orpo_studio.data.doctor.columns import Bools, Ints, Pairs
from orpo_studio.data.doctor.facts import Facts, Tell
from orpo_studio.data.doctor.preference_features import form, words
from orpo_studio.data.doctor.report import Cleanliness
from orpo_studio.data.margins_estimate import judge_margins

MOST_PAIRS = 5_000
"""Pairs that the linear model learns from; more would take longer and tell little more."""
LEAST_PAIRS = 50
_FOLDS = 5
_FEW, _TIMES_FEW = 1_000, 6
"""So few pairs are divided into folds so often."""
_RIDGES = (3.0, 30.0, 300.0)
_NOISE = np.arange(0.0, 0.505, 0.01)
_STEEPNESS = np.geomspace(0.2, 60.0, 60)

DOUBTFUL = Kind(
    code="doubtful-preferences",
    looks_for="Pairs whose preference looks the wrong way round",
    one="looks the wrong way round",
    many="look the wrong way round",
    none="No single pair stands out as the wrong way round.",
    why="ORPO trains on the chosen answer as it stands, so that a flipped pair teaches the worse answer twice over. "
    "On noisy preferences SFT followed by DPO does better.",
    advice="Read some of them: the worst come first in the examples. Correct or remove in the source what is wrong; "
    "nothing is swapped by itself, since most guesses are wrong where answers are hard to tell apart.",
    warning=0.05,
    serious=0.15,
)


@dataclass(frozen=True, slots=True)
class NoiseEstimate:
    """What the linear model says.

    Attributes:
        cleanliness: the figure, its interval and its grounds.
        doubtful: pairs that are more likely flipped than not, the surest first.
        looked_at: how many pairs it looked at.
    """

    cleanliness: Cleanliness
    doubtful: Ints
    looked_at: int


def estimate(
    pairs: Pairs,
    facts: Facts,
    contradictory: Ints,
    model_margins: Sequence[float | None] | None = None,
    *,
    seed: int = 0,
    tell: Tell | None = None,
) -> NoiseEstimate:
    """Return how many preferences look flipped.

    Args:
        pairs: all pairs.
        facts: what is known of them.
        contradictory: the pairs that others contradict.
        model_margins: what the base model makes of each pair, or None; see `examine`.
        seed: of the sample and the folds.
        tell: told how far it is; may raise to stop.
    """
    told = tell or _untold
    rows, differences = _differences(pairs, facts, model_margins, seed, told)
    surest_low = len(contradictory) / (2 * max(1, facts.pairs))
    if len(rows) < LEAST_PAIRS:
        return NoiseEstimate(_unknown(len(rows), contradictory), np.zeros(0, np.int64), len(rows))
    times = _TIMES_FEW if len(rows) <= _FEW else 1
    folds = [_folds(facts.keys[rows, 0], seed + time) for time in range(times)]
    margins = _unseen_margins(differences, folds, lambda share: told(0.6 + 0.4 * share))
    likelihood = _likelihood(margins)
    noise, low, high = _summed_up(likelihood, surest_low)
    if not _better_than_lot(margins):
        low, high = surest_low, 0.5
    cleanliness = Cleanliness(
        score=round(100 * (1 - 2 * noise), 1),
        noise=round(noise, 4),
        low=round(low, 4),
        high=round(high, 4),
        grounds=_grounds(margins, contradictory, facts.pairs, model_margins),
        trust=_trust(low, high, len(rows), with_model=model_margins is not None),
    )
    return NoiseEstimate(cleanliness, rows[_doubtful(margins, likelihood, noise)], len(rows))


def _untold(_share: float) -> None:
    pass


def _differences(
    pairs: Pairs, facts: Facts, model_margins: Sequence[float | None] | None, seed: int, tell: Callable[[float], None]
) -> tuple[Ints, np.ndarray]:
    """Return the pairs looked at, and for each by how much chosen and rejected differ: (pairs, features)."""
    rows, forms, hashed = [], [], []
    done, count = 0, min(MOST_PAIRS, facts.pairs)
    for batch in pairs.sample(MOST_PAIRS, seed):
        chosen, rejected = batch.texts("chosen"), batch.texts("rejected")
        rows.append(batch.rows)
        forms.append(form(chosen) - form(rejected))
        hashed.append(words(chosen) - words(rejected))
        done += len(batch)
        tell(0.6 * done / count)
    if not rows:
        return np.zeros(0, np.int64), np.zeros((0, 1))
    picked = np.concatenate(rows)
    shapes = np.concatenate(forms)
    shapes /= np.sqrt((shapes**2).mean(axis=0)) + 1e-9
    columns = [np.clip(shapes, -4, 4) / np.sqrt(shapes.shape[1]), np.concatenate(hashed)]
    if model_margins is not None:
        columns.append(_model_column(model_margins, picked))
    return picked, np.concatenate(columns, axis=1, dtype=np.float64)


def _model_column(model_margins: Sequence[float | None], rows: Ints) -> np.ndarray:
    """Return what the base model makes of each pair, on a scale like that of the other features; 0 where unknown."""
    values = np.array([model_margins[row] or 0.0 for row in rows.tolist()], dtype=np.float64)
    spread = np.median(np.abs(values[values != 0])) if np.any(values) else 1.0
    return np.asarray(np.clip(values / (1.5 * spread), -4, 4)[:, None] * 2)


def _folds(prompts: np.ndarray, seed: int) -> Ints:
    """Return each pair's fold, the same for the same prompt: what is held out has not been seen in another pair."""
    _, groups = np.unique(prompts, return_inverse=True)
    drawn = np.random.default_rng(seed).permutation(int(groups.max()) + 1)
    return np.asarray(drawn[groups] % _FOLDS, dtype=np.int64)


def _unseen_margins(differences: np.ndarray, divisions: Sequence[Ints], tell: Callable[[float], None]) -> np.ndarray:
    """Return how sure the model is of each pair, learnt from the other folds; below 0 it would prefer the rejected.

    Ridge regression on ±1; every pair counts both ways round, so that no constant is needed. With several divisions
    into folds it is the mean over them, which hangs less on the lot.
    """
    solve = _by_features(differences) if len(differences) > differences.shape[1] else _by_pairs(differences)
    margins = np.zeros((len(_RIDGES), len(differences)))
    for number, (folds, fold) in enumerate(product(divisions, range(_FOLDS))):
        own = folds == fold
        if own.any():
            margins[:, own] += solve(own) / len(divisions)
        tell((number + 1) / (len(divisions) * _FOLDS))
    best = int(((margins - 1) ** 2).mean(axis=1).argmin())
    return np.asarray(margins[best])


_Solve = Callable[[Bools], np.ndarray]
"""Gives the margins of the pairs of a mask, learnt from all others: a row for each of `_RIDGES`."""


def _by_features(differences: np.ndarray) -> _Solve:
    """Solve for a weight a feature: sums over all pairs less those of the mask."""
    products, sums = differences.T @ differences, differences.sum(axis=0)
    eye = np.eye(differences.shape[1])

    def solve(own: Bools) -> np.ndarray:
        part = differences[own]
        rest, target = products - part.T @ part, sums - part.sum(axis=0)
        return np.stack([part @ np.linalg.solve(rest + ridge * eye, target) for ridge in _RIDGES])

    return solve


def _by_pairs(differences: np.ndarray) -> _Solve:
    """Solve for a weight a pair: the same result, quicker where there are fewer pairs than features.

    With G = (K + λI)⁻¹ of all pairs, what a model that has not seen some of them lacks there is (G_oo)⁻¹ (G·1)_o: one
    large system for each λ serves all folds. Many would be slow, and slow others down, where the processors are busy.
    """
    products, eye = differences @ differences.T, np.eye(len(differences))
    inverses = [np.linalg.inv(products + ridge * eye) for ridge in _RIDGES]
    totals = [inverse.sum(axis=1) for inverse in inverses]

    def solve(own: Bools) -> np.ndarray:
        block = np.ix_(own, own)
        lacking = zip(inverses, totals, strict=True)
        return np.stack([1 - np.linalg.solve(inverse[block], total[own]) for inverse, total in lacking])

    return solve


def _likelihood(margins: np.ndarray) -> np.ndarray:
    """Return how well each share of noise (rows) and steepness (columns) explains the margins, adding up to 1."""
    scaled = margins / (np.sqrt((margins**2).mean()) + 1e-12)
    agreed = 1 / (1 + np.exp(-np.clip(_STEEPNESS[:, None] * scaled[None], -60, 60)))
    logs = np.stack([np.log(np.maximum(rho + (1 - 2 * rho) * agreed, 1e-9)).sum(axis=1) for rho in _NOISE])
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def _better_than_lot(margins: np.ndarray) -> bool:
    """Tell whether the model is right more often than a coin would be, beyond chance (two standard errors).

    Where it is not, half of the pairs may be flipped, or the answers may tell nothing: nobody can say which.
    """
    return bool((margins > 0).mean() > 0.5 + 1 / np.sqrt(len(margins)))


def _summed_up(likelihood: np.ndarray, least: float) -> tuple[float, float, float]:
    """Return the mean share of noise and its interval of 95 %."""
    shares = likelihood.sum(axis=1)
    reached = np.cumsum(shares)
    low, high = (
        _NOISE[np.searchsorted(reached, 0.025)],
        _NOISE[min(int(np.searchsorted(reached, 0.975)), len(_NOISE) - 1)],
    )
    mean = max(least, float((shares * _NOISE).sum()))
    return min(0.5, mean), max(least, float(low)), min(0.5, max(float(high), mean))


def _doubtful(margins: np.ndarray, likelihood: np.ndarray, noise: float) -> Ints:
    """Return the pairs that are more likely flipped than not, the surest first, no more than the noise explains."""
    scaled = margins / (np.sqrt((margins**2).mean()) + 1e-12)
    rho, steep = np.unravel_index(int(likelihood.argmax()), likelihood.shape)
    share = max(0.01, float(_NOISE[rho]))
    agreed = 1 / (1 + np.exp(-np.clip(_STEEPNESS[steep] * scaled, -60, 60)))
    flipped = share * (1 - agreed) / (share * (1 - agreed) + (1 - share) * agreed)
    order = np.argsort(-flipped, kind="stable")
    return np.asarray(order[flipped[order] > 0.5][: int(np.ceil(noise * len(margins)))], dtype=np.int64)


def _grounds(
    margins: np.ndarray, contradictory: Ints, pairs: int, model_margins: Sequence[float | None] | None
) -> tuple[str, ...]:
    right = float((margins > 0).mean())
    surest = np.sort(np.abs(margins))[-max(1, len(margins) // 10)]
    sure = float((margins[np.abs(margins) >= surest] > 0).mean())
    told = (
        f"From the form and the words of the answers alone, the chosen one of unseen pairs is told in {right:.0%} of "
        f"{len(margins):,} pairs, and in {sure:.0%} of the tenth that it is surest of."
    )
    against = f"{len(contradictory):,} of {pairs:,} pairs are contradicted by another."
    said = [told, against if len(contradictory) else "No pair is contradicted by another."]
    verdict = judge_margins(model_margins) if model_margins is not None else None
    if verdict is not None:
        said.extend(verdict.in_words())
    return tuple(said)


def _trust(low: float, high: float, pairs: int, *, with_model: bool) -> str:
    if high - low > 0.3:
        said = (
            "Hardly at all: form and words say too little about what is preferred here, or so many pairs are flipped "
            "that nothing is left to learn. Which of the two cannot be told."
        )
    elif high - low > 0.1:
        said = "As a rough sign: it rises with the share of flipped pairs, but does not tell 5 % from none."
    else:
        said = "As a fair sign, where what makes an answer better shows in its form and words."
    if pairs < 1_000:
        said += f" {pairs:,} pairs are few for such an estimate."
    if not with_model:
        said += " Asking a capable base model about each pair can make it surer; a small one adds little."
    return said


def _unknown(pairs: int, contradictory: Ints) -> Cleanliness:
    grounds = [f"{pairs:,} pairs are too few for an estimate; at least {LEAST_PAIRS} are needed."]
    if len(contradictory):
        grounds.append(f"{len(contradictory):,} pairs are contradicted by another.")
    return Cleanliness(50.0, 0.25, 0.0, 0.5, tuple(grounds), "Not at all: there are too few pairs.")
