"""The receiver: a signed push becomes the annotation that asks for a Build; all else is refused.

Nothing is read of a request before its size is bounded, and nothing believed before its signature
is right. A repeated request does no harm thanks to the annotation: its value is made of the body,
it names no commit, and the Build resolves what the ref names then.
"""

from __future__ import annotations

import collections
import hashlib
import re
import time
from collections.abc import Callable
from http import HTTPStatus

import msgspec
import structlog
from aiohttp import web

from controller import errors
from controller.api import names
from controller.api.resources import Resource
from controller.hooks import bodies, pushes, signatures
from controller.hooks.keys import Keys
from controller.kube import faults
from controller.kube.api import Api

# How many requests are known again.
REMEMBERED = 10_000
PATH = "/{namespace}/{application}"
FIELD_MANAGER = "argosy-hooks"

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_log = structlog.get_logger(__name__)


class Receiver:
    """Answers what a git server sends of one application."""

    def __init__(self, api: Api, keys: Keys, clock: Callable[[], float] = time.time) -> None:
        self._api = api
        self._keys = keys
        self._clock = clock
        self._room = bodies.BodyMemory()
        self._seen: collections.OrderedDict[str, None] = collections.OrderedDict()

    def application(self) -> web.Application:
        """Return what serves it."""
        made = web.Application()
        made.router.add_post(PATH, self.receive)
        return made

    async def receive(self, request: web.Request) -> web.Response:
        """Answer one request."""
        try:
            body = await self._room.read(request)
        except bodies.TooLargeError:
            return _answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
        except bodies.UnreadableError:
            return _answer(HTTPStatus.BAD_REQUEST, "the body cannot be read")
        except TimeoutError:
            return _answer(HTTPStatus.REQUEST_TIMEOUT, "the body did not come in time")
        namespace, name = (request.match_info[each] for each in ("namespace", "application"))
        key = self._keys.of(namespace, name) if _are_names(namespace, name) else b""
        if not signatures.is_signed(request.headers, body, key, self._clock()):
            # The same words whether such an application has a secret or not.
            return _answer(HTTPStatus.UNAUTHORIZED, "the signature is missing or wrong")
        return await self._believe(namespace, name, body)

    async def _believe(self, namespace: str, name: str, body: bytes) -> web.Response:
        digest = hashlib.sha256(f"{namespace}/{name}/".encode() + body).hexdigest()
        if digest in self._seen:
            return _answer(HTTPStatus.OK, "this was received before")
        try:
            push = pushes.read(body)
            built = await self._ask(namespace, name, push, digest) if push.ref else []
        except pushes.NotAPushError as error:
            return _answer(HTTPStatus.BAD_REQUEST, str(error))
        except faults.NotFound:
            return _answer(HTTPStatus.NOT_FOUND, "there is no such application")
        except errors.ArgosyError as error:
            _log.warning("build not requested", namespace=namespace, name=name, error=str(error))
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "the cluster did not take it; try again")
        if built:
            self._remember(digest)
            return _answer(HTTPStatus.ACCEPTED, f"a build is requested of {', '.join(built)}")
        why = (
            "no component is built from this repository and ref"
            if push.ref
            else "nothing was pushed"
        )
        return _answer(HTTPStatus.OK, why)

    async def _ask(self, namespace: str, name: str, push: pushes.Push, digest: str) -> list[str]:
        """Write the annotation if a component is built of the push; return those that are."""
        # To change nothing tells what is there: the account may not read.
        text = await self._api.patch(
            Resource.APPLICATIONS, namespace, name, {}, field_manager=FIELD_MANAGER, dry_run=True
        )
        built = pushes.components(msgspec.json.decode(text), push)
        if built:
            # Of several, all are asked: those that were not pushed find the commit that they have.
            only = (f"component:{each}" for each in built if len(built) == 1)
            value = " ".join((f"push:{digest[:16]}", *only))
            annotations = {names.BUILD_REQUESTED_ANNOTATION: value}
            await self._api.patch(
                Resource.APPLICATIONS,
                namespace,
                name,
                {"metadata": {"annotations": annotations}},
                field_manager=FIELD_MANAGER,
            )
            _log.info("build requested", namespace=namespace, name=name, components=built)
        return built

    def _remember(self, digest: str) -> None:
        self._seen[digest] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)


def _are_names(*words: str) -> bool:
    """Return whether these can be names of objects: nothing else may become a file's name."""
    return all(map(_NAME.fullmatch, words))


def _answer(status: HTTPStatus, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")
