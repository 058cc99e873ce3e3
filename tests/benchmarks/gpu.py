"""Training steps on a GPU: ours, stock TRL and Liger on random models of the shapes of Qwen2.5.

    python tests/benchmarks/gpu.py [--data FILE] [--seconds 400] [--only WORDS]

Models of 0.5, 1.5 and 7 billion parameters (bf16, LoRA of rank 16 on all linear layers; 7 billion also in nf4) with
random weights, at micro-batches of 1, 4 and 8 pairs of at most 2,048 tokens. FILE holds preference pairs; their
lengths are taken at four characters a token, the tokens are random. Without it lengths are drawn so that prompts are
as long as answers. The contenders share one model and take turns on the same pairs; one that runs out of memory is
told so. Tokens are those of both sequences of each pair, prompt included each time, whoever computes it how often.

*Rate* is the share of the card's measured bf16 matrix rate that the needed arithmetic makes up: 4 · parameters of the
linear layers · tokens that packing feeds, and 4 · vocabulary · hidden · scored tokens, a forward and a backward pass
without gradients of frozen weights; attention is not counted. With a gradient-checkpointed model ours and the others
compute a third more; it is not counted either. Bars: 2.5 times stock on a micro-batch of 4, 40 % of the matrix rate at
7 billion, growth of peak memory at most 0.3 of stock's. After --seconds no new case is begun. The last line is JSON.
"""

import argparse
import gc
import json
import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import contenders  # first, since it sets how torch shall compute
import torch
import transformers
from transformers import AutoModelForCausalLM, Qwen2Config

from orpo_studio.trainer.problems import is_out_of_memory
from orpo_studio.trainer.scoring.batch import PairBatch
from orpo_studio.trainer.scoring.layout import lay_out_packed
from orpo_studio.trainer.tokens import TokenizedPair

LENGTH = 2048
TURNS = 3
SPEED_BAR, RATE_BAR, MEMORY_BAR = 2.5, 0.4, 0.3
SHAPES = {
    "0.5B": {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
             "num_key_value_heads": 2, "vocab_size": 151_936, "tie_word_embeddings": True},
    "1.5B": {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12,
             "num_key_value_heads": 2, "vocab_size": 151_936, "tie_word_embeddings": True},
    "7B": {"hidden_size": 3584, "intermediate_size": 18_944, "num_hidden_layers": 28, "num_attention_heads": 28,
           "num_key_value_heads": 4, "vocab_size": 152_064, "tie_word_embeddings": False},
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A model's shape, how it is stored, and the micro-batch."""

    shape: str
    nf4: bool
    micro_batch: int

    @property
    def name(self) -> str:
        """How the table names it."""
        return f"{self.shape}{' nf4' if self.nf4 else ''} {self.micro_batch}"


def cases() -> list[Case]:
    """Return the cases, those with a bar of their own first."""
    kinds = [("0.5B", False), ("1.5B", False), ("7B", False), ("7B", True)]
    return [Case(shape, nf4, size) for shape, nf4 in kinds for size in (4, 1, 8)]


def main() -> None:
    """Run the cases, print a line each, and the JSON line last."""
    options = _options()
    if not torch.cuda.is_available():
        sys.exit("There is no GPU here that PyTorch can use; this benchmark is of one.")
    began = time.perf_counter()
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    rate = _matrix_rate()
    print(f"{torch.cuda.get_device_name()}, {versions}: {rate / 1e12:.0f} TFLOP/s in bf16 matrices")
    pairs = _pairs(options.data)
    results, held, model = [], None, None
    for case in cases():
        if options.only and case.name not in options.only:
            continue
        if time.perf_counter() - began > options.seconds:
            print(f"{case.name}: not begun, time is up")
            continue
        if held != (case.shape, case.nf4):
            held, model = None, None
            _free()
            model = contenders.with_adapter(_model(case), nf4=case.nf4)
            held = case.shape, case.nf4
        result = _run(case, model, pairs, rate)
        results.append(result)
        print(_line(result), flush=True)
    summary = {"benchmark": "gpu", "device": torch.cuda.get_device_name(), "bars": _bars(results), "cases": results}
    print(json.dumps(summary))


def _bars(results: Sequence[dict[str, Any]]) -> dict[str, bool | None]:
    """Tell which bars hold; None where no case says it. Where stock alone ran out of memory, it is no yardstick."""
    ratios = [
        found["faster_than_stock"][0]
        for found in results
        if found["case"].endswith(" 4") and "faster_than_stock" in found
    ]
    rates = [
        found["ours"].get("rate", 0.0)
        for found in results
        if found["case"].startswith("7B ") and "nf4" not in found["case"]
    ]
    memory = [found["memory_of_stock"] for found in results if "memory_of_stock" in found]
    return {
        "speed": all(ratio >= SPEED_BAR for ratio in ratios) if ratios else None,
        "rate": max(rates) >= RATE_BAR if rates else None,
        "memory": all(share <= MEMORY_BAR for share in memory) if memory else None,
    }


def _run(case: Case, model: Any, pairs: Sequence[TokenizedPair], rate: float) -> dict[str, Any]:
    batches = [pairs[turn * case.micro_batch : (turn + 1) * case.micro_batch] for turn in range(TURNS + 1)]
    result: dict[str, Any] = {"case": case.name}
    steps = {name: contenders.CONTENDERS[name](model, "cuda", case.micro_batch) for name in contenders.available()}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    _free()
    for turn, batch in enumerate(batches):  # the first one warms up, compiles, and proves our way
        for name in list(steps):
            model.zero_grad(set_to_none=True)
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            loaded = torch.cuda.memory_allocated()
            begun = time.perf_counter()
            try:
                loss = steps[name](batch)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                result[name] = {"out_of_memory": True}
                del steps[name]
            if name not in steps:  # outside the handler: until it is left, the error's frames hold what must be freed
                _free()
                continue
            torch.cuda.synchronize()
            if turn:
                seconds[name].append(time.perf_counter() - begun)
                grown = torch.cuda.max_memory_allocated() - loaded
                former = result.get(name, {"grown_gib": 0.0})
                result[name] = {"loss": round(loss, 4), "grown_gib": round(max(former["grown_gib"], grown / 2**30), 2)}
    tokens = [PairBatch(tuple(batch)).tokens for batch in batches[1:]]
    needed = [_arithmetic(model, batch) for batch in batches[1:]]
    for name in steps:
        spans = list(zip(seconds[name], tokens, needed, strict=True))
        result[name] |= {
            "tokens_per_second": round(statistics.median(count / span for span, count, _ in spans)),
            "rate": round(statistics.median(work / span / rate for span, _, work in spans), 3),
        }
    for name in steps:
        if name != "ours" and "ours" in steps:
            ratios = [theirs / own for theirs, own in zip(seconds[name], seconds["ours"], strict=True)]
            result[f"faster_than_{name}"] = [round(value, 2) for value in _spread(ratios)]
            result[f"memory_of_{name}"] = round(result["ours"]["grown_gib"] / max(result[name]["grown_gib"], 0.01), 3)
    return result


def _arithmetic(model: Any, batch: Sequence[TokenizedPair]) -> float:
    """Return the floating-point operations that a step needs, as the module's docstring counts them."""
    placed = lay_out_packed(PairBatch(tuple(batch)), torch.device("cpu"))
    config = model.config
    width = config.hidden_size // config.num_attention_heads
    attention = config.hidden_size * width * (2 * config.num_attention_heads + 2 * config.num_key_value_heads)
    layer = attention + 3 * config.hidden_size * config.intermediate_size
    blocks = 4 * config.num_hidden_layers * layer * placed.input_ids.shape[1]
    return float(blocks + 4 * config.vocab_size * config.hidden_size * len(placed.targets))


def _model(case: Case) -> Any:
    torch.manual_seed(0)
    config = Qwen2Config(**SHAPES[case.shape], max_position_embeddings=2 * LENGTH)
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    if case.nf4:
        _quantize(model)
    return model


def _quantize(model: Any) -> None:
    """Store the blocks' linear layers in nf4 with double quantization, as loading with bitsandbytes does."""
    import bitsandbytes as bnb

    for name, linear in list(model.named_modules()):
        if type(linear) is not torch.nn.Linear or name.endswith("lm_head"):
            continue
        quantized = bnb.nn.Linear4bit(
            linear.in_features, linear.out_features, bias=linear.bias is not None, quant_type="nf4",
            compute_dtype=torch.bfloat16, compress_statistics=True, device="meta",
        )  # fmt: skip
        weight = bnb.nn.Params4bit(linear.weight.data, requires_grad=False, quant_type="nf4")
        quantized.weight = weight
        quantized.bias = linear.bias
        parent = model.get_submodule(name.rpartition(".")[0])
        setattr(parent, name.rpartition(".")[2], quantized.to("cuda"))
    model.is_loaded_in_4bit = True


def _matrix_rate() -> float:
    """Return the card's rate on large bf16 matrices, in operations a second: the best of several."""
    size = 8192
    a, b = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    best = 0.0
    for _ in range(10):
        torch.cuda.synchronize()
        begun = time.perf_counter()
        for _ in range(5):
            a @ b
        torch.cuda.synchronize()
        best = max(best, 5 * 2 * size**3 / (time.perf_counter() - begun))
    return best


def _pairs(source: Path | None) -> list[TokenizedPair]:
    draw, most = random.Random(0), (TURNS + 1) * max(case.micro_batch for case in cases())
    if source is None:
        lengths = [(draw.randint(50, 1000), draw.randint(50, 1000), draw.randint(50, 1000)) for _ in range(most)]
    else:
        lengths = [_lengths(row) for row in json.loads(source.read_text(encoding="utf-8"))[:most]]
        lengths *= -(-most // len(lengths))
    pairs = []
    for row, (asked, chosen, rejected) in enumerate(lengths, start=1):
        prompt = min(asked, LENGTH - 64)
        start = [draw.randrange(3, 150_000) for _ in range(prompt)]
        answers = [
            [draw.randrange(3, 150_000) for _ in range(min(size, LENGTH - prompt))] for size in (chosen, rejected)
        ]
        pairs.append(TokenizedPair(row, start + answers[0], prompt, start + answers[1], prompt, False))
    return pairs


def _lengths(row: dict[str, Any]) -> tuple[int, int, int]:
    """Return prompt, chosen and rejected of a row in the layout of ShareGPT rankings, or with texts, in tokens."""
    prompt = row.get("conversations", row.get("prompt"))
    return tuple(max(8, len(json.dumps(part)) // 4) for part in (prompt, row["chosen"], row["rejected"]))


def _free() -> None:
    gc.collect()
    torch.cuda.empty_cache()


def _spread(values: list[float]) -> tuple[float, float, float]:
    return statistics.median(values), min(values), max(values)


def _line(result: dict[str, Any]) -> str:
    parts = [f"{result['case']:10}"]
    for name in contenders.CONTENDERS:
        figures = result.get(name)
        if figures is None:
            continue
        if "out_of_memory" in figures:
            parts.append(f"{name}: out of memory")
        else:
            parts.append(
                f"{name}: {figures['tokens_per_second']} tokens/s, {100 * figures['rate']:.0f} % of the matrix rate, "
                f"+{figures['grown_gib']} GiB"
            )
    for name in ("stock", "liger"):
        if f"faster_than_{name}" in result:
            median, low, high = result[f"faster_than_{name}"]
            memory = result[f"memory_of_{name}"]
            parts.append(f"against {name} {median}x ({low}-{high}), memory {memory}")
    return "  ".join(parts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="preference pairs whose lengths are taken")
    parser.add_argument("--seconds", type=float, default=400, help="after these no new case is begun")
    parser.add_argument("--only", action="append", help="a case, such as '7B nf4 4'; may be given again")
    return parser.parse_args()


if __name__ == "__main__":
    main()
