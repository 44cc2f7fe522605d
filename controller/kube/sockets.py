"""Sockets to the API server, and what it means for a request that the one it was on broke.

Called by `client`.
"""

from __future__ import annotations

import socket

import aiohttp

from controller import errors
from controller.api.reasons import Reason
from controller.kube import faults
from controller.kube.reasons import KubeReason


def broken(error: Exception, what: str, *, writes: bool, due: bool = False) -> errors.Transient:
    """Return what a connection that broke means for the request that was on it.

    A write is `due` once the API server was asked to have given up on it: where it has begun to
    answer just then, it hangs up instead of saying so.
    """
    message = f"{what}: {error or type(error).__name__}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return faults.Unreachable(message, reason=Reason.UNREACHABLE)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return faults.Unreachable(message, reason=Reason.UNREACHABLE)
    if writes and (due or isinstance(error, TimeoutError)):
        return faults.Unanswered(message, reason=KubeReason.CONNECTION_LOST)
    if writes:
        return faults.UnknownOutcome(message, reason=KubeReason.CONNECTION_LOST)
    return faults.ServerFailed(message, reason=KubeReason.CONNECTION_LOST)


def keep_alive(address: aiohttp.AddrInfoType) -> socket.socket:
    """Return a socket that notices within a minute that the other side has vanished."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", 20),
        ("TCP_KEEPINTVL", 10),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", 50_000),
    ):
        if hasattr(socket, option):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made
