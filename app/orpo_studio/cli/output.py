"""What a command says, and where: words on stdout, or one JSON object there and the words on stderr."""

import json
import sys
from typing import Any, TextIO

from orpo_studio.cli.words import CommandError, plain
from orpo_studio.words import printable


class Output:
    """The two readers of a command: a person, and a program that asked for ``--json``."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    @property
    def stream(self) -> TextIO:
        """Where words and progress for the person go."""
        return sys.stderr if self.as_json else sys.stdout

    def say(self, text: str = "") -> None:
        """Tell the person something; without effect where a program asked and nobody looks."""
        print(printable(text), file=self.stream, flush=True)

    def result(self, values: dict[str, Any]) -> None:
        """Give the program its result; the person has been told in words already."""
        if self.as_json:
            self._json(values)

    def error(self, error: CommandError) -> None:
        """Tell what went wrong: three short parts for the person, one object for the program."""
        words = error.words
        print(*map(printable, words.lines()), sep="\n", file=sys.stderr, flush=True)
        if self.as_json:
            said = {"code": words.code, "title": words.title, "detail": words.detail, "hint": words.hint}
            self._json({"error": said, **error.context})

    def _json(self, values: dict[str, Any]) -> None:
        # In ASCII, a program can read it whatever the terminal's encoding.
        print(json.dumps(plain(values), allow_nan=False), flush=True)
