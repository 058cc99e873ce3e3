"""The help topic on the data doctor: each kind of finding and each remedy, from the words that the report uses."""

from collections.abc import Iterator

from orpo_studio.data.doctor.examination import KINDS
from orpo_studio.data.doctor.remedy_names import REMEDIES

_BEFORE = (
    "# The data doctor",
    (
        "ORPO pays where preferences are clean. On noisy ones SFT on the chosen answers followed by DPO does "
        "better. The doctor looks at all converted pairs before GPU hours are spent, and says what is right and "
        "what is wrong with them. Nothing leaves the machine."
    ),
    (
        "On the Data page, or in the terminal: `orpo-studio data doctor SOURCE`. `--apply NAME --out DIR` applies"
        " a remedy. A remedy makes a new version of the data; the source and the old version stay as they are, "
        "and every row set aside is listed with its reason."
    ),
    "## Cleanliness",
    (
        "The figure is 100 where no preference looks flipped and 0 where they might as well be drawn by lot: 100 "
        "· (1 − 2 · noise). For the noise, a small model learns from the form and the words of the answers which "
        "of two is chosen, and is asked about pairs that it has not seen. With clean preferences it is right "
        "nearly always where it is surest; with flipped ones it is wrong there as often as they are flipped."
    ),
    (
        "How far to trust it: the interval says. In 300 real pairs in English, of which 0, 5, 10, 20 and 40 % "
        "were swapped, the estimate was 10, 14, 18, 26 and 41 % on average. It follows, but a single estimate is "
        "off by some 5 points, and its interval, such as 0 to 23 % and 2 to 44 %, does not tell 20 % from none. "
        "Where a tenth of the words tells which answer is better, 300 pairs suffice for 0, 5, 11, 24 and 42 %, "
        "and 5 % is told from none. Where 2 % of the words tell, clean pairs read as 25 %, with an interval of 1 "
        "to 44 %: there the figure means nothing, as with good answers by similar models. Preferences that are "
        "flipped by a rule, such as always for one topic, look clean. Asking the base model about each pair is "
        "another ground; an untrained base model is often near chance."
    ),
    "## What is looked for",
)


def markdown() -> str:
    """Return the topic as Markdown, a paragraph a line."""
    return "\n\n".join([*_BEFORE, *_kinds(), "## Remedies", _ORDER, "\n".join(_remedies())]) + "\n"


_ORDER = (
    "Repairs come first, then pairs are set aside, in this order, each judging what those before it left. A pair that "
    "a repair leaves without an answer, or with two equal ones, is set aside as well. Preferences are never swapped "
    "by themselves."
)


def _kinds() -> Iterator[str]:
    for kind in KINDS:
        yield f"### {kind.looks_for}"
        remedy = f" Remedy: `{kind.remedy}`." if kind.remedy else ""
        yield f"`{kind.code}`. {kind.why} *What to do:* {kind.advice}{remedy}"


def _remedies() -> Iterator[str]:
    for name, words in REMEDIES.items():
        yield f"- `{name}`: {words.words}"
