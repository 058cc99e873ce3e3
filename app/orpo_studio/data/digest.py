"""What stands for the content of files."""

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from orpo_studio.data.files import BLOCK, unreadable
from orpo_studio.data.forms import data_suffix
from orpo_studio.data.problem import ConversionCancelled


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


def bytes_of(source: Path | str, split: str = "") -> int:
    """Return the size on the disk of a split of a source, in bytes.

    Raises:
        DataProblem: the source cannot be read.
    """
    from orpo_studio.data.sources import source_files

    total = 0
    for path in source_files(source, split):
        try:
            total += path.stat().st_size
        except OSError as error:
            raise unreadable(path, error) from error
    return total


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
