"""Whether the doctor's estimate of noise follows noise that was planted.

    python tests/benchmarks/noise.py --data FILE [--draws 5] [--quick]

FILE holds preference pairs in any layout the program reads; ORPO_BENCHMARK_PAIRS may name it instead. Of its pairs 0,
5, 10, 20 and 40 % are swapped, each share with as many draws as are said, and the estimate is made without a model. The
same is done for sets whose answers tell more, or fewer, at their surface which is better: pairs of invented words in
which the better answer has a share of good words, in several numbers of pairs. The table tells the planted share, the
mean estimate, its spread, the mean interval, how often the interval holds the planted share, and how many of the pairs
named as doubtful were swapped. The set as it comes has noise of its own, which nobody knows: 0 % planted need not read
as 0 %.

The last line is JSON.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from orpo_studio.data.conversion import convert
from orpo_studio.data.doctor import noise
from orpo_studio.data.doctor.columns import open_pairs
from orpo_studio.data.doctor.duplicates import contradictory_pairs
from orpo_studio.data.doctor.facts import gather
from orpo_studio.data.pair import Pair

VARIABLE = "ORPO_BENCHMARK_PAIRS"
PLANTED = (0.0, 0.05, 0.1, 0.2, 0.4)


@dataclass(frozen=True, slots=True)
class Row:
    """What the draws of one planted share gave."""

    planted: float
    estimate: float
    spread: float
    low: float
    high: float
    held: float
    precision: float | None


def flipped(pairs: Sequence[Pair], share: float, draw: random.Random) -> tuple[list[Pair], set[int]]:
    """Return the pairs with so many of them swapped, and which."""
    swapped = set(draw.sample(range(len(pairs)), round(share * len(pairs))))
    return [
        Pair(pair.prompt, pair.rejected, pair.chosen, row) if row in swapped else pair for row, pair in enumerate(pairs)
    ], swapped


def estimated(pairs: Sequence[Pair], folder: Path) -> noise.NoiseEstimate:
    """Return the estimate for pairs."""
    source = folder / "pairs.jsonl"
    with source.open("w", encoding="utf-8") as file:
        for pair in pairs:
            file.write(json.dumps({"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.rejected}) + "\n")
    data = convert(source, folder / "data", held_out=0, seed=1)
    with open_pairs(data.folder, train=data.summary.train) as opened:
        facts = gather(opened, ())
        return noise.estimate(opened, facts, contradictory_pairs(facts))


def table(pairs: Sequence[Pair], draws: int) -> list[Row]:
    """Return a row for each planted share."""
    rows = []
    for share in PLANTED:
        found, precisions = [], []
        for number in range(draws):
            noisy, swapped = flipped(pairs, share, random.Random(number))
            with tempfile.TemporaryDirectory() as scratch:
                estimate = estimated(noisy, Path(scratch))
            found.append(estimate.cleanliness)
            if len(estimate.doubtful):
                precisions.append(sum(row in swapped for row in estimate.doubtful.tolist()) / len(estimate.doubtful))
        means = [one.noise for one in found]
        rows.append(
            Row(
                share,
                statistics.mean(means),
                statistics.pstdev(means),
                statistics.mean(one.low for one in found),
                statistics.mean(one.high for one in found),
                statistics.mean(one.low <= share <= one.high for one in found),
                statistics.mean(precisions) if precisions else None,
            )
        )
    return rows


def invented(count: int, telling: float, seed: int = 0) -> list[Pair]:
    """Return pairs of invented words; ``telling`` of the better answer's words are good ones."""
    draw = random.Random(seed)
    plain = ["".join(draw.choices("abdegiklmnoprstu", k=draw.randint(2, 8))) for _ in range(3_000)]
    good, bad = plain[:60], plain[60:120]

    def words(number: int, special: Sequence[str], share: float) -> str:
        return " ".join(draw.choice(special if draw.random() < share else plain) for _ in range(number))

    def turn(role: str, text: str) -> dict[str, str]:
        return {"role": role, "content": text}

    return [
        Pair(
            [turn("user", words(15, plain, 0))],  # type: ignore[list-item]
            [turn("assistant", words(draw.randint(30, 90), good, telling))],  # type: ignore[list-item]
            [turn("assistant", words(draw.randint(30, 90), bad, telling))],  # type: ignore[list-item]
            number,
        )
        for number in range(count)
    ]


def show(name: str, rows: Sequence[Row]) -> None:
    print(f"\n{name}")
    print("planted   estimate   spread   interval        holds it   doubtful that were swapped")
    for row in rows:
        precise = "none named" if row.precision is None else f"{row.precision:.0%}"
        print(
            f"{row.planted:6.0%} {row.estimate:11.1%} {row.spread:8.1%}   {row.low:4.0%} to {row.high:4.0%} "
            f"{row.held:13.0%}   {precise}"
        )
    means = [row.estimate for row in rows]
    follows = all(before < after for before, after in pairwise(means))
    apart = ", ".join(f"{row.planted:.0%}" for row in rows[1:] if row.low > rows[0].estimate) or "none"
    print(f"rises with the noise: {'yes' if follows else 'no'}; told from 0 % by the interval: {apart}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=os.environ.get(VARIABLE))
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="only the pairs of the file")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error(f"name the pairs with --data or {VARIABLE}")
    with tempfile.TemporaryDirectory() as scratch:
        data = convert(arguments.data, Path(scratch) / "data", held_out=0, seed=1)
        with data.pages() as pages:
            sets = {f"{arguments.data.name}, {len(pages):,} pairs": pages.page(0, len(pages))}
    if not arguments.quick:
        for count in (300, 2_000):
            for telling in (0.02, 0.1):
                sets[f"invented, {telling:.0%} telling words, {count:,} pairs"] = invented(count, telling)
    result = {}
    for name, pairs in sets.items():
        rows = table(pairs, arguments.draws)
        show(name, rows)
        result[name] = {f"{row.planted:.2f}": [round(row.estimate, 3), round(row.spread, 3)] for row in rows}
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
