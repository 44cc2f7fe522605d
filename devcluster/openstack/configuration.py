"""The services' configuration files; `cloud` writes them before it starts anything.

Pure but for `write`. Every service has one worker: a cloud shares its machine with what tests it.
"""

from collections.abc import Mapping
from pathlib import Path

from devcluster.openstack import layout
from devcluster.openstack.layout import Plan

Sections = Mapping[str, Mapping[str, object]]
PLUGINS = Path(__file__).parent / "plugins"


def write(plan: Plan) -> None:
    """Write all files anew."""
    plan.configurations.mkdir(parents=True, exist_ok=True)
    files: dict[str, Sections] = {
        "keystone": _keystone(plan),
        "glance": _glance(plan),
        "placement": _placement(plan),
        "neutron": _neutron(plan),
        "cinder": _cinder(plan),
        "nova": _nova(plan),
        **{f"nova-{host}": _compute(plan, host) for host in plan.hosts},
    }
    if plan.settings.orchestration:
        files["heat"] = _heat(plan)
    for name, sections in files.items():
        known = plan.settings.options
        more = known.get("nova", {}) if name.startswith("nova-") else {}
        whole = _merged(sections, more, known.get(name, {}))
        file(plan, name).touch(mode=0o600)
        file(plan, name).write_text(render(whole))


def file(plan: Plan, name: str) -> Path:
    """Return where the configuration of a service lies."""
    return plan.configurations / f"{name}.conf"


def render(sections: Sections) -> str:
    """Return sections as the services read them."""
    lines = []
    for name, values in sections.items():
        lines += [f"[{name}]", *(f"{key} = {_text(value)}" for key, value in values.items()), ""]
    return "\n".join(lines)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _merged(*parts: Sections) -> Sections:
    """Return the sections of all, those that come later above those before."""
    merged: dict[str, dict[str, object]] = {}
    for part in parts:
        for name, values in part.items():
            merged.setdefault(name, {}).update(values)
    return merged


def _common(plan: Plan, name: str) -> Sections:
    own = plan.state / name
    (own / "lock").mkdir(parents=True, exist_ok=True)
    return {
        "DEFAULT": {
            "transport_url": plan.messages(),
            "state_path": own,
            # Nothing else is said twice: what a service prints is its log.
            "use_stderr": True,
            "host": name,
            "my_ip": "127.0.0.1",
        },
        "oslo_concurrency": {"lock_path": own / "lock"},
        "oslo_messaging_notifications": {"driver": "noop"},
    }


def _database(plan: Plan, name: str) -> dict[str, object]:
    return {"connection": plan.database(name), "max_pool_size": 20, "max_overflow": 50}


def _login(plan: Plan, user: str) -> dict[str, object]:
    """Return how a service logs in at Keystone."""
    return {
        "auth_url": plan.endpoint(layout.KEYSTONE),
        "auth_type": "password",
        "project_domain_name": "Default",
        "user_domain_name": "Default",
        "project_name": "service",
        "username": user,
        "password": plan.password,
        "region_name": layout.REGION,
    }


def _guard(plan: Plan, user: str) -> dict[str, object]:
    """Return how a service checks the tokens it is given."""
    return {
        **_login(plan, user),
        "www_authenticate_uri": plan.address(layout.KEYSTONE),
        "memcached_servers": _memcached(plan),
        "service_token_roles_required": True,
        "service_token_roles": "service,admin",
    }


def _memcached(plan: Plan) -> str:
    return f"127.0.0.1:{plan.ports[layout.MEMCACHED]}"


def _cache(plan: Plan) -> dict[str, object]:
    return {
        "enabled": True,
        "backend": "dogpile.cache.memcached",
        "memcache_servers": _memcached(plan),
    }


def _keystone(plan: Plan) -> Sections:
    return {
        "DEFAULT": {"use_stderr": True},
        "database": _database(plan, "keystone"),
        "token": {"provider": "fernet"},
        "fernet_tokens": {"key_repository": plan.state / "keystone" / "fernet"},
        "credential": {"key_repository": plan.state / "keystone" / "credentials"},
        # The passwords are random, and the users few: nobody guesses them by a stolen hash.
        "identity": {"password_hash_rounds": 4},
        "cache": _cache(plan),
    }


def _glance(plan: Plan) -> Sections:
    return _merged(
        _common(plan, "glance"),
        {
            "DEFAULT": {
                "bind_host": "127.0.0.1",
                "bind_port": plan.ports[layout.GLANCE],
                "workers": 1,
                "enabled_backends": "files:file",
            },
            "database": _database(plan, "glance"),
            "keystone_authtoken": _guard(plan, "glance"),
            "glance_store": {"default_backend": "files"},
            "files": {"filesystem_store_datadir": plan.state / "glance" / "images"},
            "paste_deploy": {
                "flavor": "keystone",
                "config_file": "/etc/glance/glance-api-paste.ini",
            },
        },
    )


def _placement(plan: Plan) -> Sections:
    return {
        "DEFAULT": {"use_stderr": True},
        "placement_database": _database(plan, "placement"),
        "keystone_authtoken": _guard(plan, "placement"),
    }


def _neutron(plan: Plan) -> Sections:
    return _merged(
        _common(plan, "neutron"),
        {
            "DEFAULT": {
                "bind_host": "127.0.0.1",
                "bind_port": plan.ports[layout.NEUTRON],
                "core_plugin": "ml2",
                # Routers exist for the sake of floating addresses; nothing carries packets.
                "service_plugins": "router",
                "api_workers": 1,
                "rpc_workers": 1,
                "rpc_state_report_workers": 0,
                "api_paste_config": "/etc/neutron/api-paste.ini",
                "auth_strategy": "keystone",
                # A process that writes its title overwrites the environment it is known by.
                "setproctitle": "off",
                "notify_nova_on_port_status_changes": True,
            },
            "database": _database(plan, "neutron"),
            "keystone_authtoken": _guard(plan, "neutron"),
            "nova": _login(plan, "nova"),
            "ml2": {
                "type_drivers": "local,vxlan",
                "tenant_network_types": "vxlan",
                "mechanism_drivers": "argosy",
                "extension_drivers": "port_security",
            },
            "ml2_type_vxlan": {"vni_ranges": "1:10000"},
            "argosy": {"bridge": plan.bridge},
            "quotas": {"quota_port": -1, "quota_network": -1, "quota_floatingip": -1},
        },
    )


def _cinder(plan: Plan) -> Sections:
    return _merged(
        _common(plan, "cinder"),
        {
            "DEFAULT": {
                "osapi_volume_listen": "127.0.0.1",
                "osapi_volume_listen_port": plan.ports[layout.CINDER],
                "osapi_volume_workers": 1,
                "api_paste_config": "/etc/cinder/api-paste.ini",
                "auth_strategy": "keystone",
                "glance_api_servers": plan.address(layout.GLANCE),
                "enabled_backends": "files",
                "default_volume_type": "__DEFAULT__",
            },
            "database": _database(plan, "cinder"),
            "keystone_authtoken": _guard(plan, "cinder"),
            "nova": _login(plan, "nova"),
            "service_user": {**_login(plan, "cinder"), "send_service_user_token": True},
            "files": {
                "volume_driver": "argosy_volumes.Driver",
                "volume_backend_name": "files",
                "volume_folder": plan.state / "volumes",
            },
        },
    )


def _heat(plan: Plan) -> Sections:
    trustee = _login(plan, "heat")
    for each in ("project_name", "project_domain_name"):
        trustee.pop(each)
    return _merged(
        _common(plan, "heat"),
        {
            "DEFAULT": {
                "num_engine_workers": 1,
                "region_name_for_services": layout.REGION,
                # Nobody calls home there: else Heat looks for an API that this cloud lacks.
                "heat_metadata_server_url": plan.address(layout.HEAT),
                "deferred_auth_method": "trusts",
                "trusts_delegated_roles": "",
                "stack_user_domain_name": "heat",
                "stack_domain_admin": "heat_domain_admin",
                "stack_domain_admin_password": plan.password,
                # As long as Heat wants such a key to be.
                "auth_encryption_key": plan.password,
            },
            "database": _database(plan, "heat"),
            "keystone_authtoken": _guard(plan, "heat"),
            "trustee": trustee,
            "clients_keystone": {"auth_uri": plan.address(layout.KEYSTONE)},
            "heat_api": {
                "bind_host": "127.0.0.1",
                "bind_port": plan.ports[layout.HEAT],
                "workers": 1,
            },
            "paste_deploy": {"api_paste_config": "/etc/heat/api-paste.ini"},
        },
    )


def _nova(plan: Plan) -> Sections:
    return _merged(
        _common(plan, "nova"),
        {
            "DEFAULT": {
                "enabled_apis": "osapi_compute",
                "osapi_compute_listen": "127.0.0.1",
                "osapi_compute_listen_port": plan.ports[layout.NOVA],
                "osapi_compute_workers": 1,
                # On a busy machine a host that reports late is not a host that is down.
                "service_down_time": 120,
                "shutdown_timeout": 20,
                # Most zones have one host, and a resize has no other to go to.
                "allow_resize_to_same_host": True,
            },
            "wsgi": {"api_paste_config": "/etc/nova/api-paste.ini"},
            "database": _database(plan, "nova"),
            "api_database": _database(plan, "nova_api"),
            "keystone_authtoken": _guard(plan, "nova"),
            "placement": _login(plan, "placement"),
            "neutron": {**_login(plan, "neutron"), "service_metadata_proxy": False},
            "cinder": {**_login(plan, "nova"), "os_region_name": layout.REGION},
            "service_user": {**_login(plan, "nova"), "send_service_user_token": True},
            "glance": {"api_servers": plan.address(layout.GLANCE)},
            "vnc": {"enabled": False},
            "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": 2},
            "conductor": {"workers": 1},
            "filter_scheduler": {"track_instance_changes": False},
            "cache": _cache(plan),
        },
    )


def _compute(plan: Plan, host: str) -> Sections:
    own = plan.state / f"nova-{host}"
    (own / "lock").mkdir(parents=True, exist_ok=True)
    # A host has no way to the databases: it asks the conductor.
    known = {name: each for name, each in _nova(plan).items() if "database" not in name}
    shared = _merged(
        known,
        {
            "DEFAULT": {"host": host, "state_path": own, "max_concurrent_builds": 10},
            "oslo_concurrency": {"lock_path": own / "lock"},
        },
    )
    if host != layout.REAL:
        return _merged(shared, {"DEFAULT": {"compute_driver": "argosy_hosts.Driver"}})
    (own / "instances").mkdir(exist_ok=True)
    return _merged(shared, _real(plan, own))


def _real(plan: Plan, own: Path) -> Sections:
    socket = plan.folder / "libvirt" / "run" / "libvirt-sock"
    return {
        "DEFAULT": {
            "compute_driver": "libvirt.LibvirtDriver",
            "instances_path": own / "instances",
            "force_config_drive": True,
            "mkisofs_cmd": "genisoimage",
            "config_drive_format": "iso9660",
            "reserved_host_memory_mb": 0,
            "heal_instance_info_cache_interval": 0,
            "vif_plugging_is_fatal": False,
        },
        "libvirt": {
            # /dev/kvm may exist, and guests hang in it: emulation works everywhere.
            "virt_type": "qemu",
            "cpu_mode": "none",
            "connection_uri": f"qemu+unix:///system?socket={socket}",
            "images_type": "qcow2",
            "use_usb_tablet": False,
        },
        "workarounds": {"disable_libvirt_livesnapshot": False},
    }
