"""Which token pads."""

import pytest

from orpo_studio.models.special_tokens import choose_pad_token


@pytest.mark.parametrize(
    ("declared", "added", "unk", "chosen"),
    [
        ("<pad>", ["<|reserved_special_token_0|>"], "<unk>", "<pad>"),
        ("</s>", ["<pad>"], "<unk>", "</s>"),
        (
            None,
            ["</s>", "<|reserved_special_token_0|>", "<|finetune_right_pad_id|>"],
            None,
            "<|finetune_right_pad_id|>",
        ),
        (None, ["</s>", "<|reserved_special_token_0|>"], "<unk>", "<|reserved_special_token_0|>"),
        (None, ["<s>", "</s>"], "<unk>", "<unk>"),
        (None, ["<s>", "</s>"], "</s>", "</s>"),
        (None, [], None, "</s>"),
    ],
)
def test_that_the_end_token_pads_only_as_a_last_resort(
    declared: str | None, added: list[str], unk: str | None, chosen: str
) -> None:
    choice = choose_pad_token(declared=declared, added_tokens=added, unk_token=unk, eos_token="</s>")
    assert choice.token == chosen
    assert chosen in choice.reason
    assert choice.declared is (declared is not None)
