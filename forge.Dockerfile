# What runs in the Jobs of a build: git, BuildKit's client, and `argosy-forge`, which needs nothing but
# Python.
#
#   docker buildx build --file forge.Dockerfile --tag argosy-forge .

ARG BASE=python:3.11-slim-bookworm
ARG BUILDKIT=moby/buildkit:v0.34.2-rootless

FROM ${BUILDKIT} AS buildkit

FROM ${BASE}
LABEL org.opencontainers.image.title="Argosy's builds" \
      org.opencontainers.image.description="Resolves a commit of git and has BuildKit build it" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN echo 'argosy:x:65532:65532:Argosy:/tmp:/usr/sbin/nologin' >> /etc/passwd \
 && echo 'argosy:x:65532:' >> /etc/group \
 && { command -v git || { apt-get update && apt-get install --yes --no-install-recommends git \
      ca-certificates && rm -rf /var/lib/apt/lists/*; }; }
COPY --from=buildkit /usr/bin/buildctl /usr/local/bin/buildctl
COPY controller/__init__.py /opt/forge/controller/
COPY controller/forge /opt/forge/controller/forge
# It is the container's first process, which is told to end.
RUN printf '#!/bin/sh\nexec python3.11 -m controller.forge "$@"\n' > /usr/local/bin/argosy-forge \
 && chmod 755 /usr/local/bin/argosy-forge
ENV PYTHONPATH=/opt/forge PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["argosy-forge"]
