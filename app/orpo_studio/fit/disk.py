"""Room on the disk that a run and its exports take, by the model's headers and the settings alone.

===========  ==========================================================================================================
checkpoint   the trained weights in float32, the optimizer's states of them (AdamW 8 bytes a parameter, RMSprop 4, in
             8 bits 2.03, but 8 for embeddings and matrices under 4096 elements), the tokenizer, and some small files
checkpoints  as many as are kept, and the next one while it is written: older ones go when it is whole
result       the trained weights in float32 and the tokenizer
data         the converted pairs, twice as much while they are converted
tokens       ids of 4 bytes; a token is about 4 bytes of text
merged       every parameter in the number format of the merge, and the tokenizer
===========  ==========================================================================================================
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orpo_studio.config import RunSpec
from orpo_studio.config.plan import Plan
from orpo_studio.fit.memory import Case, state_bytes, trained_parameters
from orpo_studio.fit.shape import ModelShape, read_shape
from orpo_studio.models.card import ModelCard
from orpo_studio.words import size

SMALL_BYTES = 256 * 1024
"""Of a checkpoint: settings, the state of the schedule and of the random numbers."""
_RECORD_BYTES = 4 * 1024**2
"""Events and console log of a run of some length, and the room kept for the last words."""
_CARD_BYTES = 64 * 1024
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
_MERGE_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
_STORED_BYTES = {"float32": 4, "float16": 2}


@dataclass(frozen=True, slots=True)
class DiskNeed:
    """Bytes that a run writes.

    Attributes:
        checkpoint: one of its checkpoints.
        checkpoints: the most of them that lie there at once.
        result: the adapter, or the trained model.
        data: the converted pairs.
        tokens: their ids, in the cache and not in the run's folder.
    """

    checkpoint: int
    checkpoints: int
    result: int
    data: int
    tokens: int

    @property
    def run(self) -> int:
        """All that lies in the run's folder at once."""
        return max(2 * self.data, self.data + self.checkpoints + self.result) + _RECORD_BYTES

    @property
    def least(self) -> int:
        """What it takes so that nothing is lost: one whole checkpoint, and the result beside it."""
        return max(2 * self.data, self.data + self.checkpoint + self.result) + _RECORD_BYTES


def disk_need(spec: RunSpec, shape: ModelShape, plan: Plan | None, *, tokenizer: int, pairs: int) -> DiskNeed | None:
    """Return what a run takes; None where it is not known how many parameters are trained.

    Args:
        spec: the settings.
        shape: the model.
        plan: steps of the run; None where they are not known, for as many checkpoints as may be kept.
        tokenizer: bytes of the tokenizer's files, see :func:`tokenizer_bytes`.
        pairs: bytes of the converted pairs; 0 where they are not known.
    """
    case = Case(spec.recipe, shape)
    trained = trained_parameters(case)
    if trained is None:
        return None
    checkpoint = round(4 * trained + state_bytes(case, trained)) + tokenizer + SMALL_BYTES
    kept = spec.train.keep_checkpoints
    made = kept + 1 if plan is None else -(-plan.total_steps // plan.checkpoint_steps)
    return DiskNeed(
        checkpoint=checkpoint,
        checkpoints=min(made, kept + 1) * checkpoint,
        result=4 * trained + tokenizer + _CARD_BYTES,
        data=pairs,
        tokens=pairs // 2,  # of the two files of pairs the one to look at is plain text
    )


def merged_bytes(spec: RunSpec, card: ModelCard) -> int:
    """Return what the merged model takes."""
    width = _MERGE_BYTES.get(spec.ship.merge_precision) or _STORED_BYTES.get(card.dtype, 2)
    return card.parameters * width + tokenizer_bytes(card.path) + _CARD_BYTES


def tokenizer_bytes(model: Path) -> int:
    """Return what the tokenizer's files of a model folder take."""
    return sum((model / name).stat().st_size for name in _TOKENIZER_FILES if (model / name).is_file())


@dataclass(frozen=True, slots=True)
class RunRoom:
    """What a run takes beside what is free.

    Attributes:
        need: what it writes.
        free: bytes free on the disk of the run's folder.
        cache_free: bytes free on the disk of the cache; None where that is the same disk.
    """

    need: DiskNeed
    free: int
    cache_free: int | None = None

    @property
    def takes(self) -> int:
        """Bytes on the disk of the run's folder; the ids lie there as well where the cache has no room for them."""
        return self.need.run + self._tokens

    @property
    def _least(self) -> int:
        return self.need.least + self._tokens

    @property
    def _tokens(self) -> int:
        elsewhere = self.cache_free is not None and self.cache_free > self.need.tokens
        return 0 if elsewhere else self.need.tokens

    @property
    def severity(self) -> Literal["error", "warning"] | None:
        """How bad it is: an error where one checkpoint and the result find no room, a warning where not all do."""
        if self._least > self.free:
            return "error"
        return "warning" if self.takes > self.free else None

    def in_words(self) -> str:
        """Return it in a few words."""
        return f"about {size(self.takes)} needed, {size(self.free)} free"

    def problem(self) -> str:
        """Return what is wrong and what to do; the empty string where all finds room."""
        if self.severity == "error":
            whole = f" ({size(self.takes)} with all its checkpoints)" if self.takes > self._least else ""
            return (
                f"Too little room on the disk: the run needs at least {size(self._least)}{whole}, and "
                f"{size(self.free)} are free. Make room, or choose another workspace where there is more."
            )
        if self.severity == "warning":
            return (
                f"The disk gets full: the run needs {size(self.takes)} with all its checkpoints, and "
                f"{size(self.free)} are free. Older checkpoints, each of {size(self.need.checkpoint)}, would be "
                "deleted early."
            )
        return ""


def room_for_run(
    spec: RunSpec, card: ModelCard, plan: Plan | None, *, pairs: Path | None, free: int, cache_free: int | None
) -> RunRoom | None:
    """Return what a run takes beside what is free; None where it is not known how many parameters are trained.

    Args:
        spec: the settings.
        card: the base model.
        plan: steps of the run; None where they are not known.
        pairs: the folder of the converted pairs; None where they are not known.
        free: bytes free where runs are kept.
        cache_free: bytes free where the cache lies; None where that is the same disk.

    Raises:
        ModelProblem: the model's files cannot be read any more.
        OSError: the pairs cannot be looked at any more.
    """
    need = disk_need(
        spec,
        read_shape(card),
        plan,
        tokenizer=tokenizer_bytes(card.path),
        pairs=sum(path.stat().st_size for path in pairs.iterdir() if path.is_file()) if pairs is not None else 0,
    )
    return RunRoom(need, free, cache_free) if need is not None else None
