"""A pair as the model will see it: text by the chat template, tokens by the tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from orpo_studio.data.pair import Pair
from orpo_studio.models.added_tokens import Seam
from orpo_studio.models.chat_template import ChatTemplate


@dataclass(frozen=True, slots=True)
class RenderedPair:
    """The text of a pair: ``prompt_text + chosen_text`` is the whole chosen conversation, likewise the rejected."""

    prompt_text: str
    chosen_text: str
    rejected_text: str


def render_pair(pair: Pair, template: ChatTemplate) -> RenderedPair:
    """Return a pair's text, split as TRL splits it (``trl.data_utils.apply_chat_template``, 1.16).

    The prompt ends with what the template puts before the assistant's words. Where a template writes the prompt
    otherwise once an answer follows, the prompt is what all three texts begin with.

    Raises:
        TemplateProblem: the template refuses the pair's turns.
    """
    prompt = template.render(pair.prompt, add_generation_prompt=True)
    chosen = template.render([*pair.prompt, *pair.chosen])
    rejected = template.render([*pair.prompt, *pair.rejected])
    length = len(_common_start(_common_start(prompt, chosen), rejected))
    return RenderedPair(prompt[:length], chosen[length:], rejected[length:])


def _common_start(first: str, second: str) -> str:
    if second.startswith(first):
        return first
    low, high = 0, min(len(first), len(second))
    while low < high:  # halving: texts may have megabytes
        middle = (low + high + 1) // 2
        if second.startswith(first[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return first[:low]


class Encoder(Protocol):
    """What encodes texts without adding special tokens, such as `TokenCounter`."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text's tokens."""


class PartEncoder(Encoder, Protocol):
    """An encoder that knows where a text can be encoded in two parts, such as `QuickEncoder`."""

    def last_seam(self, text: str) -> Seam | None:
        """Return the last such place, or None."""


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """A pair's token ids, before any cut.

    The prompt's ids come twice, since its last token may merge with an answer's beginning; nearly always the two
    are the same.
    """

    chosen_prompt: list[int]
    chosen: list[int]
    rejected_prompt: list[int]
    rejected: list[int]


def encode_pairs(
    rendered: Sequence[RenderedPair], encoder: Encoder, *, bos_id: int | None, eos_id: int
) -> list[EncodedPair]:
    """Return the ids that TRL's ``ORPOTrainer.tokenize_row`` (1.16) gives, all texts encoded in one call.

    The begin token is put first and the end token last where the template has not done so.
    """
    ids = encoder.encode_batch([text for pair in rendered for text in _three_texts(pair)])
    return [_encoded(ids[place : place + 3], bos_id, eos_id) for place in range(0, len(ids), 3)]


def encode_pairs_in_parts(
    rendered: Sequence[RenderedPair], encoder: PartEncoder, *, bos_id: int | None, eos_id: int
) -> list[EncodedPair]:
    """Return the same as `encode_pairs`, with the beginning of a prompt encoded once, not with each answer again."""
    seams = [encoder.last_seam(pair.prompt_text) for pair in rendered]
    texts: list[str] = []
    for pair, seam in zip(rendered, seams, strict=True):
        if seam is None:
            texts += _three_texts(pair)
        else:
            rest = pair.prompt_text[seam.start :]
            texts += (pair.prompt_text[: seam.end], rest, rest + pair.chosen_text, rest + pair.rejected_text)
    ids = iter(encoder.encode_batch(texts))
    encoded = []
    for pair, seam in zip(rendered, seams, strict=True):
        if seam is None:
            encoded.append(_encoded(list(islice(ids, 3)), bos_id, eos_id))
            continue
        head, *rests = islice(ids, 4)
        if head[-1:] == [seam.token_id] and all(rest[:1] == [seam.token_id] for rest in rests):
            del head[-1]
            encoded.append(_encoded([head + rest for rest in rests], bos_id, eos_id))
        else:  # what looked like an added token is none here
            encoded += encode_pairs([pair], encoder, bos_id=bos_id, eos_id=eos_id)
    return encoded


def _three_texts(pair: RenderedPair) -> tuple[str, str, str]:
    return pair.prompt_text, pair.prompt_text + pair.chosen_text, pair.prompt_text + pair.rejected_text


def _encoded(three: Sequence[list[int]], bos_id: int | None, eos_id: int) -> EncodedPair:
    prompt, chosen, rejected = three
    return EncodedPair(
        *_with_ends(*_split_answer(prompt, chosen), bos_id, eos_id),
        *_with_ends(*_split_answer(prompt, rejected), bos_id, eos_id),
    )


def _split_answer(prompt: list[int], full: list[int]) -> tuple[list[int], list[int]]:
    length = len(prompt)
    if full[:length] != prompt:
        length -= 1  # the prompt's last token merged with the answer's beginning
    return full[:length], full[length:]


def _with_ends(prompt: list[int], answer: list[int], bos_id: int | None, eos_id: int) -> tuple[list[int], list[int]]:
    if bos_id is not None and (not prompt or prompt[0] != bos_id):
        prompt = [bos_id, *prompt]
    if not answer or answer[-1] != eos_id:
        answer = [*answer, eos_id]
    return prompt, answer


@dataclass(frozen=True, slots=True)
class PairTokens:
    """How many tokens a pair's parts have, begin and end tokens included."""

    prompt: int
    chosen: int
    rejected: int

    def fits(self, max_length: int) -> bool:
        """Tell whether both answers fit whole into a maximum length."""
        return self.prompt + max(self.chosen, self.rejected) <= max_length


def count_tokens(rendered: RenderedPair, encoder: Encoder, *, bos_id: int | None, eos_id: int) -> PairTokens:
    """Return how many tokens the parts of a rendered pair have."""
    (pair,) = encode_pairs([rendered], encoder, bos_id=bos_id, eos_id=eos_id)
    return PairTokens(max(len(pair.chosen_prompt), len(pair.rejected_prompt)), len(pair.chosen), len(pair.rejected))


def room_for_answer(prompt_tokens: int, max_length: int) -> int:
    """Return how many tokens of an answer are left by a prompt; a row without room must not be trained on.

    Stock TRL cuts such an answer to nothing, divides by its length, and every weight becomes NaN.
    """
    return max(0, max_length - prompt_tokens)
