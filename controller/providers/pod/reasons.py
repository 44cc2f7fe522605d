"""The reasons of servers that are pods: ours, and Kubernetes' own that Argosy knows.

Other reasons of a kubelet, a scheduler or a node controller are passed on as they are.
"""

from __future__ import annotations

from controller.reasons import Vocabulary


class PodReason(Vocabulary, section="Of pods, by Argosy"):
    """The reasons that Argosy gives for a pod."""

    NODE_SILENT = (
        "NodeSilent",
        "The pod's node does not answer, so nothing is known of the pod.",
        "Look at the node; deletion.onTimeout decides how long a teardown waits.",
        "kubectl get nodes",
    )
    FINALIZERS = (
        "Finalizers",
        "The pod is held by finalizers of somebody else's.",
        "The message names them; whoever set them lifts them.",
        "kubectl get pod NAME -o yaml",
    )
    CLAIM_CANNOT_GROW = (
        "ClaimCannotGrow",
        (
            "A claim is asked to grow and the API server refuses that, mostly as its storage class"
            " does not allow it. The server runs on with the volume that it has."
        ),
        (
            "Let the storage class allow expansion (allowVolumeExpansion), or ask for as much as"
            " there is."
        ),
        "kubectl get storageclass",
    )
    CLAIM_OWNED = (
        "ClaimOwned",
        (
            "A claim that is to be taken up belongs to something else, and would be deleted with"
            " that: its data would go."
        ),
        "Take the claim's ownerReferences off, then Argosy takes it up.",
        "kubectl get pvc NAME -o yaml",
    )
    STILL_CONTROLLED = (
        "StillControlled",
        (
            "The pod that is to be taken up is still controlled by the StatefulSet that made it."
            " Argosy takes it up once the StatefulSet is deleted with its pods orphaned."
        ),
        "Have the StatefulSet let go of its pods, which run on.",
        "kubectl delete statefulset NAME --cascade=orphan",
    )
    LABELS_REMOVED = (
        "LabelsRemoved",
        (
            "Something in the cluster takes Argosy's labels off the pod whenever it is written."
            " Without them Argosy cannot see the pod."
        ),
        "Have the webhook or policy that changes labels leave those of argosy.dev alone.",
        "kubectl get mutatingwebhookconfigurations",
    )
    CLAIM_TERMINATING = (
        "ClaimTerminating",
        "A claim of the server's is still on its way out. Argosy waits until it is gone.",
    )


class KubeletReason(Vocabulary, section="Of pods, in Kubernetes' own words"):
    """The reasons that Kubernetes gives for a pod, in its own words."""

    UNSCHEDULABLE = (
        "Unschedulable",
        "No node has room for the pod, or none may take it.",
        "The message counts the nodes by what stands in the way; add nodes, or ask for less.",
        "kubectl describe pod NAME",
    )
    SCHEDULING_GATED = (
        "SchedulingGated",
        "The pod's template has scheduling gates that have not been lifted yet.",
        "Whoever set them lifts them.",
        "kubectl describe pod NAME",
    )
    DELETION_BY_TAINT_MANAGER = (
        "DeletionByTaintManager",
        (
            "A NoExecute taint of its node evicts the pod, which was not ready before. Mostly the"
            " node does not answer; then nobody confirms that the pod has ended."
        ),
        "Look at the node; deletion.onTimeout decides how long a teardown waits.",
        "kubectl get nodes",
    )
    CONTAINERS_NOT_READY = (
        "ContainersNotReady",
        "Containers run that do not become ready: their startup or readiness probes fail.",
        "The pod's Events have the probes' answers, and the container's output may say why.",
        "kubectl describe pod NAME",
    )
    READINESS_GATES_NOT_READY = (
        "ReadinessGatesNotReady",
        (
            "All containers are ready, and a readiness gate of the pod's is not: a condition that"
            " somebody else's controller sets, such as that of a load balancer."
        ),
        "The message names the condition. Look at whoever sets it; the container is well.",
        "kubectl describe pod NAME",
    )
    CRASH_LOOP_BACK_OFF = (
        "CrashLoopBackOff",
        "A container ends, or does not begin; Kubernetes starts it again after a while.",
        "The container's last output tells why.",
        "kubectl argosy logs APPLICATION --server NAME --previous",
    )
    CREATE_CONTAINER_CONFIG_ERROR = (
        "CreateContainerConfigError",
        "The container names something that is not there: a Secret, a ConfigMap, a key.",
        "Create it, or change the template.",
        "kubectl describe pod NAME",
    )
    CREATE_CONTAINER_ERROR = (
        "CreateContainerError",
        "The container names something that is not there: a Secret, a ConfigMap, a key.",
        "Create it, or change the template.",
        "kubectl describe pod NAME",
    )
    ERR_IMAGE_NEVER_PULL = (
        "ErrImageNeverPull",
        "The image cannot be had: its name, the registry, or the right to pull it.",
        "Look at the name and the pull secrets; then change the template.",
        "kubectl edit argapp APPLICATION",
    )
    ERR_IMAGE_PULL = (
        "ErrImagePull",
        "The image cannot be had: its name, the registry, or the right to pull it.",
        "Look at the name and the pull secrets; then change the template.",
        "kubectl edit argapp APPLICATION",
    )
    IMAGE_INSPECT_ERROR = (
        "ImageInspectError",
        "The image cannot be had: its name, the registry, or the right to pull it.",
        "Look at the name and the pull secrets; then change the template.",
        "kubectl edit argapp APPLICATION",
    )
    IMAGE_PULL_BACK_OFF = (
        "ImagePullBackOff",
        "The image cannot be had: its name, the registry, or the right to pull it.",
        "Look at the name and the pull secrets; then change the template.",
        "kubectl edit argapp APPLICATION",
    )
    INVALID_IMAGE_NAME = (
        "InvalidImageName",
        "The image cannot be had: its name, the registry, or the right to pull it.",
        "Look at the name and the pull secrets; then change the template.",
        "kubectl edit argapp APPLICATION",
    )
    POST_START_HOOK_ERROR = (
        "PostStartHookError",
        "The container's postStart hook failed.",
        "The pod's Events tell how.",
        "kubectl describe pod NAME",
    )
    REGISTRY_UNAVAILABLE = (
        "RegistryUnavailable",
        "The image cannot be had: its name, the registry, or the right to pull it.",
        "Look at the name and the pull secrets; then change the template.",
        "kubectl edit argapp APPLICATION",
    )
    RUN_CONTAINER_ERROR = (
        "RunContainerError",
        "A container ends, or does not begin; Kubernetes starts it again after a while.",
        "The container's last output tells why.",
        "kubectl argosy logs APPLICATION --server NAME --previous",
    )
    INFEASIBLE = (
        "Infeasible",
        (
            "The pod's node can never give it the requests and limits that it is to have. Argosy"
            " replaces the pod, which may then go to another node, and says so where none has"
            " room; unless the server is held."
        ),
    )
    DEFERRED = (
        "Deferred",
        (
            "The pod's node has no room for the requests that the pod is to have while its other"
            " pods run. The pod runs on as it was until there is room."
        ),
        "Make room on the node, or ask for less.",
        "kubectl describe pod NAME",
    )
    ERROR = (
        "Error",
        "A container ends, or does not begin; Kubernetes starts it again after a while.",
        "The container's last output tells why.",
        "kubectl argosy logs APPLICATION --server NAME --previous",
    )
    OOM_KILLED = (
        "OOMKilled",
        "A container used more memory than its limit allows, and was ended for that.",
        "Raise its limit, or have the program use less.",
        "kubectl edit argapp APPLICATION",
    )
    NODE_LOST = (
        "NodeLost",
        "The pod's node is gone or does not confirm that the pod has ended.",
        "Bring the node back, or delete it: its pods then go.",
        "kubectl get nodes",
    )
