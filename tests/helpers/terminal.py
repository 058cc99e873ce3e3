"""What a command of the terminal said."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """The JSON object on the last line of stdout."""
        found = json.loads(self.out.splitlines()[-1])
        assert isinstance(found, dict)
        return found

    @property
    def error(self) -> dict[str, str]:
        """The error in it."""
        assert self.code != 0
        error = self.result["error"]
        assert error.keys() == {"code", "title", "detail", "hint"}
        assert "Traceback" not in self.out + self.err
        return dict(error)


Say = Callable[..., Said]
"""Runs a command line."""
