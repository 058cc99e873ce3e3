"""Pairs at any place, by text and by length, from a file of several batches: the same as from a list."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orpo_studio.data.ordering import ordered, sizes_of
from orpo_studio.data.pages import PARTS, ListPages, PairPages
from orpo_studio.data.pair import Message, Pair
from orpo_studio.data.pair_files import PAIR_SCHEMA
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.search import Hits, TextQuery, search

TEXTS = st.text(st.sampled_from("aAkKéÉß\u212a. \n*[漢\x00"), max_size=12)
TURNS = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), TEXTS), min_size=1, max_size=3)
PAIRS = st.lists(st.tuples(TURNS, TURNS, TURNS), min_size=1, max_size=12)


def say(*texts: str, role: str = "user") -> list[Message]:
    return [{"role": role, "content": text} for text in texts]


def pair_of(number: int, prompt: str, chosen: str = "yes", rejected: str = "no") -> Pair:
    return Pair(say(prompt), say(chosen, role="assistant"), say(rejected, role="assistant"), number)


def write(path: Path, pairs: Sequence[Pair], rows_a_batch: int) -> Path:
    with pa.ipc.new_file(str(path), PAIR_SCHEMA) as file:
        for start in range(0, len(pairs), rows_a_batch):
            part = pairs[start : start + rows_a_batch]
            columns = [[getattr(pair, name) for pair in part] for name in PAIR_SCHEMA.names]
            arrays = [pa.array(column, field.type) for column, field in zip(columns, PAIR_SCHEMA, strict=True)]
            file.write_batch(pa.record_batch(arrays, schema=PAIR_SCHEMA))
    return path


def opened(path: Path, pairs: Sequence[Pair], *, rows_a_batch: int = 3, train: int | None = None) -> PairPages:
    return PairPages(write(path, pairs, rows_a_batch), train=len(pairs) if train is None else train)


def found(hits: Iterator[Hits]) -> list[int]:
    return [int(position) for hit in hits for position in hit.positions]


def never() -> bool:
    return False


@given(drawn=PAIRS, rows_a_batch=st.integers(1, 5), text=TEXTS, match_case=st.booleans(), data=st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_that_a_file_gives_what_a_list_gives(
    tmp_path: Path, drawn: list, rows_a_batch: int, text: str, match_case: bool, data: st.DataObject
) -> None:
    pairs = [
        Pair(*([{"role": role, "content": content} for role, content in turns] for turns in three), number)
        for number, three in enumerate(drawn, 1)
    ]
    listed = ListPages(pairs)
    places = data.draw(st.lists(st.integers(0, len(pairs) - 1), max_size=8))
    query = TextQuery(text, data.draw(st.sampled_from([PARTS, ("prompt",), ("chosen", "rejected")])), match_case)
    with opened(tmp_path / "pairs.arrow", pairs, rows_a_batch=rows_a_batch) as pages:
        assert [pages.pair(place) for place in places] == [listed.pair(place) for place in places]
        assert pages.cells_at(places) == listed.cells_at(places)
        assert [pages.text_bytes(place) for place in places] == [listed.text_bytes(place) for place in places]
        assert (sizes_of(pages) == sizes_of(listed)).all()
        assert pages.page(0, len(pairs)) == pairs
        span = pages.span()
        assert found(search(pages, query, span, never)) == found(search(listed, query, span, never))


@pytest.mark.parametrize(
    ("text", "hits"),
    [("KEY", [0, 1]), ("élan", [2]), ("ÉLAN", [2]), ("a.b", [3]), ("(", [4]), ("nowhere", []), ("", [0, 1, 2, 3, 4])],
)
def test_that_text_is_found_in_any_case_and_as_it_stands(tmp_path: Path, text: str, hits: list[int]) -> None:
    prompts = ("A key", "KEYS", "Élan", "a.b", "f(x)")
    with opened(tmp_path / "pairs.arrow", [pair_of(n, prompt) for n, prompt in enumerate(prompts)]) as pages:
        assert found(search(pages, TextQuery(text), pages.span(), never)) == hits


def test_that_case_can_matter(tmp_path: Path) -> None:
    with opened(tmp_path / "pairs.arrow", [pair_of(1, "key"), pair_of(2, "Key"), pair_of(3, "KEY key")]) as pages:
        assert found(search(pages, TextQuery("key", match_case=True), pages.span(), never)) == [0, 2]


def test_that_only_the_parts_asked_for_are_searched(tmp_path: Path) -> None:
    pairs = [pair_of(1, "sun"), pair_of(2, "p", "sun"), pair_of(3, "p", "c", "sun")]
    with opened(tmp_path / "pairs.arrow", pairs) as pages:
        for place, part in enumerate(PARTS):
            assert found(search(pages, TextQuery("sun", (part,)), pages.span(), never)) == [place]


def test_that_text_over_the_border_of_two_texts_is_none(tmp_path: Path) -> None:
    with opened(tmp_path / "pairs.arrow", [pair_of(1, "ab"), pair_of(2, "cd")]) as pages:
        assert found(search(pages, TextQuery("bc"), pages.span(), never)) == []


def test_that_a_search_stays_within_its_split_and_tells_how_far_it_is(tmp_path: Path) -> None:
    pairs = [pair_of(number, "same") for number in range(100)]
    with opened(tmp_path / "pairs.arrow", pairs, train=70) as pages:
        hits = list(search(pages, TextQuery("same"), pages.span("held_out"), never))
        assert found(iter(hits)) == list(range(70, 100))
        shares = [hit.share for hit in hits]
        assert shares == sorted(shares)
        assert shares[-1] == 1.0


def test_that_a_cancelled_search_ends(tmp_path: Path) -> None:
    pairs = [pair_of(number, "same") for number in range(400)]
    with opened(tmp_path / "pairs.arrow", pairs, rows_a_batch=1) as pages:
        stop = Event()
        hits = search(pages, TextQuery("same"), pages.span(), stop.is_set)
        next(hits)
        stop.set()
        assert len(found(hits)) < 390


def test_that_pairs_are_ordered_by_length(tmp_path: Path) -> None:
    pairs = [pair_of(1, "ppp", "c", "rrrr"), pair_of(2, "p", "cc", "r"), pair_of(3, "pp", "ccc", "rr")]
    with opened(tmp_path / "pairs.arrow", pairs) as pages:
        sizes, places = sizes_of(pages), np.arange(3)
        assert ordered(places, sizes, "prompt", longest_first=True).tolist() == [0, 2, 1]
        assert ordered(places, sizes, "rejected", longest_first=False).tolist() == [1, 2, 0]
        assert ordered(places, sizes, "total", longest_first=True).tolist() == [0, 2, 1]
        assert ordered(places, sizes, "difference", longest_first=False).tolist() == [0, 1, 2]


def test_that_a_cell_of_a_huge_text_is_cut_without_a_broken_letter(tmp_path: Path) -> None:
    with opened(tmp_path / "pairs.arrow", [pair_of(1, "漢字" * 100_000)]) as pages:
        (cells,) = pages.cells_at([0])
        assert len(cells.prompt) == 200
        assert cells.prompt.endswith("漢字漢…")
        assert cells.sizes == (600_000, 3, 2)


def test_that_closed_pages_are_empty(tmp_path: Path) -> None:
    pages = opened(tmp_path / "pairs.arrow", [pair_of(1, "p")])
    pages.close()
    assert len(pages) == 0
    with pytest.raises(IndexError):
        pages.pair(0)


def test_that_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "pairs.arrow").write_bytes(b"no arrow at all")
    with pytest.raises(DataProblem):
        PairPages(tmp_path / "pairs.arrow", train=1)
