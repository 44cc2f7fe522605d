"""Which fields of each kind may leave a cluster: what is not named here is not handed to others.

`report` comes here with each object; what is left is gone through once more, by value, by
`redaction`. A field that a kind gains later is left out until it is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller.api import names
from controller.api.resources import Resource
from controller.presentation import redaction

LEFT_OUT = "(left out)"
# A number, an instant, a name, an image, a percentage: no sentence, nothing that is quoted.
_WORD = re.compile(r"[\w.:/@%+,\[\]-]{0,512}")
# Whose labels and annotations have values that nobody else writes.
_KNOWN = ("argosy.dev/", "app.kubernetes.io/", "kubernetes.io/", "node.kubernetes.io/")

_AMOUNT = re.compile(r"\d{1,20}(\.\d{1,9})?[A-Za-z]{0,2}")

# The shape of a field: a word, an amount, a sentence, a flag of ours; or what is below it, by name.
# A list is of what is said of each; "x*" is of any name that begins so.
WORD, AMOUNT, TEXT, FLAG = "word", "amount", "text", "flag"
Shape = str | Mapping[str, Any]


def words(listed: str, **more: Shape) -> dict[str, Shape]:
    """Return the shape of fields that are words, and of others."""
    return dict.fromkeys(listed.split(), WORD) | more


_AMOUNTS = dict.fromkeys(
    ("cpu", "memory", "storage", "ephemeral-storage", "pods", "hugepages-*", "nvidia.com/*"), AMOUNT
)
_LABELS = {f"{each}*": WORD for each in _KNOWN}
_META = words(
    "name namespace uid generation resourceVersion creationTimestamp deletionTimestamp"
    " deletionGracePeriodSeconds finalizers",
    labels=_LABELS,
    annotations=dict.fromkeys(
        (value for name, value in vars(names).items() if name.endswith("_ANNOTATION")), WORD
    ),
    ownerReferences=words("apiVersion kind name uid controller blockOwnerDeletion"),
)
_CONDITIONS = words(
    "type status reason lastTransitionTime lastProbeTime observedGeneration", message=TEXT
)
_WAITS = words("reason since nextAttemptTime object", message=TEXT, remedy=TEXT)
_TOLD = {"conditions": _CONDITIONS, "blockedBy": _WAITS}

_PROBE = words(
    "initialDelaySeconds periodSeconds timeoutSeconds failureThreshold successThreshold",
    httpGet=words("port scheme"),
    tcpSocket=words("port"),
    grpc=words("port"),
)
_REFERENCE = words("name key")
_CONTAINER = words(
    "name image imagePullPolicy restartPolicy",
    ports=words("name containerPort hostPort protocol"),
    resources={"limits": _AMOUNTS, "requests": _AMOUNTS},
    env=words("name", valueFrom={"secretKeyRef": _REFERENCE, "configMapKeyRef": _REFERENCE}),
    envFrom={"secretRef": words("name"), "configMapRef": words("name")},
    volumeMounts=words("name mountPath readOnly"),
    readinessProbe=_PROBE,
    livenessProbe=_PROBE,
    startupProbe=_PROBE,
    securityContext=words("runAsNonRoot runAsUser privileged allowPrivilegeEscalation"),
)
_POD_SPEC = words(
    "nodeName schedulerName priority priorityClassName restartPolicy serviceAccountName"
    " terminationGracePeriodSeconds hostNetwork hostPID hostIPC hostname subdomain"
    " runtimeClassName",
    containers=_CONTAINER,
    initContainers=_CONTAINER,
    volumes=words(
        "name",
        persistentVolumeClaim=words("claimName readOnly"),
        secret=words("secretName"),
        configMap=words("name"),
        emptyDir=words("medium sizeLimit"),
    ),
    tolerations=words("key operator effect tolerationSeconds"),
    topologySpreadConstraints=words("maxSkew topologyKey whenUnsatisfiable"),
    imagePullSecrets=words("name"),
)
_TEMPLATE = {"metadata": {"labels": _LABELS}, "spec": _POD_SPEC}
# User data and metadata may hold whatever a person likes, and so may the path of a page.
_CLOUD_SPEC = words(
    "flavor image securityGroups availabilityZone configDrive",
    networks=words("name"),
    serverGroup=words("policy id"),
    bootVolume=words("sizeGiB type"),
    readiness=words(
        "startSeconds periodSeconds failureThreshold",
        tcp=words("port"),
        http=words("port"),
    ),
)
_SERVER_TEMPLATE = _TEMPLATE | {"spec": _POD_SPEC | _CLOUD_SPEC}
# A container's last words are its own, and may be anything: its exit code tells enough.
_STATE = {
    "waiting": words("reason", message=TEXT),
    "running": words("startedAt"),
    "terminated": words("exitCode signal reason startedAt finishedAt"),
}
_CONTAINER_STATUS = words(
    "name ready started restartCount image imageID containerID", state=_STATE, lastState=_STATE
)
_POD_STATUS = words(
    "phase reason podIP hostIP startTime qosClass observedGeneration",
    message=TEXT,
    conditions=_CONDITIONS,
    containerStatuses=_CONTAINER_STATUS,
    initContainerStatuses=_CONTAINER_STATUS,
)
_CLAIM_SPEC = words(
    "accessModes storageClassName volumeMode volumeName",
    resources={"requests": _AMOUNTS, "limits": _AMOUNTS},
)

_CLAIMS = words("name whenScaled whenDeleted", metadata={"labels": _LABELS}, spec=_CLAIM_SPEC)
_ROLLOUT = words(
    "strategy maxUnavailable maxSurge partition inPlace minReadySeconds progressDeadlineSeconds"
    " onDeadline evictions oneDomainAtATime"
)
_SPREAD = words("maxSkew require")
_DRIFT = words("ignore")
_ORDINALS = words("start")
_SERVICE = words(
    "name type publishNotReadyAddresses",
    ports=words("name port targetPort protocol appProtocol"),
    labels=_LABELS,
)
_BACKOFF = words("initialSeconds factor maxSeconds jitterPercent")
_RECOVERY = words(
    "attempts giveUp failureBudget onBudgetSpent",
    backoff=_BACKOFF,
    remediation=words("afterSeconds maxIll maxHoldSeconds"),
    # A patch may say whatever a template may.
    alternatives=words("name"),
)
_DELETION = words("protected order drainSeconds timeoutSeconds onTimeout")
_COUNTS = (
    "desired current updated ready available failed revision provenRevision stopped replicas"
    " observedGeneration selector lastHandledRetry lastProgressTime"
)
_ACT: dict[str, Shape] = {
    "exec": words("container detached"),
    "http": words("method", headersFrom=words("name", secretKeyRef=_REFERENCE)),
    "job": {"template": _TEMPLATE},
    "action": WORD,
}
_SOURCE = words(
    "builder dockerfile image container runPolicy cache pollSeconds serviceAccountName"
    " timeoutSeconds",
    # An address may have a name in it that is nobody else's to know.
    git=words("ref path", secretRef=words("name")),
    pushSecretRef=words("name"),
    test=words("timeoutSeconds"),
    recovery=words("attempts", backoff=_BACKOFF),
    keep=words("succeeded failed"),
)
_STEP = words("name scope timeoutSeconds onUnknown", compensate=_ACT) | _ACT
_TASK = words("id operation run step action cancel")

_SPECS: dict[Resource, Shape] = {
    Resource.APPLICATIONS: words(
        "fleet management paused revisionHistoryLimit replicas",
        deletion=_DELETION,
        components=words(
            "name replicas dependsOn start",
            template=_SERVER_TEMPLATE,
            volumeClaims=_CLAIMS,
            rollout=_ROLLOUT,
            recovery=_RECOVERY,
            spread=_SPREAD,
            drift=_DRIFT,
            service=_SERVICE,
            adopt=words("kind name"),
            ordinals=_ORDINALS,
            serverMetadata={"labels": _LABELS},
            source=_SOURCE,
        ),
    ),
    Resource.SERVERSETS: words(
        "application component fleet replicas revision start stopped",
        template=_SERVER_TEMPLATE,
        volumeClaims=_CLAIMS,
        rollout=_ROLLOUT,
        recovery=_RECOVERY,
        deletion=_DELETION,
        spread=_SPREAD,
        drift=_DRIFT,
        service=_SERVICE,
        ordinals=_ORDINALS,
        serverMetadata={"labels": _LABELS},
    ),
    Resource.SERVERS: words(
        "application component ordinal fleet incarnation revision alternative domain power held"
        " minReadySeconds",
        hold=words("owner until", reason=TEXT),
        task=_TASK,
    ),
    Resource.OPERATIONS: words(
        "application components servers action concurrency failureBudget order onFailure"
        " startDeadlineSeconds timeoutSeconds cancelGraceSeconds ttlSecondsAfterFinished paused"
        " cancelled",
        steps=_STEP,
        recovery=_RECOVERY,
        retry=words("id from"),
    ),
    Resource.BUILDS: words(
        "application component number commit activates onlyIfChanged cancelled", source=_SOURCE
    ),
    Resource.FLEETS: words(
        "provider",
        limits=words(
            "concurrentCalls callsPerSecond",
            circuit=words("failurePercent minimumCalls windowSeconds openSeconds"),
        ),
        failureDomains=words("name weight state"),
    ),
    Resource.PODS: _POD_SPEC,
    Resource.CLAIMS: _CLAIM_SPEC,
    Resource.JOBS: words(
        "parallelism completions backoffLimit activeDeadlineSeconds suspend"
        " ttlSecondsAfterFinished",
        template=_TEMPLATE,
    ),
    Resource.DEPLOYMENTS: words(
        "replicas minReadySeconds revisionHistoryLimit progressDeadlineSeconds",
        template={"spec": _POD_SPEC | {"containers": _CONTAINER | {"args": FLAG}}},
    ),
}
_STATUSES: dict[Resource, Shape] = {
    Resource.APPLICATIONS: words(
        _COUNTS,
        components=words(
            "name " + _COUNTS, image=words("number source build builtFrom commit image")
        ),
        operations=words("name action requestTime completionTime result progress"),
        **_TOLD,
    ),
    Resource.SERVERSETS: words(
        _COUNTS + " deadlineMissed budgetSpent remediationHeld lastRemediationHold", **_TOLD
    ),
    Resource.SERVERS: words(
        _COUNTS + " incarnation power",
        provider=words("id zone addresses"),
        attempts=words(
            "count alternative alternativeName nextAttemptTime revision instance incarnation usedUp"
            " exhausted waits",
            lastError=words("class reason object time", message=TEXT),
        ),
        claims=words("name size"),
        task=words("id attempt state errorClass claimedBy startTime endTime", message=TEXT),
        checkpoints=words("operation run step incarnation failed"),
        **_TOLD,
    ),
    Resource.OPERATIONS: words(
        "observedGeneration run progress total pending running succeeded failed targets leaving"
        " startTime pauseTime pausedSeconds cancelTime completionTime lastProgressTime",
        steps=words("name passed running failed"),
        failures=words("server step class attempts", message=TEXT),
        retries=words("id from"),
        **_TOLD,
    ),
    Resource.BUILDS: words(
        "observedGeneration commit digest image startTime completionTime",
        phases=words(
            "name startTime endTime job attempts nextAttemptTime",
            lastError=words("class reason time", message=TEXT),
        ),
        **_TOLD,
    ),
    Resource.FLEETS: words(
        "observedGeneration servers circuit",
        orphans=words("id server since"),
        unclaimed=words("id server since"),
        **_TOLD,
    ),
    Resource.PODS: _POD_STATUS,
    Resource.CLAIMS: words("phase accessModes", capacity=_AMOUNTS, conditions=_CONDITIONS),
    Resource.JOBS: words(
        "active ready succeeded failed startTime completionTime", conditions=_CONDITIONS
    ),
    Resource.DEPLOYMENTS: words(
        "observedGeneration replicas updatedReplicas readyReplicas availableReplicas"
        " unavailableReplicas",
        conditions=_CONDITIONS,
    ),
}
_ABOUT = words("apiVersion kind namespace name uid fieldPath")
# The fields that are neither spec nor status.
_MORE: dict[Resource, dict[str, Shape]] = {
    Resource.REVISIONS: words("revision"),
    Resource.EVENTS: words(
        "reason type action eventTime reportingController reportingInstance deprecatedCount"
        " deprecatedFirstTimestamp deprecatedLastTimestamp",
        note=TEXT,
        series=words("count lastObservedTime"),
        regarding=_ABOUT,
        related=_ABOUT,
    ),
}
# Of the operator's arguments, those that name nothing of anybody's.
_FLAGS = re.compile(
    r"run|--(lease-namespace|identity|health-port|metrics-port|admission-port|log-format|log-level"
    r"|namespaces|most-writes)=[\w.,$()-]*|--(read-fleets|requesters-known)"
)


_PATTERNS = {WORD: _WORD, AMOUNT: _AMOUNT, FLAG: _FLAGS}


def shape(resource: Resource) -> Shape:
    """Return what of an object of this kind may be handed to others."""
    found = words("apiVersion kind", metadata=_META, **_MORE.get(resource, {}))
    for name, shapes in (("spec", _SPECS), ("status", _STATUSES)):
        if resource in shapes:
            found[name] = shapes[resource]
    return found


def choose(resource: Resource, item: Any) -> Any:
    """Return of an object what may be handed to others, and how much was left out where."""
    return _chosen(item, shape(resource))


def _chosen(value: Any, wanted: Shape) -> Any:
    """Return what of a value may be seen; None where that is nothing."""
    if isinstance(value, list):
        return [_chosen(each, wanted) for each in value]
    if isinstance(wanted, str):
        return _leaf(value, wanted)
    if not isinstance(value, dict):
        return None if value is None else LEFT_OUT
    found = dict(_fields(value, wanted))
    missing = len(value) - len(found)
    return found | {LEFT_OUT: missing} if missing else found


def _fields(value: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, each in value.items():
        below = wanted.get(key) or _by_prefix(key, wanted)
        if below is not None:
            yield key, _chosen(each, below)


def _by_prefix(key: str, wanted: Mapping[str, Any]) -> Shape | None:
    if not _WORD.fullmatch(key):
        return None
    return next(
        (each for name, each in wanted.items() if name[-1] == "*" and key.startswith(name[:-1])),
        None,
    )


def _leaf(value: Any, wanted: str) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if not isinstance(value, str):
        return LEFT_OUT
    if wanted == TEXT:
        return redaction.scrub(value)
    if _PATTERNS[wanted].fullmatch(value):
        return redaction.scrub(value)
    flag = re.match(r"--[a-z-]+=", value) if wanted == FLAG else None
    return f"{flag[0]}{LEFT_OUT}" if flag else LEFT_OUT
