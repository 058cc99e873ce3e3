"""What two measured steps say about a run: its peak memory in place of the sum, and its time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

from orpo_studio.config.sections import RecipeSection
from orpo_studio.fit.memory import MemoryEstimate
from orpo_studio.fit.pace import Duration, remaining_time
from orpo_studio.words import duration

_OTHER_RESULT = frozenset(
    {
        "lambda_",
        "sft_tokens",
        "mean_over",
        "learning_rate",
        "epochs",
        "max_steps",
        "group_by_length",
        "lora_alpha",
        "use_rslora",
        "schedule",
        "warmup",
        "weight_decay",
        "max_grad_norm",
        "seed",
    }
)
"""Options that change what is learned, or how many steps there are, but not what a step takes."""


def what_a_step_depends_on(recipe: RecipeSection) -> tuple[tuple[str, object], ...]:
    """Return the settings that decide about a step's memory and time; two recipes with equal ones share a probe."""
    return tuple((name, value) for name, value in recipe if name not in _OTHER_RESULT)


class Probe(Protocol):
    """What a probe says, as the event ``probe.finished`` does."""

    @property
    def device(self) -> str:
        """Where it ran, as torch names it."""

    @property
    def peak_bytes(self) -> int:
        """The most memory that it took."""

    @property
    def library_bytes(self) -> int:
        """Of it what driver and libraries take."""

    @property
    def seconds(self) -> Sequence[float]:
        """Of each step."""

    @property
    def tokens(self) -> Sequence[int]:
        """Of each step."""

    @property
    def pair_tokens(self) -> float:
        """Of a usual pair."""


@dataclass(frozen=True, slots=True)
class MeasuredSteps:
    """What a probe measured.

    Attributes:
        peak: the most memory that the process took, in bytes.
        libraries: of it what driver and libraries take without a model.
        on_gpu: on a card; else in main memory.
        seconds: of each step that tells the pace.
        tokens: of each of these.
        pair_tokens: tokens of a usual training pair, both sequences.
    """

    peak: float
    libraries: float
    on_gpu: bool
    seconds: Sequence[float]
    tokens: Sequence[float]
    pair_tokens: float

    @classmethod
    def of(cls, probe: "Probe") -> Self:
        """Take what a probe said. Of three steps or more the first is warming up, and tells no pace."""
        first = 1 if len(probe.seconds) > 2 else 0
        return cls(
            peak=probe.peak_bytes,
            libraries=probe.library_bytes,
            on_gpu=probe.device.startswith("cuda"),
            seconds=tuple(probe.seconds[first:]),
            tokens=tuple(probe.tokens[first:]),
            pair_tokens=probe.pair_tokens,
        )

    @property
    def step_seconds(self) -> float:
        """The time of a step, on average."""
        return sum(self.seconds) / max(1, len(self.seconds))

    @property
    def tokens_per_second(self) -> float:
        """The pace of the steps together."""
        return sum(self.tokens) / max(sum(self.seconds), 1e-9)

    def whole_run(self, steps: int, pairs_per_step: int) -> Duration | None:
        """Return the time of a run's steps, were each token to take what it takes in the longest pairs.

        Of longer rows a token takes longer, since attention looks further back: so it is rather too much. Only where
        a model is so small that what each step costs at least outweighs its tokens, short rows can take longer.
        """
        return remaining_time(self.seconds, self.tokens, steps=steps, tokens_per_step=pairs_per_step * self.pair_tokens)


def measured_memory(steps: MeasuredSteps, estimated: MemoryEstimate) -> MemoryEstimate:
    """Return the measured peak, divided into the estimate's parts.

    A process is measured as a whole. Weights, adapter, optimizer and head are taken as estimated, since they follow
    from counts; what is left is the activations'. Where nothing is left, all known parts shrink alike.
    """
    known = replace(
        estimated, activations=0.0, reserve_low=steps.libraries, reserve_high=steps.libraries, measured=True
    )
    room = max(0.0, steps.peak - steps.libraries)
    if known.known <= room:
        return replace(known, activations=room - known.known)
    share = room / known.known

    def shrunk(part: float | None) -> float | None:
        return None if part is None else part * share

    return replace(
        known,
        weights=shrunk(known.weights),
        adapter=shrunk(known.adapter),
        optimizer=shrunk(known.optimizer),
        head=shrunk(known.head),
    )


def span_in_words(time: Duration) -> str:
    """Write a time with its uncertainty: ``12 min to 16 min``, or ``14 min`` where both ends read alike."""
    low, high = (duration(_rounded(max(0.0, time.seconds + side))) for side in (-time.uncertainty, time.uncertainty))
    return low if low == high else f"{low} to {high}"


def seconds_in_words(seconds: float) -> str:
    """Write the time of a step: ``0.042 s``, ``2.3 s``, ``34 s``."""
    return f"{seconds:.2g} s" if seconds < 10 else duration(seconds)


def _rounded(seconds: float) -> float:
    """Round a time to two digits: more are not known."""
    if seconds < 10:
        return seconds
    unit = 10.0 ** (math.floor(math.log10(seconds)) - 1)
    return round(seconds / unit) * unit
