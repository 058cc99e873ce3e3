"""Adding up a stream piece by piece, and without its many figures."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orpo_studio.events import (
    CheckpointSaved,
    Event,
    Folded,
    Machine,
    Problem,
    RunEnded,
    RunLaunched,
    RunState,
    TrainingStarted,
    TrainMetrics,
    fold_stream,
)

EVENTS = st.one_of(
    st.integers(0, 99).map(
        lambda n: TrainMetrics(step=n, epoch=n / 100, seconds=float(n), values={"loss": 1.0 / (n + 1)})
    ),
    st.just(Machine(values={"cpu_load": 50.0})),
    st.integers(0, 99).map(lambda n: CheckpointSaved(step=n, folder=f"checkpoints/{n}", size_bytes=n)),
    st.integers(1, 5).map(lambda n: RunLaunched(attempt=n)),
    st.just(RunEnded(outcome="stopped")),
    st.just(Problem(severity="warning", code="c", title="t", detail="d", hint="h")),
    st.integers(0, 50).map(
        lambda n: TrainingStarted(
            first_step=n,
            total_steps=100,
            epochs=1,
            effective_batch=8,
            logging_steps=1,
            evaluation_steps=5,
            checkpoint_steps=5,
        )
    ),
)


def lines(events: list[Event]) -> bytes:
    return b"".join(
        event.model_copy(update={"seq": seq, "time": 1.0}).model_dump_json().encode() + b"\n"
        for seq, event in enumerate(events, 1)
    )


def whole(events: list[Event]) -> RunState:
    state = RunState()
    for seq, event in enumerate(events, 1):
        state.apply(event.model_copy(update={"seq": seq, "time": 1.0}))  # type: ignore[arg-type]
    return state


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(EVENTS, max_size=30), st.data())
def test_that_a_fold_in_pieces_without_figures_is_that_of_every_event(
    tmp_path: Path, events: list[Event], data: st.DataObject
) -> None:
    stream = lines(events)
    path = tmp_path / "events.jsonl"
    path.unlink(missing_ok=True)
    found = Folded()
    for cut in sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4))):
        path.write_bytes(stream[:cut])  # what is written ends in the middle of a line
        found = fold_stream(path, found)
    path.write_bytes(stream)
    found = fold_stream(path, found)

    assert found.read_to == len(stream)
    assert replace(found.state, gaps=0) == replace(whole(events), gaps=0, last_seq=found.state.last_seq)


def test_that_a_file_that_is_not_there_adds_up_to_nothing(tmp_path: Path) -> None:
    assert fold_stream(tmp_path / "none") == Folded()


def test_that_what_was_known_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(lines([RunLaunched(attempt=1)]))
    known = fold_stream(path)
    before = replace(known.state)
    path.write_bytes(lines([RunLaunched(attempt=1), CheckpointSaved(step=1, folder="c", size_bytes=1)]))
    assert len(fold_stream(path, known).state.checkpoints) == 1
    assert known.state == before


def test_that_a_folder_in_its_place_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"."):
        fold_stream(tmp_path)
