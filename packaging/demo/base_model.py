"""Trains the demo's tokenizer and base model from nothing, on the conversations of the little world."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from conversations import SEED, Message, conversations, split_questions
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

BOS, END, PAD = "<|begin|>", "<|end|>", "<|pad|>"
SYSTEM, USER, ASSISTANT = "<|system|>", "<|user|>", "<|assistant|>"
VOCABULARY = 1024
CONTEXT = 256

# The line feed stands before each role and not after <|end|>: so an answer's text ends with exactly one
# end token, which is also the tokenizer's eos, and nothing needs to be, or is, appended to it.
CHAT_TEMPLATE = """\
{{- bos_token }}
{%- for message in messages %}
    {%- if message['role'] not in ['system', 'user', 'assistant'] %}
        {{- raise_exception('Roles are system, user and assistant, not ' + message['role'] + '.') }}
    {%- endif %}
    {%- if not loop.first %}{{ '\\n' }}{% endif %}
    {{- '<|' + message['role'] + '|>\\n' + message['content'] | trim + eos_token }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '\\n<|assistant|>\\n' }}{% endif %}
"""


@dataclass(frozen=True)
class Schedule:
    """How the base model is trained.

    Attributes:
        chats: Conversations written; each is read once.
        tokens: Tokens of one step, padding included.
        learning_rate: Peak, after `warmup` steps; it then falls to a twentieth along a cosine.
    """

    chats: int = 48_000
    tokens: int = 3_072
    learning_rate: float = 3e-3
    warmup: int = 60


def train_tokenizer(chats: list[list[Message]]) -> PreTrainedTokenizerFast:
    """Byte-level BPE over the world's text; any other text still has tokens, only more of them."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, BOS, END, SYSTEM, USER, ASSISTANT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((message["content"] for chat in chats for message in chat), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        model_max_length=CONTEXT,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A small Llama with random weights: 4 layers of 192, six heads on two key-value heads."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=192,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def _batches(rows: list[list[int]], budget: int, rng: Random) -> list[list[list[int]]]:
    """Rows of like length together, at most `budget` tokens a batch with its padding, in random order."""
    order = sorted(rows, key=lambda row: (len(row), rng.random()))
    batches: list[list[list[int]]] = [[]]
    for row in order:
        if batches[-1] and len(row) * (len(batches[-1]) + 1) > budget:
            batches.append([])
        batches[-1].append(row)
    rng.shuffle(batches)
    return batches


def _rate(step: int, steps: int, schedule: Schedule) -> float:
    if step < schedule.warmup:
        return schedule.learning_rate * (step + 1) / schedule.warmup
    done = (step - schedule.warmup) / max(1, steps - schedule.warmup)
    return schedule.learning_rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))


def train_model(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, chats: list[list[Message]], schedule: Schedule
) -> None:
    """Next-token training on whole conversations, in float32, one pass."""
    texts = [tokenizer.apply_chat_template(chat, tokenize=False) for chat in chats]
    rows = tokenizer(texts, add_special_tokens=False)["input_ids"]
    rows = [row for row in rows if len(row) <= CONTEXT]
    batches = _batches(rows, schedule.tokens, Random(SEED + 4))
    print(f"{len(rows)} conversations, {sum(map(len, rows))} tokens, {len(batches)} steps", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=0.05)
    model.train()
    began = time.monotonic()
    for step, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, len(batches), schedule)
        width = max(map(len, batch))
        pad = model.config.pad_token_id
        ids = torch.tensor([row + [pad] * (width - len(row)) for row in batch])
        # Padding stands at the end, so a causal model needs no mask; only the loss leaves it out.
        logits = model(input_ids=ids).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1), ignore_index=pad
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 100 == 0 or step == len(batches) - 1:
            print(f"step {step:5d}  loss {loss.item():.4f}  {time.monotonic() - began:6.1f} s", flush=True)


def build_model(folder: Path, schedule: Schedule) -> None:
    """Trains tokenizer and model and writes them as an ordinary model folder."""
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # it costs an eighth of the time
    chats = list(conversations(split_questions().reading, schedule.chats, SEED + 3))
    tokenizer = train_tokenizer(chats)
    model = new_model(tokenizer)
    print(f"{model.num_parameters()} parameters, {len(tokenizer)} tokens in the vocabulary", flush=True)
    train_model(model, tokenizer, chats, schedule)
    model.generation_config = GenerationConfig(
        do_sample=False,
        max_new_tokens=96,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
