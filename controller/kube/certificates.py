"""A server's own certificate, in a folder that somebody else renews: a Secret that is mounted.

The dashboard of a cluster and the operator's metrics are served with one. (The admission webhook's
is read by kopf, in the same way.)
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

from controller.kube import credentials

# A certificate that was renewed is taken up within so long.
RENEW_SECONDS = 60.0


def served(folder: Path) -> ssl.SSLContext:
    """Return what a server presents; raises OSError where there is no pair that fits."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    take(made, folder)
    return made


def take(tls: ssl.SSLContext, folder: Path) -> None:
    """Have `tls` present what the folder has now; raises OSError, and then leaves it as it was."""
    pem = (folder / "tls.crt").read_bytes() + b"\n" + (folder / "tls.key").read_bytes()
    # Tried elsewhere first: half of a pair would leave the one that is served without its key.
    credentials.load_pem(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), pem)
    credentials.load_pem(tls, pem)


async def renew(tls: ssl.SSLContext, folder: Path) -> None:
    """Take up whatever is renewed, until cancelled; connections that are open keep theirs."""
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        # Half a renewal is no pair: the next look finds it whole.
        with contextlib.suppress(OSError):
            take(tls, folder)
