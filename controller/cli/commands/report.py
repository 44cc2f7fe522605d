"""`report`: a support bundle, a tar file of what a helper would ask for."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import app, arguments, rights
from controller.cli.app import CommandRight, Work

if TYPE_CHECKING:
    from controller.cli.session import Session


@app.command(
    CommandRight(verbs="get, list, watch", resource=rights.OURS),
    CommandRight(
        verbs="list, watch",
        resource=f"{rights.REFINE.resource}; events (events.k8s.io)",
        why="what may not be read is left out, and said",
    ),
    CommandRight(
        verbs="list, watch",
        resource="fleets (argosy.dev); namespaces, nodes; leases (coordination.k8s.io);"
        " pods; deployments (apps)",
        why="the same; the last two for the operator's own",
        everywhere=True,
    ),
    CommandRight(verbs="get", resource="pods/log", why="the operator's own log", everywhere=True),
)
def report(
    application: arguments.AnyApplication = "",
    file: Annotated[
        pathlib.Path | None, typer.Option("--file", "-f", help="Where to write it.")
    ] = None,
) -> Work:
    """Write a support bundle: objects, events, and the causes of trouble; no secrets.

    Example: kubectl argosy report shop
    """
    import io
    import tarfile
    import time

    from controller.cli import screen
    from controller.cli.drawing import bundle as drawing
    from controller.presentation import redaction
    from controller.presentation import report as contents

    async def write(session: Session) -> int:
        target = file or pathlib.Path(f"argosy-report-{time.strftime('%Y%m%d-%H%M%S')}.tar.gz")
        now = screen.now()
        count = 0
        with tarfile.open(target, "w:gz") as bundle:
            async with screen.working("collecting") as work:
                async for name, part in contents.parts(
                    session.api, session.namespace, application, now
                ):
                    work.say(f"collecting {name}")
                    data = redaction.scrub(drawing.text(part, now)).encode()
                    entry = tarfile.TarInfo(f"argosy-report/{name}")
                    entry.size, entry.mtime = len(data), int(now)
                    bundle.addfile(entry, io.BytesIO(data))
                    count += 1
        screen.say(f"wrote {target}: {count} files")
        screen.note(
            "The bundle has only fields that a helper needs: no values of env, no commands,"
            " arguments, headers, bodies or parameters, no annotations of yours. Whatever looks"
            " like a password is taken out of messages and logs. Secrets were not read. Look"
            " through the bundle before you send it."
        )
        return 0

    return write
