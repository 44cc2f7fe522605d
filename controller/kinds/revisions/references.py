"""The references of a Server: to the content of its revision, and to the policies of its set.

A Server carries no copy of either, so that a changed policy writes no Server, and a template lies
in the API server once, not ten thousand times. Gathering fills a server in here; planners and
providers see a server that is complete.
"""

from __future__ import annotations

import dataclasses

import msgspec

from controller.api import objects
from controller.kinds.revisions import contents

# So many pairs of a set and a revision are remembered; then all are forgotten.
_MOST_TERMS = 1024


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """The terms that all servers of a set at one revision share, and what they were made from."""

    policies: objects.ServerSetSpec
    stored: objects.ControllerRevision
    # None where the record cannot be read.
    template: objects.Json | None
    volume_claims: tuple[objects.VolumeClaim, ...]


_TERMS: dict[tuple[int, int], _Terms] = {}


def complete(
    server: objects.Server,
    server_set: objects.ServerSet | None,
    stored: objects.ControllerRevision | None,
) -> objects.Server:
    """Return the server with all that it refers to filled in.

    Without a record of its revision the set stands in, where it has the same one, and then the copy
    that a server of 0.1 carries; `is_complete` tells whether there was any. Without a set the
    server's own copy of the policies counts, or the defaults.
    """
    if server_set is None:
        return _by_itself(server, stored)
    spec, policies = server.spec, server_set.spec
    terms = _terms(policies, stored, spec.revision) if stored is not None else None
    if terms is not None and terms.template is not None:
        template, claims = terms.template, terms.volume_claims
    elif policies.revision == spec.revision:
        template, claims = policies.template, policies.volume_claims
    else:
        template, claims = spec.template, spec.volume_claims
    filled = msgspec.structs.replace(
        spec,
        template=template,
        volume_claims=claims,
        recovery=policies.recovery,
        deletion=policies.deletion,
        min_ready_seconds=policies.rollout.min_ready_seconds,
    )
    return msgspec.structs.replace(server, spec=filled)


def _by_itself(server: objects.Server, stored: objects.ControllerRevision | None) -> objects.Server:
    spec = server.spec
    held = contents.on_record(stored, spec.revision, ())
    if held is None:
        return server
    filled = msgspec.structs.replace(spec, template=held.template, volume_claims=held.volume_claims)
    return msgspec.structs.replace(server, spec=filled)


def is_complete(server: objects.Server) -> bool:
    """Return whether it is known what the server is made from."""
    return bytes(server.spec.template) != bytes(objects.NULL)


def _terms(
    policies: objects.ServerSetSpec, stored: objects.ControllerRevision, revision: str
) -> _Terms:
    """Return the common terms, worked out once for the very objects that are cached."""
    key = id(policies), id(stored)
    found = _TERMS.get(key)
    if found is not None and found.policies is policies and found.stored is stored:
        return found
    held = contents.on_record(stored, revision, policies.volume_claims)
    found = _Terms(
        policies=policies,
        stored=stored,
        template=held.template if held is not None else None,
        volume_claims=held.volume_claims if held is not None else (),
    )
    if len(_TERMS) >= _MOST_TERMS:
        _TERMS.clear()
    _TERMS[key] = found
    return found
