"""What all tests share."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes on a busy machine is no behaviour of ours.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def _garbage_of_the_window(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect garbage as the window does, in tests of the window."""
    if "qapp" not in request.fixturenames:
        yield
        return
    from orpo_studio.gui.garbage import GarbageCollector

    collector = GarbageCollector(request.getfixturevalue("qapp"))
    yield
    collector.stop()
    collector.deleteLater()
