"""Count and encode text with a model's tokenizer, without torch or transformers."""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from orpo_studio.models.files import MOST_BYTES
from orpo_studio.models.problem import ModelProblem


class TokenCounter:
    """A model's tokenizer.json.

    Special tokens that stand in the text are recognized; none is added (a chat template writes its own).
    """

    def __init__(self, folder: Path) -> None:
        """Read the tokenizer of a model folder.

        Raises:
            ModelProblem: tokenizer.json is missing or broken.
        """
        path = folder / "tokenizer.json"
        try:
            if path.stat().st_size > MOST_BYTES:
                raise ValueError("it is far too large")
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises a bare Exception, whatever is wrong
            raise ModelProblem(
                "broken-tokenizer",
                "tokenizer.json cannot be read.",
                detail=f"{path}: {error}",
                hint="Copy tokenizer.json from where the model came from again.",
            ) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text's tokens."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text's tokens; much faster than one at a time."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def count(self, text: str) -> int:
        """Return how many tokens a text has."""
        return len(self.encode(text))

    def characters(self, text: str, tokens: int) -> int:
        """Return how many characters the first so many tokens of a text stand for; all where it has no more tokens."""
        offsets: list[tuple[int, int]] = self._tokenizer.encode(text, add_special_tokens=False).offsets
        if len(offsets) <= tokens:
            return len(text)
        return offsets[tokens - 1][1] if tokens > 0 else 0

    def special_tokens(self) -> tuple[str, ...]:
        """Return the texts of all special tokens, those of the turns included."""
        added = self._tokenizer.get_added_tokens_decoder().values()
        return tuple(token.content for token in added if token.special)

    def id_of(self, token: str) -> int | None:
        """Return the id of one token, or None where the vocabulary lacks it."""
        number: int | None = self._tokenizer.token_to_id(token)
        return number
