"""Looking words up gives the ids that encoding gives."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from orpo_studio.models.quick_encoder import QuickEncoder
from orpo_studio.models.word_pattern import word_pattern

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
END, LONG, GREEDY = "<|end|>", "<|end|>>", "<mask>"
TRAINED_ON = ["the cat's hat, don't 12 345 ünïcödé naïve", "  two  spaces\n\nand\tlines ß ſ 漢字 🙂 'S 'LL"] * 3


def split_by(pattern: str) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


CUTTING = {
    "gpt2": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "digits": pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    ),
    "llama3": split_by(LLAMA3),
    "qwen2": split_by(QWEN2),
    "o200k": split_by(O200K),
}


def make_tokenizer(
    pre_tokenizer: pre_tokenizers.PreTokenizer,
    normalizer: normalizers.Normalizer | None = None,
    added: Sequence[AddedToken] = (),
) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<|start|>", END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TRAINED_ON, trainer)
    tokenizer.add_special_tokens([AddedToken(LONG, normalized=False, special=True), *added])
    return tokenizer


def ids_of(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]


TOKENS = [END, LONG, "<|start|>", "<|end", "|>", "/", "'s", "'LL", "12", "1", "the cat"]
BLANKS = [*" \n\t\x0b\x0c\x1c\x1f\x85\xa0\u2003\u2028\u3000\ufeff\u200d\u180e", "  ", "\r\n"]
FOREIGN = [*"ßſ\u212aﬆé①Ⅷ²٣ǅʰ\u0378𝔘🙂", "'ſ", "e\u0301", "漢字", "👩🏽\u200d🚀"]
PIECES = st.one_of(
    st.sampled_from(TOKENS),
    st.sampled_from(BLANKS),
    st.sampled_from(FOREIGN),
    st.text(max_size=6),
    st.text("ab '.,\n\r\t1²éß漢", max_size=8),
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)


@pytest.mark.parametrize("name", CUTTING)
@given(texts=st.lists(TEXTS, max_size=4))
@example(texts=["a  1", "1  a", "a \n b", "don'T", "x\n\n  \ny ", "!<|end|>>!", " \u3000 a", "'ſ'K"])
def test_that_words_looked_up_have_the_ids_of_words_encoded(name: str, texts: list[str]) -> None:
    tokenizer, quick = ENCODERS[name]
    assert quick.encode_batch(texts) == ids_of(tokenizer, texts)


@pytest.mark.parametrize("name", ["llama3", "o200k"])
def test_that_every_known_character_is_cut_as_the_tokenizer_cuts_it(name: str) -> None:
    tokenizer, quick = ENCODERS[name]
    known = word_pattern(json.loads(tokenizer.pre_tokenizer.__getstate__()))
    assert known is not None
    characters = [chr(number) for number in range(0x1FB00) if not known.unknown.search(chr(number))]
    assert len(characters) > 50_000
    for start in range(0, len(characters), 1000):
        texts = [f"a{c}a {c}1{c}\n{c}\n {c}'{c} '{c}l  {c}  \n\n{c}" for c in characters[start : start + 1000]]
        expected = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        assert quick.encode_batch(texts) == expected


def pair_of(tokenizer: Tokenizer) -> tuple[Tokenizer, QuickEncoder]:
    return tokenizer, QuickEncoder(tokenizer)


ENCODERS = {name: pair_of(make_tokenizer(cutting)) for name, cutting in CUTTING.items()}
COMPOSED = pair_of(make_tokenizer(CUTTING["qwen2"], normalizers.NFC()))
WITH_AWKWARD = pair_of(
    make_tokenizer(
        CUTTING["gpt2"],
        added=[
            AddedToken(GREEDY, lstrip=True, rstrip=True, normalized=False, special=True),
            AddedToken("cat", single_word=True, normalized=False),
            AddedToken("hat", normalized=True),
        ],
    )
)


@given(texts=st.lists(TEXTS, max_size=4))
@example(texts=["e\u0301 é", "\u212b", "a\u0300\u0316"])
def test_that_text_to_be_composed_has_the_ids_of_composed_text(texts: list[str]) -> None:
    tokenizer, quick = COMPOSED
    assert quick.encode_batch(texts) == ids_of(tokenizer, texts)


@given(texts=st.lists(st.lists(st.one_of(PIECES, st.sampled_from([GREEDY, "cat", "hat"])), max_size=8).map("".join)))
@example(texts=[f"a  {GREEDY}  b", "cat concat cat.", "that hat"])
def test_that_added_tokens_with_rules_of_their_own_are_left_to_the_tokenizer(texts: list[str]) -> None:
    tokenizer, quick = WITH_AWKWARD
    assert quick.encode_batch(texts) == ids_of(tokenizer, texts)


@pytest.mark.parametrize(
    "tokenizer",
    [
        make_tokenizer(pre_tokenizers.ByteLevel(add_prefix_space=True)),
        make_tokenizer(split_by(r"\s+?|\S+")),
        make_tokenizer(CUTTING["gpt2"], normalizers.Lowercase()),
        make_tokenizer(pre_tokenizers.Sequence([pre_tokenizers.Punctuation(), CUTTING["gpt2"]])),
    ],
)
@given(texts=st.lists(TEXTS, max_size=4))
def test_that_a_tokenizer_of_another_kind_encodes_by_itself(tokenizer: Tokenizer, texts: list[str]) -> None:
    assert QuickEncoder(tokenizer).encode_batch(texts) == ids_of(tokenizer, texts)


def test_that_ids_stay_right_when_the_table_of_words_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orpo_studio.models.quick_encoder._MOST_WORDS", 12)
    tokenizer = make_tokenizer(CUTTING["gpt2"])
    quick = QuickEncoder(tokenizer)
    for number in range(6):
        texts = [f"the cat {END} and word{number} too", "the hat"]
        assert quick.encode_batch(texts) == ids_of(tokenizer, texts)


def joined(quick: QuickEncoder, text: str) -> list[int] | None:
    """Return the ids of a text encoded in two parts, or None where it must be encoded whole."""
    seam = quick.last_seam(text)
    if seam is None:
        return None
    head, rest = quick.encode_batch([text[: seam.end], text[seam.start :]])
    if head[-1:] != [seam.token_id] or rest[:1] != [seam.token_id]:
        return None
    return head + rest[1:]


@given(text=st.lists(st.one_of(PIECES, st.sampled_from([GREEDY, "cat", "hat"])), max_size=8).map("".join))
@example(text=f"a  {GREEDY}  b")
@example(text=f"a {LONG}>b")
def test_that_a_text_in_two_parts_has_the_ids_of_the_whole(text: str) -> None:
    tokenizer, quick = WITH_AWKWARD
    ids = joined(quick, text)
    assert ids is None or ids == ids_of(tokenizer, [text])[0]


@pytest.mark.parametrize("scheme", ["first", "always", "never"])
@given(text=TEXTS)
@example(text=f"a {END} b")
def test_that_parts_of_sentencepiece_text_are_those_of_the_whole(scheme: str, text: str) -> None:
    tokenizer, quick = METASPACES[scheme]
    ids = joined(quick, text)
    assert ids is None or ids == ids_of(tokenizer, [text])[0]


def metaspace(scheme: str) -> Tokenizer:
    tokenizer = make_tokenizer(pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return tokenizer


METASPACES = {scheme: pair_of(metaspace(scheme)) for scheme in ("first", "always", "never")}


def test_that_a_text_is_cut_at_its_last_added_token() -> None:
    _, quick = ENCODERS["gpt2"]
    seam = quick.last_seam(f"a<|start|>b{LONG}c")
    assert seam is not None
    assert (seam.start, seam.end) == (11, 11 + len(LONG))
    assert quick.last_seam("nothing added") is None
    # `<|end|>` stands within `<|end|>>`: whether it is a token depends on what follows.
    assert quick.last_seam(f"a{END}b") is None
