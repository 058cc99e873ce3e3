"""Rows as stock TRL makes them."""

from types import SimpleNamespace
from typing import Any

from trl.data_utils import maybe_apply_chat_template
from trl.experimental.orpo import ORPOTrainer

from orpo_studio.data.pair import Pair


def trl_row(tokenizer: Any, pair: Pair, max_length: int) -> dict[str, list[int]]:
    """Return what ``ORPOTrainer`` makes of a pair."""
    stock = SimpleNamespace(processing_class=tokenizer, max_length=max_length, is_encoder_decoder=False)
    stock.build_tokenized_answer = lambda *texts: ORPOTrainer.build_tokenized_answer(stock, *texts)
    row = {"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.rejected}
    ids: dict[str, list[int]] = ORPOTrainer.tokenize_row(stock, maybe_apply_chat_template(row, tokenizer))
    return ids
