-- A restart is an Operation, so that it can be watched, paused and cancelled; the AppProject must
-- allow the kind. Its name has the minute in it: asked twice in one, it is made once.
local os = require("os")

local operation = {
  apiVersion = "argosy.dev/v1alpha1",
  kind = "Operation",
  metadata = {
    name = obj.metadata.name .. "-restart-" .. os.date("!%Y%m%d%H%M"),
    namespace = obj.metadata.namespace,
  },
  spec = {
    application = obj.spec.application,
    components = {obj.spec.component},
    servers = string.format("%d", obj.spec.ordinal),
    action = "Restart",
  },
}
return {{operation = "create", resource = operation}}
