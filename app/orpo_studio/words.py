"""Numbers and texts as the window and the terminal write them."""

import math
import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return a text without control characters but tab and line feed, and without those that turn the writing around.

    Names, data and answers come from elsewhere: printed as they are, they could move a terminal's cursor, rename its
    window or hide what stands before.
    """
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def duration(seconds: float) -> str:
    """Write a time: ``8 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes < 10 and rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def clock(seconds: float) -> str:
    """Write the time that is left on a clock: ``0:07``, ``1:42``, ``1:02:05``."""
    minutes, rest = divmod(max(0, math.ceil(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: float) -> str:
    """Write a number of bytes in GB, MB or kB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} bytes"


def count(number: float) -> str:
    """Write a whole number in groups of three digits, as English sets them apart."""
    return f"{number:,.0f}"


def parameters(number: float) -> str:
    """Write a number of parameters: ``135 M``, ``7.2 B``."""
    for unit, factor in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= factor:
            return f"{number / factor:.3g} {unit}"
    return f"{number:.0f}"


def figure(value: float) -> str:
    """Write a measured value with four significant digits; NaN and infinity by name."""
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "−∞"}.get(value, "NaN")
    return f"{value:.4g}".replace("-", "−")


def percent(share: float, digits: int = 0) -> str:
    """Write a share of one as a percentage."""
    return f"{share * 100:.{digits}f} %".replace("-", "−") if math.isfinite(share) else "NaN"


def one_line(text: str, longest: int = 200) -> str:
    """Write a text on one line, cut where it is long: cells with whole texts are slow to paint."""
    flat = " ".join(text[: 2 * longest].split())
    return flat if len(flat) <= longest and len(text) <= 2 * longest else f"{flat[: longest - 1]}…"
