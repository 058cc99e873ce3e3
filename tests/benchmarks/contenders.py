"""The ways to compute an ORPO step that the benchmarks let run in turns: ours, stock TRL, and Liger's fused loss.

Each is a function that runs forward and backward passes over one micro-batch, from token ids to gradients. Ours
replaces layers only while its own batch is under way, so contenders may share a model.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.update(OMP_WAIT_POLICY="PASSIVE", GOMP_SPINCOUNT="20000")  # as a run computes
os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, TrainerCallback
from trl.experimental.orpo import ORPOConfig, ORPOTrainer
from trl.experimental.utils import DPODataCollatorWithPadding

from orpo_studio.models.chat_template import ChatTemplate
from orpo_studio.trainer.load import Loaded, freeze_quantized
from orpo_studio.trainer.orpo import Listener, StudioOrpoTrainer
from orpo_studio.trainer.scoring.batch import PairDataset, collate, trl_row
from orpo_studio.trainer.tokens import TokenizedPair

LAMBDA = 0.1
RANK = 16
"""Of the adapter."""
Step = Callable[[Sequence[TokenizedPair]], float]
"""Computes a micro-batch; returns its loss, which waits for the device."""


class Tokenizer:
    """As much of a tokenizer as the trainers ask for when rows are tokenized already."""

    pad_token_id, eos_token_id, bos_token_id, padding_side, name_or_path = 0, 2, 1, "right", ""

    def save_pretrained(self, *_arguments: Any) -> tuple[str, ...]:
        """Save nothing."""
        return ()


def load_model(folder: Path, *, nf4: bool, device: str, dtype: torch.dtype, checkpointing: bool = False) -> Any:
    """Return a model with a LoRA adapter of rank 16 on all linear layers, frozen otherwise."""
    options: dict[str, Any] = {"dtype": dtype, "device_map": {"": device}}
    if nf4:
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    return with_adapter(AutoModelForCausalLM.from_pretrained(folder, **options), nf4=nf4, checkpointing=checkpointing)


def with_adapter(model: Any, *, nf4: bool, checkpointing: bool = False) -> Any:
    """Return a model with the adapter, ready to train.

    What of a base is not quantized is kept in 16 bits, for all contenders alike. TRL would keep norms, and so most
    activations, in float32.
    """
    if nf4:
        model = freeze_quantized(model, "bf16")
    torch.manual_seed(0)
    lora = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(model, lora)
    if checkpointing:
        model.enable_input_require_grads()
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model.train()


def configuration(device: str, micro_batch: int) -> ORPOConfig:
    """Return TRL's configuration for steps that are run one by one."""
    return ORPOConfig(
        output_dir=tempfile.mkdtemp(prefix="orpo-benchmark-"),
        beta=LAMBDA,
        max_length=1 << 20,
        per_device_train_batch_size=micro_batch,
        use_cpu=device == "cpu",
        bf16=device == "cuda",
        activation_checkpointing=False,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
    )


def ours(model: Any, device: str, micro_batch: int) -> Step:
    """Return our step."""
    loaded = Loaded(
        model, Tokenizer(), ChatTemplate("", {}), torch.device(device), "bf16" if device == "cuda" else "fp32"
    )  # type: ignore[arg-type]
    trainer = StudioOrpoTrainer(
        loaded=loaded,
        config=configuration(device, micro_batch),
        pairs=PairDataset([]),
        reporter=TrainerCallback(),
        measure=lambda _step, _epoch: None,
        seconds=lambda: 0.0,
        keep=2,
        listener=_Loud(),
    )
    wrapped = trainer.accelerator.prepare_model(model)

    def step(pairs: Sequence[TokenizedPair]) -> float:
        (inputs,), _ = trainer.get_batch_samples(iter([collate(pairs)]), 1, torch.device(device))
        return float(trainer.training_step(wrapped, inputs))

    return step


def stock(model: Any, device: str, micro_batch: int) -> Step:
    """Return TRL's step."""
    collator = DPODataCollatorWithPadding(pad_token_id=Tokenizer.pad_token_id, is_encoder_decoder=False)
    trainer = ORPOTrainer(
        model=model,
        args=configuration(device, micro_batch),
        train_dataset=PairDataset([]),
        processing_class=Tokenizer(),
    )
    trainer.current_gradient_accumulation_steps = 1
    wrapped = trainer.accelerator.prepare_model(model)

    def step(pairs: Sequence[TokenizedPair]) -> float:
        return float(trainer.training_step(wrapped, collator([trl_row(pair) for pair in pairs])))

    return step


def liger(model: Any, device: str, micro_batch: int) -> Step:
    """Return a step with Liger's fused linear ORPO loss over TRL's padded batches (``nll_target`` as TRL counts)."""
    from liger_kernel.chunked_loss import LigerFusedLinearORPOLoss

    compiled = device == "cuda"  # without Triton its eager form is what there is
    loss_of = LigerFusedLinearORPOLoss(beta=LAMBDA, compiled=compiled)
    collator = DPODataCollatorWithPadding(pad_token_id=Tokenizer.pad_token_id, is_encoder_decoder=False)
    causal = model.get_base_model()

    def step(pairs: Sequence[TokenizedPair]) -> float:
        rows = collator([trl_row(pair) for pair in pairs])
        batch = ORPOTrainer.concatenated_inputs(rows, padding_value=0, device=torch.device(device))
        mask = batch["concatenated_attention_mask"]
        tokens = torch.where(mask == 1, batch["concatenated_input_ids"], -100)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            hidden = causal.model(input_ids=batch["concatenated_input_ids"], attention_mask=mask, use_cache=False)[0]
            loss, _ = loss_of(
                causal.lm_head.weight,
                hidden[:, :-1].to(causal.lm_head.weight.dtype),
                batch["concatenated_labels"][:, 1:],
                nll_target=tokens[:, 1:],
            )
        loss.backward()
        return float(loss)

    return step


CONTENDERS = {"ours": ours, "stock": stock, "liger": liger}


def available() -> list[str]:
    """Return the contenders that can run here."""
    try:
        import liger_kernel.chunked_loss  # noqa: F401
    except ImportError:
        return ["ours", "stock"]
    return list(CONTENDERS)


class _Loud(Listener):
    def memory_short(self, at_once: int, reason: str, *, is_exact: bool) -> None:
        raise MemoryError(f"out of memory; {at_once} at once would be tried next: {reason}")

    def recomputes(self, reason: str) -> None:
        raise MemoryError(f"out of memory: {reason}")

    def way_chosen(self, choice: Any, proof: Any, kernels: Any) -> None:
        proven = f"proven to {getattr(proof, 'figures', None)}"
        print(f"    ours: {choice.way}, {proven}, {kernels.name} {kernels.reason}", file=sys.stderr)

    def way_refused(self, way: Any, reason: str) -> None:
        print(f"    ours: {way} refused: {reason}", file=sys.stderr)
