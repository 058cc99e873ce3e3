"""A tiny random Llama with a tokenizer of its own, and preference pairs in its words."""

import json
import random
from pathlib import Path
from typing import Any

CHATML = (
    "{% for message in messages %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ENDED = CHATML.replace("'<|im_end|>' + '\n'", "'<|im_end|>'")
"""The same template without the line break behind the end token: TRL puts no second end token there."""
_TEXT = (
    "the a red blue green cat dog bird fish house tree river stone cloud sees finds likes leaves asks tells where when "
    "why how is was here there now then yes no thank you very gladly certainly of course what and or not one two three"
)
WORDS = _TEXT.split()


def write_tokenizer(folder: Path, *, chat_template: str | None = CHATML, pad: bool = True) -> None:
    """Write a byte-level BPE tokenizer trained on a few made-up sentences."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(WORDS)] * 4, trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        **({"pad_token": "<|endoftext|>"} if pad else {}),
    )
    if chat_template:
        wrapped.chat_template = chat_template
    wrapped.save_pretrained(folder)


def write_tiny_model(
    folder: Path,
    *,
    seed: int = 0,
    hidden: int = 32,
    chat_template: str | None = CHATML,
    pad: bool = True,
    **config: Any,
) -> Path:
    """Write a random two-layer Llama as an ordinary model folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    settings = {
        "vocab_size": 400,
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "tie_word_embeddings": False,
        "initializer_range": 0.1,
    }
    model = LlamaForCausalLM(LlamaConfig(**{**settings, **config}))
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    write_tokenizer(folder, chat_template=chat_template, pad=pad)
    return folder


def make_rows(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Return made-up pairs: the chosen answer is courteous, the rejected one curt."""
    draw = random.Random(seed)

    def words(low: int, high: int) -> str:
        return " ".join(draw.choice(WORDS) for _ in range(draw.randint(low, high)))

    return [
        {
            "prompt": f"{words(3, 9)} {number}?",
            "chosen": f"thank you, certainly: {words(4, 12)}.",
            "rejected": f"no {words(1, 6)}",
        }
        for number in range(count)
    ]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
