-- Backoff and rejected revisions are forgotten when this annotation changes.
local os = require("os")

if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["argosy.dev/retry-now"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
