"""Mistakes with the data of a cloud's servers: volumes that go, disks that others read."""

from __future__ import annotations

from proof.mutants.mechanism import one

_ROOM = "controller.providers.openstack"
_KEPT = "tests/providers/openstack/test_kept_volumes.py"

MECHANISMS = (
    one(
        "a server is replaced before its volumes were listed",
        f"{_ROOM}.claims:CloudClaims.given",
        "not self.stock.synced",
        "False",
        f"{_KEPT}::test_before_volumes_were_listed_no_server_is_told_to_lack_one",
    ),
    one(
        "what one list lacks is gone",
        f"{_ROOM}.claims:CloudClaims._prove",
        "each.going",
        "True",
        f"{_KEPT}::test_a_list_that_lacks_a_volume_proves_nothing",
    ),
    one(
        "a server is replaced whose volume lost its marks",
        f"{_ROOM}.claims:CloudClaims._check_unknown",
        "[each for each in attached if each not in known]",
        "[]",
        f"{_KEPT}::test_a_server_whose_volume_lost_its_marks_is_not_replaced",
    ),
    one(
        "a volume is deleted that was handed on",
        f"{_ROOM}.claims:CloudClaims.discard",
        "volumes.whose(volumes.told(found)) != volumes.whose(claim)",
        "False",
        f"{_KEPT}::test_a_volume_that_was_handed_on_is_its_new_owners",
    ),
    one(
        "a snapshot is everybody's image",
        f"{_ROOM}.lookups:_Image.is_for",
        "not self.server or whose == (fleet, namespace)",
        "True",
        "tests/providers/openstack/test_attacks.py"
        "::test_nobody_boots_from_a_disk_of_another_namespace",
    ),
    one(
        "floating IPs that stay are tried before all others for ever",
        f"{_ROOM}.setbacks:Setbacks._due",
        "sorted(due, key=lambda each: until.get(each, 0.0))",
        "due",
        "tests/providers/openstack/test_floating_ips.py"
        "::test_many_that_are_not_deleted_hold_up_nobody_else",
    ),
)
