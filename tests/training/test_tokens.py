"""Rows become the ids that TRL makes, without its doubled end token, and never without room for an answer."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from helpers.tiny_model import CHATML, ENDED, make_rows, write_tokenizer
from helpers.trl_rows import trl_row
from orpo_studio.data.pair import Pair
from orpo_studio.models.chat_template import ChatTemplate
from orpo_studio.trainer.scoring import batch
from orpo_studio.trainer.tokens import NO_ROOM, TEMPLATE_REFUSED, tokenize_pairs

SYSTEM = {"role": "system", "content": "be brief"}


def pair(prompt: Any, chosen: str, rejected: str, row: int = 1) -> Pair:
    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    return Pair(turns, [{"role": "assistant", "content": chosen}], [{"role": "assistant", "content": rejected}], row)


def tokenizer_and_template(folder: Path, source: str) -> tuple[Any, ChatTemplate]:
    write_tokenizer(folder, chat_template=source)
    return AutoTokenizer.from_pretrained(folder), ChatTemplate(
        source, {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
    )


@pytest.mark.parametrize("max_length", [24, 40, 400])
def test_that_ids_and_labels_are_those_of_trl(tmp_path: Path, max_length: int) -> None:
    tokenizer, template = tokenizer_and_template(tmp_path, ENDED)
    pairs = [pair(row["prompt"], row["chosen"], row["rejected"]) for row in make_rows(20)]
    pairs.append(pair([SYSTEM, *pairs[0].prompt], "certainly", "no"))
    kept = tokenize_pairs(pairs, tokenizer, template, max_length=max_length)
    rows = [batch.trl_row(pair) for pair in kept.pairs]

    assert kept.set_aside[NO_ROOM] + len(rows) == 21
    for index, source in enumerate(kept.texts):
        expected = trl_row(tokenizer, source, max_length)
        for name in ("chosen_input_ids", "chosen_labels", "rejected_input_ids", "rejected_labels"):
            assert rows[index][name] == expected[name]
        assert rows[index]["chosen_attention_mask"] == expected["chosen_attention_mask"]


def test_that_a_template_with_a_line_break_behind_the_end_gets_no_second_end(tmp_path: Path) -> None:
    tokenizer, template = tokenizer_and_template(tmp_path, CHATML)
    source = pair("where is the cat", "here", "no")
    end = tokenizer.eos_token_id

    (row,) = tokenize_pairs([source], tokenizer, template, max_length=400).pairs
    answer = row.chosen[row.chosen_prompt :]
    stock = trl_row(tokenizer, source, 400)["chosen_input_ids"][row.chosen_prompt :]

    assert stock.count(end) == 2  # what this guards against
    assert answer == tokenizer("here<|im_end|>", add_special_tokens=False)["input_ids"]


def test_that_an_answer_of_several_turns_keeps_its_inner_ends(tmp_path: Path) -> None:
    tokenizer, template = tokenizer_and_template(tmp_path, CHATML)
    turns = [
        {"role": "assistant", "content": "here"},
        {"role": "user", "content": "thank you"},
        {"role": "assistant", "content": "gladly"},
    ]
    source = Pair([{"role": "user", "content": "where"}], turns, [{"role": "assistant", "content": "no"}], 1)

    (row,) = tokenize_pairs([source], tokenizer, template, max_length=400).pairs

    answer = row.chosen[row.chosen_prompt :]
    assert answer.count(tokenizer.eos_token_id) == 3
    assert answer[-1] == tokenizer.eos_token_id
    assert "thank you" in tokenizer.decode(answer)


def test_that_rows_without_room_for_an_answer_are_set_aside(tmp_path: Path) -> None:
    tokenizer, template = tokenizer_and_template(tmp_path, CHATML)
    long, short = pair("where is the cat " * 30, "here", "no", 1), pair("where", "here", "no", 2)

    kept = tokenize_pairs([long, short], tokenizer, template, max_length=40)

    assert [row.source_row for row in kept.pairs] == [2]
    assert dict(kept.set_aside) == {NO_ROOM: 1}


def test_that_rows_the_template_refuses_are_set_aside(tmp_path: Path) -> None:
    refusing = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + CHATML
    tokenizer, template = tokenizer_and_template(tmp_path, refusing)
    pairs = [pair([SYSTEM, {"role": "user", "content": "where"}], "here", "no", 1), pair("where", "here", "no", 2)]

    kept = tokenize_pairs(pairs, tokenizer, template, max_length=40)

    assert [row.source_row for row in kept.pairs] == [2]
    assert dict(kept.set_aside) == {TEMPLATE_REFUSED: 1}


def test_that_a_cut_answer_is_counted_and_keeps_its_prompt_whole(tmp_path: Path) -> None:
    tokenizer, template = tokenizer_and_template(tmp_path, CHATML)

    (row,) = tokenize_pairs([pair("where", "here " * 50, "no")], tokenizer, template, max_length=30).pairs

    assert row.truncated
    assert len(row.chosen) == 30
    assert row.chosen[: row.chosen_prompt] == row.rejected[: row.rejected_prompt]
