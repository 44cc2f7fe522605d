"""Whose a claim is, before a server is given it. Called by the provider, which makes them."""

from __future__ import annotations

import dataclasses

from controller import errors
from controller.api import names, objects
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.providers.pod import manifest
from controller.providers.pod.reasons import PodReason


class GrowthRefused(errors.Stalled):
    """A claim is not to grow, by its storage class or otherwise: the server runs on as it is."""

    policy = dataclasses.replace(errors.Stalled.policy, costs_attempt=False)


def is_known(server: objects.Server, claim: objects.Claim) -> bool:
    """Return whether the claim has the labels by which it is the server's."""
    wanted = manifest.claim_labels(server)
    ours = (names.APPLICATION_LABEL, names.COMPONENT_LABEL, names.SERVER_LABEL)
    return all(claim.metadata.labels.get(key) == wanted[key] for key in ours)


def check(server: objects.Server, claim: objects.Claim) -> None:
    """Raise NameTaken where a claim is not the server's, and Waiting where it is going."""
    name = claim.metadata.name
    if not is_known(server, claim):
        message = f"{Resource.CLAIMS}/{name} exists and is not this server's"
        raise errors.NameTaken(message, reason=Reason.NAME_TAKEN)
    if claim.metadata.deletion_timestamp is not None:
        message = f"{Resource.CLAIMS}/{name} is on its way out"
        raise errors.Waiting(message, reason=PodReason.CLAIM_TERMINATING)
