module argosy.dev/devcluster/pause

go 1.26.0
