"""Who won a comparison of two answers, in whatever way that is written."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Protocol

from orpo_studio.data.layouts.cells import number
from orpo_studio.data.layouts.sample import Row, Sample, at, normalized
from orpo_studio.data.problem import Reason, RowProblem

Counting = Literal["from 0", "from 1", "1 or 0", "signed"]
"""How numbers name the winner: 0 and 1, 1 and 2, 1 for the first and 0 for the second, or below and above zero."""

_FIRST = {"a", "first", "left"}
_SECOND = {"b", "second", "right"}
_TIES = {"tie", "draw", "equal", "both", "neither", "none", "same", "bothbad", "tied", "c"}
_LONGEST_WORD = 200
_TIE_WORDS = 4
"""In a longer text such a word may stand for anything."""
_NOUNS = {
    "", "answer", "assistant", "candidate", "choice", "completion", "conversation", "message", "model", "option",
    "output", "reply", "response", "sample", "summary", "system", "text",
}  # fmt: skip
_CLEARLY = re.compile(r"\W*a\s*(>+|=+|<+)\s*b\W*|\W*b\s*(>+|=+|<+)\s*a\W*")
_SIGNED_COLUMNS = {"overall_preference", "preference_strength"}


class Verdict(Protocol):
    """How a row says who won."""

    def side(self, row: Row) -> int:
        """Return 0 where the first answer won, 1 where the second did.

        Raises:
            RowProblem: neither did, or that is not said.
        """

    def words(self) -> str:
        """Return how it is said who won."""


@dataclass(frozen=True, slots=True)
class Winner:
    """One column names the winner.

    Attributes:
        column: the column.
        answers: the columns of the two answers.
        counting: how numbers name the winner.
        models: the columns that name what wrote the two answers; a model's name may stand for its answer.
        numbers: whether numbers were seen in the column.
    """

    column: str
    answers: tuple[str, str]
    counting: Counting
    models: tuple[str, str] | None = None
    numbers: bool = True

    def side(self, row: Row) -> int:
        """Return 0 where the first answer won, 1 where the second did.

        Raises:
            RowProblem: neither did, or that is not said.
        """
        value = at(row, self.column)
        if value is None or (isinstance(value, str) and not value.strip()):
            raise RowProblem(Reason.NO_PREFERENCE, f"{self.column} is empty, so neither answer is preferred.")
        counted = number(value) if not isinstance(value, list | dict) else None
        found = self._counted(counted) if counted is not None else self._named(value, row)
        if found is None:
            raise RowProblem(
                Reason.NO_PREFERENCE,
                f"{self.column} is {str(value)[:40]!r}, which does not say which answer is better.",
            )
        if found < 0:
            raise RowProblem(Reason.TIE, f"{self.column} is {str(value)[:40]!r}: neither answer is preferred.")
        return found

    def _counted(self, counted: float) -> int | None:
        if self.counting == "signed":
            return -1 if counted == 0 else int(counted > 0)
        sides = {"from 0": {0: 0, 1: 1, 2: -1}, "from 1": {1: 0, 2: 1, 0: -1}, "1 or 0": {1: 0, 0: 1}}
        return sides[self.counting].get(int(counted)) if counted == int(counted) else None

    def _named(self, value: object, row: Row) -> int | None:
        if not isinstance(value, str):
            return None
        for columns in (self.models, self.answers):
            cells = [at(row, column) for column in columns or ()]
            if cells.count(value) == 1:
                return cells.index(value)
        return _spoken(value, self.answers) if len(value) <= _LONGEST_WORD else None

    def words(self) -> str:
        """Return how it is said who won."""
        counted = {
            "from 0": "0 for the first, 1 for the second",
            "from 1": "1 for the first, 2 for the second",
            "1 or 0": "1 for the first, 0 for the second",
            "signed": "below zero for the first, above for the second",
        }
        return f"{self.column} says which is better" + (f": {counted[self.counting]}" if self.numbers else "")


def _spoken(value: str, answers: tuple[str, str]) -> int | None:
    """Return 0 or 1 for the answer that a word names, -1 for a tie, None where it names nothing."""
    said = value.strip().lower()
    if clear := _CLEARLY.fullmatch(said):
        sign = (clear[1] or clear[2])[0]
        return -1 if sign == "=" else int((sign == ">") == bool(clear[2]))
    word = re.sub(r"[^a-z0-9]+", "_", said).strip("_")
    columns = [normalized(answer) for answer in answers]
    if word in columns:
        return columns.index(word)
    if _TIES & set(word.split("_")) and word.count("_") < _TIE_WORDS:
        return -1
    noun, _, last = word.rpartition("_")
    if set(noun.split("_")) <= _NOUNS:
        if last in _FIRST or last in _SECOND:
            return int(last in _SECOND)
        return _by_ending(last, columns)
    return None


def _by_ending(last: str, columns: list[str]) -> int | None:
    """Return the answer whose column ends with what a word ends with, such as ``response_1``."""
    fits = [
        place
        for place, column in enumerate(columns)
        if last and re.search(rf"(?<![0-9a-z]){re.escape(last)}\Z", column)
    ]
    return fits[0] if len(fits) == 1 else None


@dataclass(frozen=True, slots=True)
class OneHot:
    """A column for each way a comparison can end, with 1 in one of them (LMSYS on Kaggle)."""

    first: str
    second: str
    tie: str | None

    def side(self, row: Row) -> int:
        """Return 0 where the first answer won, 1 where the second did.

        Raises:
            RowProblem: neither did, or that is not said.
        """
        won = [number(_as_number(at(row, column))) == 1 for column in (self.first, self.second)]
        if won.count(True) == 1:
            return won.index(True)
        if self.tie and number(_as_number(at(row, self.tie))) == 1:
            raise RowProblem(Reason.TIE, f"{self.tie} is 1: neither answer is preferred.")
        raise RowProblem(Reason.NO_PREFERENCE, f"Neither {self.first} nor {self.second} alone is 1.")

    def words(self) -> str:
        """Return how it is said who won."""
        return f"{self.first} and {self.second} say which is better, with a 1"


def _as_number(value: object) -> object:
    return int(value) if isinstance(value, bool) else value


@dataclass(frozen=True, slots=True)
class ByScore:
    """The answer with the higher score wins."""

    first: str
    second: str

    def side(self, row: Row) -> int:
        """Return 0 where the first answer won, 1 where the second did.

        Raises:
            RowProblem: neither did, or that is not said.
        """
        one, other = number(at(row, self.first)), number(at(row, self.second))
        if one is None or other is None:
            raise RowProblem(Reason.NO_PREFERENCE, f"{self.first if one is None else self.second} is no number.")
        if one == other:
            raise RowProblem(Reason.TIE, f"Both scores are {one:.4g}: neither answer is preferred.")
        return int(other > one)

    def words(self) -> str:
        """Return how it is said who won."""
        return f"the one with the higher score ({self.first}, {self.second}) is better"


def winner_in(sample: Sample, column: str, answers: tuple[str, str]) -> Winner:
    """Return how a column names the winner, by what stands in it."""
    models = next(
        (
            (first, second)
            for one, two in (("model_a", "model_b"), ("model_0", "model_1"), ("model_1", "model_2"))
            if (first := sample.find(one)) and (second := sample.find(two))
        ),
        None,
    )
    numbers = {found for cell in sample.cells(column) if (found := number(cell)) is not None}
    return Winner(column, answers, _counting(column, numbers, answers), models, numbers=bool(numbers))


def _counting(column: str, numbers: Collection[float], answers: tuple[str, str]) -> Counting:
    if normalized(column) in _SIGNED_COLUMNS or any(found < 0 for found in numbers):
        return "signed"
    counted = answers[0].endswith("1") and answers[1].endswith("2")
    if (2 in numbers and (counted or 0 not in numbers)) or (counted and 0 not in numbers):
        return "from 1"
    return "from 0"
