"""How long a training step takes and how far memory grows: ours against stock TRL and Liger's fused loss, in turns.

    python tests/benchmarks/train_step.py --data FILE --model DIR [--turns 5] [--only WORDS] [--memory] [--nf4] [--bare]

FILE holds real preference pairs in any layout the program reads; ORPO_BENCHMARK_PAIRS may name it instead. DIR is a
small model folder, such as SmolLM2-135M-Instruct. A second model is made: four layers of 512 with a vocabulary of
128,000 and random weights. Both carry a LoRA adapter of rank 16 on all linear layers; a step is the forward and the
backward pass over one micro-batch, from token ids on. *Real rows* are the file's; *long prompts* have some 900 tokens
and short answers; *short prompts* have under 40 and long answers. All are cut from the file's own texts.

Within a turn each contender computes the same micro-batch, each through a model of its own; figures are medians over
the turns with their range, and ratios are taken within a turn. With --memory each also runs in a process of its own,
and the growth of its peak resident memory above the loaded model is compared. With --bare the kernels that no way of
computing can leave out are run alone as well, with our shapes: products with the model's weights, attention, and the
adapter's products. Stock's time over theirs is the ratio of a step that costs nothing besides: no norm, no activation,
no softmax over the vocabulary, no optimizer. Then those are run as well, as few as ours are. Run it on an otherwise
idle machine: it needs minutes for a micro-batch of 1 and much longer for 8, for which 24 GB are too few: stock TRL was
ended by the system in its first step, with rows of 512 tokens as well. --max-length cuts the real rows. The last line
is JSON.
"""

import argparse
import functools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import contenders
import torch
from bare_kernels import BareKernels
from transformers import LlamaConfig, LlamaForCausalLM

from orpo_studio.data.conversion import convert
from orpo_studio.data.prepared import PreparedData
from orpo_studio.models.card import inspect_model
from orpo_studio.models.chat_template import ChatTemplate
from orpo_studio.trainer.load import load_tokenizer
from orpo_studio.trainer.tokens import TokenizedPair, tokenize_pairs

VARIABLE = "ORPO_BENCHMARK_PAIRS"
LENGTH = 1024
BARS = {("real", "small", 1): 2.2, ("real", "small", 8): 3.5, ("long", "small", 1): 3.5, ("short", "small", 1): 1.35}
WIDE_BAR, MEMORY_BAR = 3.0, 0.35


@dataclass(frozen=True)
class Case:
    """Rows, model and micro-batch."""

    rows: str
    model: str
    micro_batch: int

    @property
    def name(self) -> str:
        """How the table names it."""
        return f"{self.rows} {self.model} {self.micro_batch}"

    @property
    def bar(self) -> float:
        """The ratio to stock that is wanted."""
        return WIDE_BAR if self.model == "wide" else BARS.get((self.rows, self.model, self.micro_batch), 1.0)


def cases() -> list[Case]:
    """Return all cases, small micro-batches first."""
    return [
        Case(rows, model, size) for size in (1, 8) for model in ("small", "wide") for rows in ("real", "long", "short")
    ]


def main() -> None:
    """Run the cases wanted, print a line each, and the JSON line last."""
    options = _options()
    with tempfile.TemporaryDirectory() as scratch:
        rows = _rows(options.data, options.model, Path(scratch), options.max_length)
        models = {"small": options.model, "wide": _wide_model(Path(scratch) / "wide")}
        wanted = [case for case in cases() if not options.only or case.name in options.only]
        names = contenders.available()
        print(
            f"{torch.get_num_threads()} threads, {options.turns} turns, nf4 {options.nf4}. "
            "Seconds a step: median (range)"
        )
        results = []
        for case in wanted:
            result = _time(case, rows[case.rows], models[case.model], names, options)
            if options.memory:
                result["memory_mib"] = {
                    name: _memory(case, rows[case.rows], models[case.model], name, options, Path(scratch))
                    for name in names
                }
                grown, of_stock = result["memory_mib"]["ours"], result["memory_mib"]["stock"]
                result["memory_ratio"] = round(grown / of_stock, 3) if grown and of_stock else None
            results.append(result)
            print(_line(case, result), flush=True)
    print(json.dumps({"benchmark": "train_step", "turns": options.turns, "nf4": options.nf4, "cases": results}))


def _time(
    case: Case, rows: list[TokenizedPair], folder: Path, names: Sequence[str], options: argparse.Namespace
) -> dict:
    models = {name: _load(folder, options) for name in names}
    steps = {name: contenders.CONTENDERS[name](models[name], "cpu", case.micro_batch) for name in names}
    batches = islice(_batches(rows, case.micro_batch), options.turns + 1)
    times: dict[str, list[float]] = {name: [] for name in names}
    losses: dict[str, list[float]] = {name: [] for name in names}
    bare: list[tuple[float, float, float]] = []
    for turn, batch in enumerate(batches):  # the first one warms up, and proves our way
        order = names if turn % 2 else list(reversed(names))
        for name in order:
            models[name].zero_grad()
            begun = time.perf_counter()
            loss = steps[name](batch)
            if turn:
                times[name].append(time.perf_counter() - begun)
                losses[name].append(loss)
        if turn and options.bare:
            kernels = BareKernels(functools.partial(steps["ours"], batch), rank=contenders.RANK)
            kernels.seconds()  # made-up numbers lie in no cache yet
            bare.append(kernels.seconds())
    result = {"case": case.name, "bar": case.bar}
    if bare:
        result["bare_kernels"] = _bare(bare, times["ours"], times["stock"])
    for name in names:
        ratios = [theirs / own for theirs, own in zip(times[name], times["ours"], strict=True)]
        result[name] = {
            "seconds": _spread(times[name]),
            "ours_is_faster_by": _spread(ratios),
            "loss_apart": max(abs(a - b) for a, b in zip(losses[name], losses["ours"], strict=True)),
        }
    return result


def _bare(bare: Sequence[tuple[float, float, float]], ours: Sequence[float], stock: Sequence[float]) -> dict:
    products = [model + adapter for model, adapter, _ in bare]
    return {
        "model_seconds": _spread([model for model, _, _ in bare]),
        "adapter_seconds": _spread([adapter for _, adapter, _ in bare]),
        "other_seconds": _spread([other for _, _, other in bare]),
        "of_ours": _spread([alone / own for alone, own in zip(products, ours, strict=True)]),
        "all_of_ours": _spread([sum(alone) / own for alone, own in zip(bare, ours, strict=True)]),
        "stock_over_model": _spread([theirs / model for (model, *_), theirs in zip(bare, stock, strict=True)]),
        "stock_over_both": _spread([theirs / alone for alone, theirs in zip(products, stock, strict=True)]),
        "stock_over_all": _spread([theirs / sum(alone) for alone, theirs in zip(bare, stock, strict=True)]),
    }


def _memory(
    case: Case, rows: list[TokenizedPair], folder: Path, name: str, options: argparse.Namespace, scratch: Path
) -> float | None:
    """Return the growth of peak memory over two steps on the longest rows, in MiB, in a process of its own.

    None where the system ended that for want of memory.
    """
    batch = sorted(rows, key=lambda pair: pair.longest)[-case.micro_batch :]
    task = scratch / "task.json"
    fields = ("source_row", "chosen", "chosen_prompt", "rejected", "rejected_prompt", "truncated")
    task.write_text(json.dumps([{field: getattr(pair, field) for field in fields} for pair in batch]))
    command = [sys.executable, __file__, "--data", str(task), "--model", str(folder), "--one", name]
    done = subprocess.run([*command, *(["--nf4"] if options.nf4 else [])], capture_output=True, text=True, check=False)
    if done.returncode == -signal.SIGKILL:
        return None
    done.check_returncode()
    return float(done.stdout.split()[-1])


def _one(options: argparse.Namespace) -> None:
    """Print the growth of peak memory of two steps of one contender."""
    batch = [TokenizedPair(**fields) for fields in json.loads(options.data.read_text())]
    model = _load(options.model, options)
    step = contenders.CONTENDERS[options.one](model, "cpu", len(batch))
    step([_cut(pair) for pair in batch[:1]])  # what is made once, and the proof of our way
    model.zero_grad()
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    for _ in range(2):
        step(batch)
    print(round((_status("VmHWM") - before) / 1024, 1))


def _cut(pair: TokenizedPair) -> TokenizedPair:
    """Return a pair of two dozen tokens."""
    return TokenizedPair(pair.source_row, pair.chosen[-24:], 4, [*pair.chosen[-24:-20], *pair.rejected[-20:]], 4, False)


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(name + ":")))


def _load(folder: Path, options: argparse.Namespace) -> object:
    return contenders.load_model(folder, nf4=options.nf4, device="cpu", dtype=torch.float32)


def _wide_model(folder: Path) -> Path:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=128_000, hidden_size=512, intermediate_size=1408, num_hidden_layers=4, num_attention_heads=8,
        num_key_value_heads=4, tie_word_embeddings=False,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def _rows(source: Path, model: Path, scratch: Path, max_length: int) -> dict[str, list[TokenizedPair]]:
    """Return the rows of each kind; long and short ones are made of the real ones' tokens."""
    convert(source, scratch / "data", held_out=0.01, seed=0)
    data = PreparedData.open(scratch / "data")
    with data.pages() as pages:
        pairs = pages.page(0, pages.count("train"), "train")
    card = inspect_model(model)
    real = tokenize_pairs(pairs, load_tokenizer(model, card), ChatTemplate.of(card), max_length=max_length).pairs
    prompts = [token for pair in real for token in pair.chosen[: pair.chosen_prompt]]
    long, short = [], []
    for index, pair in enumerate(real):
        start = (index * 97) % max(len(prompts) - 1000, 1)
        answers = pair.chosen[pair.chosen_prompt :], pair.rejected[pair.rejected_prompt :]
        size = 850 + (index * 37) % 100
        long.append(_pair(index, prompts[start : start + size], answers[0][:60], answers[1][:60]))
        if min(map(len, answers)) >= 150:
            short.append(_pair(index, prompts[start : start + 20 + index % 20], answers[0], answers[1]))
    return {"real": real, "long": long, "short": short}


def _pair(row: int, prompt: list[int], chosen: list[int], rejected: list[int]) -> TokenizedPair:
    return TokenizedPair(row + 1, prompt + chosen, len(prompt), prompt + rejected, len(prompt), False)


def _batches(rows: list[TokenizedPair], size: int) -> Iterator[list[TokenizedPair]]:
    endless = cycle(rows)
    while True:
        yield list(islice(endless, size))


def _spread(values: list[float]) -> list[float]:
    return [round(value, 3) for value in (statistics.median(values), min(values), max(values))]


def _line(case: Case, result: dict) -> str:
    parts = [f"{case.name:14}"]
    for name in (name for name in contenders.CONTENDERS if name in result):
        median, low, high = result[name]["seconds"]
        parts.append(f"{name} {median:.2f} ({low:.2f}-{high:.2f})")
    for name in ("stock", "liger"):
        if name in result:
            median, low, high = result[name]["ours_is_faster_by"]
            parts.append(f"against {name} {median:.2f}x ({low:.2f}-{high:.2f})")
    parts.append(f"bar {case.bar}x")
    if "bare_kernels" in result:
        bare = result["bare_kernels"]
        share, model, both = (bare[name][0] for name in ("of_ours", "stock_over_model", "stock_over_both"))
        parts.append(
            f"bare kernels are {share:.0%} of ours: alone they would be {both:.2f}x, without the adapter's {model:.2f}x"
        )
        share, every = (bare[name][0] for name in ("all_of_ours", "stock_over_all"))
        parts.append(f"with all passes over memory they are {share:.0%}: {every:.2f}x without Python and autograd")
    if "memory_mib" in result:
        grown = ", ".join(f"{name} {value or 'more than there is'}" for name, value in result["memory_mib"].items())
        ratio = f": {result['memory_ratio']:.2f} of stock's (bar {MEMORY_BAR})" if result["memory_ratio"] else ""
        parts.append(f"memory grows by MiB {grown}{ratio}")
    return "  ".join(parts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get(VARIABLE), help="real preference pairs")
    parser.add_argument("--model", type=Path, required=True, help="folder of a small model")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--max-length", type=int, default=LENGTH, help="tokens of the longest real rows")
    parser.add_argument("--only", action="append", help="a case, such as 'real small 1'; may be given again")
    parser.add_argument("--memory", action="store_true", help="compare peak memory as well")
    parser.add_argument("--bare", action="store_true", help="run the kernels that are needed in any case alone as well")
    parser.add_argument("--nf4", action="store_true", help="4-bit base")
    parser.add_argument("--one", choices=list(contenders.CONTENDERS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.data is None:
        parser.error(f"--data FILE, or {VARIABLE}, is needed")
    options.data = Path(options.data)
    return options


if __name__ == "__main__":
    if "--one" in sys.argv:
        _one(_options())
    else:
        main()
