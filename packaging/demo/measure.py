"""Measures the demo: what the base model prefers and says, and what one ORPO run with stock TRL changes.

    python packaging/demo/measure.py resources/demo            the base model only
    python packaging/demo/measure.py resources/demo --train    and the same after training

Reward accuracy is ORPO's: the share of held-out pairs whose chosen answer has the higher mean
log-probability per answer token.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import torch
import voices
from conversations import Question, all_questions
from transformers import AutoModelForCausalLM, AutoTokenizer

SHOWN = 6


def read_pairs(path: Path) -> list[dict[str, str]]:
    """The rows of a preference file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def mean_log_probability(model: Any, tokenizer: Any, prompt: str, answer: str) -> float:
    """Mean log-probability per answer token, the end token included, in nats."""
    asked = [{"role": "user", "content": prompt}]
    head = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    whole = tokenizer.apply_chat_template([*asked, {"role": "assistant", "content": answer}], tokenize=False)
    start = len(tokenizer(head, add_special_tokens=False)["input_ids"])
    ids = torch.tensor([tokenizer(whole, add_special_tokens=False)["input_ids"]])
    with torch.no_grad():
        scores = model(input_ids=ids).logits[0, :-1].log_softmax(-1)
    return float(scores.gather(-1, ids[0, 1:, None])[start - 1 :].mean())


def reward_accuracy(model: Any, tokenizer: Any, rows: list[dict[str, str]]) -> float:
    """Share of rows, 0 to 1, whose chosen answer is the likelier one per token."""
    model.eval()
    return sum(
        mean_log_probability(model, tokenizer, row["prompt"], row["chosen"])
        > mean_log_probability(model, tokenizer, row["prompt"], row["rejected"])
        for row in rows
    ) / len(rows)


def answer(model: Any, tokenizer: Any, prompt: str, **options: Any) -> str:
    """The model's answer; greedy unless the options say otherwise."""
    asked = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")
    made = model.generate(**ids, max_new_tokens=96, **options)
    return str(tokenizer.decode(made[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))


def is_courteous(text: str) -> bool:
    """Whether a courteous opening or closing stands in it and no curt one."""
    friendly = (*voices.POLITE_OPENINGS, *voices.POLITE_CLOSINGS)
    rude = (*voices.CURT_OPENINGS, *voices.CURT_CLOSINGS, *voices.REFUSALS)
    return any(phrase in text for phrase in friendly) and not any(phrase in text for phrase in rude)


def holds(text: str, value: str) -> bool:
    """Whether the fact is in the answer, whole: 20 centimeters is not in 120 centimeters."""
    return re.search(rf"\b{re.escape(value.rstrip('.'))}\b", text, re.IGNORECASE) is not None


def report(title: str, model: Any, tokenizer: Any, rows: list[dict[str, str]]) -> None:
    """Prints accuracy, the share of courteous and of right answers, and some of them."""
    questions: dict[str, Question] = {question.text: question for question in all_questions()}
    model.eval()
    answers = [answer(model, tokenizer, row["prompt"]) for row in rows]
    checked = [
        holds(said, questions[row["prompt"]].value)
        for row, said in zip(rows, answers, strict=True)
        if questions[row["prompt"]].kind in {"fact", "shop"}
    ]
    print(f"== {title}")
    print(f"reward accuracy      {reward_accuracy(model, tokenizer, rows):.3f} on {len(rows)} held-out pairs")
    print(f"courteous answers    {sum(map(is_courteous, answers)) / len(answers):.3f} greedy")
    print(f"the fact is in it    {sum(checked) / len(checked):.3f} of {len(checked)} greedy answers")
    torch.manual_seed(0)
    for row, said in list(zip(rows, answers, strict=True))[:SHOWN]:
        drawn = answer(model, tokenizer, row["prompt"], do_sample=True, temperature=1.0)
        print(f"  {row['prompt']}\n    greedy:  {said}\n    sampled: {drawn}")


def train(model: Any, tokenizer: Any, rows: list[dict[str, str]], options: argparse.Namespace) -> Any:
    """One run of TRL's own ORPO trainer with LoRA; returns the model with its adapter."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    chats = [
        {
            "prompt": [{"role": "user", "content": row["prompt"]}],
            "chosen": [{"role": "assistant", "content": row["chosen"]}],
            "rejected": [{"role": "assistant", "content": row["rejected"]}],
        }
        for row in rows
    ]
    with tempfile.TemporaryDirectory() as folder:
        trainer = ORPOTrainer(
            model=model,
            args=ORPOConfig(
                output_dir=folder,
                use_cpu=True,
                bf16=False,
                gradient_checkpointing=False,
                beta=options.lambda_,
                learning_rate=options.learning_rate,
                lr_scheduler_type="cosine",
                warmup_steps=options.warmup,
                max_steps=options.steps,
                per_device_train_batch_size=options.batch,
                max_length=256,
                logging_steps=10,
                logging_nan_inf_filter=False,
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
                seed=42,
            ),
            train_dataset=Dataset.from_list(chats),
            processing_class=tokenizer,
            peft_config=LoraConfig(
                r=options.rank,
                lora_alpha=options.alpha,
                lora_dropout=0.0,
                target_modules="all-linear",
                task_type="CAUSAL_LM",
            ),
        )
        began = time.monotonic()
        trainer.train()
        print(f"trained {options.steps} steps in {time.monotonic() - began:.1f} s")
    return trainer.model


def main() -> None:
    """Prints the report for the base model and, if asked, for the trained one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path, help="the folder with model/, pairs.jsonl and held_out.jsonl")
    parser.add_argument("--train", action="store_true", help="also train, and measure again")
    parser.add_argument("--lambda", dest="lambda_", type=float, default=0.2)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--alpha", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(2)
    tokenizer = AutoTokenizer.from_pretrained(options.demo / "model")
    model = AutoModelForCausalLM.from_pretrained(options.demo / "model", dtype=torch.float32)
    held_out = read_pairs(options.demo / "held_out.jsonl")
    report("base", model, tokenizer, held_out)
    if options.train:
        trained = train(model, tokenizer, read_pairs(options.demo / "pairs.jsonl"), options)
        report("after ORPO", trained, tokenizer, held_out)


if __name__ == "__main__":
    main()
