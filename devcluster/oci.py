"""Images made from files, without a builder: `node` packs its own, `images` the Debian base."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def layer(target: Path, files: Mapping[str, Path]) -> Path:
    """Write a tar layer with these programs, by their path in the image."""
    with tarfile.open(target, "w") as tar:
        for name, source in files.items():
            tar.add(source, name.lstrip("/"), filter=_plain)
    return target


def archive(
    target: Path,
    name: str,
    root: Path,
    *,
    entrypoint: Sequence[str] = (),
    variables: Sequence[str] = ("PATH=/usr/local/bin:/usr/bin:/bin",),
) -> Path:
    """Write an image of one layer as an archive that `ctr images import` takes."""
    digest = _digest(root)
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": list(entrypoint) or None, "Env": list(variables)},
            "rootfs": {"type": "layers", "diff_ids": [digest]},
        }
    )
    layers = [{"mediaType": LAYER, "digest": digest, "size": root.stat().st_size}]
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(CONFIG, config),
            "layers": layers,
        }
    )
    named = {**_descriptor(MANIFEST, manifest), "annotations": {"io.containerd.image.name": name}}
    index = _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [named]})
    with tarfile.open(target, "w") as tar:
        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", index)
        for blob in (config, manifest):
            _add(tar, _path(_bytes_digest(blob)), blob)
        tar.add(root, _path(digest), filter=_plain)
    return target


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Forget who made the file and when, so that the same content is the same image."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    return member


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _bytes_digest(blob), "size": len(blob)}


def _bytes_digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _add(tar: tarfile.TarFile, name: str, blob: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(blob)
    tar.addfile(member, io.BytesIO(blob))
