"""Whether kopf can decode whatever the API server sends."""

from __future__ import annotations

import json

import aiohttp
import kopf
import pytest
from aiohttp import test_utils, web

from controller.wiring import kopf_session

DEEP = b'{"type":"ADDED","object":' + b'{"a":' * 9000 + b"1" + b"}" * 9000 + b"}"
SANE = b'{"type":"ADDED","object":{"metadata":{"name":"sane"}}}'


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for line in (DEEP, SANE, DEEP):
        # In two parts, so that a line does not come with one read.
        await response.write(line[:40])
        await response.write(line[40:] + b"\n")
    await response.write(SANE)
    return response


async def _list(_: web.Request) -> web.Response:
    body = b'{"items":[%s,%s]}' % (DEEP, SANE)
    return web.Response(body=body, content_type="application/json")


async def test_deep_answers_are_decoded_and_others_are_whole() -> None:
    """Each line of a watch, and a list, decodes; what is not deep is as it was sent."""
    app = web.Application()
    app.add_routes([web.get("/watch", _stream), web.get("/list", _list)])
    async with test_utils.TestServer(app) as server:
        session = kopf_session.connect(kopf.ConnectionInfo(server=str(server.make_url("/"))))
        async with session.aiohttp_session as http:
            async with http.get(server.make_url("/watch")) as response:
                text = b"".join([each async for each in response.content.iter_chunked(100)])
            lines = text.split(b"\n")
            assert [json.loads(each)["type"] for each in lines] == ["ADDED"] * 4
            assert lines[1] == lines[3] == SANE
            async with http.get(server.make_url("/list")) as response:
                assert (await response.json())["items"][1] == json.loads(SANE)


async def test_sessions_of_the_same_credentials_are_equal() -> None:
    """So kopf does not try again and again what was refused once."""
    info = kopf.ConnectionInfo(server="https://localhost", token="one")  # noqa: S106 - nothing is behind it
    other = kopf.ConnectionInfo(server="https://localhost", token="two")  # noqa: S106 - as above
    made = [kopf_session.connect(each) for each in (info, info, other)]
    for each in made:
        await each.aiohttp_session.close()
    assert made[0] == made[1]
    assert made[0] != made[2]


@pytest.mark.parametrize("body", [b"", b"[", b"not json"])
async def test_what_is_no_json_is_told_as_that(body: bytes) -> None:
    """Kopf reads a refusal's text where its body is no JSON."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body)

    app = web.Application()
    app.add_routes([web.get("/", answer)])
    async with test_utils.TestServer(app) as server:
        session = kopf_session.connect(kopf.ConnectionInfo(server=str(server.make_url("/"))))
        async with session.aiohttp_session as http, http.get(server.make_url("/")) as response:
            assert isinstance(response, aiohttp.ClientResponse)
            with pytest.raises(json.JSONDecodeError):
                await response.json()
