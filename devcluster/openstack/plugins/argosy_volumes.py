"""Volumes that are sparse files; libvirt attaches them as files, through Nova's gpfs connector."""

import os
import pathlib
import shutil
import subprocess

from cinder import interface
from cinder.image import image_utils
from cinder.volume import configuration, driver
from oslo_config import cfg

OPTIONS = [cfg.StrOpt("volume_folder", help="Where the files lie.")]
cfg.CONF.register_opts(OPTIONS, group=configuration.SHARED_CONF_GROUP)
ROOM = 100_000
GIBIBYTE = 2**30


@interface.volumedriver
class Driver(driver.VolumeDriver):
    """Keeps each volume, and each snapshot, in a file of its own."""

    VERSION = "1.0"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(OPTIONS)
        self.folder = pathlib.Path(self.configuration.volume_folder)

    def _file(self, thing):
        return self.folder / thing.id

    def _copy(self, source, target):
        subprocess.run(["cp", "--sparse=always", source, self._file(target)], check=True)

    def do_setup(self, context):
        """Make the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def check_for_setup_error(self):
        """Find nothing wrong: `do_setup` would have failed."""

    def get_volume_stats(self, refresh=False):
        """Say that there is room."""
        return {
            "volume_backend_name": "files",
            "vendor_name": "Argosy",
            "driver_version": self.VERSION,
            "storage_protocol": "file",
            "total_capacity_gb": ROOM,
            "free_capacity_gb": ROOM,
        }

    def create_volume(self, volume):
        """Make an empty file that takes no room."""
        self._file(volume).touch()
        self.extend_volume(volume, volume.size)

    def delete_volume(self, volume):
        """Remove a file, if it is there."""
        self._file(volume).unlink(missing_ok=True)

    def create_snapshot(self, snapshot):
        """Copy the volume."""
        self._copy(self.folder / snapshot.volume_id, snapshot)

    def delete_snapshot(self, snapshot):
        """Remove the copy."""
        self.delete_volume(snapshot)

    def create_volume_from_snapshot(self, volume, snapshot):
        """Copy the copy."""
        self._copy(self._file(snapshot), volume)
        self.extend_volume(volume, volume.size)

    def create_cloned_volume(self, volume, src_vref):
        """Copy the volume."""
        self.create_volume_from_snapshot(volume, src_vref)

    def extend_volume(self, volume, new_size):
        """Make the file longer."""
        os.truncate(self._file(volume), new_size * GIBIBYTE)

    def copy_image_to_volume(self, context, volume, image_service, image_id, disable_sparse=False):
        """Write an image's disk into the volume."""
        path = str(self._file(volume))
        # Later releases of Cinder can be told not to leave holes: holes are all that we want.
        image_utils.fetch_to_raw(context, image_service, image_id, path, "1M", size=volume.size)
        self.extend_volume(volume, volume.size)

    def copy_volume_to_image(self, context, volume, image_service, image_meta):
        """Write the volume's file as an image."""
        scratch = self.folder / f"{volume.id}.upload"
        shutil.copyfile(self._file(volume), scratch)
        try:
            image_utils.upload_volume(context, image_service, image_meta, str(scratch), volume)
        finally:
            scratch.unlink()

    def ensure_export(self, context, volume):
        """A file needs no export."""

    def create_export(self, context, volume, connector):
        """A file needs no export."""

    def remove_export(self, context, volume):
        """A file needs no export."""

    def initialize_connection(self, volume, connector):
        """Say where the file is, in the words of a file system that libvirt has a connector for."""
        data = {
            "device_path": str(self._file(volume)),
            "mount_path": str(self.folder),
            "name": volume.id,
            "export": str(self.folder),
        }
        return {"driver_volume_type": "gpfs", "data": data}

    def terminate_connection(self, volume, connector, **kwargs):
        """Nothing was connected."""
