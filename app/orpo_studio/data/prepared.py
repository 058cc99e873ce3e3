"""Converted preference data on the disk: open it, count it, page through it.

A folder holds ``pairs.parquet`` (to keep and to train on), ``pairs.arrow`` (the same rows, memory-mapped to look
at), ``set_aside.jsonl`` and ``summary.json``. Training rows come first, then the held-out ones, each in the order
of the source.
"""

import json
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from orpo_studio.data.pages import PairPages, not_prepared
from orpo_studio.data.pair import SetAside
from orpo_studio.data.problem import Reason

if TYPE_CHECKING:
    from orpo_studio.data.digest import State

VERSION = 3
"""Version of the canonical form; a folder of another one is made again."""

PAIRS = "pairs.parquet"
PAIRS_TO_VIEW = "pairs.arrow"
SET_ASIDE = "set_aside.jsonl"
SUMMARY = "summary.json"


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """What became of one source.

    Attributes:
        path: where it lay.
        name: what it is called where a row of it is named.
        split: which of its splits was named; empty for none.
        layout: name of the layout recognized.
        evidence: what it was recognized by.
        rows_in: rows read.
        pairs: pairs taken, those taken again included.
        bytes: its size.
        digest: its content, as ``blake2b:…``.
    """

    path: str
    name: str
    split: str
    layout: str
    evidence: str
    rows_in: int
    pairs: int
    bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of the sources; ``rows_in = rows_used + sum(set_aside)``, ``kept = train + held_out``, always.

    Attributes:
        rows_in: rows read, those of a separate held-out source included.
        rows_used: rows that stand in a pair. A ranked list makes several pairs of one row, two single answers one.
        kept: pairs.
        set_aside: rows that stand in none, by reason.
        train: pairs to train on.
        held_out: pairs held out.
        layout: name of the layout recognized.
        evidence: what it was recognized by.
        source: the file that was read.
        source_bytes: its size.
        source_digest: its content, as ``blake2b:…``.
        held_out_source: the separate held-out file, if there was one.
        held_out_digest: its content.
        held_out_setting: the share or count asked for, or None with a separate file.
        seed: seed of the split.
        sources: each source: the first, further ones, and a separate one of held-out pairs last.
        remedies: names of the remedies applied, in their order.
        version: of the canonical form.
    """

    rows_in: int
    rows_used: int
    kept: int
    set_aside: dict[Reason, int]
    train: int
    held_out: int
    layout: str
    evidence: str
    source: str
    source_bytes: int
    source_digest: str
    held_out_source: str | None
    held_out_digest: str | None
    held_out_setting: float | None
    seed: int
    sources: tuple[SourceSummary, ...] = ()
    remedies: tuple[str, ...] = ()
    version: int = VERSION

    def to_json(self) -> str:
        """Return the summary as JSON."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a summary; raises ValueError, KeyError or TypeError where the text is none."""
        fields: dict[str, Any] = json.loads(text)
        fields["set_aside"] = {Reason(reason): int(count) for reason, count in fields["set_aside"].items()}
        fields["sources"] = tuple(SourceSummary(**source) for source in fields["sources"])
        fields["remedies"] = tuple(fields["remedies"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class PreparedData:
    """A folder of converted preference data.

    Attributes:
        folder: where it lies.
        summary: what became of the sources.
        states: how the files of each source were when they were read for this; empty where that is not known.
    """

    folder: Path
    summary: Summary
    states: "tuple[State, ...]" = ()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a folder that a conversion wrote.

        Raises:
            DataProblem: the folder is incomplete, damaged, or of another version.
        """
        try:
            summary = Summary.from_json((folder / SUMMARY).read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise not_prepared(folder, str(error)) from error
        missing = [name for name in (PAIRS, PAIRS_TO_VIEW, SET_ASIDE) if not (folder / name).is_file()]
        if missing:
            raise not_prepared(folder, f"{', '.join(missing)} is missing.")
        if summary.version != VERSION:
            raise not_prepared(folder, f"It is of version {summary.version}; this program reads {VERSION}.")
        return cls(folder, summary)

    @property
    def pairs_file(self) -> Path:
        """The canonical Parquet file: prompt, chosen, rejected, source_row, origin, file, split."""
        return self.folder / PAIRS

    @property
    def set_aside_file(self) -> Path:
        """The rows set aside, one JSON object a line."""
        return self.folder / SET_ASIDE

    def pages(self) -> PairPages:
        """Open the pairs for reading at any place."""
        return PairPages(self.folder / PAIRS_TO_VIEW, train=self.summary.train)

    def set_aside(self, start: int = 0, count: int | None = None) -> list[SetAside]:
        """Return rows set aside, in the order in which they were met."""
        with self.set_aside_file.open(encoding="utf-8") as file:
            lines = islice(file, start, None if count is None else start + count)
            return [_set_aside(json.loads(line)) for line in lines]


def _set_aside(fields: dict[str, Any]) -> SetAside:
    return SetAside(**{**fields, "reason": Reason(fields["reason"])})
