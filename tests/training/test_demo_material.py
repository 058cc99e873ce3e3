"""The embedded default: its pairs are what the generator gives, and its model is what the run needs."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.experimental.orpo import ORPOTrainer

REPOSITORY = Path(__file__).parents[2]
DEMO = REPOSITORY / "resources" / "demo"
SOURCES = REPOSITORY / "packaging" / "demo"

Row = dict[str, str]


@pytest.fixture(scope="module")
def generator() -> Iterator[Any]:
    """The module that writes the world's text; its siblings are plain scripts, found beside it."""
    before = set(sys.modules)
    sys.path.insert(0, str(SOURCES))
    try:
        yield importlib.import_module("conversations")
    finally:
        sys.path.remove(str(SOURCES))
        for name in set(sys.modules) - before:
            if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == SOURCES:
                del sys.modules[name]


def read(name: str) -> list[Row]:
    return [json.loads(line) for line in (DEMO / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(DEMO / "model", local_files_only=True)


@pytest.fixture(scope="module")
def model() -> Any:
    return AutoModelForCausalLM.from_pretrained(DEMO / "model", local_files_only=True, dtype=torch.float32).eval()


def messages(row: Row, answer: str | None = None) -> list[dict[str, str]]:
    asked = [{"role": "user", "content": row["prompt"]}]
    return asked if answer is None else [*asked, {"role": "assistant", "content": answer}]


def ids_of(tokenizer: Any, row: Row, answer: str) -> tuple[list[int], int]:
    """Token ids of the whole conversation, and how many of them are the prompt's."""
    head = tokenizer.apply_chat_template(messages(row), add_generation_prompt=True, tokenize=False)
    whole = tokenizer.apply_chat_template(messages(row, answer), tokenize=False)
    head_ids = tokenizer(head, add_special_tokens=False)["input_ids"]
    ids = tokenizer(whole, add_special_tokens=False)["input_ids"]
    assert ids[: len(head_ids)] == head_ids
    return ids, len(head_ids)


@pytest.mark.parametrize("name", ["pairs.jsonl", "held_out.jsonl"])
def test_that_the_generator_gives_the_pairs_byte_for_byte(generator: Any, name: str) -> None:
    assert (DEMO / name).read_bytes() == generator.preference_files()[name].encode()


def test_that_the_pairs_are_enough_and_well_formed() -> None:
    pairs, held_out = read("pairs.jsonl"), read("held_out.jsonl")
    assert len(pairs) >= 400
    assert len(held_out) >= 100
    for row in (*pairs, *held_out):
        assert list(row) == ["prompt", "chosen", "rejected"]
        assert all(value.strip() == value and value for value in row.values())
        assert row["chosen"] != row["rejected"]


def test_that_no_held_out_question_is_in_the_training_pairs_or_in_the_base_models_reading(generator: Any) -> None:
    held_out = {row["prompt"] for row in read("held_out.jsonl")}
    trained = {row["prompt"] for row in read("pairs.jsonl")}
    reading = {question.text for question in generator.split_questions().reading}
    assert len(held_out) == len(read("held_out.jsonl"))
    assert not held_out & trained
    assert not held_out & reading


def test_that_length_alone_does_not_tell_the_chosen_answer() -> None:
    rows = read("pairs.jsonl") + read("held_out.jsonl")
    longer = sum(len(row["chosen"]) > len(row["rejected"]) for row in rows) / len(rows)
    assert 0.5 <= longer <= 0.8


def test_that_both_voices_have_an_equal_part_in_the_base_models_reading(generator: Any) -> None:
    reading = generator.split_questions().reading
    chats = list(generator.conversations(reading, 2000, 1))
    again = list(generator.conversations(reading, 2000, 1))
    openings = generator.voices.POLITE_OPENINGS + generator.voices.POLITE_CLOSINGS
    courteous = sum(any(text in chat[-1]["content"] for text in openings) for chat in chats)
    assert chats == again
    assert 900 <= courteous <= 1100


def test_that_the_template_ends_each_answer_with_one_end_token(tokenizer: Any) -> None:
    row = read("held_out.jsonl")[0]
    for answer in (row["chosen"], row["rejected"]):
        ids, start = ids_of(tokenizer, row, answer)
        assert ids[0] == tokenizer.bos_token_id
        assert ids.count(tokenizer.bos_token_id) == 1
        assert ids[start:].count(tokenizer.eos_token_id) == 1
        assert ids[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(ids[start:-1]) == answer


def test_that_the_reference_trainer_adds_no_second_begin_or_end(tokenizer: Any) -> None:
    row = read("held_out.jsonl")[0]
    head = tokenizer.apply_chat_template(messages(row), add_generation_prompt=True, tokenize=False)
    rendered = {
        name: tokenizer.apply_chat_template(messages(row, row[name]), tokenize=False)[len(head) :]
        for name in ("chosen", "rejected")
    }
    trainer = ORPOTrainer.__new__(ORPOTrainer)
    trainer.is_encoder_decoder, trainer.processing_class, trainer.max_length = False, tokenizer, 256
    made = trainer.tokenize_row({"prompt": head, **rendered})
    for name in ("chosen", "rejected"):
        assert made[f"{name}_input_ids"] == ids_of(tokenizer, row, row[name])[0]


def test_that_the_template_takes_system_messages_and_several_turns(tokenizer: Any) -> None:
    chat = [
        {"role": "system", "content": "You work in a garden shop."},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": " Good day to you. "},
        {"role": "user", "content": "Where is the rake?"},
    ]
    assert tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False) == (
        "<|begin|><|system|>\nYou work in a garden shop.<|end|>\n<|user|>\nHello.<|end|>\n"
        "<|assistant|>\nGood day to you.<|end|>\n<|user|>\nWhere is the rake?<|end|>\n<|assistant|>\n"
    )


def test_that_any_text_survives_the_tokenizer(tokenizer: Any) -> None:
    text = "  Größe 3 µm, naïve\n\t你好 🌱 don't !"
    plain = Tokenizer.from_file(str(DEMO / "model" / "tokenizer.json"))
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text
    assert tokenizer(text)["input_ids"] == plain.encode(text).ids
    assert len({tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}) == 3


def test_that_the_model_is_small_and_of_the_llama_architecture(model: Any, tokenizer: Any) -> None:
    assert (DEMO / "model" / "model.safetensors").stat().st_size <= 8_000_000
    assert model.config.architectures == ["LlamaForCausalLM"]
    assert model.config.vocab_size == len(tokenizer)
    assert model.config.eos_token_id == model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.config.pad_token_id == tokenizer.pad_token_id


def test_that_every_pair_fits_the_models_context(model: Any, tokenizer: Any) -> None:
    rows = read("pairs.jsonl") + read("held_out.jsonl")
    longest = max(len(ids_of(tokenizer, row, row[name])[0]) for row in rows for name in ("chosen", "rejected"))
    assert longest <= model.config.max_position_embeddings


def test_that_the_base_model_is_undecided_on_held_out_pairs(model: Any, tokenizer: Any) -> None:
    def mean_log_probability(row: Row, answer: str) -> float:
        ids, start = ids_of(tokenizer, row, answer)
        with torch.no_grad():
            scores = model(input_ids=torch.tensor([ids])).logits[0, start - 1 : -1].log_softmax(-1)
        return float(scores.gather(-1, torch.tensor(ids[start:])[:, None]).mean())

    rows = read("held_out.jsonl")
    preferred = [mean_log_probability(row, row["chosen"]) > mean_log_probability(row, row["rejected"]) for row in rows]
    assert 0.45 <= sum(preferred) / len(preferred) <= 0.57
