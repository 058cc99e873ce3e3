"""Answers to prompts by the model as it is."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteria

from orpo_studio.config.sections import EvaluateSection
from orpo_studio.data.pair import Message
from orpo_studio.trainer.load import Loaded
from orpo_studio.trainer.quiet import quiet


def answer(
    loaded: Loaded,
    prompts: Sequence[Sequence[Message]],
    settings: EvaluateSection,
    *,
    seed: int,
    advance: Callable[[int], None] = lambda _done: None,
    at_token: Callable[[], None] = lambda: None,
) -> list[str]:
    """Return the model's answer to each prompt, special tokens removed.

    Before each answer ``advance`` is called, after each token ``at_token``; both may raise to leave off. The random
    numbers of training are left as they were, so an answer in the middle of a run changes nothing.
    """
    devices = [loaded.device] if loaded.device.type == "cuda" else []
    answers = []
    with quiet(loaded.model), torch.random.fork_rng(devices=devices), loaded.autocast():
        for done, prompt in enumerate(prompts):
            advance(done)
            torch.manual_seed(seed)
            answers.append(_answer(loaded, prompt, settings, at_token))
    advance(len(prompts))
    return answers


def _answer(loaded: Loaded, prompt: Sequence[Message], settings: EvaluateSection, at_token: Callable[[], None]) -> str:
    ids = torch.tensor([prompt_ids(loaded, prompt)], device=loaded.device)
    made = loaded.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        generation_config=_configuration(loaded, settings),
        stopping_criteria=[_AtToken(at_token)],
    )
    return str(loaded.tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True)).strip()


class _AtToken(StoppingCriteria):
    """Calls a function after each token, and never stops."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def __call__(self, input_ids: torch.Tensor, _scores: Any, **_options: Any) -> torch.Tensor:
        self._call()
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


def prompt_ids(loaded: Loaded, prompt: Sequence[Message]) -> list[int]:
    """Return the ids up to where the answer begins, as in training."""
    text = loaded.template.render(prompt, add_generation_prompt=True)
    ids: list[int] = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
    begin = loaded.tokenizer.bos_token_id
    return [begin, *ids] if begin is not None and ids[:1] != [begin] else ids


def _configuration(loaded: Loaded, settings: EvaluateSection) -> GenerationConfig:
    sampling: dict[str, Any] = {"do_sample": False}
    if settings.temperature > 0:
        sampling = {"do_sample": True, "temperature": settings.temperature}
    return GenerationConfig(
        max_new_tokens=settings.max_new_tokens,
        eos_token_id=_end_ids(loaded),
        pad_token_id=loaded.tokenizer.pad_token_id,
        use_cache=True,
        **sampling,
    )


def _end_ids(loaded: Loaded) -> list[int]:
    """Return the tokens that end an answer: the tokenizer's and those that the model's own configuration names."""
    named = loaded.model.generation_config.eos_token_id
    ends = named if isinstance(named, list) else [named]
    return sorted({end for end in (*ends, loaded.tokenizer.eos_token_id) if end is not None})


def in_words(prompt: Sequence[Message]) -> str:
    """Return a prompt as a person reads it: the question alone, or each turn with its role."""
    if len(prompt) == 1:
        return prompt[0]["content"]
    return "\n\n".join(f"{message['role'].capitalize()}: {message['content']}" for message in prompt)
