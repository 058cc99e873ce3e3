"""The job "probe": two real steps on the longest pairs, to know memory and pace before a run, and nothing kept."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from orpo_studio import paths
from orpo_studio.config.plan import make_plan
from orpo_studio.data.conversion import prepare_plan
from orpo_studio.data.plan import plan_of
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.problem import ConversionCancelled
from orpo_studio.events import ProbeFinished, Stage
from orpo_studio.models.card import ModelCard
from orpo_studio.runs import Job
from orpo_studio.trainer.adapter import load_for_training
from orpo_studio.trainer.context import JobContext
from orpo_studio.trainer.decisions import Decisions
from orpo_studio.trainer.leaving import leaving_at_once
from orpo_studio.trainer.load import Loaded, choose_device, read_card
from orpo_studio.trainer.non_finite import NonFiniteError
from orpo_studio.trainer.orpo import Objective, StudioOrpoTrainer
from orpo_studio.trainer.plan import trl_config
from orpo_studio.trainer.probe_memory import PeakMemory
from orpo_studio.trainer.probe_rows import ProbeRows, choose_probe_rows
from orpo_studio.trainer.problems import StopNow, TrainerProblem
from orpo_studio.trainer.recomputing import begins_recomputing, pair_lengths
from orpo_studio.trainer.scoring.batch import PairDataset
from orpo_studio.trainer.scoring.first_batch import Proof
from orpo_studio.trainer.scoring.kernels import KernelChoice
from orpo_studio.trainer.scoring.ladder import Choice, choose_way

STEPS = 2
"""The first makes the optimizer's states, so that the second is as heavy as all that follow."""
_MOST_STEPS = 6
_STEADY_SECONDS = 3.0
"""Steps that together take less are followed by others, up to ``_MOST_STEPS``: their pace is not steady yet."""
_STAGE = ("probe", "Try two steps on the longest pairs")


def probe(context: JobContext) -> None:
    """Make two steps as a run with these settings would, and say what they took.

    Raises:
        TrainerProblem, ModelProblem, DataProblem: a run with these settings would not work either, in words.
        StopNow: a stop was wanted.
    """
    with leaving_at_once(context, Job.PROBE):
        card = read_card(context.spec)
        data = _prepare(context)
        context.say(Stage(name="load_model", title="Load the model"))
        memory = PeakMemory(choose_device())
        loaded = load_for_training(context.spec, card)
        advance = context.stage("tokenize", "Look for the longest pairs", unit="pairs")
        rows = choose_probe_rows(context.spec, data, loaded, choose_way(loaded.model).way, advance)
        context.say(_steps(context, data, loaded, rows, memory, card=card))


def _prepare(context: JobContext) -> PreparedData:
    """Return the pairs from the cache that windows and terminals look at data by, so that they are there already."""
    advance = context.stage("prepare_data", "Prepare the data", total=100, unit="%")
    try:
        return prepare_plan(
            plan_of(context.spec.data, context.spec.recipe.max_length, context.spec.model.path),
            paths.cache_folder() / "data",
            progress=lambda share: advance(int(100 * share)),
            cancel=context.stop_wanted,
        )
    except ConversionCancelled:
        raise StopNow from None


def _steps(
    context: JobContext, data: PreparedData, loaded: Loaded, rows: ProbeRows, memory: PeakMemory, *, card: ModelCard
) -> ProbeFinished:
    spec, name, title = context.spec, *_STAGE
    plan = replace(make_plan(spec, data.summary.train), total_steps=_MOST_STEPS)
    lengths = pair_lengths(
        np.array([(len(pair.chosen), len(pair.rejected)) for pair in rows.heaviest]),
        np.array([(pair.chosen_prompt, pair.rejected_prompt) for pair in rows.heaviest]),
    )
    config = trl_config(
        spec,
        plan,
        loaded.precision,
        device=loaded.device.type,
        home=context.folder.checkpoints,
        recomputes=begins_recomputing(spec, card, lengths, choose_way(loaded.model).way),
    )
    config.train_sampling_strategy = "sequential"
    memory.start()
    watch = _StepWatch(context)
    trainer = StudioOrpoTrainer(
        loaded=loaded,
        config=config,
        objective=Objective(answer_only=spec.recipe.sft_tokens == "answer", mean_over=spec.recipe.mean_over),
        pairs=PairDataset(rows.heaviest),
        may_recompute=spec.recipe.gradient_checkpointing == "auto",
        reporter=watch,
        listener=_Listening(context, watch),
        measure=lambda _step, _epoch: None,
        seconds=lambda: 0.0,
        keep=1,
    )
    context.say(Stage(name=name, title=title, total=STEPS, unit="steps"))
    try:
        trainer.train()
    except NonFiniteError as error:
        raise TrainerProblem(
            "non-finite",
            f"Step {error.step} gives numbers that are not finite: its {error.what}.",
            detail=f"Source rows of the step: {', '.join(str(pair.source_row) for pair in error.pairs[:20])}.",
            hint="Look at these rows, or choose precision float32. A run would stop there as well.",
        ) from error
    peak, libraries = memory.read()
    return ProbeFinished(
        device=str(loaded.device),
        way=trainer.way.value,
        pairs_at_once=min(trainer.at_once, len(rows.heaviest)),
        peak_bytes=peak,
        library_bytes=libraries,
        seconds=watch.seconds,
        tokens=[sum(len(pair.chosen) + len(pair.rejected) for pair in rows.heaviest)] * len(watch.seconds),
        pairs=len(rows.heaviest),
        longest=max(pair.longest for pair in rows.heaviest),
        training_pairs=data.summary.train,
        pair_tokens=rows.pair_tokens,
    )


class _StepWatch(TrainerCallback):
    """Takes the time of each step, and has nothing logged, measured or saved."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._begun = 0.0
        self.seconds: list[float] = []

    def begin(self) -> None:
        """Take the time from now on."""
        _wait_for_device()
        self._begun = time.monotonic()

    def on_step_begin(self, *_arguments: Any, **_options: Any) -> None:
        """Start the step's time."""
        self.begin()

    def on_substep_end(self, *_arguments: Any, **_options: Any) -> None:
        """Leave off between two micro-batches when a stop is wanted."""
        self._context.check_stop()

    def on_step_end(
        self, _args: TrainingArguments, state: TrainerState, control: TrainerControl, **_options: Any
    ) -> TrainerControl:
        """Note the step's time."""
        _wait_for_device()
        self.seconds.append(time.monotonic() - self._begun)
        self._context.check_stop()
        name, title = _STAGE
        self._context.say(Stage(name=name, title=title, done=min(state.global_step, STEPS), total=STEPS, unit="steps"))
        control.should_training_stop = self._is_enough()
        control.should_log = control.should_evaluate = control.should_save = False
        return control

    def _is_enough(self) -> bool:
        return len(self.seconds) >= STEPS and sum(self.seconds) >= _STEADY_SECONDS


class _Listening(Decisions):
    """Says the trainer's decisions, and takes the first step's time without what only a run's first step does."""

    def __init__(self, context: JobContext, watch: _StepWatch) -> None:
        super().__init__(context)
        self._watch = watch

    def way_chosen(self, choice: Choice, proof: Proof | None, kernels: KernelChoice) -> None:
        """The comparison with TRL on the first batch is over: the step itself begins."""
        super().way_chosen(choice, proof, kernels)
        self._watch.begin()

    def memory_short(self, at_once: int, reason: str, *, is_exact: bool) -> None:
        """The step is computed again from its start, by fewer pairs at once."""
        super().memory_short(at_once, reason, is_exact=is_exact)
        self._watch.begin()

    def recomputes(self, reason: str) -> None:
        """The step is computed again from its start, with activations computed again."""
        super().recomputes(reason)
        self._watch.begin()


def _wait_for_device() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
