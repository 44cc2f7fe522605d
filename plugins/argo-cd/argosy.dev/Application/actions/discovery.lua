local paused = obj.spec.paused == true
local going = obj.metadata.deletionTimestamp ~= nil
local stalled = false
if obj.status ~= nil then
  for _, condition in ipairs(obj.status.conditions or {}) do
    if condition.type == "Stalled" and condition.status == "True" then
      stalled = true
    end
  end
end

return {
  pause = {disabled = going or paused},
  resume = {disabled = going or not paused},
  restart = {disabled = going or paused},
  retry = {disabled = going or not stalled},
}
