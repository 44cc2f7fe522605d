"""Applications as the API server would tell of them, made by hand, for screens to be drawn of."""

from __future__ import annotations

from controller.api import clock, objects
from controller.api.conditions import Blocked, Condition
from controller.presentation import pictures

NOW = 1_700_000_000.0


def ago(seconds: float) -> str:
    """Return the stamp of a moment before NOW."""
    return clock.stamp(NOW - seconds)


def server(component: str, ordinal: int, condition: Condition, **fields: object) -> objects.Server:
    """Return a server of the shop at revision r2, incarnation 1."""
    status = {"revision": "r2", "incarnation": 1, "power": "Running", "observed_generation": 1}
    status |= {key: fields.pop(key) for key in list(fields) if key in status}
    deleted = fields.pop("deleted", None)
    return objects.Server(
        metadata=objects.Meta(
            name=f"shop-{component}-{ordinal}",
            namespace="prod",
            generation=1,
            deletion_timestamp=str(deleted) if deleted else None,
        ),
        spec=objects.ServerSpec(
            **{  # type: ignore[arg-type]  # as its fields say
                "application": "shop",
                "component": component,
                "ordinal": ordinal,
                "revision": "r2",
                **fields,
            }
        ),
        status=objects.ServerStatus(
            conditions=(condition,),
            provider=objects.ProviderStatus(
                id="i", zone=f"az{ordinal % 2}", addresses=(f"10.0.0.{ordinal % 250}",)
            ),
            **status,  # type: ignore[arg-type]  # as its fields say
        ),
    )


def condition(kind: str, status: str, reason: str, message: str = "", age: float = 90) -> Condition:
    """Return a condition that has held for `age` seconds."""
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=ago(age),
        observed_generation=1,
    )


READY = condition("Ready", "True", "Running", "Running and ready.")
IMAGE = "container web: ImagePullBackOff: no such image registry.example.com/web:2"
ILL = condition("Ready", "False", "BackingOff", IMAGE, age=130)


def shop(
    web: list[objects.Server], *, ready: Condition, blocked: tuple[Blocked, ...] = ()
) -> objects.Application:
    """Return the shop: three databases, and web servers."""
    available = sum(1 for each in web if each.status.conditions[0].status == "True")
    return objects.Application(
        metadata=objects.Meta(
            name="shop", namespace="prod", generation=1, creation_timestamp=ago(90_000)
        ),
        spec=objects.ApplicationSpec(
            components=(
                objects.Component(name="db", replicas=3),
                objects.Component(name="web", replicas=len(web), depends_on=("db",)),
            )
        ),
        status=objects.ApplicationStatus(
            observed_generation=1,
            conditions=(ready,),
            blocked_by=blocked,
            components=(
                objects.ComponentStatus(
                    name="db", desired=3, current=3, updated=3, ready=3, available=3
                ),
                objects.ComponentStatus(
                    name="web",
                    desired=len(web),
                    current=len(web),
                    updated=available,
                    ready=available,
                    available=available,
                ),
            ),
        ),
    )


def operation(
    name: str, verdict: Condition, action: str = "Restart", **status: object
) -> objects.Operation:
    """Return an operation on the shop's web servers."""
    return objects.Operation(
        metadata=objects.Meta(
            name=name, namespace="prod", generation=1, creation_timestamp=ago(200)
        ),
        spec=objects.OperationSpec(application="shop", action=action, components=("web",)),
        status=objects.OperationStatus(
            observed_generation=1,
            conditions=(verdict,),
            **status,  # type: ignore[arg-type]  # as its fields say
        ),
    )


def databases() -> list[objects.Server]:
    """Return three healthy databases."""
    return [server("db", ordinal, READY) for ordinal in range(3)]


def healthy() -> pictures.ApplicationPicture:
    """Return a shop in which all is well."""
    web = [server("web", ordinal, READY) for ordinal in range(4)]
    message = "All 7 servers are available."
    application = shop(web, ready=condition("Ready", "True", "Available", message))
    return pictures.picture(application, (), [*databases(), *web], (), NOW)


def troubled(size: int = 50) -> pictures.ApplicationPicture:
    """Return a large shop in the middle of a rollout, one server failing, operations about."""
    web = [server("web", ordinal, READY) for ordinal in range(size)]
    for ordinal in (1, 2):
        web[ordinal] = server("web", ordinal, READY, revision="r1")
    failing = condition("Stalled", "True", "AttemptsExhausted", IMAGE, age=130)
    web[3] = standing(web[3], (ILL, failing))
    web[4] = server("web", 4, READY, deleted=ago(5))
    blocked = Blocked(
        object="Server/shop-web-3",
        reason="BackingOff",
        message=IMAGE,
        since=ago(130),
        next_attempt_time=ago(-20),
        remedy="kubectl argosy retry-now server/shop-web-3 -n prod",
    )
    waits = Blocked(
        object="Operation/restart-web",
        reason="Conflict",
        message="It acts on the same servers.",
        since=ago(60),
        remedy="kubectl argosy cancel operation/restart-web -n prod",
    )
    acts = [
        operation(
            "restart-web",
            condition("Succeeded", "Unknown", "Running"),
            total=size,
            succeeded=size // 4,
            running=size // 8,
            failed=1,
            progress=f"{size // 4}/{size}",
        ),
        operation(
            "stop-web",
            condition("Succeeded", "Unknown", "Waiting"),
            "Stop",
            blocked_by=(waits,),
        ),
        operation(
            "old",
            condition("Succeeded", "True", "Completed"),
            completion_time=ago(pictures.RECENT_SECONDS + 1),
        ),
    ]
    message = f"{size + 2} of {size + 3} servers are available; under way: web."
    ready = condition("Ready", "False", "Progressing", message)
    application = shop(web, ready=ready, blocked=(blocked,))
    return pictures.picture(application, (), [*databases(), *web], acts, NOW)


def standing(found: objects.Server, conditions: tuple[Condition, ...]) -> objects.Server:
    """Return the server with other conditions."""
    return objects.Server(
        metadata=found.metadata,
        spec=found.spec,
        status=objects.ServerStatus(
            observed_generation=1,
            conditions=conditions,
            revision="r2",
            incarnation=1,
            power="Running",
        ),
    )
