-- What Ready, Stalled and the generation say. It serves ServerSets, Servers and Fleets too.
local health = {status = "Progressing", message = "Argosy has not looked at the object yet."}

if obj.metadata.deletionTimestamp ~= nil then
  health.message = "It is being deleted."
end
if obj.status == nil then
  return health
end

local found = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  found[condition.type] = condition
end
if found.Ready ~= nil then
  health.message = found.Ready.message
end
if obj.metadata.deletionTimestamp ~= nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

if found.Stalled ~= nil and found.Stalled.status == "True" then
  health.status = "Degraded"
  health.message = found.Stalled.message
elseif obj.spec.paused then
  health.status = "Suspended"
elseif found.Ready ~= nil and found.Ready.status == "True" then
  health.status = "Healthy"
end
return health
