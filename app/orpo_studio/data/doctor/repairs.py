"""Remedies that change texts: each takes a turn's text and gives the repaired one."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from orpo_studio.data.doctor import answers, privacy, text
from orpo_studio.data.doctor.check import RowCheck
from orpo_studio.data.doctor.columns import PARTS, Bools, PairBatch

Repair = Callable[[str], str]

_CONTROL = re.compile(text.CONTROL)
_LEAKED_START = re.compile(rf"\A(?:\s*(?:{text.LEAKED})\s*)+")
_LEAKED_END = re.compile(rf"(?:\s*(?:{text.LEAKED})\s*)+\Z")
_DAMAGE = re.compile(text.DAMAGE)


def repair_encoding(content: str) -> str:
    """Undo a wrong decoding where one shows."""
    if not _DAMAGE.search(content):
        return content
    from ftfy import fix_encoding

    return fix_encoding(content)


def remove_control(content: str) -> str:
    """Remove control characters; tabs and line feeds stay."""
    return _CONTROL.sub("", content)


def strip_leaked(content: str) -> str:
    """Cut tokens and headings of chat templates off both ends; HTML that strikes words out stays."""
    if "<s>" in content and "</s>" in content and not content.lstrip().startswith("<s>"):
        return content
    return _LEAKED_END.sub("", _LEAKED_START.sub("", content))


def mask_personal(content: str) -> str:
    """Put placeholders in place of personal data."""
    return privacy.mask(content, privacy.personal)


def mask_secrets(content: str) -> str:
    """Put placeholders in place of keys."""
    return privacy.mask(content, privacy.secrets)


_BY_TURN: Mapping[str, tuple[str, Repair]] = {
    "repair-encoding": ("encoding-damage", repair_encoding),
    "remove-control-characters": ("control-characters", remove_control),
    "strip-template-tokens": ("template-tokens", strip_leaked),
    "mask-personal-data": ("personal-data", mask_personal),
    "mask-secrets": ("secrets", mask_secrets),
}
_CHECKS: Mapping[str, RowCheck] = {check.kind.code: check for check in (*text.CHECKS, *privacy.CHECKS)}


def repaired(batch: PairBatch, name: str) -> tuple[PairBatch, Bools]:
    """Return a batch with one repair done, and which of its pairs changed."""
    if name == "strip-repeated-prompt":
        return _changed(batch, answers.prompt_in_answer(batch), _strip_prompt)
    code, repair = _BY_TURN[name]
    return _changed(batch, _CHECKS[code].where(batch), lambda pair: _each_turn(pair, repair))


def _each_turn(pair: dict[str, Any], repair: Repair) -> None:
    for part in PARTS:
        for turn in pair[part]:
            turn["content"] = repair(turn["content"] or "")


def _strip_prompt(pair: dict[str, Any]) -> None:
    asked = pair["prompt"][-1]["content"].strip()
    for part in PARTS[1:]:
        first = pair[part][0]
        answer = first["content"].lstrip()
        if answer.startswith(asked) and answer[len(asked) :].strip():
            first["content"] = answer[len(asked) :].lstrip()


def _changed(batch: PairBatch, where: Bools, change: Callable[[dict[str, Any]], None]) -> tuple[PairBatch, Bools]:
    changed = np.zeros(len(batch), dtype=bool)
    if not where.any():
        return batch, changed
    pairs = batch.records.to_pylist()
    for place in np.flatnonzero(where):
        before = str(pairs[place])
        change(pairs[place])
        changed[place] = str(pairs[place]) != before
    records = pa.RecordBatch.from_pylist(pairs, schema=batch.records.schema)
    return PairBatch(batch.rows, records), changed
