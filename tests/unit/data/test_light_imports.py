"""What the window imports of these rooms before its first paint must cost next to nothing."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    ["data.conversion", "data.prepared", "data.reading", "data.layouts", "models.card", "models.special_tokens"],
)
def test_that_no_slow_library_comes_with_it(module: str) -> None:
    slow = {"pyarrow", "numpy", "jinja2", "tokenizers", "torch", "transformers", "PySide6"}
    program = f"import sys, orpo_studio.{module}; print(*sorted({slow!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
