"""What is to be made of which sources: everything that decides which pairs a run trains on."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from orpo_studio import paths
from orpo_studio.config import DEMO
from orpo_studio.data.mapping import Mapping
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.skipping import SkippedRows, parse_skipped

if TYPE_CHECKING:
    from orpo_studio.config.sections import DataSection

_AMOUNT = re.compile(r"(?P<source>.+)@(?P<number>\d+(?:\.\d+)?)(?P<percent>%?)")
_MOST_SHARE = 100.0
"""A source can be taken a hundred times, no more: 10,000 %."""


@dataclass(frozen=True, slots=True)
class Portion:
    """A source, and how much of it is taken.

    Attributes:
        source: a file, a folder, or a pattern.
        split: which of its splits; empty for the one meant for training.
        share: how often each pair is taken: 0.5 draws half of them, 2 takes each twice.
        most: how many pairs are taken at most, drawn by chance; None for no bound.
    """

    source: Path
    split: str = ""
    share: float = 1.0
    most: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a person typed: a path, and behind an @ a percentage or the most pairs, such as ``a.jsonl@50%``.

        Raises:
            DataProblem: the amount makes no sense.
        """
        whole = text.strip()
        found = _AMOUNT.fullmatch(whole)
        if found is None or paths.expand(whole).exists():  # an @ may stand in a file's name
            return cls(paths.expand(whole))
        source, number = paths.expand(found["source"].strip()), float(found["number"])
        if found["percent"] and 0 < number <= 100 * _MOST_SHARE:
            return cls(source, share=number / 100)
        if not found["percent"] and number.is_integer() and number > 0:
            return cls(source, most=int(number))
        raise DataProblem(
            "mix-amount",
            "How much of a further source is taken makes no sense.",
            detail=f"It says {found['number']}{found['percent']} for {source.name}.",
            hint="Write a share such as @50%, up to @10000%, or a whole number of pairs such as @2000.",
        )


@dataclass(frozen=True, slots=True)
class DataPlan:
    """Sources, how they are read, what is held out, and what is mended afterwards.

    Attributes:
        source: the first source.
        held_out: share (between 0 and 1) or number of pairs to hold out, or a source of held-out pairs.
        seed: of the split and of all draws; the same plan gives the same pairs.
        split: which of the first source's splits is trained on; empty for the one meant for training.
        held_out_split: which of its splits is held out, in place of ``held_out``; empty for none.
        mix: further sources to train on.
        mapping: columns, roles and rules by hand. The columns are those of the first source and of what is held out.
        skipped: rows that are left out.
        remedies: what is set aside or repaired afterwards, by name, in this order.
        max_length: longest sequence, in tokens, that remedies go by.
        tokenizer: folder of the model whose tokenizer counts lengths for them; None estimates lengths.
    """

    source: Path
    held_out: float | Path = 0.1
    seed: int = 42
    split: str = ""
    held_out_split: str = ""
    mix: tuple[Portion, ...] = ()
    mapping: Mapping = field(default_factory=Mapping)
    skipped: tuple[SkippedRows, ...] = ()
    remedies: tuple[str, ...] = ()
    max_length: int = 1024
    tokenizer: Path | None = None

    @property
    def portions(self) -> tuple[Portion, ...]:
        """All sources to train on."""
        return (Portion(self.source, split=self.split), *self.mix)

    @property
    def all_portions(self) -> tuple[Portion, ...]:
        """All sources: those to train on, and a separate one of held-out pairs last."""
        separate = self.separate
        return (*self.portions, separate) if separate is not None else self.portions

    @property
    def separate(self) -> Portion | None:
        """The source of held-out pairs, where they come from one of their own."""
        if self.held_out_split:
            return Portion(self.source, split=self.held_out_split)
        return Portion(self.held_out) if isinstance(self.held_out, Path) else None


def plan_of(data: "DataSection", max_length: int, model: str = "") -> DataPlan:
    """Return what a run's options mean; “demo” stands for the embedded pairs, which bring their own held-out ones.

    Args:
        data: the options.
        max_length: longest sequence, in tokens.
        model: path of the base model, whose tokenizer counts them; empty while none is chosen.

    Raises:
        DataProblem: an option makes no sense.
    """
    is_demo = data.source == DEMO
    held_out: float | Path = paths.demo_held_out() if is_demo else data.held_out
    if named := data.held_out_file.strip():
        held_out = paths.expand(named)
    return DataPlan(
        source=paths.demo_data() if is_demo else paths.expand(data.source),
        held_out=held_out,
        seed=data.split_seed,
        split=data.split.strip(),
        held_out_split=data.held_out_split.strip(),
        mix=tuple(Portion.parse(text) for text in data.mix),
        mapping=Mapping(data.columns, data.roles, data.ranking, data.preference, data.least_gap),
        skipped=parse_skipped(data.skip_rows),
        remedies=data.remedies,
        max_length=max_length,
        tokenizer=_tokenizer_of(model),
    )


def _tokenizer_of(model: str) -> Path | None:
    """Return the folder of a model that has a tokenizer."""
    if not model:
        return None
    folder = paths.demo_model() if model == DEMO else paths.expand(model)
    return folder if (folder / "tokenizer.json").is_file() else None
