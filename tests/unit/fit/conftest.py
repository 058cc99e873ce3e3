"""Shapes that the tests of the estimate share."""

import pytest

from helpers.big_model import LLAMA_8B, SMALL, llama_shape
from orpo_studio.fit.shape import ModelShape


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> ModelShape:
    """Llama 3 8B."""
    return llama_shape(tmp_path_factory.mktemp("big"), **LLAMA_8B)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> ModelShape:
    """As large as SmolLM2-135M with an output head of its own."""
    return llama_shape(tmp_path_factory.mktemp("small"), heads=9, **SMALL)
