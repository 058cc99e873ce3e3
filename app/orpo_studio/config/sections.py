"""The options of a run, by the six steps of the work.

Where a default differs from TRL's, the help says why. Sources: Hong et al. 2024 (arXiv 2403.07691) for λ and the
paper's schedule; PEFT and TRL documentation for the rest.
"""

from typing import Any, Literal

from pydantic import field_validator

from orpo_studio.config.option import Level, Section, option

BASIC = Level.BASIC


class ModelSection(Section):
    """Which base model is trained."""

    path: str = option(
        "",
        title="Base model",
        level=BASIC,
        path=True,
        help="Folder of a causal language model in the Hugging Face layout, with weights as safetensors. "
        "“demo” stands for the embedded demo model.",
    )


class DataSection(Section):
    """Which preference pairs it is trained on."""

    source: str = option(
        "",
        title="Preference pairs",
        level=BASIC,
        path=True,
        help="File with prompt, chosen and rejected (JSON, JSONL, Parquet, Arrow, CSV, also compressed), a folder or a "
        "pattern such as data/*.jsonl of such files, or a saved data set. “demo” stands for the embedded demo pairs.",
    )
    split: str = option(
        "",
        title="Split to train on",
        help="Which part of a data set with several to read, such as train_prefs. Empty: the one meant for training.",
    )
    mix: tuple[str, ...] = option(
        (),
        title="Further sources",
        help="More files or folders to mix in, separated by commas. Behind an @ stands how much of each: "
        "other.jsonl@50% draws half of its pairs, @200% takes each twice, @2000 draws at most 2,000.",
    )
    columns: str = option(
        "",
        title="Columns by hand",
        help="Which column plays which part, where that is not recognized: prompt=question, chosen=good, rejected=bad, "
        "system=context.",
    )
    roles: str = option(
        "",
        title="Roles by hand",
        help="What the speakers of a conversation are called: user=Customer, assistant=Agent.",
    )
    ranking: Literal["best_worst", "adjacent", "all"] = option(
        "best_worst",
        title="Pairs of a ranked list",
        choices={
            "best_worst": "The best against the worst answer, one pair a row",
            "adjacent": "Each answer against the next one below it",
            "all": "Each answer against each one below it",
        },
        help="Which pairs are made of a row with more than two answers in an order.",
    )
    preference: Literal["better", "safer"] = option(
        "better",
        title="Preferred for being",
        choices={"better": "Better, as a whole", "safer": "Safer"},
        help="Which preference counts in data that records two of them, such as PKU-SafeRLHF.",
    )
    least_gap: float = option(
        0.0,
        title="Smallest gap of scores",
        ge=0,
        help="Pairs whose scores are closer than this are set aside. Only for data with scores.",
    )
    skip_rows: tuple[str | int, ...] = option(
        (),
        title="Rows to skip",
        help="Rows of the source that are left out, separated by commas: 17, 100-120. For a further source its name "
        "stands before the number: other.jsonl:17.",
    )
    remedies: tuple[str, ...] = option(
        (),
        title="Remedies",
        help="What is set aside or repaired after reading, by the names of the data doctor, separated by commas.",
    )
    held_out: float = option(
        0.1,
        title="Held-out share",
        level=BASIC,
        gt=0,
        le=0.5,
        help="Share of the pairs kept away from training, to measure on. The same prompt is never on both sides.",
    )
    held_out_file: str = option(
        "",
        title="Held-out file",
        path=True,
        help="A file of its own with held-out pairs. When it is set, the held-out share is not used.",
    )
    held_out_split: str = option(
        "",
        title="Held-out split",
        help="Which part of the data set is held out, such as test_prefs, in place of a share.",
    )
    split_seed: int = option(
        42, title="Seed of the split", ge=0, le=2**31 - 1, help="Decides which prompts are held out."
    )


class RecipeSection(Section):
    """How it is trained."""

    lambda_: float = option(
        0.1,
        key="lambda",
        title="λ (preference strength)",
        level=BASIC,
        group="Objective",
        gt=0,
        le=10,
        logarithmic=True,
        help="Weight of the odds-ratio term beside the SFT loss. 0.1 suits most; the paper uses 0.1 to 0.25. Higher "
        "pushes rejected answers down harder and can cost fluency.",
    )
    sft_tokens: Literal["all", "answer"] = option(
        "all",
        title="SFT loss on",
        group="Objective",
        choices={
            "all": "Prompt and chosen answer, as in TRL and the authors' code",
            "answer": "The chosen answer alone, as in the paper",
        },
        help="Which tokens of the chosen sequence the SFT loss counts. The odds ratio always counts answers alone.",
    )
    mean_over: Literal["step", "micro_batch"] = option(
        "step",
        title="Mean over",
        group="Objective",
        choices={
            "step": "The whole step: the same result for every micro-batch × accumulation",
            "micro_batch": "Each micro-batch, then their mean, as in TRL",
        },
        help="Over what the loss is averaged. TRL averages each micro-batch alone, so that tokens of short ones weigh "
        "more and the result depends on the micro-batch.",
    )
    learning_rate: float = option(
        5e-5,
        title="Learning rate",
        level=BASIC,
        group="Optimization",
        gt=0,
        le=1,
        logarithmic=True,
        help="Peak step size of the optimizer. LoRA learns at 5e-5 to 2e-4, full fine-tuning at 5e-6 to 8e-6.",
    )
    epochs: float = option(
        1.0,
        title="Epochs",
        level=BASIC,
        group="Length",
        gt=0,
        le=1000,
        help="How often the training pairs are passed through. Not used when a number of steps is set.",
    )
    max_steps: int = option(
        0,
        title="Steps",
        group="Length",
        unit="steps",
        ge=0,
        le=10_000_000,
        help="Number of optimizer steps. 0 trains for the epochs above.",
    )
    micro_batch: int = option(
        2,
        title="Micro-batch",
        level=BASIC,
        group="Batch",
        unit="pairs",
        ge=1,
        le=1024,
        help="Pairs computed at once. Decides memory: halve it, and double the accumulation, when memory runs out.",
    )
    accumulation: int = option(
        4,
        title="Accumulation",
        group="Batch",
        unit="micro-batches",
        ge=1,
        le=4096,
        help="Micro-batches per optimizer step. Pairs per step = micro-batch × accumulation.",
    )
    max_length: int = option(
        1024,
        title="Maximum length",
        level=BASIC,
        group="Batch",
        unit="tokens",
        ge=8,
        le=1_048_576,
        help="Longest prompt with answer. Longer answers are cut; pairs whose prompt leaves no room for an answer "
        "are set aside.",
    )
    group_by_length: bool = option(
        False,
        title="Group by length",
        group="Batch",
        help="Put pairs of like length into one batch. It saves padding where a model cannot be computed packed, and "
        "makes the order of the pairs less random.",
    )
    adapter: Literal["lora", "full"] = option(
        "lora",
        title="What is trained",
        level=BASIC,
        group="Adapter",
        choices={
            "lora": "LoRA: a small adapter beside frozen weights",
            "full": "Full fine-tuning: every weight, about 8 times the memory",
        },
        help="LoRA trains a small adapter and fits small cards. Full fine-tuning changes every weight.",
    )
    lora_rank: int = option(
        16, title="LoRA rank", group="Adapter", ge=1, le=1024, help="Width of the adapter. 8 to 64 is usual."
    )
    lora_alpha: float = option(
        32.0,
        title="LoRA alpha",
        group="Adapter",
        gt=0,
        le=4096,
        help="Scale of the adapter; its effect is alpha ÷ rank. Twice the rank is usual.",
    )
    lora_dropout: float = option(
        0.0,
        title="LoRA dropout",
        group="Adapter",
        ge=0,
        lt=1,
        help="Share of adapter inputs dropped in training.",
    )
    lora_targets: tuple[str, ...] = option(
        ("all-linear",),
        title="LoRA targets",
        group="Adapter",
        help="Names of the layers that get an adapter, separated by commas; “all-linear” means all of them but the "
        "output head.",
    )
    use_dora: bool = option(
        False,
        title="DoRA",
        group="Adapter",
        help="Train direction and size of the weights apart (Liu et al. 2024). Slower, sometimes better at low rank.",
    )
    use_rslora: bool = option(
        False,
        title="Rank-stabilized LoRA",
        group="Adapter",
        help="Scale by alpha ÷ √rank, which keeps high ranks learning (Kalajdzievski 2023).",
    )
    quantization: Literal["none", "8bit", "nf4"] = option(
        "none",
        title="Quantization of the base",
        level=BASIC,
        group="Memory",
        choices={
            "none": "None: weights as they are",
            "8bit": "8-bit: about half the memory of 16-bit weights",
            "nf4": "4-bit nf4: about a quarter of it (QLoRA)",
        },
        help="Store the frozen base weights in fewer bits. Needs LoRA. The merged model is full precision again.",
    )
    precision: Literal["auto", "bf16", "fp16", "fp32"] = option(
        "auto",
        title="Precision",
        group="Memory",
        choices={
            "auto": "Automatic: bf16 on a GPU that has it, fp32 on a CPU",
            "bf16": "bfloat16",
            "fp16": "float16 with loss scaling",
            "fp32": "float32",
        },
        help="Number format of the computation.",
    )
    gradient_checkpointing: Literal["auto", "on", "off"] = option(
        "auto",
        title="Gradient checkpointing",
        group="Memory",
        choices={
            "auto": "Automatic: only where the memory would not be enough without",
            "on": "On",
            "off": "Off",
        },
        help="Recompute activations in the backward pass: far less memory, about a third more time, the same result.",
    )
    schedule: Literal["linear", "cosine", "constant", "inverse_sqrt"] = option(
        "linear",
        title="Schedule",
        group="Optimization",
        choices={
            "linear": "Linear: falls to zero in a straight line",
            "cosine": "Cosine: falls to zero along a cosine",
            "constant": "Constant after the warm-up",
            "inverse_sqrt": "Inverse square root: the paper's",
        },
        help="How the learning rate changes after the warm-up.",
    )
    warmup: float = option(
        0.1,
        title="Warm-up",
        group="Optimization",
        ge=0,
        le=1_000_000,
        help="Below 1: share of all steps over which the learning rate rises. 1 and more: number of steps.",
    )
    optimizer: Literal["adamw", "adamw_8bit", "paged_adamw_8bit", "rmsprop"] = option(
        "adamw",
        title="Optimizer",
        group="Optimization",
        choices={
            "adamw": "AdamW",
            "adamw_8bit": "AdamW with 8-bit states",
            "paged_adamw_8bit": "AdamW with 8-bit states that move to main memory when the card is full",
            "rmsprop": "RMSprop",
        },
        help="The 8-bit ones save memory in full fine-tuning and make little difference with LoRA.",
    )
    weight_decay: float = option(
        0.0, title="Weight decay", group="Optimization", ge=0, le=1, help="Pull of the weights towards zero."
    )
    max_grad_norm: float = option(
        1.0,
        title="Gradient clipping",
        group="Optimization",
        gt=0,
        le=1e6,
        help="Gradients whose norm is larger are scaled down to it.",
    )
    seed: int = option(
        42,
        title="Seed",
        group="Optimization",
        ge=0,
        le=2**31 - 1,
        help="Start of the random numbers. The same seed on the same machine repeats a run.",
    )

    @field_validator("gradient_checkpointing", mode="before")
    @classmethod
    def _as_once_written(cls, value: Any) -> Any:
        """Read files from before there was "auto"."""
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


class TrainSection(Section):
    """What a run does while it trains."""

    logging_steps: int = option(
        0,
        title="Log every",
        unit="steps",
        ge=0,
        le=1_000_000,
        help="Steps between two points on the charts. 0 chooses by the length of the run; short runs draw every step.",
    )
    evaluation_steps: int = option(
        0,
        title="Evaluate every",
        unit="steps",
        ge=0,
        le=10_000_000,
        help="Steps between two measurements on held-out pairs. 0 makes about five over the run.",
    )
    checkpoint_steps: int = option(
        0,
        title="Checkpoint every",
        unit="steps",
        ge=0,
        le=10_000_000,
        help="Steps between two checkpoints, from which a run can go on. 0 makes about five over the run.",
    )
    keep_checkpoints: int = option(
        2,
        title="Checkpoints kept",
        ge=2,
        le=1000,
        help="Older ones are deleted. At least 2, so that one is whole.",
    )
    checkpoint_failure: Literal["go_on", "stop"] = option(
        "go_on",
        title="If a checkpoint fails",
        choices={
            "go_on": "Go on: save once there is room",
            "stop": "Stop: resume from the last one",
        },
        help="It cannot be saved: the disk is full or read-only, say. Older checkpoints are deleted first to make "
        "room, never the last complete one. Going on keeps what is learned in memory, and at the end waits for room to "
        "save the result; stopping frees the machine and loses the steps since the last checkpoint.",
    )


class EvaluateSection(Section):
    """How the result is measured and shown."""

    pairs: int = option(
        200,
        title="Held-out pairs used",
        unit="pairs",
        ge=1,
        le=1_000_000,
        help="At most this many held-out pairs are measured each time.",
    )
    samples: int = option(
        3,
        title="Sample answers",
        ge=0,
        le=100,
        help="Held-out prompts that base and tuned model answer at each evaluation.",
    )
    max_new_tokens: int = option(
        128, title="Longest answer", unit="tokens", ge=1, le=8192, help="Where a generated answer is cut."
    )
    temperature: float = option(
        0.0,
        title="Temperature",
        ge=0,
        le=5,
        help="0 always takes the likeliest token, so that answers can be compared; higher varies them.",
    )


class ShipSection(Section):
    """How the result is exported."""

    merge_precision: Literal["auto", "fp32", "bf16", "fp16"] = option(
        "auto",
        title="Precision of the merged model",
        choices={
            "auto": "As the base model is stored",
            "fp32": "float32",
            "bf16": "bfloat16",
            "fp16": "float16",
        },
        help="Number format of the merged weights on disk.",
    )
    shard_size: float = option(
        5.0,
        title="Largest file",
        unit="GB",
        gt=0,
        le=100,
        help="Merged weights are split into files of this size.",
    )


SECTIONS: dict[str, type[Section]] = {
    "model": ModelSection,
    "data": DataSection,
    "recipe": RecipeSection,
    "train": TrainSection,
    "evaluate": EvaluateSection,
    "ship": ShipSection,
}
"""The sections by name, in the order of the work and of the file."""
