"""What the tests of model folders share."""

from pathlib import Path
from typing import Any

import pytest

from helpers.model_folder import MakeModel, write_model


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Return a function that writes a model folder; keywords change the parts of config.json."""

    def make(*args: Any, **config: object) -> Path:
        return write_model(tmp_path / "tiny-model", *args, **config)

    return make
