"""Tokenized rows are made once, kept by content, resumed piece by piece, and made again where they are damaged."""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer

from helpers.tiny_model import CHATML, ENDED, make_rows, write_rows, write_tokenizer
from helpers.training import make_run, run
from orpo_studio.data.conversion import convert
from orpo_studio.data.pages import Split
from orpo_studio.data.prepared import PreparedData
from orpo_studio.events import DataPrepared
from orpo_studio.models.chat_template import ChatTemplate
from orpo_studio.models.quick_encoder import QuickEncoder
from orpo_studio.trainer import token_cache
from orpo_studio.trainer.problems import StopNow
from orpo_studio.trainer.token_cache import TokenizedSplit, tokenize_data
from orpo_studio.trainer.tokens import NO_ROOM, TEMPLATE_REFUSED, PairTokenizer, tokenize_pairs

NAMES = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}


@dataclass(frozen=True)
class Bench:
    """What rows are made of, and where they are kept."""

    data: PreparedData
    model: Path
    cache: Path
    template: ChatTemplate
    max_length: int

    @property
    def tokenizer(self) -> Any:
        return AutoTokenizer.from_pretrained(self.model)

    def rows(self, advance: Callable[[int], None] = lambda _done: None) -> tuple[TokenizedSplit, TokenizedSplit]:
        return tokenize_data(
            self.data,
            self.tokenizer,
            self.template,
            model=self.model,
            max_length=self.max_length,
            cache=self.cache,
            advance=advance,
        )

    def pieces(self) -> list[Path]:
        return sorted(self.cache.rglob("*.arrow"))

    def check(self, splits: tuple[TokenizedSplit, TokenizedSplit]) -> None:
        """Hold rows against those that are made in memory."""
        names: tuple[Split, ...] = ("train", "held_out")
        with self.data.pages() as pages:
            for name, split in zip(names, splits, strict=True):
                texts = pages.page(0, pages.count(name), name)
                expected = tokenize_pairs(texts, self.tokenizer, self.template, max_length=self.max_length)
                assert split.pairs[:] == expected.pairs
                assert split.texts[:] == expected.texts
                assert split.set_aside == expected.set_aside


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Forty pairs in pieces of eight rows; two of them have no room at 64 tokens."""
    monkeypatch.setattr(token_cache, "PIECE_ROWS", 8)
    monkeypatch.setattr(token_cache, "BATCH", 4)
    rows = make_rows(40)
    rows[5]["prompt"] *= 12
    rows[17]["prompt"] *= 12
    write_tokenizer(tmp_path / "model")
    data = convert(write_rows(tmp_path / "pairs.jsonl", rows), tmp_path / "data", held_out=4, seed=0)
    return Bench(data, tmp_path / "model", tmp_path / "cache", ChatTemplate(CHATML, NAMES), 64)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pairs were tokenized, call by call."""
    counts: list[int] = []
    tokenize = PairTokenizer.tokenize

    def counted(self: PairTokenizer, pairs: Any) -> Any:
        counts.append(len(pairs))
        return tokenize(self, pairs)

    monkeypatch.setattr(PairTokenizer, "tokenize", counted)
    return counts


def test_that_rows_from_the_disk_are_those_made_in_memory(bench: Bench) -> None:
    train, held_out = bench.rows()
    bench.check((train, held_out))
    assert (len(train.pairs), len(held_out.pairs)) == (36 - train.set_aside[NO_ROOM], 4 - held_out.set_aside[NO_ROOM])
    assert train.set_aside[NO_ROOM] + held_out.set_aside[NO_ROOM] == 2
    assert train.pairs[-1] == train.pairs[len(train.pairs) - 1]
    assert {type(number) for number in (*train.pairs[0].chosen, train.pairs[0].chosen_prompt)} == {int}
    with pytest.raises(IndexError):
        train.pairs[len(train.pairs)]


def test_that_lengths_are_known_without_reading_rows(bench: Bench) -> None:
    pairs = bench.rows()[0].pairs
    assert pairs.lengths.tolist() == [[len(row.chosen), len(row.rejected)] for row in pairs]
    assert pairs.prompt_lengths.tolist() == [[row.chosen_prompt, row.rejected_prompt] for row in pairs]
    assert pairs.truncated.tolist() == [row.truncated for row in pairs]
    assert pairs.lengths.dtype == np.int32


def test_that_rows_are_made_once_for_all_runs_with_the_same_data(bench: Bench, made: list[int]) -> None:
    bench.rows()
    assert sum(made) == 40
    done: list[int] = []
    again = convert(Path(bench.data.summary.source), bench.cache.parent / "again", held_out=4, seed=0)
    other = replace(bench, data=again)
    other.check(other.rows(done.append))
    assert done == [40]
    assert len(list(bench.cache.iterdir())) == 1


def test_that_what_rows_depend_on_makes_them_anew(bench: Bench) -> None:
    bench.rows()
    tokenizer_file = bench.model / "tokenizer.json"
    others = [
        replace(bench, max_length=32),
        replace(bench, template=ChatTemplate(ENDED, NAMES)),
        replace(bench, template=ChatTemplate(CHATML, NAMES | {"bos_token": "x"})),
        replace(bench, data=convert(Path(bench.data.summary.source), bench.cache.parent / "o", held_out=5, seed=0)),
    ]
    for other in others:
        other.check(other.rows())
    tokenizer_file.write_text(tokenizer_file.read_text(encoding="utf-8") + " ", encoding="utf-8")
    bench.check(bench.rows())
    assert len(list(bench.cache.iterdir())) == 6


def test_that_a_template_that_writes_the_date_is_rendered_anew_each_day(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    dated = replace(bench, template=ChatTemplate("{{ strftime_now('%d') }}" + CHATML, NAMES))
    dated.rows()
    dated.rows()
    assert len(list(bench.cache.iterdir())) == 1
    monkeypatch.setattr(token_cache, "_today", lambda: "another day")
    dated.rows()
    assert len(list(bench.cache.iterdir())) == 2


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [shorten, flip, Path.unlink, lambda path: path.write_bytes(b"")])
def test_that_a_damaged_piece_alone_is_made_again(
    bench: Bench, made: list[int], damage: Callable[[Path], None]
) -> None:
    bench.rows()
    whole = bench.pieces()
    del made[:]
    damage(whole[1])
    rows = bench.rows()
    assert sum(made) == 8
    assert bench.pieces() == whole
    bench.check(rows)


def test_that_work_cut_short_goes_on_with_the_pieces_that_are_whole(bench: Bench, made: list[int]) -> None:
    def stop(done: int) -> None:
        if done >= 20:
            raise StopNow

    with pytest.raises(StopNow):
        bench.rows(stop)
    assert len(bench.pieces()) == 2
    (home,) = bench.cache.iterdir()
    (home / ".writing-half").write_bytes(b"what a killed writer leaves")
    del made[:]
    done: list[int] = []
    bench.check(bench.rows(done.append))
    assert sum(made[: len(done)]) >= 24
    assert done[0] == 20
    assert done[-1] == 40


def test_that_what_killed_writers_left_goes_after_a_day_and_unused_rows_after_a_month(bench: Bench) -> None:
    bench.rows()
    (home,) = bench.cache.iterdir()
    unused = bench.cache / "unused"
    shutil.copytree(home, unused)
    left, fresh = home / ".writing-old", home / ".writing-new"
    for path in (left, fresh):
        path.touch()
    os.utime(left, (time.time() - 2 * 86_400,) * 2)
    os.utime(unused, (time.time() - 31 * 86_400,) * 2)
    bench.rows()
    assert (left.exists(), fresh.exists(), unused.exists(), home.exists()) == (False, True, False, True)


def test_that_pieces_made_by_a_quick_way_that_turns_out_wrong_are_made_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, calls = QuickEncoder.encode_batch, 0

    def wrong_later(self: QuickEncoder, texts: Any) -> list[list[int]]:
        nonlocal calls
        calls += 1
        return encode(self, texts) if calls < 6 else [[*ids[:-1], 7] for ids in encode(self, texts)]

    monkeypatch.setattr(QuickEncoder, "encode_batch", wrong_later)
    rows = bench.rows()
    assert calls >= 6
    bench.check(rows)


def test_that_a_piece_without_a_row_that_could_be_used_is_a_piece(bench: Bench, made: list[int]) -> None:
    refusing = ChatTemplate("{{ raise_exception('no') }}", NAMES)
    nothing = replace(bench, template=refusing)
    for _ in range(2):
        train, held_out = nothing.rows()
        assert (len(train.pairs), len(held_out.pairs)) == (0, 0)
        assert dict(train.set_aside) == {TEMPLATE_REFUSED: 36}
        assert train.pairs.lengths.shape == (0, 2)
    assert sum(made) == 40


def test_that_a_run_without_a_cache_folder_keeps_its_rows_itself(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    folder = make_run(tmp_path / "workspace", tiny_model, pairs_file, recipe={"max_steps": 1})
    events = run(folder)
    prepared = next(event for event in events if isinstance(event, DataPrepared))
    assert prepared.train > 0
    assert list((folder.data / "tokens").rglob("*.arrow"))
