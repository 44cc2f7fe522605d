obj.spec.held = false
return obj
