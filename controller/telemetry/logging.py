"""Log lines: one JSON object each (or coloured text), with whose visit they belong to.

`wiring` and the commands call `configure` once; the engine says with `visit` what it looks at. All
other modules only `structlog.get_logger(__name__)`: a line is a constant phrase plus keys. Lines of
libraries that log by the standard library come out the same way.
"""

from __future__ import annotations

import contextvars
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import msgspec
import structlog

FORMATS = ("json", "console")
LEVELS = ("debug", "info", "warning", "error")

Event = MutableMapping[str, Any]

# Keys whose values are never written, whoever logs them.
_SECRET = re.compile(
    r"authori[sz]ation|password|secret|token|credential|clouds|body", re.IGNORECASE
)
_HIDDEN = "…"
# Secrets that libraries put into text: bearer tokens, and credentials within URLs.
_LEAKS = re.compile(r"(?i)(bearer\s+)[\w.~+/=-]+|(://)[^/@\s]+(?=@)")
# Libraries that say much at INFO that is of no use to whoever operates Argosy.
_QUIET = ("aiohttp", "asyncio", "kopf", "kubernetes", "urllib3")

_current: contextvars.ContextVar[tuple[int, str, str, str, int] | None] = contextvars.ContextVar(
    "visit", default=None
)
_visits = 0


def _curb_kopf(record: logging.LogRecord) -> bool:
    """Leave tracebacks out of what kopf says, which says why: whoever runs kopf goes on.

    Kopf is meant to leave signals alone, in a thread of its own; and a review that refuses
    somebody's typo is no trouble of the operator's. (Only refusals "fail permanently".)
    """
    if record.name.startswith("kopf"):
        record.exc_info = record.exc_text = None
        said = record.getMessage()
        return not said.startswith("OS signals are ignored") and "failed permanently" not in said
    return True


def configure(*, format: str = "json", level: str = "info", stream: TextIO | None = None) -> None:  # noqa: A002 - the flag's name
    """Send all log lines of at least `level` to `stream` (standard error), in `format`.

    Lines below the level cost next to nothing. Raises ValueError for an unknown format or level.
    """
    if format not in FORMATS or level not in LEVELS:
        raise ValueError(f"format must be one of {FORMATS}, level one of {LEVELS}")
    out = stream or sys.stderr
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared = _processors()
    structlog.configure(
        processors=[*shared, _renderer(format, out)],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *names: _Logger(out, names[0] if names else "argosy"),
        cache_logger_on_first_use=stream is None,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(format, out),
            ],
        )
    )
    handler.addFilter(_curb_kopf)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


def visit(kind: str, namespace: str, name: str, generation: int) -> None:
    """Say which object is looked at: later lines of this task, and of tasks it starts, tell so.

    Each call begins another visit, with an id of its own.
    """
    global _visits  # noqa: PLW0603 - one counter of the process
    _visits += 1
    _current.set((_visits, kind, namespace, name, generation))


class _Logger(structlog.WriteLogger):
    """Writes whole lines, and knows the name of its module."""

    def __init__(self, out: TextIO, name: str) -> None:
        super().__init__(out)
        self.name = name


def _processors() -> list[structlog.typing.Processor]:
    return [
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _add_visit,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _hide_secrets,
    ]


def _renderer(format: str, out: TextIO) -> structlog.typing.Processor:  # noqa: A002 - as above
    if format == "console":
        return structlog.dev.ConsoleRenderer(colors=out.isatty(), timestamp_key="time")
    return structlog.processors.JSONRenderer(serializer=_encode)


def _encode(event: Mapping[str, Any], **_: Any) -> str:
    first = {key: event[key] for key in ("time", "level", "event") if key in event}
    return msgspec.json.encode({**first, **event}, enc_hook=str).decode()


def _add_visit(_logger: object, _method: str, event: Event) -> Event:
    seen = _current.get()
    if seen is not None:
        keys = ("visit", "kind", "namespace", "name", "generation")
        for key, value in zip(keys, seen, strict=True):
            event.setdefault(key, value)
    return event


def _hide_secrets(_logger: object, _method: str, event: Event) -> Event:
    for key, value in event.items():
        if _SECRET.search(key):
            event[key] = _HIDDEN
        else:
            event[key] = _clean(value)
    return event


def _clean(value: object) -> object:
    if isinstance(value, str):
        return _LEAKS.sub(lambda found: f"{found[1] or found[2]}{_HIDDEN}", value)
    if isinstance(value, Mapping):
        return {
            key: _HIDDEN if _SECRET.search(str(key)) else _clean(each)
            for key, each in value.items()
        }
    if isinstance(value, BaseException):
        return _clean(f"{type(value).__name__}: {value}")
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(each) for each in value]
    return value
