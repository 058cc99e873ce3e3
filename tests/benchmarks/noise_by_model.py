"""How well a base model's margins tell flipped pairs: the job's own figures, with flips planted afterwards.

    python tests/benchmarks/noise_by_model.py --data FILE --model DIR [--pairs N] [--max-length L]

FILE holds preference pairs that are taken for clean, in any layout the program reads; ORPO_BENCHMARK_PAIRS may name it
instead. The job "margins" measures N of them once (a second call finds them in the cache). To flip a pair negates its
margin, so nothing is measured again: for each share of flips, 200 random sets of pairs are flipped, and the table says

- *positive*: the share of positive margins, mean ± standard deviation, and what the identity q = s + f (1 − 2 s) gives;
- *at most*: the bound that needs no knowledge of the model, its mean, and how often it held;
- *with 50 checked*: the estimate from 50 pairs drawn by chance and put right, its median, the mean width of its
  interval, and how often the interval held the truth;
- *area*: how well low margins pick out flipped pairs (area under the ROC curve, 0.5 is chance), and the share of
  flipped ones among the tenth with the lowest margins.

With --doctor N the data doctor examines N flipped copies of each share, without the margins and with them, and a second
table says which share of noise it reads off. The last line is JSON.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from orpo_studio import paths
from orpo_studio.config import RunSpec
from orpo_studio.data.conversion import convert, prepare
from orpo_studio.data.doctor.examination import examine
from orpo_studio.data.margins_estimate import Agreement, expected_agreement, flipped_share, judge_margins
from orpo_studio.data.margins_file import read_margins
from orpo_studio.data.pair import Pair
from orpo_studio.events import EventLog, Problem, read_events
from orpo_studio.events.types import MarginsFinished, Stage
from orpo_studio.runs import Job
from orpo_studio.runs.job_request import leave_request
from orpo_studio.runs.margins import make_margins_folder, remove_margins_folder
from orpo_studio.trainer.context import Lifeline
from orpo_studio.trainer.environment import prepare_environment
from orpo_studio.trainer.jobs import run_job

VARIABLE = "ORPO_BENCHMARK_PAIRS"
FLIPPED = (0.0, 0.05, 0.1, 0.2, 0.4)
DRAWS = 200
CHECKED = 50


def measure(model: Path, data: Path, sample: int, max_length: int) -> tuple[list[float], list[Pair], float | None]:
    """Return margins and pairs that are measured, and pairs a second where any were measured now."""
    prepared = prepare(data, held_out=0.1, seed=0, cache=paths.cache_folder() / "data")
    values = {"max_length": max_length, "micro_batch": 1}
    spec = RunSpec.model_validate({"model": {"path": str(model)}, "data": {"source": str(data)}, "recipe": values})
    folder = make_margins_folder(spec)
    request = leave_request(folder, {"pairs": str(prepared.folder), "sample": sample})
    with EventLog(folder.events_file):
        pass
    begun = time.monotonic()
    run_job(folder, Job.MARGINS, Lifeline(), request=request)
    seconds = time.monotonic() - begun
    events = list(read_events(folder.events_file))
    problems = [event for event in events if isinstance(event, Problem)]
    if problems:
        raise SystemExit(f"{problems[-1].title} {problems[-1].detail}")
    (found,) = (event for event in events if isinstance(event, MarginsFinished))
    asked = [event.total for event in events if isinstance(event, Stage) and event.name == "ask_model"]
    remove_margins_folder(folder, None)
    with prepared.pages() as pages:
        pairs = pages.page(0, len(pages))
    known = [
        (margin, pair) for margin, pair in zip(read_margins(Path(found.file)), pairs, strict=True) if margin is not None
    ]
    return [margin for margin, _ in known], [pair for _, pair in known], asked[-1] / seconds if asked else None


def plant(margins: np.ndarray, share: float) -> dict[str, float]:
    """Flip a share of the pairs at random, many times, and return what the estimates make of it."""
    draw = np.random.default_rng(11)
    count = round(share * len(margins))
    truth = count / len(margins)
    clean = Agreement.of(margins.tolist()).share().value
    seen: dict[str, list[float]] = {}

    def note(**values: float) -> None:
        for name, value in values.items():
            seen.setdefault(name, []).append(value)

    for _ in range(DRAWS):
        flips = np.zeros(len(margins), bool)
        flips[draw.permutation(len(margins))[:count]] = True
        planted = np.where(flips, -margins, margins)
        verdict = judge_margins(planted.tolist())
        assert verdict is not None
        checked = margins[draw.permutation(len(margins))[:CHECKED]]
        estimate = flipped_share(Agreement.of(planted.tolist()), Agreement.of(checked.tolist()))
        note(
            positive=verdict.agreement.value,
            bound=verdict.at_most if verdict.at_most is not None else 0.5,
            bound_held=float(verdict.at_most is None or verdict.at_most >= truth),
            estimate=estimate.value,
            width=estimate.high - estimate.low,
            estimate_held=float(estimate.low - 1e-9 <= truth <= estimate.high + 1e-9),
            area=_area(planted, flips),
            lowest_tenth=float(flips[np.argsort(planted)[: len(margins) // 10]].mean()),
        )
    means = {name: statistics.fmean(values) for name, values in seen.items()}
    return {
        "flipped": truth,
        **means,
        "positive_sd": statistics.pstdev(seen["positive"]),
        "expected": expected_agreement(clean, truth),
        "estimate": statistics.median(seen["estimate"]),
    }


def diagnose(pairs: list[Pair], margins: np.ndarray, share: float, times: int, max_length: int) -> dict[str, float]:
    """Flip a share of the pairs at random, a few times, and return the doctor's noise without margins and with them."""
    draw = np.random.default_rng(5)
    seen: dict[str, list[float]] = {"without": [], "width_without": [], "with": [], "width_with": []}
    for _ in range(times):
        flips = set(draw.permutation(len(pairs))[: round(share * len(pairs))].tolist())
        with tempfile.TemporaryDirectory() as scratch:
            source = Path(scratch) / "pairs.jsonl"
            source.write_text("".join(_line(pair, flip=row in flips) for row, pair in enumerate(pairs)), "utf-8")
            data = convert(source, Path(scratch) / "pairs", held_out=0, seed=0)
            assert data.summary.kept == len(pairs)
            planted = [-margin if row in flips else margin for row, margin in enumerate(margins.tolist())]
            for name, given in (("without", None), ("with", planted)):
                found = examine(data, max_length=max_length, model_margins=given).cleanliness
                seen[name].append(found.noise)
                seen[f"width_{name}"].append(found.high - found.low)
    return {"flipped": share, **{name: statistics.fmean(values) for name, values in seen.items()}}


def _line(pair: Pair, *, flip: bool) -> str:
    chosen, rejected = (pair.rejected, pair.chosen) if flip else (pair.chosen, pair.rejected)
    return json.dumps({"prompt": pair.prompt, "chosen": chosen, "rejected": rejected}) + "\n"


def _area(margins: np.ndarray, flips: np.ndarray) -> float:
    """Return the chance that a flipped pair's margin is below another pair's."""
    if not flips.any() or flips.all():
        return 0.5
    ranks = np.empty(len(margins))
    ranks[np.argsort(margins)] = np.arange(len(margins))
    others = ranks[~flips].sum() - (~flips).sum() * ((~flips).sum() - 1) / 2
    return float(others / (flips.sum() * (~flips).sum()))


def _characters(messages: Sequence[Any]) -> int:
    return sum(len(message["content"]) for message in messages)


def show(rows: list[dict[str, float]]) -> None:
    """Print the table."""
    print("flipped  positive (expected)      at most (held)   50 checked: median, width (held)   area   lowest tenth")
    for row in rows:
        print(
            f"{row['flipped']:6.1%}   {row['positive']:.1%} ± {row['positive_sd']:.1%} ({row['expected']:.1%})   "
            f"{row['bound']:6.1%} ({row['bound_held']:4.0%})   "
            f"{row['estimate']:6.1%}, {row['width']:5.1%} ({row['estimate_held']:4.0%})             "
            f"{row['area']:.3f}   {row['lowest_tenth']:.1%}"
        )


def main() -> None:
    """Measure, plant, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get(VARIABLE), required=VARIABLE not in os.environ)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--max-length", type=int, default=1024)
    parser.add_argument("--doctor", type=int, default=0, metavar="N")
    options = parser.parse_args()
    prepare_environment()
    found, pairs, pace = measure(options.model, Path(options.data), options.pairs, options.max_length)
    margins = np.array(found)
    clean = Agreement.of(found).share()
    by_length = Agreement.of([_characters(pair.chosen) - _characters(pair.rejected) for pair in pairs]).share()
    print(f"{len(found)} pairs, {pace:.2f} pairs/s" if pace else f"{len(found)} pairs, known from before")
    print(f"The model finds the chosen answer likelier in {clean.in_words()}; it is longer in {by_length.in_words()}.")
    quartiles = np.quantile(margins, (0.05, 0.25, 0.5, 0.75, 0.95)).round(3).tolist()
    print(f"Log-odds difference, 5, 25, 50, 75 and 95 %: {quartiles}")
    rows = [plant(margins, share) for share in FLIPPED]
    show(rows)
    told = [diagnose(pairs, margins, share, options.doctor, options.max_length) for share in FLIPPED if options.doctor]
    if told:
        print("flipped  the doctor without margins (width)   with them (width)")
    for row in told:
        print(
            f"{row['flipped']:6.1%}   {row['without']:6.1%} ({row['width_without']:.1%})"
            f"                      {row['with']:6.1%} ({row['width_with']:.1%})"
        )
    result = {"pairs": len(found), "agreement": clean.value, "quantiles": quartiles, "rows": rows, "doctor": told}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
