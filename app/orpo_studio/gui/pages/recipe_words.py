"""How the Recipe page writes memory."""

_GIB = 2**30


def gib(size: float) -> str:
    """Write bytes in GiB: two digits behind the point below ten, one below a hundred."""
    number = size / _GIB
    if 0 < number < 0.005:
        return "<0.01"
    return f"{number:.2f}" if number < 9.995 else f"{number:.1f}" if number < 99.95 else f"{number:.0f}"
