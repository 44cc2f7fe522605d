"""The parts that a cache is followed in: which objects are in one, by which selector."""

from __future__ import annotations

from controller.api import names
from controller.kube import slots


def matches(selector: str, labels: dict[str, str]) -> bool:
    """Return whether the API server would say that a selector of one clause matches."""
    key, how, values = selector.split(" ")
    found = labels.get(key)
    listed = values.strip("()").split(",")
    return found in listed if how == "in" else found is None or found not in listed


def test_every_object_is_in_one_part_whatever_its_label_says() -> None:
    """Else nobody would see it, or two would: senseless labels count as none."""
    odd = ["", "none", "-1", "256", "07", "1 ", "1,2", "٣"]
    for value in [*map(str, range(names.BUCKETS)), *odd, None]:
        labels = {} if value is None else {names.BUCKET_LABEL: value}
        followed = [
            each for each in (None, *range(slots.SLOTS)) if matches(slots.selector(each), labels)
        ]
        assert followed == [slots.labelled(labels)]
    assert [slots.labelled({names.BUCKET_LABEL: each}) for each in odd] == [None] * len(odd)


def test_the_label_of_an_application_leads_to_its_slot() -> None:
    """So who has the slot of a name watches what was made under that name."""
    for number in range(1000):
        name = f"shop{number}"
        label = names.bucket_label("default", name)
        assert slots.labelled(label) == slots.of("default", name)
