# What the pod stages ask of a pod; kwok.py puts this in front of every question.
def hooks: (.metadata.labels // {}) + (.metadata.annotations // {});
def outcome:
  .metadata.name as $name
  | if (hooks["kwok.argosy.dev/only"] // $name | split(",") | index($name)) != null
    then hooks["kwok.argosy.dev/outcome"] // "ready"
    else "ready" end;
def active: .metadata.deletionTimestamp == null;
def pending: active and .status.phase == "Pending";
def running: active and .status.phase == "Running";
def ready: any(.status.conditions[]?; .type == "Ready" and .status == "True");
def observed: .status.observedGeneration == .metadata.generation;
def broken: any(.spec.containers[]; .image | endswith(":broken"));
def outdated:
  (.status.containerStatuses // []) as $statuses
  | any(.spec.containers[]; . as $wanted
      | any($statuses[]; .name == $wanted.name and .image != $wanted.image));
