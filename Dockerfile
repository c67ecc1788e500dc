# `docker build .` makes the image that serves; `--target development` the one with all tools.

FROM python:3.13-slim AS base
ENV PYTHONUNBUFFERED=1 PATH=/opt/venv/bin:$PATH
WORKDIR /app
RUN python -m venv /opt/venv


FROM base AS builder
COPY requirements.txt requirements.lock ./
# The product alone: what only its tests need stands under a heading of its own.
RUN sed '/^# tests$/,/^$/d' requirements.txt > requirements-product.txt \
 && pip install --no-cache-dir -r requirements-product.txt
COPY . .
# The static files with hashes in their names, compressed; nobody waits for a compiler later.
RUN rm -rf .ci .env.example Dockerfile docker-compose.yml requirements* \
      benchmarks docs conftest.py pytest.ini \
 && find . -type d -name tests -prune -exec rm -r {} + \
 && python manage.py collectstatic --noinput \
 && python -m compileall -q digitaltwin realtime sensors


# Tests and the development server, from the source tree that is mounted or copied.
FROM base AS development
# Debian's archive holds one version at a time.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends redis-server postgresql nodejs \
 && rm -rf /var/lib/apt/lists/*
COPY requirements.txt requirements-dev.txt requirements.lock ./
RUN pip install --no-cache-dir -r requirements-dev.txt
COPY . .
EXPOSE 8000
CMD ["python", "manage.py", "runserver", "0.0.0.0:8000"]


FROM base AS production
RUN groupadd --gid 10001 digitaltwin \
 && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin digitaltwin \
 && install -d -o digitaltwin -g digitaltwin /data /run/digitaltwin
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /app /app
# Containers of one machine may share the folder of the metrics; one that starts takes its own
# leftovers out of it. The C library's heaps are two, as for the children of `up`.
ENV DATA_DIR=/data PROMETHEUS_MULTIPROC_DIR=/run/digitaltwin DRAIN_SECONDS=5 MALLOC_ARENA_MAX=2
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# ALLOWED_HOSTS must hold 127.0.0.1 for it. For the readers switch it off.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/api/v1/health/live', timeout=2)"]
CMD ["python", "-m", "digitaltwin.server", "--host", "0.0.0.0", "--port", "8000"]
