"""Writing and following the stream of events."""

import json
import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orpo_studio.events import (
    EventLog,
    EventLogError,
    EventTail,
    Machine,
    Stage,
    TrainMetrics,
    read_events,
)
from orpo_studio.events import tail as tail_module


def machine(value: float) -> Machine:
    return Machine(values={"cpu_load": value})


def loads(path: Path) -> list[float]:
    return [event.values["cpu_load"] for event in read_events(path) if isinstance(event, Machine)]


def seqs(path: Path) -> list[int]:
    return [event.seq for event in read_events(path)]


def test_that_events_are_numbered_from_one_and_carry_their_time(tmp_path: Path) -> None:
    with EventLog(tmp_path / "e") as log:
        first, second = log.append(machine(1)), log.append(machine(2))
    assert (first.seq, second.seq) == (1, 2)
    assert 0 < first.time <= second.time
    assert list(read_events(tmp_path / "e")) == [first, second]


def _write_many(path: Path, count: int, start: "multiprocessing.synchronize.Barrier") -> None:
    start.wait()
    with EventLog(path) as log:
        for number in range(count):
            log.append(Stage(name=str(os.getpid()), title="x" * (number % 300), done=number))


def test_that_two_processes_leave_one_stream_without_gaps(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    writers = [context.Process(target=_write_many, args=(tmp_path / "e", 400, start)) for _ in range(2)]
    for writer in writers:
        writer.start()
    start.wait()
    tail, followed = EventTail(tmp_path / "e"), []
    while any(writer.is_alive() for writer in writers):
        followed += tail.poll(limit=4096)
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    while new := tail.poll():
        followed += new
    assert [event.seq for event in followed] == list(range(1, 801))
    assert tail.unreadable == 0
    by_writer: dict[str, list[int]] = {}
    for event in followed:
        assert isinstance(event, Stage)
        by_writer.setdefault(event.name, []).append(event.done)
    assert list(by_writer.values()) == [list(range(400))] * 2


def test_that_a_torn_last_line_is_cut_and_the_numbers_go_on(tmp_path: Path) -> None:
    path = tmp_path / "e"
    with EventLog(path) as log:
        log.append(machine(1))
        log.append(machine(2))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"seq":3,"time":1.0,"type":"mach')
    with EventLog(path) as log:
        log.append(machine(3))
    assert seqs(path) == [1, 2, 3]
    assert path.read_bytes().startswith(whole)


def test_that_a_reader_who_saw_a_torn_line_gets_the_one_written_over_it(tmp_path: Path) -> None:
    path = tmp_path / "e"
    with EventLog(path) as log:
        log.append(machine(1))
    with path.open("ab") as file:
        file.write(b'{"seq":2,"time":1.0,"type":"a torn line that is longer than the whole next one' + b"." * 500)
    tail = EventTail(path)
    assert [event.seq for event in tail.poll()] == [1]
    with EventLog(path) as log:
        log.append(machine(2))
    assert [event.seq for event in tail.poll()] == [2]
    assert tail.unreadable == 0


def test_that_a_writer_sees_what_another_has_written_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "e"
    with EventLog(path) as one, EventLog(path) as other:
        for number in range(6):
            (one if number % 2 else other).append(machine(number))
    assert seqs(path) == [1, 2, 3, 4, 5, 6]


def test_that_numbers_go_on_after_a_line_longer_than_what_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "e"
    with EventLog(path) as log:
        log.append(machine(1))
        log.append(Stage(name="long", title="x" * 200_000))
    with EventLog(path) as log:
        log.append(machine(3))
    assert seqs(path) == [1, 2, 3]


@settings(max_examples=200)
@given(st.binary(max_size=200), st.lists(st.integers(1, 50), min_size=1, max_size=30))
def test_that_a_tail_yields_the_same_however_it_is_sliced(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, steps: list[int]
) -> None:
    events = [machine(1), Stage(name="s", title="Ωλ"), machine(2)]
    lines = [event.model_dump_json().encode() + b"\n" for event in events]
    content = lines[0] + noise.replace(b"\n", b" ") + b"\n" + lines[1] + lines[2]
    path = tmp_path_factory.getbasetemp() / "sliced"
    path.write_bytes(content)
    expected = EventTail(path).poll()
    tail, found, position = EventTail(path), [], 0
    while tail.offset < len(content):
        found += tail.poll(limit=steps[position % len(steps)])
        position += 1
    assert found == expected
    assert found[0] == events[0]
    assert found[-2:] == events[1:]


def test_that_an_incomplete_line_is_held_back_until_it_is_whole(tmp_path: Path) -> None:
    path, line = tmp_path / "e", machine(1).model_dump_json().encode() + b"\n"
    tail = EventTail(path)
    assert tail.poll() == []
    path.write_bytes(line[:20])
    assert tail.poll() == []
    path.write_bytes(line[:-1])
    assert tail.poll() == []
    path.write_bytes(line)
    assert len(tail.poll()) == 1
    assert tail.poll() == []


def test_that_lines_that_are_no_events_are_counted_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "e"
    path.write_bytes(b"not json\n\n[1, 2]\n" + machine(5).model_dump_json().encode() + b"\n")
    tail = EventTail(path)
    assert [event.type for event in tail.poll()] == ["machine"]
    assert tail.unreadable == 2


def test_that_a_line_without_end_cannot_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "LONGEST_LINE", 1000)
    path = tmp_path / "e"
    path.write_bytes(b"x" * 5000 + b"\n" + machine(7).model_dump_json().encode() + b"\n")
    tail, found = EventTail(path), []
    for _ in range(20):
        found += tail.poll(limit=600)
    assert [event.type for event in found] == ["machine"]


def test_that_reading_all_is_not_stopped_by_a_line_longer_than_a_slice(tmp_path: Path) -> None:
    path = tmp_path / "e"
    with EventLog(path) as log:
        log.append(Stage(name="long", title="x" * 3_000_000))
        log.append(machine(2))
    assert seqs(path) == [1, 2]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e308, -0.0, 5e-324])
def test_that_every_float_survives_the_file(tmp_path: Path, value: float) -> None:
    with EventLog(tmp_path / "e") as log:
        log.append(TrainMetrics(step=1, epoch=0.1, seconds=1.0, values={"loss": value}))
    (event,) = read_events(tmp_path / "e")
    assert isinstance(event, TrainMetrics)
    assert repr(event.values["loss"]) == repr(value)
    json.loads((tmp_path / "e").read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_that_a_full_disk_is_an_error_and_leaves_the_stream_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "e"
    real = os.write
    with EventLog(path) as log:
        log.append(machine(1))
        before = path.read_bytes()
        monkeypatch.setattr(os, "write", lambda descriptor, line: real(descriptor, line[:10]))
        with pytest.raises(EventLogError, match="No space left"):
            log.append(machine(2))
        assert path.read_bytes() == before
        monkeypatch.setattr(os, "write", real)
        log.append(machine(2))
    assert seqs(path) == [1, 2]


def test_that_a_place_that_cannot_be_written_is_an_error_of_the_log(tmp_path: Path) -> None:
    with pytest.raises(EventLogError):
        EventLog(tmp_path / "none" / "e")
