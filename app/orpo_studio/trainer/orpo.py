"""TRL's ORPO trainer, made fast and safe.

It computes the same loss by the fastest way that the model can take, stops before a bad step, goes on in smaller
parts when memory is short, counts its tokens, and saves only whole checkpoints.
"""

import gc
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch.nn.functional import logsigmoid
from transformers import TrainerCallback, TrainerControl
from transformers.trainer_callback import PrinterCallback
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from orpo_studio.trainer import checkpoints
from orpo_studio.trainer.length_groups import LengthGroups
from orpo_studio.trainer.load import Loaded
from orpo_studio.trainer.non_finite import MOST_SKIPPED, NonFiniteError, WeightWatch
from orpo_studio.trainer.plan import RECOMPUTING
from orpo_studio.trainer.problems import is_out_of_memory, own_words
from orpo_studio.trainer.saving import CheckpointSaver, NotSavedError, bytes_to_save
from orpo_studio.trainer.scoring.attention import CannotPackError
from orpo_studio.trainer.scoring.batch import PairBatch, PairDataset, collate
from orpo_studio.trainer.scoring.first_batch import NotProvenError, Proof, Tolerance, prove
from orpo_studio.trainer.scoring.kernels import KernelChoice
from orpo_studio.trainer.scoring.ladder import Choice, Way, choose_way, has_router_loss
from orpo_studio.trainer.scoring.scorer import Scorer
from orpo_studio.trainer.step import FIGURES, Step, Weights, micro_batch_weights
from orpo_studio.trainer.tokens import TokenizedPair


class Listener:
    """What hears of the trainer's decisions; here it does nothing."""

    def way_chosen(self, choice: Choice, proof: Proof | None, kernels: KernelChoice) -> None:
        """Hear which way runs from the first step on, how it was proven, and which kernel attends."""

    def fused_refused(self, reason: str) -> None:
        """Hear that the fused layers did not stand the proof, so that layers are computed as they came."""

    def way_refused(self, way: Way, reason: str) -> None:
        """Hear that a way did not stand the proof, so that the next one is tried."""

    def memory_short(self, at_once: int, reason: str, *, is_exact: bool) -> None:
        """Hear that from now on at most ``at_once`` pairs are computed together.

        Args:
            at_once: pairs.
            reason: what the library said that asked for too much.
            is_exact: the result stays the same; the loss of a router of experts is a mean over the parts instead.
        """

    def recomputes(self, reason: str) -> None:
        """Hear that from now on activations are computed again in the backward pass; ``reason`` as above."""

    def saved(self, checkpoint: checkpoints.Checkpoint) -> None:
        """Hear of a complete checkpoint."""

    def not_saved(self, unsaved: NotSavedError, step: int) -> bool:  # noqa: ARG002 - what a listener may want to know
        """Hear that the checkpoint of a step could not be written, and say whether to go on without it."""
        return False


@dataclass(frozen=True, slots=True)
class Objective:
    """What the loss is.

    Attributes:
        answer_only: the SFT loss counts the chosen answer alone, as in the paper, and not the prompt, as TRL does.
        mean_over: of the SFT loss's tokens and of the pairs: those of a whole optimizer step, or of each micro-batch
            alone, as in TRL.
    """

    answer_only: bool = False
    mean_over: Literal["step", "micro_batch"] = "step"


class StudioOrpoTrainer(ORPOTrainer):
    """`ORPOTrainer` with the same losses and gradients.

    Args:
        loaded: model, adapter included, and tokenizer.
        config: TRL's configuration.
        objective: what the loss is where TRL offers no choice.
        pairs: the training rows.
        lengths: of the rows, in tokens, to make batches of like lengths; None for batches by chance alone.
        reporter: says when to log, measure and save, and hears of it.
        listener: hears of decisions on the way.
        measure: measures held-out pairs under way.
        seconds: returns the time spent training so far, over all attempts.
        keep: complete checkpoints to keep.
        way: the way to compute by; None for the fastest that the model can take.
        may_recompute: whether gradient checkpointing may be switched on where memory is not enough for one pair.
    """

    control: TrainerControl
    loss_is_scaled_for_ga = True  # each micro-batch's share of its step is ours to say

    def __init__(
        self,
        *,
        loaded: Loaded,
        config: ORPOConfig,
        pairs: PairDataset,
        reporter: TrainerCallback,
        measure: Callable[[int, float], None],
        seconds: Callable[[], float],
        keep: int,
        listener: Listener | None = None,
        objective: Objective | None = None,
        lengths: list[int] | None = None,
        way: Way | None = None,
        may_recompute: bool = False,
    ) -> None:
        self._loaded, self._lengths = loaded, lengths
        self._objective = objective or Objective()
        self._listener = listener or Listener()
        self._scorer = Scorer(
            choice=choose_way(loaded.model) if way is None else Choice(way, "it was asked for"),
            pad_id=int(loaded.tokenizer.pad_token_id or 0),
            answer_only=self._objective.answer_only,
            device=loaded.device,
            stock=self.concatenated_forward,
        )
        self._scorer.prepare(loaded.model)
        self._weights_watch = WeightWatch()
        super().__init__(
            model=loaded.model,
            args=config,
            data_collator=collate,
            train_dataset=pairs,
            processing_class=loaded.tokenizer,
            callbacks=[self._weights_watch, reporter],
        )
        self.remove_callback(PrinterCallback)
        self._measure = measure
        self._home = Path(config.output_dir)
        self._saver = CheckpointSaver(self._home, keep, seconds, self._course)
        self._at_once = config.per_device_train_batch_size
        self._may_recompute, self._recomputes = may_recompute, config.activation_checkpointing
        self._is_proven = False
        self._step = Step()
        self._made: list[TokenizedPair] = []
        """The pairs of the step before the one under way."""
        self._skipped = 0
        self._since_log: list[torch.Tensor] = []
        self._tokens = 0

    @property
    def way(self) -> Way:
        """The way by which losses are computed."""
        return self._scorer.choice.way

    @property
    def at_once(self) -> int:
        """How many pairs are computed together at most: the micro-batch, or fewer since memory was short."""
        return self._at_once

    @property
    def recomputes(self) -> bool:
        """Whether activations are computed again in the backward pass."""
        return self._recomputes

    def take_tokens(self) -> int:
        """Return how many tokens, padding not counted, were trained on since the last call."""
        tokens, self._tokens = self._tokens, 0
        return tokens

    def save_now(self) -> None:
        """Save a checkpoint of the present state.

        Raises:
            NotSavedError: it cannot be written.
        """
        self._listener.saved(self._write_checkpoint(self.model, None))

    def can_catch_up(self) -> bool:
        """Tell whether the last checkpoint could not be written, and now could be."""
        return self._saver.can_catch_up()

    def go_on(self, checkpoint: checkpoints.Checkpoint) -> None:
        """Train on from a checkpoint as the trainer that wrote it would have: what it decided decides the rounding."""
        course = checkpoint.course
        self._at_once = min(self._at_once, int(course.get("at_once", self._at_once)))
        self._scorer.begin_at(
            str(course.get("way", "")),
            is_fused=bool(course.get("is_fused", True)),
            kernel=str(course.get("kernel", "")),
        )
        if course.get("recomputes") and self._may_recompute:
            self._recompute()
        self.train(resume_from_checkpoint=str(checkpoint.path))

    def load_weights(self, checkpoint: checkpoints.Checkpoint) -> None:
        """Take the weights, or the adapter, of a checkpoint without training on."""
        self._load_from_checkpoint(str(checkpoint.path))

    # --- a step and its micro-batches

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], None]:
        """Fetch the micro-batches of a step, and settle how much each counts in it."""
        samples, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        batches = [sample["pairs"] for sample in samples]
        self._made = self._step.pairs
        self._step = Step(batches, self._weights(batches))
        self._tokens += sum(batch.tokens for batch in batches)
        return samples, None

    def _weights(self, batches: list[PairBatch]) -> list[Weights]:
        answer_only = self._objective.answer_only
        if self._objective.mean_over == "micro_batch":
            return [micro_batch_weights(batch, len(batches), answer_only=answer_only) for batch in batches]
        tokens = sum(batch.nll_tokens(answer_only=answer_only) for batch in batches)
        pairs = sum(map(len, batches))
        processes = self.accelerator.num_processes
        if processes > 1:  # gradients are averaged over processes, so the share of each is of the mean process
            counts = torch.tensor([tokens, pairs], device=self.accelerator.device)
            tokens, pairs = (self.accelerator.reduce(counts, "sum") / processes).tolist()
        return [Weights(1 / max(tokens, 1), 1 / max(pairs, 1))] * len(batches)

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:  # noqa: ARG002 - the library's signature
        """Compute a micro-batch's loss and gradients, in smaller parts where memory is short, then with less kept.

        An error for want of memory can leave gradients half added up. So all micro-batches of the step are computed
        again then, in their order: no pair is lost or counted twice, and the weights of the parts are those of the
        whole.

        Returns:
            The micro-batch's share of the step's loss.
        """
        self._prove_once(model, inputs["pairs"])
        step = self._step
        step.begun += 1
        loss = torch.zeros((), device=self.args.device)
        wanted = [step.begun - 1]
        while True:
            try:
                for index in wanted:
                    loss = self._compute(model, step.batches[index], step.weights[index])
            except Exception as error:
                if not is_out_of_memory(error) or not self._can_save_memory():
                    raise
                reason = own_words(error)
            else:
                return loss
            # Outside the handler: until it is left, the error's frames hold what must be freed.
            self._save_memory(reason)
            model.zero_grad(set_to_none=True)
            step.begin_again()
            wanted = list(range(step.begun))

    def _compute(self, model: Any, batch: PairBatch, weights: Weights) -> torch.Tensor:
        """Run forward and backward passes over a micro-batch, part by part. Returns its loss."""
        loss = torch.zeros((), device=self.args.device)
        for part in batch.parts(self._at_once):
            placed = None if self.way is Way.STOCK else self._scorer.lay_out(part)
            with self._scorer.under_way(placed):
                inputs = {"pairs": part, "layout": placed, "weights": weights, "share": len(part) / len(batch)}
                loss += super().training_step(model, inputs)
        return loss

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,  # noqa: ARG002 - the library's signature
    ) -> Any:
        """Return a part's share of the loss: SFT loss − λ · log σ(log-odds ratio), weighted.

        Args:
            model: the model.
            inputs: ``pairs``, their ``layout``, the micro-batch's ``weights`` and the part's ``share`` of its pairs.
            return_outputs: return the log-probabilities as well.
        """
        batch, weights = inputs["pairs"], inputs["weights"]
        scored = self._scorer.score(model, batch, inputs["layout"])
        pairs = scored.pairs
        ratio = logsigmoid(pairs.log_odds).sum()
        loss = pairs.nll.sum() * weights.tokens - self.beta * ratio * weights.pairs
        if scored.router is not None:
            of_step = inputs["share"] / max(len(self._step.batches), 1)
            loss = loss + self.aux_loss_coef * scored.router.to(loss.device) * of_step
        with torch.no_grad():
            self._step.take(batch, loss, pairs, weights)
        loss = loss.float()
        return (loss, {"logps": pairs}) if return_outputs else loss

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        """Return the gradient norm of the step about to be made.

        With float16 the loss scaler skips steps whose gradient is not finite and lowers its scale, as it should; but
        not for ever.

        Raises:
            NonFiniteError: the norm, a loss, or the weights that the step before has made are not finite.
        """
        norm = super()._get_grad_norm(model, grad_norm)
        step, number = self._step, self.state.global_step + 1
        # Everything that is looked at is read from the device at once: this is the one wait of a step.
        of_norm = norm if type(norm) is torch.Tensor else torch.tensor(math.nan if norm is None else float(norm))
        of_weights = self._weights_watch.largest
        looked_at = [torch.zeros(()) if of_weights is None else of_weights, of_norm, *step.terms]
        device = step.terms[0].device
        of_weights_finite, of_norm_finite, *of_pairs = torch.cat(
            [value.isfinite().reshape(-1).to(device) for value in looked_at]
        ).tolist()
        if not of_weights_finite:
            raise NonFiniteError("weights", number - 1, self._made, len(self._made))
        if bad := step.pairs_without_finite_loss(of_pairs):
            raise NonFiniteError("loss", number, bad, len(step.pairs))
        if norm is not None and not self.args.fp16 and not of_norm_finite:
            raise NonFiniteError("gradient", number, step.pairs, len(step.pairs))
        self._skipped = self._skipped + 1 if self.accelerator.optimizer_step_was_skipped else 0
        if self._skipped >= MOST_SKIPPED:
            raise NonFiniteError("float16", number - 1, self._made, len(self._made))
        self._since_log.append(torch.stack(step.figures).sum(0))
        return norm

    def _require_finite_weights(self) -> None:
        """Raise `NonFiniteError` where the last step has made weights that are not finite. Waits for the device."""
        if not self._weights_watch.is_finite():
            raise NonFiniteError("weights", self.state.global_step, self._step.pairs, len(self._step.pairs))

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the means over the steps since the last time, read from the device at once."""
        if "loss" in logs and self._since_log:
            means = torch.stack(self._since_log).mean(0)
            self._since_log.clear()
            if self.accelerator.num_processes > 1:
                means = self.accelerator.reduce(means, "mean")
            values = dict(zip(FIGURES, means.tolist(), strict=True))
            chosen, rejected = values["logps/chosen"], values["logps/rejected"]
            logs |= values | {
                "rewards/chosen": self.beta * chosen,
                "rewards/rejected": self.beta * rejected,
                "rewards/margins": self.beta * (chosen - rejected),
            }
        super().log(logs, start_time)

    # --- memory

    def _can_save_memory(self) -> bool:
        # Other processes would wait for this one's gradients for ever.
        is_alone = self.accelerator.num_processes == 1
        return is_alone and (self._at_once > 1 or (self._may_recompute and not self._recomputes))

    def _save_memory(self, reason: str) -> None:
        """Compute fewer pairs together, or, where it is one already, their activations again."""
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self._at_once == 1:
            self._recompute()
            self._listener.recomputes(reason)
            return
        largest = max(map(len, self._step.batches))
        self._at_once = max(1, min(self._at_once, largest) // 2)
        self._listener.memory_short(self._at_once, reason, is_exact=not has_router_loss(self.model))

    def _recompute(self) -> None:
        self._recomputes = True
        self.accelerator.unwrap_model(self.model).activation_checkpointing_enable(RECOMPUTING)

    # --- the way

    def _prove_once(self, model: Any, batch: PairBatch) -> None:
        """Prove the way on the first batch of this attempt, stepping down where it does not stand."""
        if self._is_proven:
            return
        self._is_proven = True
        proof = None
        while self.way is not Way.STOCK and proof is None:
            proof = self._try_to_prove(model, batch)
        self._listener.way_chosen(self._scorer.choice, proof, self._scorer.kernels)

    def _try_to_prove(self, model: Any, batch: PairBatch) -> Proof | None:
        way = self.way
        inner = model if self.is_fsdp_enabled else self.accelerator.unwrap_model(model, keep_fp32_wrapper=True)
        tolerance = Tolerance.of(self._loaded.model, self._loaded.precision)
        try:
            with self.compute_loss_context_manager():
                return prove(self._scorer, inner, batch, tolerance, self.beta)
        except CannotPackError as refused:
            self._scorer.step_down(str(refused))
            return None
        except NotProvenError as differs:
            reason = str(differs)
        except Exception as error:  # noqa: BLE001 - each architecture fails in its own way; the next rung answers all
            if is_out_of_memory(error):
                return Proof(math.nan, None)  # too long to prove, not wrong
            reason = f"it fails: {type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
        if self._scorer.unfuse():  # what differs may be a fused layer, and the way may be right without
            self._listener.fused_refused(reason)
        else:
            self._listener.way_refused(way, reason)
            self._scorer.step_down(reason)
        return None

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if self._lengths is None:
            return super()._get_train_sampler(train_dataset)
        size = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return LengthGroups(size, self._lengths, seed=self.args.data_seed or self.args.seed)

    # --- measuring and saving

    def evaluate(self, *_arguments: Any, **_options: Any) -> dict[str, float]:
        """Measure held-out pairs under way, by the same function as before and after the training."""
        self._require_finite_weights()
        self._measure(self.state.global_step, float(self.state.epoch or 0.0))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, {})
        return {}

    def create_model_card(self, *_arguments: Any, **_options: Any) -> None:
        """Write none: the card is written with the result, and checkpoints are nobody's reading."""

    def _send_telemetry(self) -> None:
        """Send none."""

    def _get_output_dir(self, trial: Any) -> str:  # noqa: ARG002 - the library's signature
        return str(self._home / checkpoints.WRITING)

    def _course(self) -> dict[str, Any]:
        """Return the decisions on which the rounding of later steps depends."""
        return {
            "way": self.way.value,
            "is_fused": self._scorer.is_fused,
            "kernel": self._scorer.kernels.name,
            "at_once": self._at_once,
            "recomputes": self._recomputes,
        }

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Save a checkpoint, or go on without it where the listener says so.

        Raises:
            NotSavedError: it cannot be written, and the training shall not go on without it.
            NonFiniteError: the weights are not finite; what is saved must be worth going on from.
        """
        self._require_finite_weights()
        try:
            checkpoint = self._write_checkpoint(model, trial)
        except NotSavedError as unsaved:
            if not self._listener.not_saved(unsaved, self.state.global_step):
                raise
        else:
            self._listener.saved(checkpoint)

    def _write_checkpoint(self, model: Any, trial: Any) -> checkpoints.Checkpoint:
        needed = bytes_to_save(self._loaded.model, self._loaded.tokenizer, self.optimizer)
        write = super()._save_checkpoint
        return self._saver.save(self.state.global_step, needed, lambda: write(model, trial))
