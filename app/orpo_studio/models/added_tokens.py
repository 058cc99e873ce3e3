"""The tokens that stand in a text by their names, such as ``<|im_end|>``, and where a text can be cut at one."""

import re
import unicodedata
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Seam:
    """An added token in a text, at which the text can be encoded in two parts.

    ``encode(text[:end]) + encode(text[start:])[1:]`` is ``encode(text)``, provided that the first part's last id and
    the second part's first id are both ``token_id``.
    """

    start: int
    end: int
    token_id: int


@dataclass(frozen=True, slots=True)
class AddedTokens:
    """The added tokens of a tokenizer, which it finds in a text before it does anything else.

    Attributes:
        plain: ids by name of those that are found as they are written. The others take blanks beside them in, want a
            word's end, or are looked for in normalized text.
        splitter: cuts a text at the plain ones, which stay between the parts; of several that begin at one place the
            longest is taken, as tokenizers does. None where there are none.
        awkward: finds any of the others, None where there are none.
        seams: finds those at which a text can be cut, None where there are none.
        seam_ids: the ids of these.
    """

    plain: Mapping[str, int]
    splitter: re.Pattern[str] | None
    awkward: re.Pattern[str] | None
    seams: re.Pattern[str] | None
    seam_ids: Mapping[str, int]

    @classmethod
    def of(cls, tokenizer: Any) -> Self:
        """Read them from a ``tokenizers.Tokenizer``."""
        plain: dict[str, int] = {}
        seams: dict[str, int] = {}
        awkward: list[str] = []
        decoder = {number: token for number, token in tokenizer.get_added_tokens_decoder().items() if token.content}
        names = [token.content for token in decoder.values()]
        for number, token in decoder.items():
            name = token.content
            if token.normalized or token.single_word:
                awkward += {name, unicodedata.normalize("NFC", name)}
                continue
            # A token that another one contains may not be a token where that other one stands across the cut.
            if not any(name in other for other in names if other != name):
                seams[name] = number
            if token.lstrip or token.rstrip:
                awkward.append(name)
            else:
                plain[name] = number
        splitter = _any_of(list(plain))
        return cls(
            plain,
            re.compile(f"({splitter.pattern})") if splitter else None,
            _any_of(awkward),
            _any_of(list(seams)),
            seams,
        )

    def last_seam(self, text: str) -> Seam | None:
        """Return the last place at which a text can be cut, or None where there is none.

        tokenizers cuts a text at its added tokens first, and normalizes, cuts into words and encodes each part by
        itself (``added_vocabulary.rs``, ``extract_and_normalize``). The second part keeps the token at its head, for
        a tokenizer may treat what stands at the very beginning otherwise (``prepend_scheme: first``), and since the
        token may take in blanks on either side.
        """
        if self.seams is None:
            return None
        found = deque(self.seams.finditer(text), maxlen=1)
        return Seam(found[0].start(), found[0].end(), self.seam_ids[found[0][0]]) if found else None


def _any_of(names: Sequence[str]) -> re.Pattern[str] | None:
    if not names:
        return None
    return re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)))
