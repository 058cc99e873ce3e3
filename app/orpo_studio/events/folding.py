"""Adding up a stream without reading its many figures, from where that ended the last time."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from orpo_studio.events.state import RunState
from orpo_studio.events.tail import SLICE, LineTail
from orpo_studio.events.types import parse_event

_METRICS = b'"type":"train.metrics"'
_MACHINE = b'"type":"machine"'
_BEGINNING = 120
"""Bytes of a line in which its type stands."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What a stream adds up to, as far as it was read.

    Attributes:
        state: the fold. Of logged steps that follow each other, and of samples of the machine, only the last is in it.
        read_to: where in the file that ends, in bytes.
    """

    state: RunState = field(default_factory=RunState)
    read_to: int = 0


def fold_stream(path: Path, known: Folded | None = None) -> Folded:
    """Fold a stream as it is now. A missing file adds up to nothing.

    Args:
        path: the file.
        known: what an earlier look at the same file found; only what was written since is read then.

    Raises:
        OSError: the file cannot be read, or is no ordinary file.
    """
    known = known or Folded()
    state, tail = replace(known.state), LineTail(path, known.read_to)
    try:
        end = path.stat().st_size
    except FileNotFoundError:
        return Folded()
    waiting: dict[bytes, bytes] = {}
    before = -1
    while before != tail.offset < end:  # not until nothing is new: somebody may write faster than this reads
        before = tail.offset
        for line in tail.poll(4 * SLICE):
            start = line[:_BEGINNING]
            if _METRICS in start:
                waiting[_METRICS] = line
            elif _MACHINE in start:
                waiting[_MACHINE] = line
            elif line.strip():
                _apply(state, [*waiting.values(), line])
                waiting.clear()
    _apply(state, waiting.values())
    return Folded(state, tail.line_start)


def _apply(state: RunState, lines: Iterable[bytes]) -> None:
    for line in lines:
        if (event := parse_event(line)) is not None:
            state.apply(event)
