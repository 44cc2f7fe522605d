local held = obj.spec.held == true
local going = obj.metadata.deletionTimestamp ~= nil

return {
  hold = {disabled = going or held},
  release = {disabled = going or not held},
  restart = {disabled = going or held},
}
