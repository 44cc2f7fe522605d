"""An OpenStack cloud in memory: Keystone's tokens, and the services as Argosy asks them.

It keeps to what was seen of real services: spawns take time, a POST whose client died is carried
out and shows up late, tags are ignored below microversion 2.26, deleted servers have none, a cell
that is down answers lists with nothing.
"""

from fakes.openstack.cinder import Volume
from fakes.openstack.cloud import Cloud, Image, Timing
from fakes.openstack.faults import Fault
from fakes.openstack.machines import EPOCH, Machine
from fakes.openstack.neutron import FloatingIP

__all__ = ["EPOCH", "Cloud", "Fault", "FloatingIP", "Image", "Machine", "Timing", "Volume"]
