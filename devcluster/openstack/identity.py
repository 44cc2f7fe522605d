"""Who there is in a cloud: the services' own users, the tenants, and their clouds.yaml.

`cloud` has it made once Keystone answers; a second call finds everything made.
"""

import socket
from collections.abc import Iterable
from concurrent import futures

import yaml

from devcluster import errors
from devcluster.openstack import api, layout
from devcluster.openstack.layout import Plan

TENANTS = ("argosy", "other")
ADMIN = "admin"


def login(plan: Plan, user: str) -> api.Login:
    """Return how a user of this cloud logs in."""
    return api.Login(url=plan.endpoint(layout.KEYSTONE), auth=_auth(plan, user))


def write_clouds(plan: Plan) -> None:
    """Write the credentials file: the administrator and the tenants, a cloud each."""
    clouds = {
        name: {"auth": _auth(plan, name), "region_name": layout.REGION, "interface": "public"}
        for name in (*TENANTS, ADMIN)
    }
    plan.clouds.touch(mode=0o600)
    plan.clouds.write_text(yaml.safe_dump({"clouds": clouds}, sort_keys=False))


def make(plan: Plan) -> None:
    """Make the services' users and endpoints, and the tenants with one member each."""
    client = api.Client(login(plan, ADMIN))
    roles = {each["name"]: each["id"] for each in client.get("identity", "/roles")["roles"]}
    if "service" not in roles:
        roles["service"] = _created(client, "role", name="service")
    service = _named(client, "project", "service")
    own_users = [each for each in plan.apis if each != layout.KEYSTONE]
    wanted: list[tuple[str, str, tuple[str, ...]]]
    wanted = [(each, service, ("admin", "service")) for each in own_users]
    wanted += [(each, _named(client, "project", each), ("member",)) for each in TENANTS]

    def join(user: str, project: str, names: tuple[str, ...]) -> None:
        own = api.Client(login(plan, ADMIN))
        found = _named(own, "user", user, password=plan.password, default_project_id=project)
        for role in names:
            path = f"/projects/{project}/users/{found}/roles/{roles[role]}"
            own.call("PUT", "identity", path)
        if user in layout.ENDPOINTS:
            _publish(own, plan, user)

    if plan.settings.orchestration:
        _domain(client, plan, roles)
    with futures.ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(join, *one) for one in wanted]:
            each.result()


def revoke(plan: Plan, tokens: Iterable[str]) -> None:
    """Have Keystone take tokens back, and the services forget that they were good.

    They would remember for five minutes what Keystone said of a token.
    """
    admin = api.Client(login(plan, ADMIN))
    for each in tokens:
        try:
            admin.call("DELETE", "identity", "/auth/tokens", more={"X-Subject-Token": each})
        except api.ApiError as error:
            if error.status != api.NOT_FOUND:
                raise
    place = ("127.0.0.1", plan.ports[layout.MEMCACHED])
    with socket.create_connection(place, timeout=api.PATIENCE) as memory:
        memory.sendall(b"flush_all\r\n")
        if not (answer := memory.recv(64)).startswith(b"OK"):
            raise errors.DevclusterError(f"memcached does not forget: {answer!r}")


def _auth(plan: Plan, user: str) -> dict[str, str]:
    return {
        "auth_url": plan.endpoint(layout.KEYSTONE),
        "username": user,
        "password": plan.password,
        "project_name": user,
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }


def _domain(client: api.Client, plan: Plan, roles: dict[str, str]) -> None:
    """Make the domain in which Heat keeps the users of its stacks."""
    if "heat_stack_user" not in roles:
        _created(client, "role", name="heat_stack_user")
    known = client.get("identity", "/domains?name=heat")["domains"]
    domain = known[0]["id"] if known else _created(client, "domain", name="heat")
    name = "heat_domain_admin"
    users = client.get("identity", f"/users?name={name}&domain_id={domain}")["users"]
    user = (
        users[0]["id"]
        if users
        else _created(client, "user", name=name, domain_id=domain, password=plan.password)
    )
    client.call("PUT", "identity", f"/domains/{domain}/users/{user}/roles/{roles['admin']}")


def _publish(client: api.Client, plan: Plan, name: str) -> None:
    kind = layout.ENDPOINTS[name][0]
    known = client.get("identity", f"/services?type={kind}")["services"]
    service = known[0]["id"] if known else _created(client, "service", name=name, type=kind)
    if client.get("identity", f"/endpoints?service_id={service}")["endpoints"]:
        return
    for interface in ("public", "internal"):
        _created(
            client,
            "endpoint",
            service_id=service,
            interface=interface,
            url=plan.endpoint(name),
            region_id=layout.REGION,
        )


def _named(client: api.Client, kind: str, name: str, **more: str) -> str:
    """Return the id of what is called so in the default domain, made now if it is missing."""
    known = client.get("identity", f"/{kind}s?name={name}&domain_id=default")[f"{kind}s"]
    if known:
        return str(known[0]["id"])
    return _created(client, kind, name=name, domain_id="default", **more)


def _created(client: api.Client, kind: str, **values: str) -> str:
    return str(client.post("identity", f"/{kind}s", {kind: values})[kind]["id"])
