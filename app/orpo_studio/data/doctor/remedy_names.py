"""What each remedy is called and what it does, in words."""

from dataclasses import dataclass

from orpo_studio.data.doctor.report import Remedy


@dataclass(frozen=True, slots=True)
class RemedyWords:
    """What a remedy says of itself.

    Attributes:
        what: what it acts on, after a number, such as "duplicates".
        words: what it does, exactly.
        edits: it changes texts and keeps the pairs; otherwise it sets pairs aside.
    """

    what: str
    words: str
    edits: bool = False

    def title(self, count: int | None = None) -> str:
        """Return what a button says; without a count, of all that are concerned."""
        number = "" if count is None else f"{count:,} "
        return f"{'Repair' if self.edits else 'Set aside'} {number}{self.what}"


REMEDY_WORDS = {
    "repair-encoding": RemedyWords(
        "texts with a damaged encoding",
        "Texts in which a damaged encoding shows are repaired by ftfy; all others stay as they are.",
        edits=True,
    ),
    "remove-control-characters": RemedyWords(
        "texts with control characters",
        "Control characters, byte order marks and marks of writing direction are removed; tabs and line feeds stay.",
        edits=True,
    ),
    "strip-template-tokens": RemedyWords(
        "texts with leaked template tokens",
        "Tokens and headings of chat templates are cut off at the beginning and the end of a turn; in its midst they "
        "stay.",
        edits=True,
    ),
    "strip-repeated-prompt": RemedyWords(
        "answers that begin with their prompt",
        "Where an answer begins with the whole of what was asked last, that beginning is cut off.",
        edits=True,
    ),
    "mask-personal-data": RemedyWords(
        "texts with personal data",
        "E-mail addresses, telephone, account and card numbers are replaced by [e-mail], [phone], [account] and "
        "[card].",
        edits=True,
    ),
    "mask-secrets": RemedyWords("texts with keys", "What looks like a secret key is replaced by [key].", edits=True),
    "drop-same-answers": RemedyWords(
        "pairs of the same answer",
        "Pairs are set aside whose two answers are the same but for blanks and capital letters.",
    ),
    "drop-empty-answers": RemedyWords(
        "pairs with an empty answer", "Pairs are set aside in which an answer has neither letter nor digit."
    ),
    "drop-role-errors": RemedyWords(
        "pairs with turns in a wrong order",
        "Pairs are set aside in which one side speaks twice in a row, a system turn comes late, the prompt does not "
        "end with the user's turn or an answer does not begin and end with the assistant's.",
    ),
    "drop-chosen-refusals": RemedyWords(
        "pairs whose chosen answer is a refusal",
        "Pairs are set aside whose chosen answer begins with a refusal, justified ones included.",
    ),
    "drop-known-toxic-sources": RemedyWords(
        "pairs from known toxic sources", "Pairs are set aside whose origin is a data set made of harmful requests."
    ),
    "drop-exact-duplicates": RemedyWords(
        "duplicates",
        "Of pairs with the same prompt, chosen and rejected answer the first is kept; the others are set aside. "
        "Where one stands on each side of the split, the one for training is set aside.",
    ),
    "drop-near-duplicates": RemedyWords(
        "near duplicates",
        "Of pairs whose prompts and answers have about 80 % or more of their words in common the first is kept; the "
        "others are set aside.",
    ),
    "drop-contradictory-pairs": RemedyWords(
        "pairs that contradict each other",
        "Where one pair prefers A to B and another with the same prompt B to A, both are set aside: which one is right "
        "cannot be told.",
    ),
    "drop-held-out-overlap": RemedyWords(
        "pairs for training whose prompt is also held out",
        "Pairs for training are set aside whose prompt is also held out, or nearly.",
    ),
    "drop-script-mismatch": RemedyWords(
        "pairs whose answers are in different scripts",
        "Pairs are set aside whose two answers are written mostly in different scripts.",
    ),
    "drop-no-room": RemedyWords(
        "pairs whose prompt leaves no room",
        "Pairs are set aside whose prompt alone fills the maximum length.",
    ),
    "drop-truncated-answers": RemedyWords(
        "pairs that would be cut", "Pairs are set aside that do not fit whole into the maximum length."
    ),
}
"""All remedies by name, in the order in which they are applied: repairs first, so that what they leave is judged."""


def offer(name: str | None, count: int) -> Remedy | None:
    """Return a remedy as it is offered for so many pairs, or None where there is nothing to offer."""
    if name is None or not count:
        return None
    words = REMEDY_WORDS[name]
    return Remedy(name, words.title(count), words.words)
