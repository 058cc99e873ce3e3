"""What the parts of a row are read from: its prompt, its scores, and two answers to compare."""

import math
from dataclasses import dataclass

from orpo_studio.data.layouts.layout import and_
from orpo_studio.data.layouts.sample import Row, Sample, at, unfolded
from orpo_studio.data.messages import looks_like_message
from orpo_studio.data.problem import Reason, RowProblem
from orpo_studio.data.transcripts import Transcript


def require(row: Row, *paths: str) -> None:
    """Check that something stands in some columns.

    Raises:
        RowProblem: nothing does.
    """
    for path in paths:
        if at(row, path) is None:
            raise RowProblem(Reason.MISSING_FIELD, f"{path} is missing.")


@dataclass(frozen=True, slots=True)
class Asked:
    """Where what was asked stands.

    Attributes:
        prompt: the column of the prompt; None where the answers hold it.
        extra: a column that follows the prompt where it is not empty.
        system: the column of the system prompt.
        history: a column with the turns before the prompt.
        speakers: the speakers, where the prompt is a transcript.
    """

    prompt: str | None
    extra: str | None = None
    system: str | None = None
    history: str | None = None
    speakers: Transcript | None = None

    def of(self, row: Row) -> object:
        """Return what was asked, as text or messages.

        Raises:
            RowProblem: the prompt cannot be put together.
        """
        if self.prompt is None:
            return None
        prompt = self._prompt(row, self.prompt)
        turns = earlier_turns(at(row, self.history), self.history) if self.history else []
        if not turns or prompt is None:
            return prompt
        if isinstance(prompt, str):
            return [*turns, {"role": "user", "content": prompt}]
        return [*turns, *prompt] if isinstance(prompt, list) else [*turns, prompt]

    def _prompt(self, row: Row, column: str) -> object:
        prompt = at(row, column)
        if isinstance(prompt, str) and self.speakers is not None and self.speakers.begins(prompt):
            return self.speakers.asked(prompt, column)
        extra = at(row, self.extra) if self.extra else None
        if extra is None or not isinstance(prompt, str):
            return prompt
        if not isinstance(extra, str):
            raise RowProblem(Reason.NOT_TEXT, f"{self.extra} is not text.")
        return f"{prompt}\n\n{extra}" if extra.strip() else prompt

    def answer(self, answer: object) -> object:
        """Return an answer without what belongs to the transcript that the prompt is."""
        return self.speakers.answer(answer) if self.speakers is not None and isinstance(answer, str) else answer

    def system_of(self, row: Row) -> object:
        """Return the system prompt, or None."""
        return at(row, self.system) if self.system else None

    def words(self) -> str:
        """Return what is said of the prompt, beginning with its column."""
        words = f"{self.prompt} is the prompt" + (" as a transcript" if self.speakers else "")
        words += f", with {self.extra} after it where that is not empty" if self.extra else ""
        return words + (f", with the turns in {self.history} before it" if self.history else "")

    def system_words(self) -> str:
        """Return the sentence on the system prompt, with a blank before it; nothing where there is none."""
        return f" {self.system} holds the system prompt." if self.system else ""

    def parts(self) -> dict[str, str]:
        """Return the column of each part."""
        found = {"prompt": self.prompt, "input": self.extra, "system": self.system, "history": self.history}
        return {part: column for part, column in found.items() if column}


_ASKING = ("input", "human", "user", "query", "prompt", "instruction", "question")
_ANSWERING = ("output", "assistant", "gpt", "response", "completion", "answer", "bot")


def earlier_turns(value: object, column: str) -> list[object]:
    """Return the turns of a history: of messages as they are, of pairs of a question and its answer as messages.

    Raises:
        RowProblem: it is something else.
    """
    history = unfolded(value)
    if history is None or history == "":
        return []
    turns: list[object] = []
    for entry in history if isinstance(history, list) else [history]:
        if looks_like_message(entry):
            turns.append(entry)
            continue
        both = question_and_answer(entry)
        if both is None:
            raise RowProblem(Reason.NOT_TEXT, f"{column} holds something that is neither a turn nor two of them.")
        turns += {"role": "user", "content": both[0]}, {"role": "assistant", "content": both[1]}
    return turns


def question_and_answer(entry: object) -> tuple[object, object] | None:
    """Return a question and its answer, written as a list of two or as an object; None where it is neither."""
    if isinstance(entry, list):
        return (entry[0], entry[1]) if len(entry) == 2 else None
    if not isinstance(entry, dict):
        return None
    asked = next((name for name in _ASKING if name in entry), None)
    answered = next((name for name in _ANSWERING if name in entry), None)
    return (entry[asked], entry[answered]) if asked and answered else None


def number(value: object) -> float | None:
    """Return a score as a number; ratings by aspect count as their mean. None where it is none."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, dict):
        if "Rating" in value:
            return number(value["Rating"])
        return _mean(list(value.values()))
    if isinstance(value, list):
        return _mean(value)
    try:
        found = float(value)  # type: ignore[arg-type]  # whatever a cell holds: what is no number raises
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _mean(values: list[object]) -> float | None:
    try:
        numbers = [found for value in values if (found := number(value)) is not None]
    except RecursionError:
        return None
    return math.fsum(numbers) / len(numbers) if numbers else None


def check_gap(gap: float, least_gap: float) -> None:
    """Check that the scores of two answers are far enough apart.

    Raises:
        RowProblem: they are not.
    """
    if gap < least_gap:
        raise RowProblem(
            Reason.TOO_CLOSE, f"The scores are {gap:.4g} apart; the smallest gap is set to {least_gap:.4g}."
        )


def gap_words(least_gap: float, *, scored: bool) -> str:
    """Return the sentence on a smallest gap that cannot be told, with a blank before it; nothing where it can."""
    return "" if scored or least_gap <= 0 else " No scores were found, so the smallest gap has no effect."


@dataclass(frozen=True, slots=True)
class Scores:
    """The columns of the two answers' scores."""

    chosen: str
    rejected: str

    def check(self, row: Row, least_gap: float) -> None:
        """Check the gap where one is asked for.

        Raises:
            RowProblem: the scores are too close, or one of them is missing.
        """
        if least_gap <= 0:
            return
        better, worse = number(at(row, self.chosen)), number(at(row, self.rejected))
        if better is None or worse is None:
            raise RowProblem(Reason.MISSING_FIELD, "A score is missing, so the gap cannot be told.")
        check_gap(better - worse, least_gap)

    def words(self) -> str:
        """Return the sentence on the scores, with a blank before it."""
        return f" {and_([self.chosen, self.rejected])} are their scores."

    def parts(self) -> dict[str, str]:
        """Return the column of each part."""
        return {"chosen_score": self.chosen, "rejected_score": self.rejected}


def scores_of(sample: Sample) -> Scores | None:
    """Return the columns that hold the scores of the chosen and the rejected answer."""
    for kind in ("score", "rating", "reward", "avg_rating"):
        for chosen, rejected in (
            (f"chosen_{kind}", f"rejected_{kind}"),
            (f"{kind}_chosen", f"{kind}_rejected"),
            (f"{kind}_accepted", f"{kind}_rejected"),
        ):
            better, worse = sample.find(chosen), sample.find(rejected)
            if better and worse and any(number(cell) is not None for cell in sample.cells(better)):
                return Scores(better, worse)
    return None
