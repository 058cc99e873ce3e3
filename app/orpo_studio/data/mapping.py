"""What the person says about a source's columns and roles, in place of or beside what is recognized."""

from dataclasses import dataclass
from typing import Literal

Ranking = Literal["best_worst", "adjacent", "all"]
Preference = Literal["better", "safer"]


@dataclass(frozen=True, slots=True)
class Mapping:
    """How to read the rows of a source, as far as the person says.

    Attributes:
        columns: which column plays which part, such as ``prompt=frage, chosen=gut, rejected=schlecht``; empty where
            the layout is to be recognized.
        roles: who the names of the speakers are, such as ``user=Fragender, assistant=Bot``.
        ranking: which pairs a list of ranked answers makes: the best with the worst, each with the next, or all.
        preference: which of two preferences counts where the data has both (PKU-SafeRLHF).
        least_gap: pairs whose scores are closer than this are set aside; 0 keeps all.
    """

    columns: str = ""
    roles: str = ""
    ranking: Ranking = "best_worst"
    preference: Preference = "better"
    least_gap: float = 0.0
