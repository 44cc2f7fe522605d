-- A held server is left alone by rollouts, operations and remediation.
obj.spec.held = true
return obj
