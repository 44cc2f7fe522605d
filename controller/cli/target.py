"""Which cluster and namespace a command line means; `app` reads it, `session` connects to it."""

import dataclasses
import shlex


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClusterTarget:
    """The cluster and namespace that a command line names; empty is for what the context says."""

    namespace: str = ""
    context: str = ""
    kubeconfig: str = ""

    def typed(self, words: str) -> str:
        """Return a command of ours that means this cluster and namespace, to be typed as it is."""
        given = (
            ("-n", self.namespace),
            ("--context", self.context),
            ("--kubeconfig", self.kubeconfig),
        )
        where = "".join(f" {option} {shlex.quote(value)}" for option, value in given if value)
        return f"kubectl argosy {words}{where}"
