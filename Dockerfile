# The operator's image: dependencies in a layer before the sources, so that a change builds in a
# second. Where packages come from is not written here: both secrets are optional.
#
#   docker buildx build --tag argosy .
#   docker buildx build --secret id=pip.conf,src=pip.conf --secret id=ca.crt,src=ca.crt --tag argosy .

# A release is built from `base-image.lock`, which names it by its digest.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python3.11 -m venv /opt/argosy
WORKDIR /src
COPY requirements-image.lock ./
RUN --mount=type=secret,id=pip.conf,required=false \
    --mount=type=secret,id=ca.crt,required=false \
    if [ -e /run/secrets/pip.conf ]; then export PIP_CONFIG_FILE=/run/secrets/pip.conf; fi; \
    if [ -e /run/secrets/ca.crt ]; then export PIP_CERT=/run/secrets/ca.crt; fi; \
    /opt/argosy/bin/python -m pip install --require-hashes --only-binary=:all: -r requirements-image.lock
COPY pyproject.toml setup.py README.md LICENSE ./
COPY argosy argosy
COPY controller controller
RUN /opt/argosy/bin/python -m pip install --no-deps --no-build-isolation --no-index . \
 && /opt/argosy/bin/python -m pip uninstall --yes --quiet setuptools pip \
 && /opt/argosy/bin/python -m compileall -q -j 0 /opt/argosy/lib

FROM ${BASE}
LABEL org.opencontainers.image.title="Argosy" \
      org.opencontainers.image.description="A Kubernetes operator for applications that run on fleets of servers" \
      org.opencontainers.image.licenses="Apache-2.0"
# A passwd entry: the user's name is looked up when the operator starts.
RUN echo 'argosy:x:65532:65532:Argosy:/tmp:/usr/sbin/nologin' >> /etc/passwd \
 && echo 'argosy:x:65532:' >> /etc/group
COPY --from=build /opt/argosy /opt/argosy
ENV PATH=/opt/argosy/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    TYPER_STANDARD_TRACEBACK=1
USER 65532:65532
ENTRYPOINT ["argosy"]
CMD ["run"]
