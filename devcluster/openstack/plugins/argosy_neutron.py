"""Neutron's part of a cloud without agents: every port is bound at once, to one bridge."""

from neutron_lib import constants
from neutron_lib.plugins.ml2 import api
from oslo_config import cfg

cfg.CONF.register_opts(
    [cfg.StrOpt("bridge", help="The bridge that all ports are bound to.")], group="argosy"
)


class Driver(api.MechanismDriver):
    """Binds what it is asked to bind."""

    def initialize(self):
        """There is nothing to prepare."""

    def bind_port(self, context):
        """Bind the port to the first segment, and say that it works."""
        segment = context.segments_to_bind[0]
        details = {"port_filter": False, "bridge_name": cfg.CONF.argosy.bridge}
        context.set_binding(segment[api.ID], "bridge", details, constants.PORT_STATUS_ACTIVE)
