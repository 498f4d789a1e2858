# The base is an argument, so that a machine without an image registry can name a local one.
ARG BASE_IMAGE=airbyte/python-connector-base:4.1.0
FROM ${BASE_IMAGE}

# An environment of its own, because pip cannot replace all packages of the base; filled by the base's pip.
RUN python -m venv --without-pip /opt/venv
ENV PATH=/opt/venv/bin:$PATH

WORKDIR /airbyte/integration_code

# Dependencies first: their layer is built again only when the lock changes. The CDK is not among them: main.py does
# without it (docs/image.md).
COPY requirements-image.lock ./
RUN pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes -r requirements-image.lock

# Else pydantic looks for plugins in every package at each start; there are none.
ENV PYDANTIC_DISABLE_PLUGINS=__all__

# The root file system may be read-only, so the bytecode is written here.
COPY main.py ./
COPY source_rest_api ./source_rest_api
RUN python -m compileall -q . && chown -R 1000:1000 /airbyte

LABEL io.airbyte.name=airbyte/source-rest-api
LABEL io.airbyte.version=0.1.0

# The page that the form links to, such as your copy of the docs site: --build-arg DOCUMENTATION_URL=https://…
ARG DOCUMENTATION_URL=""
ENV DOCUMENTATION_URL=${DOCUMENTATION_URL}

# Absolute: Airbyte evaluates AIRBYTE_ENTRYPOINT in another working directory, and does not use ENTRYPOINT.
ENV AIRBYTE_ENTRYPOINT="python /airbyte/integration_code/main.py"
ENTRYPOINT ["python", "/airbyte/integration_code/main.py"]
USER airbyte
