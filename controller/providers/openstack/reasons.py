"""The reasons that an OpenStack cloud, and what Argosy asks of one, give."""

from __future__ import annotations

from controller.reasons import Vocabulary


class CloudReason(Vocabulary, section="Of servers of a cloud"):
    """The reasons of servers of a cloud."""

    CLOUD_UNREACHABLE = (
        "CloudUnreachable",
        "The cloud does not answer: nothing was sent, or a service of it fails.",
        "Look at the cloud's services and at the way there; Argosy tries again by itself.",
        "kubectl get argfleet",
    )
    ANSWER_LOST = (
        "CloudAnswerLost",
        "A call was sent to the cloud and no answer came: Argosy looks before it asks again.",
    )
    CREDENTIALS_REFUSED = (
        "CredentialsRefused",
        "The cloud does not take the credentials that clouds.yaml has for the fleet.",
        "Put valid ones into the Secret argosy-clouds; they are taken up without a restart.",
        "kubectl get argfleet",
    )
    ANOTHER_PROJECT = (
        "CloudProjectChanged",
        (
            "The credentials that clouds.yaml has for the fleet are of another project or region"
            " than its servers: nothing is concluded from what is not there."
        ),
        "Put credentials of the project of the servers into the Secret argosy-clouds.",
        "kubectl get argfleet",
    )
    CREDENTIALS_MISSING = (
        "CredentialsMissing",
        "The operator's namespace has no Secret argosy-clouds, or it lacks what the Fleet names.",
        "Create the Secret with the key clouds.yaml, and in it the cloud that the Fleet names.",
        "kubectl get argfleet",
    )
    CLOUD_TOO_OLD = (
        "CloudTooOld",
        "The cloud's Nova is older than Argosy needs: it must know microversion 2.69 (Stein).",
        "Name another cloud, or have this one upgraded.",
        "kubectl get argfleet",
    )
    QUOTA_EXCEEDED = (
        "CloudQuotaExceeded",
        "A quota of the cloud's project is used up; Argosy goes on when there is room.",
        "Have the quota raised, or delete what is not needed.",
        "openstack quota show --usage",
    )
    THROTTLED = (
        "CloudThrottled",
        "The cloud asks for fewer calls, and for a longer wait than Argosy keeps a call for.",
        "Set limits.callsPerSecond of the Fleet to what the cloud allows.",
        "kubectl get argfleet",
    )
    LOCKED = (
        "ServerLocked",
        "Somebody has locked the server in the cloud, so nothing can be done with it.",
        "Unlock it there; Argosy then goes on.",
        "openstack server unlock NAME",
    )
    NOT_READY_IN_TIME = (
        "NotReadyInTime",
        "The server runs, and has not shown to be ready within readiness.startSeconds.",
        "The server's console may tell why.",
        "openstack console log show NAME",
    )
    GUEST_FAILED = (
        "GuestFailed",
        "The server itself printed on its console that its start has failed.",
        "The server's console tells why.",
        "openstack console log show NAME",
    )
    NO_SNAPSHOT = (
        "CloudSnapshotMissing",
        "The cloud has no snapshot of the server with the name that the operation gives.",
        "Name one that there is, in the parameter snapshot.",
        "openstack image list",
    )
    ACT_TIMEOUT = (
        "CloudActTimeout",
        "A snapshot or a restore did not end within timeoutSeconds; the cloud may yet end it.",
        "Look at the image or the server in the cloud; a retry follows what was begun.",
        "openstack image list",
    )
    VOLUME_PENDING = (
        "CloudVolumePending",
        "A volume of the server is being made, detached or deleted. Argosy looks again.",
    )
    VOLUME_REFUSED = (
        "CloudVolumeRefused",
        (
            "The cloud does not let a volume be used, grown or deleted as it is: the message names"
            " it and says why. Whatever is on it is kept."
        ),
        "Put right what the message says of the volume; Argosy then goes on by itself.",
        "openstack volume show NAME",
    )
    FLOATING_IP_PENDING = (
        "CloudFloatingIPPending",
        "A floating IP of the server is being made, given back or deleted. Argosy looks again.",
    )
    FLOATING_IP_REFUSED = (
        "CloudFloatingIPRefused",
        (
            "The cloud refuses the server a floating IP, or to delete one that it had: the message"
            " has its words. A server without one that it asks for runs, and is not ready."
        ),
        "Put right what the message says; Argosy tries again every minute.",
        "openstack floating ip list",
    )
    POWER_FAILED = (
        "CloudPowerFailed",
        (
            "The cloud said yes to a stop or a start of the server, and left it as it was: its host"
            " could not, and the cloud tells no fault of that. Argosy asks again."
        ),
        "The server's events in the cloud tell which host it was, and when.",
        "openstack server event list NAME",
    )
    ONE_BY_ONE = (
        "CloudOneByOne",
        "Servers of a softly spread group are made one by one: Nova puts two at once on one host.",
    )
    BUILD_FAILED = (
        "CloudBuildFailed",
        (
            "The cloud could not build the server or its image, or the server broke; tenants are"
            " not told why. Another attempt follows. The cloud's operators find the cause by the id"
            " of the request in the message."
        ),
    )
    CHANGING = (
        "CloudChanging",
        "The server is between two states in the cloud. Argosy looks again.",
    )
