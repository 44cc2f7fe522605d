"""The label of the part of the work that an object is in, on what was made before there was one.

Whatever is made has it from the first write. An older object gets it, or the right one, with the
next write that it needs anyway: a write of its own would be one for every server at an upgrade.
Called where writes are built: `writes` for Servers, the provider of pods for pods and claims.
"""

from __future__ import annotations

from controller.api import names, objects
from controller.planning.plan import Manifest


def beside(found: objects.Meta, body: Manifest) -> Manifest:
    """Return the merge of `body` into an object with the label that it lacks, if any.

    Of an object that is no application's, and of one that is on its way out, nothing is added.
    """
    metadata = body.get("metadata") or {}
    labels = metadata.get("labels") or {}
    application = labels.get(names.APPLICATION_LABEL) or found.labels.get(names.APPLICATION_LABEL)
    if not application or found.deletion_timestamp is not None:
        return body
    wanted = names.bucket_label(found.namespace, application)
    lacking = names.missing_or_changed(found.labels, wanted)
    if not lacking:
        return body
    return {**body, "metadata": {**metadata, "labels": {**labels, **lacking}}}
