"""What each remedy is called and what it does, in words."""

from dataclasses import dataclass

from orpo_studio.data.doctor.report import Remedy


@dataclass(frozen=True, slots=True)
class RemedyWords:
    """What a remedy says of itself.

    Attributes:
        one: what it acts on, after "1", such as "duplicate".
        many: the same after another number, such as "duplicates".
        words: what it does, exactly.
        because: why it sets a pair aside, as a sentence; empty for a repair, which changes texts and keeps the pairs.
    """

    one: str
    many: str
    words: str
    because: str = ""

    @property
    def repairs(self) -> bool:
        """Tell whether it changes texts; otherwise it sets pairs aside."""
        return not self.because

    def title(self, count: int | None = None) -> str:
        """Return what a button says; without a count, of all that are concerned."""
        number = "" if count is None else f"{count:,} "
        return f"{'Repair' if self.repairs else 'Set aside'} {number}{self.one if count == 1 else self.many}"


REMEDIES = {
    "repair-encoding": RemedyWords(
        "pair with a damaged encoding",
        "pairs with a damaged encoding",
        "Texts in which a damaged encoding shows are repaired by ftfy; all others stay as they are.",
    ),
    "remove-control-characters": RemedyWords(
        "pair with control characters",
        "pairs with control characters",
        "Control characters, byte order marks and marks of writing direction are removed; tabs and line feeds stay.",
    ),
    "strip-template-tokens": RemedyWords(
        "pair with leaked template tokens",
        "pairs with leaked template tokens",
        "Tokens and headings of chat templates are cut off at the beginning and the end of a turn; in its midst they "
        "stay.",
    ),
    "strip-repeated-prompt": RemedyWords(
        "pair whose answer repeats its prompt",
        "pairs whose answers repeat their prompt",
        "Where an answer begins with the whole of what was asked last, that beginning is cut off; elsewhere it stays.",
    ),
    "mask-personal-data": RemedyWords(
        "pair with personal data",
        "pairs with personal data",
        "E-mail addresses, telephone, account and card numbers are replaced by [e-mail], [phone], [account] and "
        "[card].",
    ),
    "mask-secrets": RemedyWords(
        "pair with a key", "pairs with keys", "What looks like a secret key is replaced by [key]."
    ),
    "drop-same-answers": RemedyWords(
        "pair of the same answer",
        "pairs of the same answer",
        "Pairs are set aside whose two answers are the same but for blanks and capital letters.",
        "Chosen and rejected are the same but for blanks and capital letters.",
    ),
    "drop-empty-answers": RemedyWords(
        "pair with an empty answer",
        "pairs with an empty answer",
        "Pairs are set aside in which an answer has neither letter nor digit.",
        "An answer has neither letter nor digit.",
    ),
    "drop-role-errors": RemedyWords(
        "pair with turns in a wrong order",
        "pairs with turns in a wrong order",
        "Pairs are set aside in which one side speaks twice in a row, a system turn comes late, the prompt does not "
        "end with the user's turn or an answer does not begin and end with the assistant's.",
        "The turns are in a wrong order.",
    ),
    "drop-chosen-refusals": RemedyWords(
        "pair whose chosen answer is a refusal",
        "pairs whose chosen answer is a refusal",
        "Pairs are set aside whose chosen answer begins with a refusal, justified ones included.",
        "The chosen answer is a refusal.",
    ),
    "drop-script-mismatch": RemedyWords(
        "pair with answers in different scripts",
        "pairs with answers in different scripts",
        "Pairs are set aside whose two answers are written mostly in different scripts.",
        "The two answers are in different scripts.",
    ),
    "drop-known-toxic-sources": RemedyWords(
        "pair from a known toxic source",
        "pairs from known toxic sources",
        "Pairs are set aside whose origin is a data set made of harmful requests.",
        "It comes from a data set made of harmful requests.",
    ),
    "drop-exact-duplicates": RemedyWords(
        "duplicate",
        "duplicates",
        "Of pairs with the same prompt, chosen and rejected answer the first is kept; the others are set aside. "
        "Where they stand on both sides of the split, the held-out one is kept.",
        "It repeats an earlier pair.",
    ),
    "drop-near-duplicates": RemedyWords(
        "near duplicate",
        "near duplicates",
        "Of pairs whose prompts and answers have about 80 % or more of their words in common the first is kept; the "
        "others are set aside.",
        "It is nearly the same as an earlier pair.",
    ),
    "drop-contradictory-pairs": RemedyWords(
        "pair that contradicts another",
        "pairs that contradict each other",
        "Where one pair prefers A to B and another with the same prompt B to A, both are set aside: which one is right "
        "cannot be told.",
        "Another pair with the same prompt prefers the other answer.",
    ),
    "drop-held-out-overlap": RemedyWords(
        "pair for training whose prompt is also held out",
        "pairs for training whose prompt is also held out",
        "Pairs for training are set aside whose prompt is also held out, or nearly.",
        "Its prompt is also held out, or nearly.",
    ),
    "drop-no-room": RemedyWords(
        "pair whose prompt leaves no room",
        "pairs whose prompt leaves no room",
        "Pairs are set aside whose prompt alone fills the maximum length. Without a tokenizer, lengths are estimated "
        "at four bytes a token.",
        "Its prompt alone fills the maximum length.",
    ),
    "drop-truncated-answers": RemedyWords(
        "pair that would be cut",
        "pairs that would be cut",
        "Pairs are set aside that do not fit whole into the maximum length. Without a tokenizer, lengths are estimated "
        "at four bytes a token.",
        "It does not fit whole into the maximum length.",
    ),
}
"""All remedies by name, in the order in which they are applied: repairs first, so that what they leave is judged."""


BY_LENGTH = frozenset({"drop-no-room", "drop-truncated-answers"})
"""Those that depend on the maximum length and on the tokenizer that counts."""


def offer(name: str | None, count: int) -> Remedy | None:
    """Return a remedy as it is offered for so many pairs, or None where there is nothing to offer."""
    if name is None or not count:
        return None
    return Remedy(name, REMEDIES[name].title(count), REMEDIES[name].words)
