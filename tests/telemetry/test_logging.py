"""Log lines: one JSON object each, saying whose visit they belong to, and no secrets."""

import asyncio
import io
import json
import logging as standard
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from controller.telemetry import logging


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """Give what is logged to, and put the root logger back as it was afterwards."""
    root = standard.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    """Return what was logged."""
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_one_object(out: io.StringIO) -> None:
    """Phrase, keys, level, time and module; objects of any kind as text."""
    logging.configure(stream=out)
    structlog.get_logger("controller.x").info("server made", count=3, where=("a", "b"), odd={1})
    (line,) = lines(out)
    assert (line["event"], line["level"], line["logger"]) == ("server made", "info", "controller.x")
    assert (line["count"], line["where"], line["odd"]) == (3, ["a", "b"], [1])
    assert line["time"].endswith("Z")


def test_lines_below_the_level_are_not_written(out: io.StringIO) -> None:
    """Ours and those of libraries."""
    logging.configure(level="warning", stream=out)
    structlog.get_logger("controller.x").info("quiet")
    standard.getLogger("library").info("quiet")
    structlog.get_logger("controller.x").warning("loud")
    assert [line["event"] for line in lines(out)] == ["loud"]


def test_libraries_lines_look_the_same(out: io.StringIO) -> None:
    """What is logged by the standard library is one JSON object too."""
    logging.configure(stream=out)
    standard.getLogger("kopf.objects").warning("cannot reach %s", "there")
    (line,) = lines(out)
    assert (line["event"], line["level"]) == ("cannot reach there", "warning")
    assert line["logger"] == "kopf.objects"


@pytest.mark.parametrize(
    "keys",
    [
        {"token": "s3cret"},
        {"Authorization": "s3cret"},
        {"request": {"headers": {"authorization": "s3cret"}}},
        {"url": "https://me:s3cret@example.com/"},
        {"why": ValueError("401 for Bearer s3cret")},
        {"tried": ["Bearer s3cret"]},
        {"body": "s3cret"},
        {"client_secret": "s3cret"},
    ],
)
def test_secrets_are_not_written(out: io.StringIO, keys: dict[str, Any]) -> None:
    """By the name of their key, or by how they look, wherever they are nested."""
    logging.configure(stream=out)
    structlog.get_logger("x").info("called", **keys)
    assert "s3cret" not in out.getvalue()
    assert lines(out)[0]["event"] == "called"


def test_a_traceback_holds_no_secrets(out: io.StringIO) -> None:
    """A crash is logged with its traceback, and without the token in its message."""
    logging.configure(stream=out)
    try:
        int("Bearer s3cret")
    except ValueError:
        structlog.get_logger("x").exception("crashed")
    assert "Traceback" in lines(out)[0]["exception"]
    assert "s3cret" not in out.getvalue()


async def test_lines_tell_whose_visit_they_belong_to(out: io.StringIO) -> None:
    """Also in tasks that a visit began, after the engine has gone on to another object."""
    logging.configure(stream=out)
    log = structlog.get_logger("x")
    go = asyncio.Event()

    async def act() -> None:
        await go.wait()
        log.info("act ended")

    logging.visit("Server", "prod", "shop-web-1", 4)
    began = asyncio.create_task(act())
    logging.visit("Server", "prod", "shop-web-2", 5)
    log.info("planned")
    go.set()
    await began
    planned, ended = lines(out)
    assert (planned["name"], planned["generation"]) == ("shop-web-2", 5)
    assert (ended["name"], ended["kind"], ended["namespace"]) == ("shop-web-1", "Server", "prod")
    assert planned["visit"] != ended["visit"]


def test_text_for_people(out: io.StringIO) -> None:
    """In the format console a line is no JSON, and has no colours where nobody sees them."""
    logging.configure(format="console", stream=out)
    structlog.get_logger("x").info("server made", count=3)
    assert "server made" in out.getvalue()
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize(("form", "level"), [("xml", "info"), ("json", "loud")])
def test_unknown_settings_are_refused(form: str, level: str) -> None:
    """Rather than logging in some other way."""
    with pytest.raises(ValueError, match="must be"):
        logging.configure(format=form, level=level)


def test_a_refused_review_is_no_trouble_of_the_operators(out: io.StringIO) -> None:
    """What somebody misspelt is told to them; what fails within a review is told here."""
    logging.configure(stream=out)
    log = standard.getLogger("kopf.objects")
    log.error("Webhook 'applications' failed permanently: spec.a: unknown field")
    log.error("Webhook 'applications' failed with an exception. Will stop.")
    (line,) = lines(out)
    assert "with an exception" in line["event"]
