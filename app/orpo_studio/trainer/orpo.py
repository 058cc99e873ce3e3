"""TRL's ORPO trainer, made safe: it stops before a bad step, counts its tokens, and saves only whole checkpoints."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl
from transformers.trainer_callback import PrinterCallback
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from orpo_studio.trainer import checkpoints
from orpo_studio.trainer.load import Loaded
from orpo_studio.trainer.tokens import TokenizedDataset


class NonFiniteError(Exception):
    """The loss or the gradient of a step is not a finite number; the weights are as they were before it.

    Attributes:
        what: ``loss`` or ``gradient``.
        step: the step that was not made.
        rows: source rows of its batch.
    """

    def __init__(self, what: str, step: int, rows: list[int]) -> None:
        super().__init__(f"The {what} of step {step} is not finite; rows {rows}.")
        self.what, self.step, self.rows = what, step, rows


class StudioOrpoTrainer(ORPOTrainer):
    """`ORPOTrainer` with the same loss and gradients.

    Args:
        loaded: model, adapter included, and tokenizer.
        config: TRL's configuration.
        pairs: the training rows.
        reporter: says when to log, measure and save, and hears of it.
        measure: measures held-out pairs under way.
        seconds: returns the time spent training so far, over all attempts.
        keep: complete checkpoints to keep.
    """

    control: TrainerControl

    def __init__(
        self,
        *,
        loaded: Loaded,
        config: ORPOConfig,
        pairs: TokenizedDataset,
        reporter: TrainerCallback,
        measure: Callable[[int, float], None],
        seconds: Callable[[], float],
        saved: Callable[[checkpoints.Checkpoint], None],
        keep: int,
    ) -> None:
        super().__init__(
            model=loaded.model,
            args=config,
            train_dataset=pairs,
            processing_class=loaded.tokenizer,
            callbacks=[reporter],
        )
        self.remove_callback(PrinterCallback)
        self._measure, self._seconds, self._saved, self._keep = measure, seconds, saved, keep
        self._home = Path(config.output_dir)
        self._step_rows: list[int] = []
        self._tokens = 0

    def take_tokens(self) -> int:
        """Return how many tokens, padding not counted, were trained on since the last call."""
        tokens, self._tokens = self._tokens, 0
        return tokens

    def begin_step(self) -> None:
        """Forget the rows of the step before."""
        self._step_rows = []

    def save_now(self) -> None:
        """Save a checkpoint of the present state."""
        self._save_checkpoint(self.model, None)

    def load_weights(self, checkpoint: checkpoints.Checkpoint) -> None:
        """Take the weights, or the adapter, of a checkpoint without training on."""
        self._load_from_checkpoint(str(checkpoint.path))

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return TRL's loss.

        Raises:
            NonFiniteError: it is not finite; no gradient has been computed from it.
        """
        self._step_rows += inputs["source_row"]
        self._tokens += int(inputs["chosen_attention_mask"].sum() + inputs["rejected_attention_mask"].sum())
        result = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        loss = result[0] if return_outputs else result
        if not torch.isfinite(loss).all():
            raise NonFiniteError("loss", self.state.global_step + 1, inputs["source_row"])
        return result

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        """Return the gradient norm of the step about to be made.

        With float16 the loss scaler skips such steps itself and lowers its scale, as it should.

        Raises:
            NonFiniteError: it is not finite.
        """
        norm = super()._get_grad_norm(model, grad_norm)
        if norm is not None and not self.args.fp16 and not math.isfinite(float(norm)):
            raise NonFiniteError("gradient", self.state.global_step + 1, self._step_rows)
        return norm

    def evaluate(self, *_arguments: Any, **_options: Any) -> dict[str, float]:
        """Measure held-out pairs under way, by the same function as before and after the training."""
        self._measure(self.state.global_step, float(self.state.epoch or 0.0))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, {})
        return {}

    def create_model_card(self, *_arguments: Any, **_options: Any) -> None:
        """Write none: the card is written with the result, and checkpoints are nobody's reading."""

    def _send_telemetry(self) -> None:
        """Send none."""

    def _get_output_dir(self, trial: Any) -> str:  # noqa: ARG002 - the library's signature
        return str(self._home / checkpoints.WRITING)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write a checkpoint beside, and give it its place when it is whole.

        Raises:
            OSError: the disk is full, say. Earlier checkpoints are untouched.
        """
        writing = self._home / checkpoints.WRITING
        shutil.rmtree(writing, ignore_errors=True)
        try:
            super()._save_checkpoint(model, trial)
            checkpoint = checkpoints.seal(
                writing / f"checkpoint-{self.state.global_step}",
                self._home,
                step=self.state.global_step,
                seconds=self._seconds(),
            )
        finally:
            shutil.rmtree(writing, ignore_errors=True)
        checkpoints.keep_last(self._home, self._keep)
        self._saved(checkpoint)
