-- How an operation or a Build goes. One that another stands for, or whose application went, is no failure.
local well = {Superseded = true, ApplicationDeleted = true}
local health = {status = "Progressing", message = "Argosy has not looked at the object yet."}

if obj.status == nil then
  return health
end
for _, condition in ipairs(obj.status.conditions or {}) do
  if condition.type == "Succeeded" then
    health.message = condition.message
    if condition.status == "True" or well[condition.reason] then
      health.status = "Healthy"
    elseif condition.status == "False" then
      health.status = "Degraded"
    elseif obj.spec.paused then
      health.status = "Suspended"
    end
  end
end
-- A spec that nobody has looked at yet: a retry was asked for, or a cancel.
if obj.status.observedGeneration ~= obj.metadata.generation then
  health.status = "Progressing"
end
return health
