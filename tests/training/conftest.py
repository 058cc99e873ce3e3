"""Real trainers on tiny random models, on one thread: small matrices gain nothing from more."""

import gc
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from orpo_studio.trainer.environment import prepare_environment

prepare_environment()


@pytest.fixture(scope="session", autouse=True)
def nothing_imported_is_garbage() -> None:
    """Set what is imported apart: each trainer looks for garbage, which took half a second among all of it."""
    import_module("orpo_studio.trainer.train")
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep tokenized rows in the test's own folder, also those of processes that it starts."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from helpers.tiny_model import write_tiny_model

    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny-llama")


@pytest.fixture
def pairs_file(tmp_path: Path) -> Path:
    from helpers.tiny_model import make_rows, write_rows

    return write_rows(tmp_path / "pairs.jsonl", make_rows(24))
