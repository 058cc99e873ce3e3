"""Which prompts are held out of the training."""

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from orpo_studio.data.pair import Message
from orpo_studio.data.problem import DataProblem


def prompt_key(prompt: Sequence[Message], seed: int) -> int:
    """Return a number of 64 bits that stands for a prompt.

    The same prompt always gives the same number, and the numbers of different prompts are in an order that looks
    drawn by chance and differs with the seed. Blanks around a turn do not matter.
    """
    digest = blake2b(digest_size=8, key=str(seed).encode()[:64])
    for message in prompt:
        digest.update(f"{message['role']}\x1f{message['content'].strip()}\x1e".encode())
    return int.from_bytes(digest.digest())


def held_out_count(held_out: float, kept: int) -> int:
    """Return how many rows to hold out: of a share between 0 and 1, or of a count.

    Raises:
        DataProblem: the size makes no sense or leaves nothing to train on.
    """
    if isinstance(held_out, float) and 0 < held_out < 1:
        return min(max(1, round(held_out * kept)), kept - 1)
    if not (held_out >= 0 and (isinstance(held_out, int) or held_out == 0)):
        raise DataProblem(
            "held-out-size",
            "The size of the held-out part makes no sense.",
            detail=f"It is {held_out}.",
            hint="Give a share between 0 and 1, such as 0.1, or a whole number of rows.",
        )
    if held_out >= kept:
        raise DataProblem(
            "held-out-size",
            "The held-out part would leave nothing to train on.",
            detail=f"{held_out:,.0f} rows are to be held out of {kept:,}.",
            hint="Hold out fewer rows.",
        )
    return int(held_out)


def choose_held_out(keys: Iterable[int], wanted: int) -> frozenset[int]:
    """Return the keys of the prompts to hold out.

    All rows of a prompt go to the same side. The rows held out are as many as wanted wherever the sizes of the
    groups allow it, never more unless a single group is; with one prompt alone nothing can be held out.

    Args:
        keys: the key of each row's prompt.
        wanted: how many rows to hold out, fewer than there are.
    """
    sizes = Counter(keys)
    if wanted <= 0 or len(sizes) < 2:
        return frozenset()
    chosen = []
    left = wanted
    for key in sorted(sizes):
        if sizes[key] <= left:
            chosen.append(key)
            left -= sizes[key]
            if not left:
                break
    return frozenset(chosen or [min(sizes, key=lambda key: (sizes[key], key))])
