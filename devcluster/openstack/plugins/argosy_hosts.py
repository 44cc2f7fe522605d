"""Fake hypervisors: Nova's own fake, whose servers take time, fail, and end as they are told.

The metadata of a server say how its host treats it: see `docs/how-to/devcluster-openstack.md`.
"""

import io
import time

from nova import exception
from nova.compute import task_states
from nova.image import glance
from nova.virt import fake

SPAWN, FAIL, DESTROY = "argosy-host.spawn", "argosy-host.fail", "argosy-host.destroy"
CONSOLE, SNAPSHOT = "argosy-host.console", "argosy-host.snapshot"


class Driver(fake.MediumFakeDriver):
    """A host that always has room."""

    vcpus, memory_mb, local_gb = 100_000, 100_000_000, 10_000_000

    def spawn(self, context, instance, *args, **kwargs):
        """Start the server, after its time, or fail then."""
        _wait(instance, SPAWN)
        if FAIL in instance.metadata:
            raise exception.InstanceDeployFailure(reason=instance.metadata[FAIL])
        return super().spawn(context, instance, *args, **kwargs)

    def destroy(self, context, instance, *args, **kwargs):
        """End the server, after its time."""
        _wait(instance, DESTROY)
        return super().destroy(context, instance, *args, **kwargs)

    def add_to_aggregate(self, context, aggregate, host, **kwargs):
        """Take no part: zones are the scheduler's."""

    def get_console_output(self, context, instance):
        """Return what the metadata say that the guest printed."""
        return instance.metadata.get(CONSOLE, "")

    def snapshot(self, context, instance, image_id, update_task_state):
        """Upload a few bytes: Nova's own fake never ends the image."""
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        images = glance.API()
        image = images.get(context, image_id)
        _wait(instance, SNAPSHOT)
        update_task_state(
            task_state=task_states.IMAGE_UPLOADING,
            expected_state=task_states.IMAGE_PENDING_UPLOAD,
        )
        about = {
            "disk_format": "raw",
            "container_format": "bare",
            "name": image["name"],
            "properties": {},
        }
        images.update(context, image_id, about, io.BytesIO(f"snapshot of {instance.uuid}".encode()))


def _wait(instance, what):
    time.sleep(float(instance.metadata.get(what, 0)))
