"""Mistakes about what a StatefulSet, a Deployment or a chart says: said here, too, and kept."""

from __future__ import annotations

from proof.mutants.mechanism import Mechanism, one

_SERVICES = "tests/simulation/test_services.py"
_NO_SERVICE = f"{_SERVICES}::test_a_fleet_without_names_refuses_a_service_aloud"
_SAID = f"{_SERVICES}::test_what_the_component_says_of_its_service_is_on_it_and_goes_with_the_words"

_SERVICE = (
    one(
        "servers have their names under the usual Service, whatever it is called",
        "controller.kinds.server.gather:_subdomain",
        "wanted.name if wanted is not None else ''",
        "''",
        f"{_SERVICES}::test_a_component_names_its_service",
    ),
    one(
        "ports of containers are nobody's",
        "controller.kinds.serverset.service_manifest:wanted_ports",
        "_of_containers(bytes(server_set.spec.template))",
        "()",
        f"{_SERVICES}::test_ports_that_containers_name_are_the_services",
    ),
    one(
        "a Service keeps what its component says no longer",
        "controller.kinds.serverset.service:_mended",
        "before - _said(asked)",
        "frozenset()",
        _SAID,
    ),
    one(
        "a Service loses the ports that others added",
        "controller.kinds.serverset.service:_ports",
        "merged + others",
        "merged",
        _SAID,
    ),
    one(
        "a Service keeps the type that it was made with",
        "controller.kinds.serverset.service:_kept",
        "headless != (wanted.type == service_manifest.HEADLESS)",
        "False",
        f"{_SERVICES}::test_another_type_makes_the_service_anew_and_no_server",
    ),
    one(
        "a Service is made where its component wants none",
        "controller.kinds.serverset.service:_is_wanted",
        "service_manifest.asked(snapshot.server_set).type != service_manifest.NO_SERVICE",
        "True",
        f"{_SERVICES}::test_a_component_may_have_no_service",
    ),
    one(
        "nobody asks whether a fleet can give names",
        "controller.kinds.serverset.checks:_names",
        "contract.Capability.DNS in fleet.capabilities",
        "True",
        _NO_SERVICE,
    ),
    one(
        "the names that a template gives its pods are dropped",
        "controller.providers.pod.manifest:_parts",
        "{each: decoded.spec[each] for each in _NAMES if decoded.spec.get(each)}",
        "{}",
        f"{_SERVICES}::test_a_template_may_say_its_own_names",
    ),
)

MECHANISMS: tuple[Mechanism, ...] = (*_SERVICE,)
