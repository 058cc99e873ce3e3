"""Model folders of strangers: told in words what is wrong with them, within moments and without filling the memory."""

import json
import os
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from helpers.model_folder import write_model
from orpo_studio.config import RunSpec
from orpo_studio.fit.memory import Case, estimate
from orpo_studio.fit.shape import read_shape
from orpo_studio.models.card import ModelCard, inspect_model
from orpo_studio.models.chat_template import ChatTemplate, TemplateProblem
from orpo_studio.models.problem import ModelProblem
from orpo_studio.models.token_counter import TokenCounter

QUESTION = [{"role": "user", "content": "Which way?"}, {"role": "assistant", "content": "That way."}]

BOMBS = {
    "turns without end": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "calls without end": "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(90) }}",
    "calls into itself": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "a long repetition": "{{ 'a' * 10**10 }}",
    "a large number": "{{ 10 ** 10 ** 5 ** 3 }}{% set x = 10 ** 99999 %}",
    "a wide format": "{{ '%1000000000d' % 1 }}",
    "a width of its own": "{{ '%*d' % (1000000000, 1) }}",
    "a wide replacement field": "{{ '{:>1000000000}'.format('x') }}",
    "a wide margin": "{{ 'x'.ljust(10**9) }}",
    "a wide indent": "{{ messages | tojson(indent=10**9) }}",
    "a wide batch": "{{ [1] | batch(10**9, 'x') | list }}",
    "doubling by ~": "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "doubling by +": "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "doubling by join": "{% set n = namespace(x='ab') %}{% for i in range(60) %}"
    "{% set n.x = [n.x, n.x] | join %}{% endfor %}",
    "doubling by replace": "{% set n = namespace(x='a') %}{% for i in range(60) %}"
    "{% set n.x = n.x.replace('a', 'aa') %}{% endfor %}",
    "doubling by block": "{% set n = namespace(x='ab') %}{% for i in range(60) %}"
    "{% set n.x %}{{ n.x }}{{ n.x }}{% endset %}{% endfor %}",
    "lists in lists": "{% set n = namespace(x=[1]) %}{% for i in range(60) %}"
    "{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
    "many long pieces": "{% for i in range(99999) %}{{ 'a' * 10000000 }}{% endfor %}",
    "long separators": "{{ range(100000) | map('string') | join('-' * 9999) }}",
    "the interpreter": "{{ cycler.__init__.__globals__.os.popen('touch it-ran').read() }}",
    "the classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_that_a_template_is_stopped_before_it_takes_the_machine(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("orpo_studio.models.template_sandbox.MOST_SECONDS", 0.3)
    before = time.thread_time()
    with pytest.raises(TemplateProblem) as caught:
        ChatTemplate(BOMBS[name], {}).render(QUESTION)
    assert caught.value.code == "template-refused"
    assert time.thread_time() - before < 5
    assert list(tmp_path.iterdir()) == []


def test_that_a_conversation_of_a_thousand_turns_is_written() -> None:
    source = "{% for m in messages %}{{ '<' + m['role'] ~ '>' + m.content | trim }}{{ loop.index }}/{{ loop.length }}"
    source += "{% if not loop.last %}{{ '%-3s' % loop.revindex }}{% endif %}{% endfor %}"
    text = ChatTemplate(source, {}).render(QUESTION * 500)
    assert text.startswith("<user>Which way?1/1000")
    assert text.endswith("1000/1000")
    assert len(text) > 20_000


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b'{"a": ')
        file.truncate(1 << 40)


INDEX = "model.safetensors.index.json"
ONE: dict[str, object] = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


def weights(model: Path, **entry: object) -> None:
    content = json.dumps({"a": {**ONE, **entry}}).encode()
    (model / "model.safetensors").write_bytes(struct.pack("<Q", len(content)) + content)


TRAPS: dict[str, Callable[[Path], object]] = {
    "a header longer than any file": lambda m: (m / "model.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{}"),
    "a header longer than its file": lambda m: (m / "model.safetensors").write_bytes(struct.pack("<Q", 2**26) + b"{}"),
    "a negative size": lambda m: weights(m, shape=[-5]),
    "no number": lambda m: weights(m, shape=[float("inf")]),
    "a size beyond reason": lambda m: weights(m, shape=[2**60] * 9),
    "dimensions without end": lambda m: weights(m, shape=[9] * 99999),
    "data beyond the end": lambda m: weights(m, data_offsets=[0, 2**40]),
    "data backwards": lambda m: weights(m, data_offsets=[9, 4]),
    "a header nested deep": lambda m: (m / "model.safetensors").write_bytes(struct.pack("<Q", 99999) + b"[" * 99999),
    "shards elsewhere": lambda m: (m / INDEX).write_text('{"weight_map": {"a": "../../x.safetensors"}}'),
    "shards by full path": lambda m: (m / INDEX).write_text('{"weight_map": {"a": "/etc/passwd"}}'),
    "settings of a terabyte": lambda m: sparse(m / "config.json"),
    "settings nested deep": lambda m: (m / "config.json").write_text("[" * 100_000),
    "settings that are a number": lambda m: (m / "config.json").write_text("9" * 100_000),
    "a tokenizer's settings of a terabyte": lambda m: sparse(m / "tokenizer_config.json"),
    "a template of a terabyte": lambda m: sparse(m / "chat_template.jinja"),
    "an adapter in it": lambda m: (m / "adapter_config.json").write_text('{"base_model_name_or_path": "/elsewhere"}'),
    "a pickle alone": lambda m: (m / "model.safetensors").rename(m / "pytorch_model.bin"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAPS)
def test_that_a_folder_that_lies_is_refused_in_words(tmp_path: Path, name: str) -> None:
    model = write_model(tmp_path / "model")
    TRAPS[name](model)
    with pytest.raises(ModelProblem) as caught:
        inspect_model(model)
    assert caught.value.title
    assert caught.value.hint
    assert len(caught.value.detail) < 2_000


@pytest.mark.parametrize(
    "settings",
    [
        {"num_hidden_layers": 10**12, "hidden_size": 10**12, "vocab_size": 10**12, "num_attention_heads": 10**12},
        {"num_hidden_layers": -1, "hidden_size": 0, "vocab_size": -5, "num_attention_heads": 0},
        {"num_hidden_layers": "9", "hidden_size": [1], "vocab_size": {}, "max_position_embeddings": 1e308},
    ],
)
def test_that_settings_beyond_reason_are_read_at_once(tmp_path: Path, settings: dict[str, object]) -> None:
    model = write_model(tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, **settings}))
    before = time.thread_time()
    card = inspect_model(model)
    assert isinstance(card, ModelCard)
    with suppress(ModelProblem):
        estimate(Case(RunSpec().recipe, read_shape(card)))
    assert time.thread_time() - before < 5


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes among files")
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "README.md"])
def test_that_a_pipe_in_a_model_folder_holds_nobody_up(tmp_path: Path, name: str) -> None:
    model = write_model(tmp_path / "model")
    (model / name).unlink(missing_ok=True)
    os.mkfifo(model / name)
    with suppress(ModelProblem):
        inspect_model(model)


def test_that_a_tokenizer_of_a_terabyte_is_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    sparse(model / "tokenizer.json")
    with pytest.raises(ModelProblem, match="cannot be read"):
        TokenCounter(model)


def test_that_the_links_of_a_download_are_followed(tmp_path: Path) -> None:
    """A cache of the Hub keeps each file once, under its digest, and a folder of links for each revision."""
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    model = write_model(tmp_path / "model")
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for number, path in enumerate(sorted(model.iterdir())):
        path.rename(blobs / str(number))
        (snapshot / path.name).symlink_to(blobs / str(number))
    assert inspect_model(snapshot).architecture == "LlamaForCausalLM"
