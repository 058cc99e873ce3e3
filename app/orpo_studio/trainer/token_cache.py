"""The tokenized pairs of prepared data, made once and kept in the person's cache folder.

They are kept there and not in the run's folder because they depend on the data, the tokenizer and the maximum length
alone: every run that shares these shares them, and all can be made again. What is kept is known by its content's
digest; a folder that nothing has used for a month is removed.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import overload

import tokenizers
import transformers
from transformers import PreTrainedTokenizerBase

from orpo_studio.data.digest import digest_of
from orpo_studio.data.pages import PairPages, Split
from orpo_studio.data.pair import Pair
from orpo_studio.data.prepared import PAIRS_TO_VIEW, PreparedData
from orpo_studio.models.chat_template import ChatTemplate
from orpo_studio.trainer.token_rows import PIECE_ROWS, WRITING, PieceWriter, TokenRows, find_pieces
from orpo_studio.trainer.tokens import BATCH, PairTokenizer, QuickDiffersError, Tokenized, in_the_quickest_way

VERSION = 1
"""Of how rows are made and kept; what another version kept is not looked at."""

_MONTH = 30 * 86_400.0
_DAY = 86_400.0
_SPLITS: tuple[Split, ...] = ("train", "held_out")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")


@dataclass(frozen=True, slots=True)
class TokenizedSplit(Tokenized):
    """The pairs of a split, ids and texts read from files when they are asked for."""

    pairs: TokenRows


def tokenize_data(
    data: PreparedData,
    tokenizer: PreTrainedTokenizerBase,
    template: ChatTemplate,
    *,
    model: Path,
    max_length: int,
    cache: Path,
    advance: Callable[[int], None] = lambda _done: None,
) -> tuple[TokenizedSplit, TokenizedSplit]:
    """Return the tokenized training and held-out pairs, making only what the cache lacks.

    Pairs are read, tokenized and written in pieces: one that is whole is not made again, whatever ends the work.

    Args:
        data: the pairs; its folder must stay where it is while the result is in use.
        tokenizer: as it was loaded from ``model``.
        template: the chat template to render by.
        model: the model's folder.
        max_length: in tokens; answers are cut there, and pairs without room for one are set aside.
        cache: the folder that holds a folder for each set of rows.
        advance: takes how many pairs of both splits are done; may raise to leave off.

    Raises:
        OSError: the cache cannot be written.
    """
    _remove_unused(cache)
    home = cache / _key(data, tokenizer, template, model, max_length)
    home.mkdir(parents=True, exist_ok=True)
    home.touch()  # in use
    with data.pages() as pages:
        pieces = _Pieces(home, pages)
        if pieces.missing():
            in_the_quickest_way(tokenizer, template, max_length, lambda way: pieces.make(way, advance))
    advance(pieces.total)
    return _opened(data, pieces, "train"), _opened(data, pieces, "held_out")


def _opened(data: PreparedData, pieces: "_Pieces", split: Split) -> TokenizedSplit:
    rows = TokenRows(pieces.files(split))
    return TokenizedSplit(rows, _PairsAt(data.pages(), split, rows.places.tolist()), rows.set_aside)


class _Pieces:
    """The pieces of both splits, of which some may be missing."""

    def __init__(self, home: Path, pages: PairPages) -> None:
        self._home, self._pages = home, pages
        self._found = {split: find_pieces(home, split) for split in _SPLITS}
        self.total = len(pages)

    def files(self, split: Split) -> list[Path]:
        """Return the files of a split in their order."""
        return [path for _, path in sorted(self._found[split].items())]

    def missing(self) -> list[tuple[Split, int]]:
        """Return which pieces are to be made."""
        return [
            (split, number)
            for split in _SPLITS
            for number in range(-(-self._pages.count(split) // PIECE_ROWS))
            if number not in self._found[split]
        ]

    def make(self, way: PairTokenizer, advance: Callable[[int], None]) -> None:
        """Make what is missing; where the quick way turns out wrong, all that was made by it goes."""
        missing = self.missing()
        done = self.total - sum(len(self._range(*piece)) for piece in missing)
        try:
            for split, number in missing:
                writer = PieceWriter()
                for start in self._range(split, number)[::BATCH]:
                    batch = self._pages.page(start, min(BATCH, self._range(split, number).stop - start), split)
                    writer.add(start, way.tokenize(batch))
                    done += len(batch)
                    advance(done)
                self._found[split][number] = writer.write(self._home, split, number)
        except QuickDiffersError:
            for split in _SPLITS:
                for path in self._found[split].values():
                    path.unlink()
                self._found[split].clear()
            raise

    def _range(self, split: Split, number: int) -> range:
        return range(number * PIECE_ROWS, min((number + 1) * PIECE_ROWS, self._pages.count(split)))


class _PairsAt(Sequence[Pair]):
    """Pairs of a split by their places, read when they are asked for."""

    def __init__(self, pages: PairPages, split: Split, places: Sequence[int]) -> None:
        self._pages, self._split, self._places = pages, split, places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Pair: ...

    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...

    def __getitem__(self, index: int | slice) -> Pair | list[Pair]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return self._pages.page(self._places[index], 1, self._split)[0]


def _key(
    data: PreparedData, tokenizer: PreTrainedTokenizerBase, template: ChatTemplate, model: Path, max_length: int
) -> str:
    """Return a digest over all that the rows depend on."""
    parts = {
        "version": [VERSION, transformers.__version__, tokenizers.__version__],
        "pairs": digest_of(data.folder / PAIRS_TO_VIEW),
        "tokenizer": [type(tokenizer).__name__, tokenizer.bos_token_id, tokenizer.eos_token_id],
        "files": dict(_digests(model, tokenizer.vocab_files_names)),
        "template": [template.source, sorted(template.special_tokens.items())],
        # A template may write the date.
        "day": _today() if "strftime_now" in template.source else None,
        "max_length": max_length,
    }
    return blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).hexdigest()


def _today() -> str:
    return f"{datetime.now().astimezone():%Y-%m-%d}"


def _digests(model: Path, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in sorted({*_TOKENIZER_FILES, *names.values()}):
        if (model / name).is_file():
            yield name, digest_of(model / name)


def _remove_unused(cache: Path) -> None:
    """Remove what nobody has used for a month, and the unfinished files of what was killed a day ago or earlier."""
    for folder in cache.glob("*/"):
        with suppress(OSError):  # another run is at it, or it is gone
            if time.time() - folder.stat().st_mtime > _MONTH:
                shutil.rmtree(folder, ignore_errors=True)
            for left in folder.glob(f"{WRITING}*"):
                if time.time() - left.stat().st_mtime > _DAY:
                    left.unlink()
