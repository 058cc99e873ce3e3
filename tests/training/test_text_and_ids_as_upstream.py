"""The text and the ids that the window shows are those that transformers and TRL make."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from helpers.model_folder import write_json, write_model
from orpo_studio.data.pair import Pair
from orpo_studio.data.rendering import encode_pairs, render_pair
from orpo_studio.models.card import inspect_model
from orpo_studio.models.chat_template import PLAIN_TEMPLATE, ChatTemplate
from orpo_studio.models.token_counter import TokenCounter

transformers = pytest.importorskip("transformers")
data_utils = pytest.importorskip("trl.data_utils")

CHATML_WITH_DEFAULT_SYSTEM = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    "You are a helpful AI assistant<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + "
    "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}"
)
BLOCKS = """{{ bos_token }}
{%- set ns = namespace(last='') %}
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {%- generation %}
{{ '[A] ' + message.content | trim + eos_token }}
        {%- endgeneration %}
    {%- elif message.role == 'system' %}
        {{- '[S] ' + (message | tojson) }}
    {%- else %}
        {{- '[U] ' + message.content }}
    {%- endif %}
    {%- set ns.last = message.role %}
{%- endfor %}
{% if add_generation_prompt and ns.last != 'assistant' %}

[A] <think>
{% endif %}
"""
TURNS = [
    {"role": "system", "content": "Be <kind> & 'brief' \u00e9."},
    {"role": "user", "content": " hello\n"},
    {"role": "assistant", "content": " world "},
    {"role": "user", "content": "{{ hello }}"},
]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


def upstream_tokenizer(folder: Path, source: str) -> Any:
    config = json.loads((folder / "tokenizer_config.json").read_text())
    write_json(folder / "tokenizer_config.json", config | {"tokenizer_class": "PreTrainedTokenizerFast"})
    (folder / "chat_template.jinja").write_text(source, encoding="utf-8")
    return transformers.AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("source", [CHATML_WITH_DEFAULT_SYSTEM, BLOCKS, PLAIN_TEMPLATE])
@pytest.mark.parametrize("prompt", [False, True])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_that_conversations_read_as_transformers_writes_them(
    model: Path, source: str, prompt: bool, count: int
) -> None:
    tokenizer = upstream_tokenizer(model, source)
    ours = ChatTemplate.of(inspect_model(model)).render(TURNS[:count], add_generation_prompt=prompt)
    assert ours == tokenizer.apply_chat_template(TURNS[:count], tokenize=False, add_generation_prompt=prompt)


@pytest.mark.parametrize("source", [CHATML_WITH_DEFAULT_SYSTEM, BLOCKS, PLAIN_TEMPLATE])
def test_that_pairs_have_the_text_and_the_ids_of_trl(model: Path, source: str) -> None:
    orpo = pytest.importorskip("trl.experimental.orpo")
    tokenizer = upstream_tokenizer(model, source)
    pair = Pair(
        [{"role": "user", "content": "hello spare"}],
        [{"role": "assistant", "content": "world hello"}],
        [{"role": "assistant", "content": "spare"}],
        1,
    )
    example = {"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.rejected}
    text = data_utils.apply_chat_template(example, tokenizer)
    rendered = render_pair(pair, ChatTemplate.of(inspect_model(model)))
    assert (rendered.prompt_text, rendered.chosen_text, rendered.rejected_text) == (
        text["prompt"],
        text["chosen"],
        text["rejected"],
    )
    trainer = SimpleNamespace(is_encoder_decoder=False, processing_class=tokenizer, max_length=10_000)
    trainer.build_tokenized_answer = lambda *texts: orpo.ORPOTrainer.build_tokenized_answer(trainer, *texts)
    row = orpo.ORPOTrainer.tokenize_row(trainer, text)
    (ours,) = encode_pairs(
        [rendered], TokenCounter(model), bos_id=tokenizer.bos_token_id, eos_id=tokenizer.eos_token_id
    )
    assert ours.chosen_prompt + ours.chosen == row["chosen_input_ids"]
    assert ours.rejected_prompt + ours.rejected == row["rejected_input_ids"]
    assert [-100] * len(ours.chosen_prompt) + ours.chosen == row["chosen_labels"]
    assert [-100] * len(ours.rejected_prompt) + ours.rejected == row["rejected_labels"]
