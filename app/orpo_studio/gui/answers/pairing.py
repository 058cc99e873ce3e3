"""Which answers belong together, from the stream of samples; no widget."""

from collections.abc import Iterable
from dataclasses import dataclass

from orpo_studio.events import SampleAnswer


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """A prompt with the base model's answer and the newest of the tuned model; None where there is none yet.

    Attributes:
        prompt: what both were asked.
        base: the base model's answer.
        tuned: the tuned model's newest answer.
        step: optimizer steps the tuned model had made when it answered.
    """

    prompt: str
    base: str | None
    tuned: str | None
    step: int


def paired_answers(samples: Iterable[SampleAnswer]) -> list[AnswerPair]:
    """Return one pair per prompt, the prompt asked last first."""
    pairs: dict[str, AnswerPair] = {}
    for sample in samples:
        known = pairs.pop(sample.prompt, AnswerPair(sample.prompt, None, None, 0))
        if sample.source == "base":
            known = AnswerPair(known.prompt, sample.answer, known.tuned, known.step)
        else:
            known = AnswerPair(known.prompt, known.base, sample.answer, sample.step)
        pairs[sample.prompt] = known
    return list(reversed(pairs.values()))
