"""An application that is built, of which the last commit does not compile."""

from __future__ import annotations

from controller.api.resources import Resource
from fakes.forge import Forge
from fakes.universe import Universe, application, component
from tests.dashboard.stage import is_ready

GOOD, BROKEN = "1" * 40, "2" * 40


async def building(universe: Universe) -> None:
    """Make an application of which a commit has been built, and another does not compile."""
    forge = Forge(universe.server, seconds=0.1)
    forge.push(GOOD)
    source = {
        "git": {"url": "https://git.example.com/yard.git"},
        "image": "registry.example.com/yard",
    }
    await universe.apply(application("yard", component("web", 1, source=source)))
    await universe.until(lambda: is_ready(universe, "yard"))
    forge.broken.add(BROKEN)
    forge.push(BROKEN)
    asked = {"metadata": {"annotations": {"argosy.dev/build-requested": "again"}}}
    await universe.merge(Resource.APPLICATIONS, "yard", asked)
    told = Resource.APPLICATIONS, "yard", "Built"
    await universe.until(lambda: universe.condition(*told).get("status") == "False")
