"""The tokens with a meaning of their own: begin, end, padding, unknown."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orpo_studio.models.files import read_object, read_object_if_there
from orpo_studio.models.problem import ModelProblem

NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_PADDING_WORDS = ("<|finetune_right_pad_id|>", "<pad>", "<|pad|>", "[PAD]", "<|padding|>", "<PAD>", "<|vision_pad|>")
_SPARE_WORDS = ("reserved_special_token", "<unused", "<|extra_", "[unused", "fim_pad")
_HEAD = 1 << 20
"""How much of tokenizer.json is searched for the added tokens before the whole of it is read, in bytes."""


@dataclass(frozen=True, slots=True)
class PadChoice:
    """The padding token to train with, and why that one.

    ``declared`` tells that the tokenizer names it itself, so that nothing needs to be set.
    """

    token: str
    reason: str
    declared: bool


def choose_pad_token(
    *, declared: str | None, added_tokens: Sequence[str], unk_token: str | None, eos_token: str
) -> PadChoice:
    """Choose the token that fills up shorter rows of a batch.

    Padding is masked out of the loss, so any token serves; yet a trainer that masks padding by its id and pads
    with the end token also masks the end, and the model never learns to stop. Hence the end token comes last.

    Args:
        declared: the tokenizer's own padding token, if it names one.
        added_tokens: the tokenizer's added tokens, all of which must have a row in the model's embedding.
        unk_token: the token for unknown text, if there is one.
        eos_token: the token that ends an answer.
    """
    if declared:
        return PadChoice(declared, f"The tokenizer names {declared} for padding.", declared=True)
    for word in _PADDING_WORDS:
        if word in added_tokens:
            return PadChoice(
                word, f"The tokenizer names no padding token, but has {word}, made for it.", declared=False
            )
    for token in added_tokens:
        if token != eos_token and any(word in token for word in _SPARE_WORDS):
            return PadChoice(
                token, f"The tokenizer names no padding token; {token} is a spare token without a use.", declared=False
            )
    if unk_token and unk_token != eos_token:
        return PadChoice(
            unk_token,
            f"The tokenizer names no padding token and has no spare one; {unk_token} never stands in an answer.",
            declared=False,
        )
    return PadChoice(
        eos_token,
        f"The tokenizer has no token to spare, so {eos_token} pads as well as ends. Padding is left out of the loss "
        "by position, so the end is still learned.",
        declared=False,
    )


def read_special_tokens(folder: Path) -> dict[str, str]:
    """Return the tokens that the tokenizer's configuration names, such as ``{"eos_token": "</s>"}``.

    Where it names no begin or end, the id in config.json or generation_config.json is looked up.

    Raises:
        ModelProblem: a file is broken.
    """
    mapping = read_object_if_there(folder / "special_tokens_map.json")
    config = read_object_if_there(folder / "tokenizer_config.json")
    tokens: dict[str, str] = {}
    for name in NAMES:
        token = _token_text(config.get(name)) or _token_text(mapping.get(name))
        if token:
            tokens[name] = token
    if "eos_token" not in tokens:
        token_by_id = _token_of_id(folder, "eos_token_id")
        if token_by_id:
            tokens["eos_token"] = token_by_id
    return tokens


def _token_text(value: object) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("content")
    return value if isinstance(value, str) and value else None


def _token_of_id(folder: Path, key: str) -> str | None:
    for name in ("generation_config.json", "config.json"):
        value = read_object_if_there(folder / name).get(key)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, int) and not isinstance(value, bool):
            return read_added_tokens(folder).get(value)
    return None


def read_added_tokens(folder: Path) -> dict[int, str]:
    """Return the tokens added beside the trained vocabulary, by id.

    tokenizer.json is tens of megabytes, and these stand near its start: only that much is parsed where possible.

    Raises:
        ModelProblem: tokenizer.json is broken.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        return _decoder_tokens(read_object_if_there(folder / "tokenizer_config.json"))
    with path.open("rb") as file:
        head = file.read(_HEAD).decode("utf-8", errors="replace")
    mark = head.find('"added_tokens"')
    start = head.find("[", mark) if mark >= 0 else -1
    entries: object = None
    if start >= 0:
        try:
            entries, _ = json.JSONDecoder().raw_decode(head, start)
        except ValueError:
            entries = None
    if entries is None:
        entries = read_object(path).get("added_tokens")
    if not isinstance(entries, list):
        return {}
    return {
        entry["id"]: entry["content"]
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("id"), int) and isinstance(entry.get("content"), str)
    }


def _decoder_tokens(config: Mapping[str, object]) -> dict[int, str]:
    decoder = config.get("added_tokens_decoder")
    if not isinstance(decoder, dict):
        return {}
    tokens = {int(key): _token_text(value) for key, value in decoder.items() if str(key).isdecimal()}
    return {key: token for key, token in tokens.items() if token}


def require_end_token(tokens: Mapping[str, str], folder: Path) -> str:
    """Return the token that ends an answer.

    Raises:
        ModelProblem: none is named.
    """
    token = tokens.get("eos_token")
    if token is None:
        raise ModelProblem(
            "no-end-token",
            "The tokenizer names no end token, so the model could never learn where an answer stops.",
            detail=f"Neither tokenizer_config.json nor special_tokens_map.json in {folder} has an eos_token.",
            hint='Add "eos_token" to tokenizer_config.json, as the model\'s makers name it.',
        )
    return token
