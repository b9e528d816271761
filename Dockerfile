# The daemon in an image: built from the lock, run by a numeric user, fine with a
# read-only root (`docker run --read-only --tmpfs /tmp -v driftd:/var/lib/driftd`).

FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/driftd
WORKDIR /src
# The lock first: the layer of dependencies is kept while only the source changes.
COPY requirements-build.lock requirements.lock ./
RUN /opt/driftd/bin/pip install --require-hashes -r requirements-build.lock \
 && /opt/driftd/bin/pip install --require-hashes --no-build-isolation -r requirements.lock
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY checks checks
COPY monitor monitor
COPY configs configs
RUN /opt/driftd/bin/pip install --no-deps --no-build-isolation . \
 && /opt/driftd/bin/pip check \
 && /opt/driftd/bin/python -m compileall -q /opt/driftd/lib

FROM python:3.12-slim
ENV PATH=/opt/driftd/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    DO_NOT_TRACK=1
COPY --from=build /opt/driftd /opt/driftd
# Numeric, so that Kubernetes can prove `runAsNonRoot` without reading /etc/passwd.
RUN install -d -o 10001 -g 10001 /var/lib/driftd /etc/driftd
USER 10001:10001
WORKDIR /var/lib/driftd
VOLUME ["/var/lib/driftd"]
EXPOSE 8787
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8787/livez', timeout=3)"]
ENTRYPOINT ["driftd"]
CMD ["serve", "/etc/driftd/driftd.yaml"]
