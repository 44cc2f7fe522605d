"""The Service of a set as it should be: its name, its ports, its metadata.

Called by `service`, which makes it and keeps it so. Ports that containers name are the Service's
where the component lists none: so clients find them by SRV records, as beside a StatefulSet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from controller.api import names, objects, remembered
from controller.api.choices import ServiceType
from controller.api.resources import Resource
from controller.planning import ownership, rendering
from controller.planning.plan import Manifest

DEFAULT = objects.ComponentService()
# The clusterIP of a headless Service.
NO_ADDRESS = "None"


def asked(server_set: objects.ServerSet) -> objects.ComponentService:
    """Return the Service as the component describes it, or as it is where nobody does."""
    return server_set.spec.service or DEFAULT


def name(server_set: objects.ServerSet) -> str:
    """Return what the Service of a set is called."""
    spec = server_set.spec
    return asked(server_set).name or names.server_set(spec.application, spec.component)


def body(server_set: objects.ServerSet) -> Manifest:
    """Return the Service of a set.

    A headless one publishes addresses before servers are ready, unless it is told otherwise:
    members of a cluster must find each other to become so.
    """
    spec, wanted = server_set.spec, asked(server_set)
    headless = wanted.type == ServiceType.HEADLESS
    early = wanted.publish_not_ready_addresses
    ports = [msgspec.to_builtins(each) for each in wanted_ports(server_set)]
    metadata = ownership.metadata_of(
        Resource.SERVERSETS, server_set, spec.application, spec.component, name(server_set)
    )
    metadata["labels"] = {
        **metadata["labels"],
        **wanted.labels,
        **names.identity(spec.application, spec.component),
    }
    if annotations := _annotations(wanted, ports):
        metadata["annotations"] = annotations
    return {
        **ownership.kind_of(Resource.SERVICES),
        "metadata": metadata,
        "spec": {
            **({"clusterIP": NO_ADDRESS} if headless else {}),
            **({"ports": ports} if ports else {}),
            "publishNotReadyAddresses": headless if early is None else early,
            "selector": names.identity(spec.application, spec.component),
        },
    }


def _annotations(
    wanted: objects.ComponentService, ports: list[dict[str, Any]]
) -> Mapping[str, str]:
    told = [port_token(each["port"], each.get("protocol", "TCP")) for each in ports]
    told += [
        app_token(each["port"], each.get("protocol", "TCP"))
        for each in ports
        if "appProtocol" in each
    ]
    told += [f"label:{each}" for each in wanted.labels]
    told += [f"annotation:{each}" for each in wanted.annotations]
    own = {names.SAID_ANNOTATION: ",".join(sorted(told))} if told else {}
    return {**wanted.annotations, **own}


def port_token(port: int, protocol: str) -> str:
    """Return what tells one port of a Service from the others."""
    return f"port:{port}/{protocol}"


def app_token(port: int, protocol: str) -> str:
    """Return what tells that a port's appProtocol was said."""
    return f"app:{port}/{protocol}"


def wanted_ports(server_set: objects.ServerSet) -> tuple[objects.ServicePort, ...]:
    """Return the ports that the component lists, or else those that its containers name."""
    listed = asked(server_set).ports
    if not listed:
        return _of_containers(bytes(server_set.spec.template))
    return tuple(
        objects.ServicePort(
            name=each.name,
            port=each.port,
            target_port=each.port if each.target_port is None else each.target_port,
            protocol=each.protocol,
            app_protocol=each.app_protocol or None,
        )
        for each in listed
    )


@remembered.by_content(256)
def _of_containers(template: bytes) -> tuple[objects.ServicePort, ...]:
    """Return the ports that containers name: of those alike, the first."""
    found: dict[str, objects.ServicePort] = {}
    taken: set[tuple[int, str]] = set()
    for called, port, protocol in _named(template):
        if called not in found and (port, protocol) not in taken:
            taken.add((port, protocol))
            found[called] = objects.ServicePort(
                name=called, port=port, target_port=called, protocol=protocol
            )
    return tuple(found.values())


def _named(template: bytes) -> Iterator[tuple[str, int, str]]:
    """Yield the named ports of all containers that run beside each other.

    Ports that the API server would not take in a pod are its to refuse there.
    """
    value = msgspec.json.decode(rendering.canonical(msgspec.Raw(template)))
    spec = value.get("spec") if isinstance(value, dict) else None
    if not isinstance(spec, dict):
        return
    first, others = _dicts(spec.get("initContainers")), _dicts(spec.get("containers"))
    sidecars = [each for each in first if each.get("restartPolicy") == "Always"]
    for container in (*others, *sidecars):
        for port in _dicts(container.get("ports")):
            called, number = port.get("name"), port.get("containerPort")
            protocol = port.get("protocol", "TCP")
            if isinstance(called, str) and isinstance(number, int) and isinstance(protocol, str):
                yield called, number, protocol


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
