"""The estimate of noise follows noise that was planted, where the answers tell anything."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.prepared_pairs import pair, prepared
from orpo_studio.data.doctor.columns import open_pairs
from orpo_studio.data.doctor.examination import examine
from orpo_studio.data.doctor.facts import gather
from orpo_studio.data.doctor.noise import NoiseEstimate, estimate
from orpo_studio.data.pair import Pair

PLAIN = [f"w{number}" for number in range(400)]


def telling(count: int, share: float) -> list[Pair]:
    """Return pairs in whose better answers a share of the words is of a kind of its own."""
    draw = random.Random(3)

    def words(special: str) -> str:
        return " ".join(
            f"{special}{draw.randrange(8)}" if draw.random() < share else draw.choice(PLAIN) for _ in range(30)
        )

    return [pair(f"Question {number} of {draw.choice(PLAIN)}?", words("good"), words("bad")) for number in range(count)]


def flipped(pairs: Sequence[Pair], share: float) -> tuple[list[Pair], set[int]]:
    rows = set(random.Random(5).sample(range(len(pairs)), round(share * len(pairs))))
    return [
        replace(one, chosen=one.rejected, rejected=one.chosen) if row in rows else one for row, one in enumerate(pairs)
    ], rows


def estimated(folder: Path, pairs: Sequence[Pair], margins: Sequence[float | None] | None = None) -> NoiseEstimate:
    data = prepared(folder, pairs)
    with open_pairs(data.folder, train=data.summary.train) as opened:
        facts = gather(opened, (), sketch=False)
        return estimate(opened, facts, np.zeros(0, np.int64), margins)


def test_that_the_estimate_follows_planted_flips(tmp_path: Path) -> None:
    pairs = telling(400, 0.3)
    for share in (0.0, 0.1, 0.3):
        found = estimated(tmp_path / str(share), flipped(pairs, share)[0]).cleanliness
        assert found.noise == pytest.approx(share, abs=0.05)
        assert found.low <= share <= found.high
        assert found.score == pytest.approx(100 * (1 - 2 * found.noise), abs=0.1)


def test_that_flipped_pairs_are_named_as_doubtful(tmp_path: Path) -> None:
    pairs, swapped = flipped(telling(400, 0.3), 0.1)
    doubtful = estimated(tmp_path / "data", pairs).doubtful.tolist()
    assert len(set(doubtful) & swapped) > 0.8 * len(swapped)
    assert len(set(doubtful) - swapped) < 0.2 * len(doubtful)


def test_that_the_interval_is_wide_where_answers_tell_nothing(tmp_path: Path) -> None:
    found = estimated(tmp_path / "data", telling(300, 0.0)).cleanliness
    assert found.high - found.low > 0.3
    assert found.trust.startswith("Hardly at all")


def test_that_a_model_tells_where_answers_do_not(tmp_path: Path) -> None:
    pairs, swapped = flipped(telling(300, 0.0), 0.1)
    draw = random.Random(1)
    margins = [draw.gauss(-2.0 if row in swapped else 2.0, 0.5) for row in range(len(pairs))]
    found = estimated(tmp_path / "data", pairs, [None if row % 10 == 9 else one for row, one in enumerate(margins)])
    assert found.cleanliness.noise == pytest.approx(0.1, abs=0.06)
    assert found.cleanliness.high - found.cleanliness.low < 0.2
    assert any("base model" in ground for ground in found.cleanliness.grounds)


def test_that_few_pairs_give_no_estimate(tmp_path: Path) -> None:
    found = estimated(tmp_path / "data", telling(20, 0.3))
    assert (found.cleanliness.low, found.cleanliness.high) == (0.0, 0.5)
    assert len(found.doubtful) == 0


def test_that_contradictions_are_noise_that_is_certain(tmp_path: Path) -> None:
    pairs = telling(200, 0.3)
    opposite = [replace(one, chosen=one.rejected, rejected=one.chosen) for one in pairs[:50]]
    found = examine(prepared(tmp_path / "data", [*pairs, *opposite])).cleanliness
    assert found.low >= 50 / 250
