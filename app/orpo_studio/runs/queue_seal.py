"""The seal on the word that a run waits: it was said in this workspace, and not by whoever made the run's folder.

A run's folder can come from anybody and say in its events that it waits. Without a seal it would be trained as soon as
it is copied into the workspace, which nobody has asked for. The key never leaves the workspace; a seal holds for one
run.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from orpo_studio.plain_files import read_plain

KEY_NAME = "queue.key"
_KEY_BYTES = 32


def seal(workspace: Path, run_id: str) -> str:
    """Return the seal of a run in a workspace, whose key is made where there is none.

    Raises:
        OSError: the key cannot be read or made.
    """
    file = workspace / KEY_NAME
    if not file.exists():
        _make_key(file)
    return _sealed(read_plain(file, _KEY_BYTES), run_id)


def is_sealed(workspace: Path, run_id: str, found: str) -> bool:
    """Tell whether a seal is this workspace's for this run."""
    try:
        key = read_plain(workspace / KEY_NAME, _KEY_BYTES)
    except OSError:
        return False
    return hmac.compare_digest(_sealed(key, run_id).encode(), found.encode(errors="replace"))


def _sealed(key: bytes, run_id: str) -> str:
    return hmac.new(key, run_id.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()


def _make_key(file: Path) -> None:
    """Make the key: whole or not at all, and one alone where several processes make it at once."""
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as written:
            written.write(secrets.token_bytes(_KEY_BYTES))
        try:
            with contextlib.suppress(FileExistsError):
                os.link(beside, file)
        except OSError:  # a disk without links between files, such as a memory card
            if not file.exists():
                beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
