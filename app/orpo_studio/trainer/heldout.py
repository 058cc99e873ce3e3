"""Measuring and sampling on held-out pairs at the moments of a run."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from orpo_studio.data.pair import Message, Pair
from orpo_studio.events import EvaluationMetrics, Problem, SampleAnswer
from orpo_studio.models.problem import ModelProblem
from orpo_studio.trainer.context import JobContext
from orpo_studio.trainer.generate import answer, in_words
from orpo_studio.trainer.load import Loaded
from orpo_studio.trainer.measure import PairMeasure, measure_pairs, summarize
from orpo_studio.trainer.tokens import Tokenized, TokenizedPair

Moment = Literal["before", "during", "after"]

_TITLES: dict[Moment, str] = {
    "before": "Measure the base model",
    "during": "Measure the model so far",
    "after": "Measure the trained model",
}


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The held-out pairs of a run with what is needed to measure them.

    Attributes:
        context: the job.
        loaded: the model, which changes as it is trained.
        pairs: the pairs as ids.
        texts: the same pairs as messages.
    """

    context: JobContext
    loaded: Loaded
    pairs: Sequence[TokenizedPair]
    texts: Sequence[Pair]

    def evaluate(self, moment: Moment, *, step: int, epoch: float, seconds: float) -> list[PairMeasure]:
        """Measure, say the figures, and answer the sample prompts. May raise `StopNow` in between."""
        measures = self.measure(moment)
        self.context.say(
            EvaluationMetrics(
                moment=moment,
                step=step,
                epoch=epoch,
                seconds=seconds,
                pairs=len(measures),
                values=summarize(measures, self.context.spec.recipe.lambda_),
            )
        )
        self.sample_held_out(step=step, source="base" if moment == "before" else "tuned")
        return measures

    def sample_held_out(self, *, step: int, source: Literal["base", "tuned"], answered: Collection[str] = ()) -> None:
        """Answer the prompts of the first pairs, but for those ``answered`` already. May raise `StopNow`."""
        prompts = [pair.prompt for pair in self.texts[: self.context.spec.evaluate.samples]]
        self.try_sample([prompt for prompt in prompts if in_words(prompt) not in answered], step=step, source=source)

    def measure(self, moment: Moment) -> list[PairMeasure]:
        """Measure the pairs with the model as it is. May raise `StopNow`."""
        advance = self.context.stage("measure", _TITLES[moment], total=len(self.pairs), unit="pairs")
        return measure_pairs(self.loaded, self.pairs, batch=self.context.spec.recipe.micro_batch, advance=advance)

    def sample(self, prompts: Sequence[Sequence[Message]], *, step: int, source: Literal["base", "tuned"]) -> list[str]:
        """Answer prompts and say the answers. May raise `StopNow`."""
        if not prompts:
            return []
        spec = self.context.spec
        advance = self.context.stage("sample", "Write sample answers", total=len(prompts), unit="answers")
        answers = answer(
            self.loaded,
            prompts,
            spec.evaluate,
            seed=spec.recipe.seed,
            advance=advance,
            at_token=self.context.check_stop,
        )
        for prompt, text in zip(prompts, answers, strict=True):
            self.context.say(SampleAnswer(step=step, source=source, prompt=in_words(prompt), answer=text))
        return answers

    def try_sample(self, prompts: Sequence[Sequence[Message]], *, step: int, source: Literal["base", "tuned"]) -> None:
        """Answer prompts as :meth:`sample` does; where that fails it is said, and the training goes on."""
        try:
            self.sample(prompts, step=step, source=source)
        # A prompt longer than the model's positions, memory that is short, a template that refuses: hours of training
        # are worth more than an answer.
        except (RuntimeError, MemoryError, IndexError, ValueError, ModelProblem) as error:
            self.context.say(
                Problem(
                    severity="warning",
                    code="no-sample",
                    title="A sample answer could not be written.",
                    detail=f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}",
                    hint="The training goes on. A shorter prompt, or a shorter longest answer, may help.",
                )
            )


def select_held_out(context: JobContext, loaded: Loaded, held_out: Tokenized, count: int) -> HeldOut:
    """Return up to ``count`` of the held-out pairs, spread evenly over them, the same ones each time."""
    total = len(held_out.pairs)
    places = range(total) if total <= count else [index * total // count for index in range(count)]
    return HeldOut(
        context, loaded, [held_out.pairs[place] for place in places], [held_out.texts[place] for place in places]
    )
