"""The help topic ``data-doctor`` tells of every finding and remedy. To write it anew after a change:

python tests/unit/data/doctor/test_reference.py
"""

import re

from orpo_studio import paths
from orpo_studio.data.doctor.examination import KINDS
from orpo_studio.data.doctor.reference import markdown
from orpo_studio.data.doctor.remedy_names import REMEDIES

TOPIC = paths.resources() / "help" / "data-doctor.md"


def test_that_the_help_topic_is_what_the_doctor_says() -> None:
    assert TOPIC.read_text(encoding="utf-8") == markdown()


def test_that_the_topic_has_the_codes_and_names_of_the_package() -> None:
    found = set(re.findall(r"^`([a-z-]+)`\.", TOPIC.read_text(encoding="utf-8"), re.MULTILINE))
    assert found == {kind.code for kind in KINDS}
    named = re.findall(r"^- `([a-z-]+)`:", TOPIC.read_text(encoding="utf-8"), re.MULTILINE)
    assert named == list(REMEDIES)


def test_that_codes_are_told_apart() -> None:
    assert len({kind.code for kind in KINDS}) == len(KINDS)


if __name__ == "__main__":
    TOPIC.write_text(markdown(), encoding="utf-8")
