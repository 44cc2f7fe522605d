"""Who may scrape this process, as the API server says: asked with the scraper's own token.

`operator` serves metrics with it where there is a certificate.
"""

from __future__ import annotations

import functools
from pathlib import Path

from controller.kube import certificates, connection, faults
from controller.kube.client import Client
from controller.telemetry.scrapers import Scrapers, UnknownTokenError
from controller.telemetry.secured import SecureEndpoint

PATH, VERB = "/metrics", "get"


def endpoint(folder: str, *, agent: str) -> SecureEndpoint | None:
    """Return what metrics are served with; nothing where there is no folder of a certificate.

    Raises OSError where the folder has none that can be served, and Stalled where a client
    certificate of our own would speak for every scraper.
    """
    if not folder:
        return None
    where = connection.load()
    # Fails at once, and not when somebody scrapes.
    where.as_bearer("")
    tls = certificates.served(Path(folder))

    async def may(token: str) -> bool:
        async with Client(where.as_bearer(token), agent=agent) as api:
            try:
                return (await api.review_path(VERB, PATH)).allowed
            except faults.Unauthorized as error:
                raise UnknownTokenError from error
            except faults.Forbidden:
                # Who may not even ask has no right that could be asked for.
                return False

    renew = functools.partial(certificates.renew, tls, Path(folder))
    return SecureEndpoint(tls=tls, scrapers=Scrapers(may), renew=renew)
