"""The job "train": from a run's specification to its adapter, resuming where an earlier attempt left off."""

import contextlib
import pickle  # for the name of its error alone

from orpo_studio.config import RunSpec
from orpo_studio.config.plan import Plan, make_plan
from orpo_studio.data.pair import Message
from orpo_studio.data.prepared import PreparedData
from orpo_studio.events import (
    DataPrepared,
    ModelLoaded,
    Problem,
    Stage,
    TrainingStarted,
    read_events,
)
from orpo_studio.events.types import RunEnded
from orpo_studio.models.card import ModelCard
from orpo_studio.trainer import checkpoints
from orpo_studio.trainer.adapter import count_parameters, load_for_training
from orpo_studio.trainer.checkpoints import Checkpoint
from orpo_studio.trainer.context import JobContext, Outcome
from orpo_studio.trainer.decisions import Decisions
from orpo_studio.trainer.heldout import HeldOut, select_held_out
from orpo_studio.trainer.load import Loaded, read_card
from orpo_studio.trainer.non_finite import MOST_SKIPPED, NonFiniteError, broken_weights
from orpo_studio.trainer.non_finite_words import not_finite
from orpo_studio.trainer.orpo import Objective, StudioOrpoTrainer
from orpo_studio.trainer.pairs import prepare_pairs, tokenize_run
from orpo_studio.trainer.plan import trl_config
from orpo_studio.trainer.problems import StopNow, TrainerProblem, first_line, is_out_of_memory, let_go
from orpo_studio.trainer.recomputing import begins_recomputing, pair_lengths
from orpo_studio.trainer.reporter import Clock, Reporter
from orpo_studio.trainer.result import save_result
from orpo_studio.trainer.saving import NotSavedError, bytes_to_save, cannot_write
from orpo_studio.trainer.scoring.batch import PairDataset
from orpo_studio.trainer.scoring.ladder import choose_way
from orpo_studio.trainer.short_memory import not_enough_memory
from orpo_studio.trainer.token_cache import TokenizedSplit
from orpo_studio.trainer.tokens import Tokenized
from orpo_studio.trainer.waiting import save_or_say_why, save_or_wait


def train(context: JobContext) -> Outcome:
    """Train a run to its end, or until a stop is wanted.

    Raises:
        TrainerProblem: it cannot go on, in words.
        StopNow: a stop was wanted before the first step.
    """
    if _is_completed(context):
        context.say(_already_completed())
        return "completed"
    card = read_card(context.spec)
    data = prepare_pairs(context)
    context.check_stop()
    context.say(Stage(name="load_model", title="Load the model"))
    loaded = load_for_training(context.spec, card)
    context.say(_model_loaded(context, card, loaded))
    context.check_stop()
    training, held_out = _tokenize(context, data, loaded)
    return _Training(context, card, loaded, training, held_out).run()


def _is_completed(context: JobContext) -> bool:
    # The events, not the state: a new launch has already opened the state again.
    ends = [event.outcome for event in read_events(context.folder.events_file) if isinstance(event, RunEnded)]
    return "completed" in ends and context.folder.has_result()


def _already_completed() -> Problem:
    return Problem(
        severity="warning",
        code="already-completed",
        title="This run is complete; there is nothing left to train.",
        detail="Its adapter is in the run's folder.",
        hint="Evaluate or export it. To train again, duplicate the run's settings into a new run.",
    )


def _model_loaded(context: JobContext, card: ModelCard, loaded: Loaded) -> ModelLoaded:
    total, trainable = count_parameters(loaded.model)
    return ModelLoaded(
        architecture=card.architecture,
        parameters=total,
        trainable=trainable,
        device=str(loaded.device),
        dtype=loaded.precision,
        quantization=context.spec.recipe.quantization,
        notes=list(card.notes),
    )


def _tokenize(context: JobContext, data: PreparedData, loaded: Loaded) -> tuple[TokenizedSplit, HeldOut]:
    """Tokenize both splits, say the counts, and refuse data of which nothing is left."""
    train, test = tokenize_run(context, data, loaded)
    _require_pairs(train, test, context.spec.recipe.max_length)
    aside = train.set_aside + test.set_aside
    lengths = train.pairs.lengths
    context.say(
        DataPrepared(
            rows_in=data.summary.rows_in,
            train=len(train.pairs),
            held_out=len(test.pairs),
            set_aside={str(reason): count for reason, count in (*data.summary.set_aside.items(), *aside.items())},
            tokens=int(lengths.sum()),
            longest=int(lengths.max()),
            truncated=int(train.pairs.truncated.sum()),
        )
    )
    return train, select_held_out(context, loaded, test, context.spec.evaluate.pairs)


def _require_pairs(train: Tokenized, test: Tokenized, max_length: int) -> None:
    for split, name in ((train, "training"), (test, "held-out")):
        if not split.pairs:
            raise TrainerProblem(
                "no-room",
                f"No {name} pair is left to use.",
                detail=f"At {max_length} tokens: "
                + ", ".join(f"{reason} {count}" for reason, count in split.set_aside.items())
                + ".",
                hint="Raise the maximum length, or choose data with shorter prompts.",
            )


def _objective(spec: RunSpec) -> Objective:
    recipe = spec.recipe
    return Objective(answer_only=recipe.sft_tokens == "answer", mean_over=recipe.mean_over)


def _not_measured(step: int, error: BaseException) -> Problem:
    return Problem(
        severity="warning",
        code="not-measured",
        title=f"The measurement at step {step} was left out: the memory was not enough for it.",
        detail=first_line(error),
        hint="The training goes on and tries again at the next one. Closing other programs may help.",
    )


class _Training:
    """The part of the job in which a model is in memory and rows are ready."""

    def __init__(
        self, context: JobContext, card: ModelCard, loaded: Loaded, training: TokenizedSplit, held_out: HeldOut
    ) -> None:
        self._context, self._card, self._loaded, self._held_out = context, card, loaded, held_out
        self._plan: Plan = make_plan(context.spec, len(training.pairs))
        home = context.folder.checkpoints
        home.mkdir(exist_ok=True)
        checkpoints.remove_incomplete(home)
        found = checkpoints.complete_checkpoints(home)
        self._resume: Checkpoint | None = found[-1] if found else None
        self._clock = Clock(self._resume.seconds if self._resume else 0.0)
        self._reporter = Reporter(context, self._plan, self._clock, sample=self._sample)
        self._training = training
        lengths = pair_lengths(training.pairs.lengths, training.pairs.prompt_lengths)
        self._trainer = StudioOrpoTrainer(
            loaded=loaded,
            config=trl_config(
                context.spec,
                self._plan,
                loaded.precision,
                device=loaded.device.type,
                home=home,
                recomputes=begins_recomputing(context.spec, card, lengths, choose_way(loaded.model).way),
            ),
            may_recompute=context.spec.recipe.gradient_checkpointing == "auto",
            objective=_objective(context.spec),
            pairs=PairDataset(training.pairs),
            lengths=training.pairs.lengths.max(1).tolist() if context.spec.recipe.group_by_length else None,
            reporter=self._reporter,
            listener=Decisions(context, lambda: self._reporter.stopped),
            measure=self._measure_during,
            seconds=self._clock.seconds,
            keep=context.spec.train.keep_checkpoints,
        )
        self._reporter.follow(self._trainer)

    def run(self) -> Outcome:
        self._measure_before()
        plan, context = self._plan, self._context
        first = self._resume.step if self._resume else 0
        self._clock.start()
        context.say(
            TrainingStarted(
                first_step=first,
                total_steps=plan.total_steps,
                epochs=plan.epochs,
                effective_batch=context.spec.effective_batch,
                logging_steps=plan.logging_steps,
                evaluation_steps=plan.evaluation_steps,
                checkpoint_steps=plan.checkpoint_steps,
            )
        )
        if self._resume is not None and first >= plan.total_steps:
            self._trainer.load_weights(self._resume)  # ended between the last step and the saved result
        else:
            self._steps(first)
        if self._reporter.paused and not context.stop_wanted():  # the checkpoint is all that going on takes
            return "paused"
        context.say(Stage(name="save", title="Save the result"))
        if not self._save_result():
            return "paused"
        if self._reporter.stopped:  # what was learned so far can be asked and exported; the checkpoint goes on
            return "stopped"
        self._held_out.evaluate("after", step=plan.total_steps, epoch=plan.epochs, seconds=self._clock.seconds())
        return "completed"

    def _steps(self, first: int) -> None:
        total = self._plan.total_steps
        self._context.say(Stage(name="train", title="Train", done=first, total=total, unit="steps"))
        try:
            if self._resume is None:
                self._trainer.train()
            else:
                self._trainer.go_on(self._resume)
        except NonFiniteError as error:
            raise self._in_words(error, self._keep_last_good(error)) from error
        except NotSavedError as error:
            raise self._not_saved(error) from error
        except pickle.UnpicklingError as error:
            raise self._unsafe() from error
        except Exception as error:
            if is_out_of_memory(error):
                let_go(error)
                trainer = self._trainer
                again = "on" if trainer.recomputes else "off"
                tried = {"micro_batch": trainer.at_once, "gradient_checkpointing": again}
                recipe = self._context.spec.recipe.model_copy(update=tried)
                raise not_enough_memory(recipe, self._card, trainer.way, error) from error
            raise

    def _unsafe(self) -> TrainerProblem:
        """Say that a checkpoint asks for more than numbers to be loaded."""
        name = self._resume.path.name if self._resume else "The checkpoint"
        return TrainerProblem(
            "unsafe-file",
            "The checkpoint holds something other than numbers, so it was not opened.",
            detail=f"{name} in the run's folder has a file that would run code when it is loaded.",
            hint="It is damaged, or made by somebody who means harm. Delete it: the run goes on from the one before, "
            "or from its start.",
        )

    def _save_result(self) -> bool:
        """Save the result. Returns whether it was saved, and not left to a later start."""
        context, needed = self._context, bytes_to_save(self._loaded.model, self._loaded.tokenizer)

        def save() -> None:
            save_result(self._loaded, context.folder.adapter)

        if context.spec.train.checkpoint_failure == "go_on" and not self._reporter.stopped:
            return save_or_wait(context, needed, save, step=self._plan.total_steps)
        save_or_say_why(context, needed, save)
        return True

    def _not_saved(self, error: NotSavedError) -> TrainerProblem:
        """Say that training ended without its checkpoint; a small adapter may find room where a checkpoint does not."""
        try:
            save_result(self._loaded, self._context.folder.adapter)
        except Exception as failure:
            if not cannot_write(failure):
                raise
            kept = ""
        else:
            kept = " What was learned is kept as the run's result, which can be evaluated and exported."
        why = ", and its last" if self._reporter.stopped else " because a"
        return TrainerProblem(
            "checkpoint-not-saved",
            f"The training stopped{why} checkpoint could not be saved.",
            detail=f"{error.in_full}{kept}",
            hint=f"{error.remedy}, then resume the run.",
        )

    def _measure_before(self) -> None:
        """Measure the base and have it answer; an attempt that was killed may have said some of it."""
        said = self._context.state
        with self._loaded.base():
            if said.before is None:
                self._held_out.evaluate("before", step=0, epoch=0.0, seconds=0.0)
            else:
                answered = {answer.prompt for answer in said.samples if answer.source == "base"}
                self._held_out.sample_held_out(step=0, source="base", answered=answered)

    def _measure_during(self, step: int, epoch: float) -> None:
        try:
            self._held_out.evaluate("during", step=step, epoch=epoch, seconds=self._clock.seconds())
        except StopNow:  # the next step's end sees the request, saves and stops
            pass
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._context.say(_not_measured(step, error))
        self._context.say(Stage(name="train", title="Train", done=step, total=self._plan.total_steps, unit="steps"))

    def _sample(self, step: int, prompts: list[str]) -> None:
        asked = [[Message(role="user", content=prompt)] for prompt in prompts if prompt.strip()]
        if not asked:
            asked = [pair.prompt for pair in self._held_out.texts[: max(1, self._context.spec.evaluate.samples)]]
        with contextlib.suppress(StopNow):
            self._held_out.try_sample(asked, step=step, source="tuned")

    def _keep_last_good(self, error: NonFiniteError) -> str:
        """Keep the last state that is worth going on from. Returns which one that is, as a sentence."""
        if error.what != "weights":  # they are as they were before
            good = max(0, error.step - (MOST_SKIPPED if error.what == "float16" else 1))
            try:
                self._trainer.save_now()
            except NotSavedError as unsaved:  # what went wrong first is what the person must hear
                why = unsaved.in_full
                return f"The weights are as step {good} left them, but could not be saved. {why}"
            return f"The weights are as step {good} left them, and are saved as a checkpoint."
        found = checkpoints.complete_checkpoints(self._context.folder.checkpoints)
        return f"The checkpoint of step {found[-1].step} is kept." if found else "There is no checkpoint yet."

    def _in_words(self, error: NonFiniteError, kept: str) -> TrainerProblem:
        texts = self._training.texts
        pairs = [texts[place] for pair in error.pairs if (place := self._training.pairs.find(pair)) is not None]
        spoilt_here = error.what == "weights" and error.step > 0
        broken = broken_weights(
            (name, weight)
            for name, weight in self._loaded.model.named_parameters()
            if not (spoilt_here and weight.requires_grad)
        )
        return not_finite(error, self._context.spec, pairs, kept=kept, broken=broken)
