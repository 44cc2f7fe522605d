"""The volumes of a server that outlive its instances, as its provider knows them.

Only a set knows which of them are needed again, and only their provider what they are: so the set
asks for what there is, and says which may go.
"""

from __future__ import annotations

import dataclasses

from controller.api.resources import Resource


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The volume of a server, whether or not that server is there.

    `id` is what a delete is of, `name` what people call it: <name in the template>-<server>.
    `namespace` is the server's, empty where its provider does not tell. `domain` is the failure
    domain that it is in, empty where that is not known. `holder` is the instance that has it, where
    its provider tells. `resource` is of which the claim is an object, where it is one: it is
    deleted as such then, and else by its provider. `kept` says who keeps one that is going since
    `asked`, where that is somebody else.
    """

    id: str
    name: str
    server: str
    component: str
    namespace: str = ""
    domain: str = ""
    going: bool = False
    kept: str = ""
    asked: str = ""
    holder: str = ""
    resource: Resource | None = None
