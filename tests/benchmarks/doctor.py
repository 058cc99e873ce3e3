"""How long the data doctor takes for many pairs, check by check.

    python tests/benchmarks/doctor.py --data FILE [--pairs N] [--model DIR] [--processors 2]

FILE holds real preference pairs in any layout the program reads; ORPO_BENCHMARK_PAIRS may name it instead. They are
repeated until there are N (100,000), each copy with a fifth of its words changed, so that copies are neither the same
nor nearly the same; one in a hundred is then joined by a duplicate, a contradiction, a refusal or one that carries an
address. DIR is a model folder whose tokenizer counts. The process keeps to as many processors as are said. The bar is
a minute of time; the time of the processors is told too, for a machine that is busy otherwise. The last line is
JSON.
"""

import argparse
import json
import os
import random
import resource
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from orpo_studio.data.conversion import convert
from orpo_studio.data.doctor.examination import examine
from orpo_studio.data.pair import Message, Pair
from orpo_studio.data.problem import ConversionCancelled
from orpo_studio.models.token_counter import TokenCounter

BAR = 60.0
VARIABLE = "ORPO_BENCHMARK_PAIRS"


def changed(messages: list[Message], draw: random.Random) -> list[Message]:
    """Return messages with a fifth of their words changed."""
    return [{"role": message["role"], "content": _changed(message["content"], draw)} for message in messages]


def _changed(text: str, draw: random.Random) -> str:
    words = text.split(" ")
    for _ in range(1 + len(words) // 5):
        place = draw.randrange(len(words))
        words[place] = f"{words[place][::-1]}{draw.randrange(100)}"
    return " ".join(words)


def planted(pair: Pair, draw: random.Random) -> Pair:
    """Return a pair with one thing wrong."""
    match draw.randrange(4):
        case 0:
            return pair
        case 1:
            return Pair(pair.prompt, pair.rejected, pair.chosen, pair.source_row)
        case 2:
            refusal: list[Message] = [{"role": "assistant", "content": "I'm sorry, but I can't assist with that."}]
            return Pair(pair.prompt, refusal, pair.rejected, pair.source_row)
        case _:
            last = pair.chosen[-1]["content"] + " Write to mary.jones@uni-hall.edu."
            return Pair(pair.prompt, [{"role": "assistant", "content": last}], pair.rejected, pair.source_row)


def write_many(source: Path, target: Path, count: int, scratch: Path) -> None:
    """Write so many pairs as JSONL."""
    draw = random.Random(1)
    with convert(source, scratch, held_out=0, seed=1).pages() as pages:
        base = pages.page(0, len(pages))
    with target.open("w", encoding="utf-8") as file:
        for number in range(count):
            pair = base[number % len(base)]
            copy = Pair(*(changed(part, draw) for part in (pair.prompt, pair.chosen, pair.rejected)), number)
            rows = [copy, planted(copy, draw)] if draw.random() < 0.01 else [copy]
            for row in rows:
                file.write(json.dumps({"prompt": row.prompt, "chosen": row.chosen, "rejected": row.rejected}) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=os.environ.get(VARIABLE))
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--processors", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error(f"name the pairs with --data or {VARIABLE}")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.processors])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_many(arguments.data, folder / "many.jsonl", arguments.pairs, folder / "base")
        size = (folder / "many.jsonl").stat().st_size
        print(f"{arguments.pairs:,} pairs, {size / 1e6:,.0f} MB of JSONL")
        start = time.perf_counter()
        data = convert(folder / "many.jsonl", folder / "data", held_out=0.05, seed=1)
        print(f"converted in {time.perf_counter() - start:.1f} s")
        counter = TokenCounter(arguments.model) if arguments.model else None
        moments: list[float] = []
        used = time.process_time()
        report = examine(data, counter=counter, progress=lambda _share: moments.append(time.perf_counter()))
        used = time.process_time() - used
        silence = max(after - before for before, after in pairwise(moments))
        for check in sorted(report.checked, key=lambda check: -check.seconds):
            print(f"{check.seconds:8.2f} s  {check.name:24} {check.note}")
        for finding in report.findings:
            print(f"{finding.severity:8} {finding.code:24} {finding.count:8,}  {finding.title}")
        print(report.cleanliness)
        asked_at = time.perf_counter() + 1.0
        try:
            examine(data, counter=counter, cancel=lambda: time.perf_counter() > asked_at)
            stopped = float("nan")
        except ConversionCancelled:
            stopped = time.perf_counter() - asked_at
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    passed = report.seconds < BAR
    print(f"{report.seconds:.1f} s in all (bar {BAR:.0f} s), {used:.1f} s of processors; most memory {memory:,.0f} MB")
    print(f"silent for {silence:.2f} s at most; stopped {stopped:.2f} s after being asked")
    result = {
        "pairs": report.pairs,
        "seconds": round(report.seconds, 2),
        "processor_seconds": round(used, 2),
        "longest_silence": round(silence, 3),
        "cancel_seconds": round(stopped, 3),
        "passed": passed,
    }
    print(json.dumps(result))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
