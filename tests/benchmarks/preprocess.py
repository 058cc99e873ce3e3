"""How long it takes from preference pairs to training-ready token ids: stock TRL against ours, in turns.

    python tests/benchmarks/preprocess.py --data FILE --model DIR [--rows N] [--many M]

FILE holds real preference pairs in any layout the program reads; ORPO_BENCHMARK_PAIRS may name it instead. They are
repeated until there are N, each copy with a number in every text and with two words of a hundred misspelled, so that
new words keep coming as they do in text that does not repeat. DIR is a model folder; only its tokenizer is used.

*Stock* is what ``ORPOTrainer`` does: ``maybe_extract_prompt``, ``maybe_apply_chat_template`` and ``tokenize_row``
through ``datasets.map``. *Ours* is all that a run does between converted pairs and rows that can be fetched: digests,
templates, tokens, the checks of the quick way, and files written, mapped and opened. In each turn stock takes another
tenth of the rows (it would take minutes for all) and ours takes all of them with an empty cache. In the end stock has
had every row once, and all ids are compared. Then M rows in processes of their own: from nothing, known from before,
and resumed after a kill half-way. The bar is 8 times as fast as stock. The last line is JSON.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

from accelerate import PartialState
from datasets import Dataset, disable_caching, disable_progress_bars
from trl.data_utils import maybe_apply_chat_template, maybe_extract_prompt
from trl.experimental.orpo import ORPOTrainer

from orpo_studio.data.conversion import convert
from orpo_studio.data.pair import Message, Pair
from orpo_studio.data.prepared import PreparedData
from orpo_studio.models.card import inspect_model
from orpo_studio.models.chat_template import ChatTemplate
from orpo_studio.trainer.load import load_tokenizer
from orpo_studio.trainer.token_cache import tokenize_data
from orpo_studio.trainer.token_rows import PIECE_ROWS
from orpo_studio.trainer.tokens import TokenizedPair

BAR = 8.0
TURNS = 10
VARIABLE = "ORPO_BENCHMARK_PAIRS"
PROBE = """
import resource, sys, time
from pathlib import Path
import psutil
from orpo_studio.data.prepared import PreparedData
from orpo_studio.models.card import inspect_model
from orpo_studio.models.chat_template import ChatTemplate
from orpo_studio.trainer.load import load_tokenizer
from orpo_studio.trainer.token_cache import tokenize_data

folder, model, cache, length = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
card = inspect_model(model)
tokenizer, process = load_tokenizer(model, card), psutil.Process()
own = []

def advance(done):
    memory = process.memory_info()
    own.append(memory.rss - getattr(memory, "shared", 0))

advance(0)
begun = time.perf_counter()
rows = tokenize_data(PreparedData.open(folder), tokenizer, ChatTemplate.of(card), model=model, max_length=length,
                     cache=cache, advance=advance)
seconds = time.perf_counter() - begun
begun = time.perf_counter()
pairs = rows[0].pairs
some = range(0, len(pairs), max(1, len(pairs) // 1000))
for place in some:
    pairs[place]
fetch = (time.perf_counter() - begun) / len(some) * 1e6
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
print(seconds, (max(own) - own[0]) / 2**20, peak, len(own) - 2, fetch, len(pairs) + len(rows[1].pairs))
"""
"""Prints seconds, growth of the process's own memory and its peak with mapped files (MiB), batches made, fetch (µs)."""


def read_real(source: Path, scratch: Path) -> list[Pair]:
    """Return the pairs of a file."""
    with convert(source, scratch / "real", held_out=1, seed=0).pages() as pages:
        return pages.page(0, len(pages))


def distinct(real: Sequence[Pair], count: int) -> Iterator[dict[str, list[Message]]]:
    """Give as many rows, no two the same."""
    draw = random.Random(0)

    def changed(turns: list[Message], copy: int) -> list[Message]:
        return [Message(role=turn["role"], content=misspelled(turn["content"], copy)) for turn in turns]

    def misspelled(text: str, copy: int) -> str:
        words = text.split(" ")
        for place in range(len(words)):
            if draw.random() < 0.02 and words[place].isalpha():
                words[place] = "".join(draw.sample(words[place], len(words[place])))
        return f"{' '.join(words)} {copy}"

    for number in range(count):
        pair, copy = real[number % len(real)], number // len(real)
        yield {
            "prompt": changed(pair.prompt, copy),
            "chosen": changed(pair.chosen, copy),
            "rejected": changed(pair.rejected, copy),
        }


def prepare(real: Sequence[Pair], count: int, scratch: Path) -> PreparedData:
    """Convert as many distinct rows."""
    source = scratch / f"{count}.jsonl"
    with source.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in distinct(real, count))
    data = convert(source, scratch / f"{count}", held_out=0.01, seed=0)
    source.unlink()
    return data


class Stock:
    """TRL's own preprocessing of the rows that its trainer would be given."""

    def __init__(self, tokenizer: Any, max_length: int) -> None:
        PartialState(cpu=True)  # TRL's logger wants it
        self._tokenizer = tokenizer
        trainer = SimpleNamespace(processing_class=tokenizer, max_length=max_length, is_encoder_decoder=False)
        trainer.build_tokenized_answer = lambda *texts: ORPOTrainer.build_tokenized_answer(trainer, *texts)
        self._trainer = trainer

    def rows(self, pairs: Sequence[Pair]) -> tuple[float, Dataset]:
        """Return the seconds and the rows."""
        parts = ("prompt", "chosen", "rejected")
        dataset = Dataset.from_list([{part: getattr(pair, part) for part in parts} for pair in pairs])
        begun = time.perf_counter()
        dataset = dataset.map(maybe_extract_prompt)
        dataset = dataset.map(maybe_apply_chat_template, fn_kwargs={"processing_class": self._tokenizer})
        dataset = dataset.map(lambda row: ORPOTrainer.tokenize_row(self._trainer, row))
        return time.perf_counter() - begun, dataset


def is_same(stock: dict[str, list[int]], ours: TokenizedPair | None, tokenizer: Any, max_length: int) -> bool:
    """Tell whether a row is TRL's but for the doubled end, or one that TRL cuts to nothing and ours sets aside."""
    prompts = [stock[f"{side}_labels"].count(-100) for side in ("chosen", "rejected")]
    if ours is None:
        return max(prompts) >= max_length
    sides = ((ours.chosen, ours.chosen_prompt), (ours.rejected, ours.rejected_prompt))
    return all(
        prompt == place and ids == once_ended(stock[f"{side}_input_ids"], prompt, tokenizer, max_length)
        for side, (ids, prompt), place in zip(("chosen", "rejected"), sides, prompts, strict=True)
    )


def once_ended(ids: list[int], prompt: int, tokenizer: Any, max_length: int) -> list[int]:
    """Return a sequence without what stands behind the first of two ends, or of one before the cut."""
    end = tokenizer.eos_token_id
    last = len(ids) - 1 if ids[-1] == end else len(ids)
    before = last - 1
    while before >= prompt and not tokenizer.decode(ids[before]).strip():
        before -= 1
    doubled = before >= prompt and ids[before] == end and (ids[-1] == end or len(ids) == max_length)
    return ids[: before + 1] if doubled else ids


def measure(data: PreparedData, model: Path, max_length: int, scratch: Path) -> dict[str, Any]:
    """Stock and ours in turns; every row is compared."""
    card = inspect_model(model)
    tokenizer, template = load_tokenizer(model, card), ChatTemplate.of(card)
    with data.pages() as pages:
        count = len(pages)
        share = -(-count // TURNS)
        stock, stock_seconds, our_seconds, different = Stock(tokenizer, max_length), [], [], 0
        stock.rows(pages.page(0, 50))  # what is loaded at first use is loaded here
        for turn in range(TURNS):
            pairs = pages.page(turn * share, share)
            seconds, theirs = stock.rows(pairs)
            stock_seconds.append(seconds / len(pairs) * 10_000)
            begun = time.perf_counter()
            rows = tokenize_data(
                data, tokenizer, template, model=model, max_length=max_length, cache=scratch / f"turn-{turn}"
            )
            our_seconds.append((time.perf_counter() - begun) / count * 10_000)
            ours = {row.source_row: row for split in rows for row in split.pairs}
            different += sum(
                not is_same(row, ours.get(pair.source_row), tokenizer, max_length)
                for pair, row in zip(pairs, theirs, strict=True)
            )
    ratios = [theirs / ours for theirs, ours in zip(stock_seconds, our_seconds, strict=True)]
    return {
        "rows": count,
        "stock_rows_a_turn": share,
        "tokens": int(sum(split.pairs.lengths.sum() for split in rows)),
        "set_aside": dict(rows[0].set_aside + rows[1].set_aside),
        "stock_s": spread(stock_seconds),
        "ours_s": spread(our_seconds),
        "ratio": spread(ratios),
        "different": different,
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, least and most."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def measure_many(data: PreparedData, model: Path, max_length: int, scratch: Path) -> list[dict[str, float | str]]:
    """Many rows in processes of their own: from nothing, known, and resumed."""

    def start(cache: str) -> "subprocess.Popen[str]":
        arguments = [str(data.folder), str(model), str(scratch / cache), str(max_length)]
        return subprocess.Popen([sys.executable, "-c", PROBE, *arguments], stdout=subprocess.PIPE, text=True)

    def finish(case: str, process: "subprocess.Popen[str]") -> dict[str, float | str]:
        output = process.communicate()[0]
        assert process.returncode == 0
        names = ("seconds", "own_memory_mib", "peak_rss_mib", "batches", "fetch_us", "rows")
        return {"case": case, **dict(zip(names, map(float, output.split()[-6:]), strict=True))}

    first = finish("from nothing", start("whole"))
    known = finish("known", start("whole"))
    half = len(list((scratch / "whole").rglob("*.arrow"))) // 2
    killed = start("killed")
    while len(list((scratch / "killed").rglob("*.arrow"))) < half and killed.poll() is None:
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    return [first, known, finish("resumed after a kill half-way", start("killed"))]


def show(result: dict[str, Any], many: Sequence[dict[str, Any]], asked: int) -> None:
    """Print the tables."""
    print(f"{result['rows']:,} rows, {result['tokens']:,} tokens; set aside: {result['set_aside'] or 'none'}")
    for name, key, unit in (
        (f"stock TRL ({result['stock_rows_a_turn']:,} other rows a turn)", "stock_s", "s per 10,000 rows"),
        ("ours (all rows a turn, empty cache)", "ours_s", "s per 10,000 rows"),
        ("ratio within a turn", "ratio", f"bar {BAR:g}"),
    ):
        values = result[key]
        print(f"{name:<42} {values['median']:7.2f}  ({values['min']:.2f}–{values['max']:.2f})  {unit}")
    print(f"rows with other ids than stock: {result['different']} of {result['rows']:,}")
    if many:
        print(f"{asked:,} rows, each case in a process of its own:")
    for case in many:
        print(
            f"{case['case']:<30} {case['rows']:9,.0f} rows kept  {case['seconds']:7.2f} s  "
            f"{case['own_memory_mib']:7.0f} MiB more own memory  {case['peak_rss_mib']:7.0f} MiB peak, files included  "
            f"{case['batches']:5.0f} batches made  {case['fetch_us']:5.0f} µs to fetch a row"
        )
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; pieces of {PIECE_ROWS:,} rows")


def main() -> int:
    """Print tables and one line of JSON; fail below the bar or where ids differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get(VARIABLE), help=f"pairs; default ${VARIABLE}")
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=100_000, help="rows for memory, cache and resume; 0 for none")
    parser.add_argument("--max-length", type=int, default=1024)
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error(f"--data or {VARIABLE} must name a file of preference pairs")
    disable_caching()
    disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        real = read_real(Path(arguments.data), scratch)
        result = measure(prepare(real, arguments.rows, scratch), arguments.model, arguments.max_length, scratch)
        many = []
        if arguments.many:
            data = prepare(real, arguments.many, scratch)
            many = measure_many(data, arguments.model, arguments.max_length, scratch)
    show(result, many, arguments.many)
    passed = result["ratio"]["median"] >= BAR and result["different"] == 0
    print(f"bar: {BAR:g} times as fast, with the same ids: {'kept' if passed else 'missed'}")
    load = os.getloadavg()[0]
    print(json.dumps({"benchmark": "preprocess", "bar": BAR, "passed": passed, **result, "many": many, "load": load}))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
