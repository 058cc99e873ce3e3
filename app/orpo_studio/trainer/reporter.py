"""When the trainer logs, measures, saves and stops, and what it says of it."""

import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from orpo_studio.config import RunSpec, usual_rates
from orpo_studio.config.option import format_number
from orpo_studio.config.plan import Plan
from orpo_studio.events import DivergenceWatch, Problem, StopRequested, TrainMetrics
from orpo_studio.runs import pending, take
from orpo_studio.trainer.context import JobContext
from orpo_studio.trainer.orpo import StudioOrpoTrainer

_GIB = 1024**3

_SAME_NAME = (
    "loss",
    "nll_loss",
    "rewards/accuracies",
    "rewards/margins",
    "rewards/chosen",
    "rewards/rejected",
    "logps/chosen",
    "logps/rejected",
    "learning_rate",
    "grad_norm",
)


class Clock:
    """Time spent training, over all attempts of a run."""

    def __init__(self, earlier: float) -> None:
        self._earlier = earlier
        self._started = time.monotonic()

    def start(self) -> None:
        """Count from now on."""
        self._started = time.monotonic()

    def seconds(self) -> float:
        """Return the seconds so far."""
        return self._earlier + time.monotonic() - self._started


class Reporter(TrainerCallback):
    """Speaks for the trainer and listens to requests, after every step."""

    def __init__(
        self, context: JobContext, plan: Plan, clock: Clock, *, sample: Callable[[int, list[str]], None]
    ) -> None:
        self._context, self._plan, self._clock, self._sample = context, plan, clock, sample
        self._trainer: StudioOrpoTrainer | None = None
        self._divergence = DivergenceWatch()
        self._step_started = 0.0
        self._step_seconds = 0.0
        self.stopped = False
        """Whether the person asked to stop or to pause, so that the training ended before its last step."""
        self.paused = False
        """Whether it was a pause."""

    def follow(self, trainer: StudioOrpoTrainer) -> None:
        """Take the trainer whose tokens are counted."""
        self._trainer = trainer

    def on_step_begin(self, *_arguments: Any, **_options: Any) -> None:
        """Start the step's time."""
        self._context.beat()
        self._step_started = time.monotonic()

    def on_substep_end(self, *_arguments: Any, **_options: Any) -> None:
        """Show that a micro-batch is done."""
        self._context.beat()

    def on_step_end(
        self, _args: TrainingArguments, state: TrainerState, control: TrainerControl, **_options: Any
    ) -> TrainerControl:
        """Decide what follows the step."""
        self._context.beat()
        self._step_seconds += time.monotonic() - self._step_started
        step, plan = state.global_step, self._plan
        last = step >= plan.total_steps
        control.should_evaluate = step % plan.evaluation_steps == 0 and not last
        control.should_save = step % plan.checkpoint_steps == 0 or last
        if self._answer_checkpoint() or (self._trainer is not None and self._trainer.can_catch_up()):
            control.should_save = True
        # Means end with each checkpoint: those of a run that goes on from there are then over the same steps.
        control.should_log = step % plan.logging_steps == 0 or step == 1 or control.should_save
        self._answer_samples(step)
        if self._context.stop_wanted() and not last:
            self.paused = self._context.only_pause_wanted()
            self._context.tell_whether_cut_off()
            self._context.say(StopRequested(step=step, to_pause=self.paused))
            self._context.forget_stop()
            self.stopped = True
            control.should_log = control.should_save = control.should_training_stop = True
            control.should_evaluate = False
        return control

    def on_log(
        self,
        _args: TrainingArguments,
        state: TrainerState,
        _control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_options: Any,
    ) -> None:
        """Say the means since the last time. The library's own closing summary has no loss and is left out."""
        if logs is None or "loss" not in logs:
            return
        values = {name: float(logs[name]) for name in _SAME_NAME if name in logs}
        values["odds_ratio_loss"] = -self._context.spec.recipe.lambda_ * logs["log_odds_ratio"]
        values["log_odds"] = logs["log_odds_chosen"]
        if self._trainer is not None and self._step_seconds > 0:
            values["tokens_per_second"] = self._trainer.take_tokens() / self._step_seconds
        self._step_seconds = 0.0
        if torch.cuda.is_available():
            values["gpu_memory_peak_gib"] = torch.cuda.max_memory_allocated() / _GIB
        self._context.say(
            TrainMetrics(
                step=state.global_step,
                epoch=float(state.epoch or 0.0),
                seconds=self._clock.seconds(),
                values=values,
            )
        )
        usual = self._divergence.see(values["loss"])
        if usual is not None:
            self._context.say(_diverging(state.global_step, values["loss"], usual, self._context.spec))

    def _answer_checkpoint(self) -> bool:
        return pending(self._context.folder, "checkpoint") and bool(take(self._context.folder, "checkpoint"))

    def _answer_samples(self, step: int) -> None:
        if not pending(self._context.folder, "sample"):
            return
        for request in take(self._context.folder, "sample"):
            prompts = request.details.get("prompts", [])
            self._sample(step, [str(prompt) for prompt in prompts] if isinstance(prompts, list) else [])


def _diverging(step: int, loss: float, usual: float, spec: RunSpec) -> Problem:
    rate, highest = spec.recipe.learning_rate, usual_rates(spec)[1]
    often = f", which is high: above {format_number(highest)} this happens often" if rate > highest else ""
    return Problem(
        severity="warning",
        code="diverging",
        title="The loss is climbing instead of falling.",
        detail=f"At step {step} it was {_rough(loss)}; over the steps before it was about {_rough(usual)}. The model "
        f"may be losing what it has learned. The learning rate is {format_number(rate)}{often}.",
        hint="If the loss does not fall again soon, stop the run and start again with a lower learning rate. "
        "Checkpoints from before the climb are as good as they were.",
    )


def _rough(value: float) -> str:
    return format_number(float(f"{value:.2g}"))
