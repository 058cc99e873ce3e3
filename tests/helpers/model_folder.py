"""A model folder small enough to write in a test: headers are real, weights are zeros."""

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

CONFIG: dict[str, object] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 8,
    "hidden_size": 4,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "tie_word_embeddings": False,
}
TENSORS: dict[str, tuple[str, tuple[int, ...]]] = {
    "model.embed_tokens.weight": ("BF16", (8, 4)),
    "model.layers.0.mlp.up_proj.weight": ("BF16", (6, 4)),
    "model.norm.weight": ("F32", (4,)),
    "lm_head.weight": ("BF16", (8, 4)),
}
WIDTHS = {"BF16": 2, "F32": 4, "U8": 1, "I32": 4}
MakeModel = Callable[..., Path]
"""Writes a model folder and returns it."""

WORDS = ["<unk>", "<s>", "</s>", "hello", "world", "spare"]


def write_safetensors(path: Path, tensors: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (dtype, shape) in tensors.items():
        size = WIDTHS[dtype]
        for length in shape:
            size *= length
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    raw = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(end))


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def tokenizer_json(special: tuple[str, ...] = ("<unk>", "<s>", "</s>")) -> dict[str, object]:
    return {
        "version": "1.0",
        "added_tokens": [
            {
                "id": number,
                "content": word,
                "special": True,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            }
            for number, word in enumerate(special)
        ],
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {
            "type": "WordLevel",
            "vocab": {word: number for number, word in enumerate(WORDS)},
            "unk_token": "<unk>",
        },
    }


def write_model(folder: Path, tensors: Mapping[str, tuple[str, tuple[int, ...]]] = TENSORS, **config: object) -> Path:
    """Write a model folder; keywords change the parts of config.json."""
    folder.mkdir()
    write_json(folder / "config.json", CONFIG | config)
    write_json(folder / "tokenizer.json", tokenizer_json())
    names = {"bos_token": "<s>", "eos_token": {"__type": "AddedToken", "content": "</s>"}, "unk_token": "<unk>"}
    write_json(folder / "tokenizer_config.json", names)
    write_safetensors(folder / "model.safetensors", tensors)
    return folder
