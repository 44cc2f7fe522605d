"""How what runs is handed over between Kubernetes' own workloads and Argosy, for every front end.

`import` comes from a StatefulSet or a Deployment, `export` leads back to StatefulSets. All is
decided, waited for and written here, with the rights of the person who asks, and nothing is drawn:
a front end shows a `preview`, and is told each step of `carry_out` as it is done.
"""
