"""Names, labels and annotations: deterministic, decodable, decided in this one place.

Every layer that makes or finds an object asks here.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping

GROUP = "argosy.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
CATEGORY = "argosy"
FINALIZER = f"{GROUP}/finalizer"
BUILT_IN_FLEET = "pods"
# How names of most objects look: of Secrets, say. In `schema` are the patterns that only it needs.
SUBDOMAIN = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"

# The field manager of what the operator writes; others of ours begin with the same word.
SPEC_MANAGER = "argosy"

# Labels on all that is made.
APPLICATION_LABEL = f"{GROUP}/application"
COMPONENT_LABEL = f"{GROUP}/component"
SERVER_LABEL = f"{GROUP}/server"
INCARNATION_LABEL = f"{GROUP}/incarnation"
REVISION_LABEL = f"{GROUP}/revision"
# Which part of all work an object is in, on Servers, their pods and their claims: see `bucket`.
BUCKET_LABEL = f"{GROUP}/bucket"
# On Jobs of a Build, and on their pods, which have no component: they are no servers.
BUILD_LABEL = f"{GROUP}/build"

# The ordinal, as Kubernetes writes it on the pods of a StatefulSet.
POD_INDEX_LABEL = "apps.kubernetes.io/pod-index"

# Others' own, which are not called labels and annotations here: those are all Argosy's, and may
# leave a cluster with `argosy report`, say.
# Which pod of a StatefulSet one is, and of which revision.
STATEFUL_POD = "statefulset.kubernetes.io/pod-name"
STATEFUL_HASH = "controller-revision-hash"
# Of the labels that Kubernetes recommends, those that are asked for apart from the others.
PROGRAM = "app.kubernetes.io/name"
INSTANCE = "app.kubernetes.io/instance"
MANAGED_BY = "app.kubernetes.io/managed-by"
# In which `kubectl apply` keeps all that it applied.
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

# Annotations that Argosy writes on what servers are made of.
# The place of the alternative in its list, as 0.1 wrote it; and its name.
ALTERNATIVE_ANNOTATION = f"{GROUP}/alternative"
DOMAIN_ANNOTATION = f"{GROUP}/domain"
ALTERNATIVE_NAME_ANNOTATION = f"{GROUP}/alternative-name"
# The container ids that an in-place change must replace, comma-separated.
CHANGED_FROM_ANNOTATION = f"{GROUP}/changed-from"
# The generation that Argosy's own changes gave a pod: a higher one is of somebody else's making.
GENERATION_ANNOTATION = f"{GROUP}/generation"
# The size of a pod before Argosy asked for another one: until that change is whole.
RESIZED_FROM_ANNOTATION = f"{GROUP}/resized-from"
# How often Argosy mended what others changed of a pod; and, once it gave up, who did.
MENDED_ANNOTATION = f"{GROUP}/mended"
# On a ServerSet: the components whose sets must outlive it, comma-separated.
DEPENDS_ON_ANNOTATION = f"{GROUP}/depends-on"
# On a ControllerRevision that missed its deadline or was rolled back; the value is the reason.
REJECTED_ANNOTATION = f"{GROUP}/rejected"
# The name of the mark until 0.1; still read, and no longer written.
CONDEMNED_ANNOTATION = f"{GROUP}/condemned"
# On a ControllerRevision whose servers all ran in good health, from when the component leaves it.
PROVEN_ANNOTATION = f"{GROUP}/proven"

# On a Service: the ports, labels and annotations that its component said, comma-separated: what it
# says no longer is taken off, and what others added stays.
SAID_ANNOTATION = f"{GROUP}/said"

# On a ControllerRevision with a built image: the Build, and the commit that it was built from.
BUILD_ANNOTATION = f"{GROUP}/build"
COMMIT_ANNOTATION = f"{GROUP}/commit"

# On an Operation: the user who created it, written at admission, which alone knows.
REQUESTED_BY_ANNOTATION = f"{GROUP}/requested-by"

# On a Server: how often in a row it was made anew because it fell ill, and when last.
REMEDIATED_ANNOTATION = f"{GROUP}/remediated"

# On an Application: the pods that an import took over, until it has seen them be the same.
IMPORT_ANNOTATION = f"{GROUP}/import"
# On a StatefulSet: the UID of the Application that an export makes it of, until it has its pods.
EXPORT_ANNOTATION = f"{GROUP}/export"

# Annotations that people write.
DELETE_FIRST_ANNOTATION = f"{GROUP}/delete-first"
SKIP_REMEDIATION_ANNOTATION = f"{GROUP}/skip-remediation"
# On a Server: the id of the instance that is given no more time to end, once it is to go.
FORCE_ANNOTATION = f"{GROUP}/force"
# On a Fleet: the ids of instances, with commas between, that are collected if they have no Server.
COLLECT_ANNOTATION = f"{GROUP}/collect"
# Any new value resets backoff and rejections; answered in status by `lastHandledRetry`.
RETRY_NOW_ANNOTATION = f"{GROUP}/retry-now"
# On an Application: any new value asks for one Build of each component with a source. Of its words
# `sha:<commit>` names the commit, and `component:<name>` the only component that is meant.
BUILD_REQUESTED_ANNOTATION = f"{GROUP}/build-requested"

# Into so many parts all work is divided; see `bucket`.
BUCKETS = 256

MAX_NAME = 63
MAX_ORDINAL_DIGITS = 5


def server_set(application: str, component: str) -> str:
    """Return the name of a component's ServerSet and, unless it says another, of its Service."""
    return f"{application}-{component}"


def labelled_set(labels: Mapping[str, str]) -> str:
    """Return the name of the ServerSet that an object is labelled for."""
    return server_set(labels.get(APPLICATION_LABEL, ""), labels.get(COMPONENT_LABEL, ""))


def server(application: str, component: str, ordinal: int) -> str:
    """Return the name of a Server, and of the pod that it is made of."""
    return f"{application}-{component}-{ordinal}"


def claim(template: str, server_name: str) -> str:
    """Return the name of a server's own PersistentVolumeClaim."""
    return f"{template}-{server_name}"


def controller_revision(application: str, component: str, revision: str) -> str:
    """Return the name of the ControllerRevision that holds a component's revision."""
    return f"{application}-{component}-{revision}"


def build(application: str, component: str, number: int) -> str:
    """Return the name of a Build."""
    return f"{application}-{component}-b{number}"


def job(task_id: str) -> str:
    """Return the name of the Job that runs a task: a hash, as ids may be long."""
    return f"argosy-{digest(task_id)}"


def digest(text: str | bytes) -> str:
    """Return ten hexadecimal characters that stand for `text`, short enough for a name."""
    data = text.encode() if isinstance(text, str) else text
    return hashlib.sha256(data).hexdigest()[:10]


def labels(application: str, component: str, server_name: str = "") -> dict[str, str]:
    """Return the labels of what is made for a component, or for one of its servers."""
    return identity(application, component, server_name) | recommended(application, component)


def identity(application: str, component: str, server_name: str = "") -> dict[str, str]:
    """Return the labels by which Argosy knows whose an object is: nobody else may say them."""
    wanted = {APPLICATION_LABEL: application, COMPONENT_LABEL: component}
    return wanted | {SERVER_LABEL: server_name} if server_name else wanted


@functools.lru_cache(maxsize=65_536)
def bucket(namespace: str, application: str) -> int:
    """Return the bucket of an application, the same in every process and every version."""
    return hashlib.sha256(f"{namespace}/{application}".encode()).digest()[-1] % BUCKETS


def bucket_label(namespace: str, application: str) -> dict[str, str]:
    """Return the label by which what is an application's can be watched by its part of the work.

    No part of an object's identity: whose it is, and which part that is in, is known by names.
    """
    return {BUCKET_LABEL: str(bucket(namespace, application))}


def recommended(application: str, component: str) -> dict[str, str]:
    """Return the labels that Kubernetes recommends; on pods the template's own go before them."""
    return {
        PROGRAM: application,
        INSTANCE: application,
        "app.kubernetes.io/component": component,
        MANAGED_BY: "argosy",
    }


def missing_or_changed(found: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Return those of the wanted labels, or annotations, that are not there or say otherwise."""
    return {key: value for key, value in wanted.items() if found.get(key) != value}


def claim_labels(application: str, component: str, server_name: str) -> dict[str, str]:
    """Return the labels of a claim: without `instance`, or Argo CD would prune retained ones."""
    wanted = labels(application, component, server_name)
    del wanted[INSTANCE]
    return wanted


def selector(application: str, component: str) -> str:
    """Return the label selector, as a string, that finds a component's pods (for autoscalers)."""
    return f"{APPLICATION_LABEL}={application},{COMPONENT_LABEL}={component}"
