"""Pages out of templates: everything that somebody else wrote is escaped, and steers nothing.

`pages` calls this for each answer.
"""

from __future__ import annotations

import copy
import functools
import pathlib
from typing import Any

import jinja2
import markupsafe
from aiohttp import web

from controller.api import clock
from controller.presentation import control_characters
from controller.presentation.spans import age

HERE = pathlib.Path(__file__).parent


def _seen(value: object) -> object:
    """Return what is printed: of a text, one in which characters that steer are visible.

    Signs that turn text around (U+202E) would make a page show another name than the one copied.
    """
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return control_characters.visible(value)
    return value


@functools.cache
def environment() -> jinja2.Environment:
    """Return what makes pages; a name that a template does not know is an error, not a gap.

    All templates are read at once: nobody's first page waits for that.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_seen,
        cache_size=-1,
    )
    made.filters["age"] = age
    made.filters["moment"] = clock.parse
    made.filters["state_class"] = lambda state: "state-" + str(state).replace(" ", "-")
    for each in made.list_templates():
        made.get_template(each)
    return made


class Renderer:
    """Makes pages; what stands around every page is given once."""

    def __init__(self, **shared: object) -> None:
        self._environment = environment()
        self._shared = {"signs_out": False, **shared}

    def but(self, **shared: object) -> Renderer:
        """Return one that has something else around its pages; the templates are shared."""
        twin = copy.copy(self)
        twin._shared = {**self._shared, **shared}  # noqa: SLF001 - its own class
        return twin

    def part(self, template: str, **values: Any) -> str:
        """Return a part of a page, which other pages take as it is: of nobody's in particular."""
        return markupsafe.Markup(self._environment.get_template(template).render(**values))  # noqa: S704 - it was escaped as it was made

    def page(self, template: str, *, status: int = 200, **values: Any) -> web.Response:
        """Return a page made of a template and what it is to show."""
        text = self._environment.get_template(template).render(**self._shared, **values)
        return web.Response(text=text, content_type="text/html", status=status)
