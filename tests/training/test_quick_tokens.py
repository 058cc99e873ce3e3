"""The quick way gives TRL's ids, whatever kind of tokenizer, and is left where it would not."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from helpers.tiny_model import CHATML, ENDED, WORDS
from helpers.trl_rows import trl_row
from orpo_studio.data.pair import Message, Pair
from orpo_studio.models.chat_template import PLAIN_TEMPLATE, ChatTemplate
from orpo_studio.models.quick_encoder import QuickEncoder
from orpo_studio.trainer.tokens import TokenizedPair, tokenize_pairs

START, END = "<|im_start|>", "<|im_end|>"
NAMES = {"bos_token": START, "eos_token": END}


def byte_level(*, lstrip: bool = False) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        [" ".join(WORDS)] * 4,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=[AddedToken(name, lstrip=lstrip, rstrip=lstrip, special=True) for name in (START, END)],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return tokenizer


def sentencepiece(*, prepend: bool) -> Tokenizer:
    """Blanks are written ▁, one is put first, and a piece may reach over several words."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    if prepend:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    bytes_ = [f"<0x{number:02X}>" for number in range(256)]
    tokenizer.train_from_iterator(
        [" ".join(WORDS), ". ".join(WORDS)] * 4,
        trainers.BpeTrainer(vocab_size=600, special_tokens=["<unk>", START, END, *bytes_], show_progress=False),
    )
    return tokenizer


def wrapped(tokenizer: Tokenizer) -> Any:
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=START, eos_token=END)


TOKENIZERS = {
    "byte-level": wrapped(byte_level()),
    "taking blanks in": wrapped(byte_level(lstrip=True)),
    "prepending": wrapped(sentencepiece(prepend=True)),
    "first": wrapped(sentencepiece(prepend=False)),
}
TEMPLATES = {
    "chatml": CHATML,
    "ended": ENDED,
    "plain": PLAIN_TEMPLATE,
    "no tokens": "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}",
    "ending in a word": "{% for m in messages %}{{ '<|im_start|>' + m.content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>' }}{% endif %}",
}
CONTENTS = st.lists(
    st.one_of(
        st.sampled_from([*WORDS, " ", "  ", "\n", "\n\n", "\t", ".", "'s", "12", START, END, "<|im", "assistant\n"]),
        st.sampled_from(["🙂", "👩🏽\u200d🚀", "é", "e\u0301", "ß", "漢字", "\xa0", "\u2028", "▁", "\x85", "\u0378"]),
        st.text(max_size=4),
    ),
    max_size=6,
).map("".join)


def turns(role: str, *contents: str) -> list[Message]:
    return [Message(role=role, content=content) for content in contents]


PROMPTS = st.builds(
    lambda system, user: turns("system", *system) + turns("user", user), st.lists(CONTENTS, max_size=1), CONTENTS
)
ANSWERS = CONTENTS.map(lambda content: turns("assistant", content))
PAIRS = st.lists(st.builds(Pair, PROMPTS, ANSWERS, ANSWERS, st.just(1)), min_size=1, max_size=3)
HARD = Pair(
    turns("system", f" be {END} brief ") + turns("user", f"  where {START}assistant\n"),
    turns("assistant", ""),
    turns("assistant", f" there.{END}\n"),
    1,
)


def once_ended(answer: Sequence[int], tokenizer: Any) -> list[int]:
    """Return an answer whose two last ends have only blanks between them with the first of them last."""
    ids, end = list(answer), tokenizer.eos_token_id
    ends = [place for place, number in enumerate(ids) if number == end]
    if len(ends) > 1 and ends[-1] == len(ids) - 1 and not tokenizer.decode(ids[ends[-2] + 1 : -1]).strip():
        return ids[: ends[-2] + 1]
    return ids


def expected(pair: Pair, tokenizer: Any) -> TokenizedPair:
    try:
        row = trl_row(tokenizer, pair, 10_000)
    except ValueError:  # TRL gives the row up: its prompt's ids change more than it allows when an answer follows
        assume(False)
    sides = []
    for side in ("chosen", "rejected"):
        prompt = row[f"{side}_labels"].count(-100)
        ids = row[f"{side}_input_ids"]
        sides += [ids[:prompt] + once_ended(ids[prompt:], tokenizer), prompt]
    chosen, chosen_prompt, rejected, rejected_prompt = sides
    return TokenizedPair(1, chosen, chosen_prompt, rejected, rejected_prompt, False)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(pairs=PAIRS)
@example(pairs=[HARD])
def test_that_ids_are_those_of_trl(kind: str, template: str, pairs: list[Pair]) -> None:
    tokenizer = TOKENIZERS[kind]
    tokenizer.chat_template = TEMPLATES[template]
    rows = tokenize_pairs(pairs, tokenizer, ChatTemplate(TEMPLATES[template], NAMES), max_length=10_000).pairs
    assert list(rows) == [expected(pair, tokenizer) for pair in pairs]


def test_that_the_beginning_of_a_prompt_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []
    encode = QuickEncoder.encode_batch

    def noted(self: QuickEncoder, texts: Sequence[str]) -> list[list[int]]:
        encoded.extend(texts)
        return encode(self, texts)

    monkeypatch.setattr(QuickEncoder, "encode_batch", noted)
    pair = Pair(turns("user", "where is the cat"), turns("assistant", "here"), turns("assistant", "there"), 1)
    for tokenizer in TOKENIZERS.values():
        tokenize_pairs([pair], tokenizer, ChatTemplate(CHATML, NAMES), max_length=100)
        assert sum("where is the cat" in text for text in encoded) == 1
        encoded.clear()


def test_that_a_tokenizer_that_is_not_what_it_declares_is_given_whole_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = TOKENIZERS["byte-level"]
    pairs = [
        Pair(turns("user", f"where is {n}"), turns("assistant", "here"), turns("assistant", "no"), n)
        for n in range(600)
    ]
    right = tokenize_pairs(pairs, tokenizer, ChatTemplate(CHATML, NAMES), max_length=100)
    encode = QuickEncoder.encode_batch

    def wrong(self: QuickEncoder, texts: Sequence[str]) -> list[list[int]]:
        return [[number + (number > 300) for number in ids] for ids in encode(self, texts)]

    monkeypatch.setattr(QuickEncoder, "encode_batch", wrong)
    done: list[int] = []
    assert tokenize_pairs(pairs, tokenizer, ChatTemplate(CHATML, NAMES), max_length=100, advance=done.append) == right
    assert done == [256, 512, 600]
