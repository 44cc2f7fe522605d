"""Builds that people ask for: of what the source is now, of one commit, or of an earlier image."""

from __future__ import annotations

from collections.abc import Sequence

from controller.api import objects
from controller.api.resources import Resource
from controller.cli import screen
from controller.cli.session import Session
from controller.presentation import reading, requests


async def ask(session: Session, application: str, component: str, commit: str) -> int:
    """Ask for a Build of an application, or of one component of it."""
    found = await reading.one(session.api, objects.Application, session.namespace, application)
    body = requests.build(found, component, commit, screen.now())
    await session.api.patch(
        Resource.APPLICATIONS,
        session.namespace,
        application,
        body,
        field_manager=requests.MANAGER,
    )
    what = f"component {component} of {application}" if component else application
    watch = session.target.typed(f"why application/{application}")
    screen.say(f"{what} is being built: {watch}")
    return 0


async def activate(session: Session, given: Sequence[str]) -> int:
    """Have the image of an earlier Build used again."""
    meant = await session.find(given, Resource.BUILDS)
    earlier = await reading.one(session.api, objects.Build, session.namespace, meant.name)
    name = earlier.spec.application
    application = await reading.one(session.api, objects.Application, session.namespace, name)
    every = await reading.many(session.api, objects.Build, session.namespace)
    beside = (each for each in every if each.spec.application == name)
    body = requests.activate(earlier, application, beside)
    await session.api.create(Resource.BUILDS, session.namespace, body)
    screen.say(f"the image of {meant} is used again, as build/{body['metadata']['name']}")
    return 0
