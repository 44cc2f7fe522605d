"""The answers that users get when they apply: the checks behind the webhook that `wiring` serves.

An API server takes a pod template of ours for any object; what it would say of the pod itself comes
here, from dry runs of what the operator would create.
"""
