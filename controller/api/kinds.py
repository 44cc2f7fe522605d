"""The kinds, in one table: a new kind is a new file and one line here.

The model of Fleet names no provider: `controller.providers.models` completes it for this build.
"""

from __future__ import annotations

from controller.api.application import Application
from controller.api.build import Build
from controller.api.fleet import Fleet
from controller.api.manifest import Manifest
from controller.api.operation import Operation
from controller.api.server import Server
from controller.api.serverset import ServerSet

KINDS: dict[str, type[Manifest]] = {
    kind.__name__: kind for kind in (Application, ServerSet, Server, Operation, Build, Fleet)
}
