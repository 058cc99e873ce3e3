"""What stands for the content of files."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from orpo_studio.data.files import BLOCK, unreadable
from orpo_studio.data.forms import data_suffix
from orpo_studio.data.problem import ConversionCancelled, DataProblem

State = tuple[tuple[str, int, int], ...]
"""The files of a source, each with its size in bytes and when it was last written, in nanoseconds."""


@dataclass(frozen=True, slots=True)
class Content:
    """What stands for the content of a split of a source.

    Attributes:
        digest: see `digest_of`.
        bytes: its size on the disk.
        state: of its files, just before they were read for the digest.
    """

    digest: str
    bytes: int
    state: State


def content_of(source: Path | str, cancel: Callable[[], bool] | None = None, split: str = "") -> Content:
    """Return what stands for the content of a split of a source; the arguments are those of `digest_of`.

    Raises:
        DataProblem: the source cannot be read.
        ConversionCancelled: ``cancel`` said so.
    """
    state = state_of(source, split)
    return Content(digest_of(source, cancel, split), sum(size for _, size, _ in state), state)


def state_of(source: Path | str, split: str = "") -> State:
    """Return the state of the files of a split of a source; another one means that they must be read again.

    Raises:
        DataProblem: the source cannot be read.
    """
    from orpo_studio.data.sources import source_files

    state = []
    for path in source_files(source, split):
        try:
            found = path.stat()
        except OSError as error:
            raise unreadable(path, error) from error
        state.append((str(path), found.st_size, found.st_mtime_ns))
    return tuple(state)


def require_unchanged(source: Path, split: str, content: Content) -> None:
    """Make sure that a source is as it was when its content was found out: else a part of it would be another version.

    Raises:
        DataProblem: it was changed meanwhile, or is gone.
    """
    if state_of(source, split) == content.state:
        return
    raise DataProblem(
        "changed-meanwhile",
        f"{source.name} was changed while it was read.",
        detail="Some of its rows would be of the old and some of the new version. Nothing of it was taken.",
        hint="Wait until it is written completely, then read it again.",
    )


def digest_of(source: Path | str, cancel: Callable[[], bool] | None = None, split: str = "") -> str:
    """Return what stands for the content of a file, or of a split of a source of several files.

    It goes by what the files hold and by the endings of their names, in the order in which they are read, so that a
    folder that was moved is known again. A single file is not looked into.

    Args:
        source: a file, or any source of preference data.
        cancel: asked now and then whether to stop.
        split: of the source; empty for the one meant for training.

    Raises:
        DataProblem: the source cannot be read.
        ConversionCancelled: ``cancel`` said so.
    """
    path = Path(source)
    if path.is_file():
        content = _content_of(path, cancel)
        if not split:
            return f"blake2b:{content}"
        return f"blake2b:{blake2b(f'{content} {split}'.encode(), digest_size=32).hexdigest()}"
    from orpo_studio.data.sources import source_files

    digest = blake2b(digest_size=32)
    for file in source_files(source, split):
        digest.update(f"{data_suffix(file.name)} {_content_of(file, cancel)}\n".encode())
    return f"blake2b:{digest.hexdigest()}"


def _content_of(path: Path, cancel: Callable[[], bool] | None) -> str:
    digest = blake2b(digest_size=32)
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                if cancel is not None and cancel():
                    raise ConversionCancelled
                digest.update(block)
    except OSError as error:
        raise unreadable(path, error) from error
    return digest.hexdigest()
