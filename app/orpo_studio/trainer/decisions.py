"""What the trainer decides on its way, said to the person."""

import math
from collections.abc import Callable
from contextlib import suppress

from orpo_studio.events import CheckpointSaved, EventLogError, PathChosen, Problem
from orpo_studio.trainer.checkpoints import Checkpoint
from orpo_studio.trainer.context import JobContext
from orpo_studio.trainer.orpo import Listener
from orpo_studio.trainer.saving import NotSavedError
from orpo_studio.trainer.scoring.first_batch import Proof
from orpo_studio.trainer.scoring.kernels import APART, VARLEN, KernelChoice
from orpo_studio.trainer.scoring.ladder import Choice, Way

_WAYS = {
    Way.PACKED: "Each prompt is computed once for both answers, without padding, and without a tensor of all logits",
    Way.PADDED: "Pairs are padded as in TRL, without a tensor of all logits",
    Way.STOCK: "TRL's own forward pass computes the loss: padded batches, all logits",
}
_KERNELS = {
    VARLEN: "Attention is computed by one variable-length call for all pairs",
    APART: "Attention is computed by a call for each side of each pair",
}


class Decisions(Listener):
    """Says the trainer's decisions as events."""

    def __init__(self, context: JobContext, is_stopping: Callable[[], bool] = lambda: False) -> None:
        self._context, self._is_stopping = context, is_stopping

    def way_chosen(self, choice: Choice, proof: Proof | None, kernels: KernelChoice) -> None:
        """Say which way runs, why, by what it was proven, and which kernel attends."""
        reason = f"{_WAYS[choice.way]}, because {choice.reason}.{_proven(proof)}"
        if choice.way is Way.PACKED and kernels.name:
            reason += f" {_KERNELS[kernels.name]}, because {kernels.reason}."
        self._context.say(PathChosen(path=choice.way.value, reason=reason))

    def fused_refused(self, reason: str) -> None:
        """Warn that layers are computed in more passes than usual."""
        self._warn(
            "fused-refused",
            "Fused layers do not fit this model.",
            f"On the first batch {reason}.",
            "The run goes on without them, a little slower. Its result is not affected.",
        )

    def way_refused(self, way: Way, reason: str) -> None:
        """Warn that a way did not stand the comparison with TRL."""
        self._warn(
            "way-refused",
            f"The {way.value} way of computing does not fit this model.",
            f"On the first batch {reason}.",
            "The run goes on by the next way, which is slower and takes more memory. Its result is not affected.",
        )

    def memory_short(self, at_once: int, reason: str, *, is_exact: bool) -> None:
        """Warn that fewer pairs are computed together from now on."""
        pairs = "one pair is" if at_once == 1 else f"{at_once} pairs are"
        batch = self._context.spec.effective_batch
        accumulation = f" and an accumulation of {batch // at_once}" if batch % at_once == 0 else ""
        same = (
            "The result stays the same; it only takes longer."
            if is_exact
            else "The result stays nearly the same: only what balances the model's experts is averaged over the parts."
        )
        self._warn(
            "memory-short",
            f"Memory ran short; from here on {pairs} computed at a time.",
            "More was asked for than is free. The step was computed again from its start: no pair was lost or counted "
            "twice.",
            f"{same} Next time, start with a micro-batch of {at_once}{accumulation}.",
            more=reason,
        )

    def recomputes(self, reason: str) -> None:
        """Warn that steps take longer from now on."""
        self._warn(
            "memory-short",
            "Memory ran short; from here on activations are computed twice instead of kept.",
            "More was asked for than is free, even for one pair. Gradient checkpointing was switched on, and the step "
            "computed again from its start: no pair was lost or counted twice.",
            "The result stays the same; a step takes about a third longer.",
            more=reason,
        )

    def saved(self, checkpoint: Checkpoint) -> None:
        """Say that a checkpoint is complete."""
        folder = checkpoint.path.relative_to(self._context.folder.path).as_posix()
        self._context.say(CheckpointSaved(step=checkpoint.step, folder=folder, size_bytes=checkpoint.size_bytes))
        with suppress(EventLogError):  # a disk that takes no more is told elsewhere
            # What was said up to here is not computed again, so it must outlive a power cut too.
            self._context.log.sync()

    def not_saved(self, unsaved: NotSavedError, step: int) -> bool:
        """Warn, and go on if the person chose so and nobody wants a stop."""
        if self._context.spec.train.checkpoint_failure == "stop" or self._is_stopping():
            return False
        if not unsaved.is_retry:
            self._warn(
                "checkpoint-not-saved",
                f"The checkpoint of step {step} could not be saved.",
                unsaved.in_full,
                "The training goes on, and saves as soon as it can. Make room on that disk."
                if unsaved.is_full
                else "The training goes on, and tries again every minute. Allow writing there.",
            )
        return True

    def _warn(self, code: str, title: str, detail: str, hint: str, more: str = "") -> None:
        self._context.say(Problem(severity="warning", code=code, title=title, detail=detail, hint=hint, more=more))


def _proven(proof: Proof | None) -> str:
    if proof is None:
        return ""
    if math.isnan(proof.figures):
        return " Memory was not enough to compare it with TRL's on the first batch."
    found = f" On the first batch its log-probabilities are within {proof.figures:.1g} of TRL's"
    return found + ("." if proof.gradients is None else f", its gradients within {proof.gradients:.1g}.")
