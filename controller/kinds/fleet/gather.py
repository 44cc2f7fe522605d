"""The Fleet planner's snapshot: gathered from caches and the fleet's provider at one moment."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from controller import errors
from controller.api import objects
from controller.kinds.fleet.snapshot import FleetFailure, FleetSnapshot
from controller.kinds.fleet.unclaimed_sightings import UnclaimedSightings
from controller.planning import relations, words
from controller.planning.caches import Moment, Sources, Total
from controller.planning.circuit import CircuitState
from controller.planning.unclaimed import Sighting


def gather(sources: Sources, fleet: objects.Fleet, moment: Moment) -> FleetSnapshot:
    """Return the fleet, how many servers name it, and what is known of its orphans."""
    seen = Total(len(sources.caches.by(relations.SERVERS_BY_FLEET, fleet.metadata.name)))
    total = moment.total or seen
    name, fleets = fleet.metadata.name, sources.fleets
    returned, gone = fleets.looked_up(name)
    circuit, failure, silence = fleets.circuit(name), fleets.failure(name), fleets.silence(name)
    outside = fleets.is_outside(fleet.spec.provider)
    provider = fleets.provider(name)
    return FleetSnapshot(
        now=moment.now,
        fleet=fleet,
        outcomes=moment.outcomes,
        servers=total.number,
        all_counted=total.exact,
        known_provider=fleets.is_known(fleet.spec.provider),
        open=provider is not None,
        failure=_failure(failure, words.because("The provider cannot be opened", str(failure)))
        if failure is not None
        else None,
        silence=_failure(silence.error, silence.error.words) if silence is not None else None,
        silent_for=silence.seconds if silence is not None else 0.0,
        home=provider.home() if provider is not None else "",
        circuit=circuit.state,
        circuit_until=circuit.until,
        circuit_words=circuit.words,
        held=len(fleets.held(name)),
        returned=returned,
        gone=gone,
        outside=outside,
        unclaimed=_unclaimed(sources, name, moment) if outside else None,
    )


def _failure(error: errors.ArgosyError, message: str) -> FleetFailure:
    stalled = error.policy.kind is errors.FailureKind.REFUSED
    return FleetFailure(reason=error.reason, message=message, stalled=stalled)


def _unclaimed(sources: Sources, name: str, moment: Moment) -> Mapping[str, Sighting] | None:
    """Return the instances whose Servers are gone; nothing is known while the provider is away."""
    if sources.fleets.circuit(name).state is not CircuitState.CLOSED:
        return None
    instances = functools.partial(sources.fleets.instances, name)
    return sources.caches.kept(UnclaimedSightings).sightings(name, instances, moment.now)
