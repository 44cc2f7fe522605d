local again = {Failed = true, TimedOut = true, Cancelled = true}
local paused = obj.spec.paused == true
local ended, reason = false, ""
if obj.status ~= nil then
  for _, condition in ipairs(obj.status.conditions or {}) do
    if condition.type == "Succeeded" then
      ended = condition.status ~= "Unknown"
      reason = condition.reason
    end
  end
end

return {
  cancel = {disabled = ended or obj.spec.cancelled == true},
  pause = {disabled = ended or paused},
  resume = {disabled = ended or not paused},
  retry = {disabled = not (ended and again[reason] == true)},
}
