# The suite with the packages that requirements.lock lists, on a machine without a Python.
#   docker build -t entropy-control .
#   docker run --rm -v "$PWD/results:/suite/results" entropy-control all --config experiment=smoke
# Apptainer builds from the image: apptainer build suite.sif docker-daemon://entropy-control:latest
FROM python:3.12.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends make git \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /suite
# What the packages depend on comes first, so that an edit of the code does not install them again.
COPY Makefile pyproject.toml requirements.lock README.md LICENSE ./
COPY experiments/install.py experiments/install.py
# What is compiled here is not compiled again by each container.
RUN UV_COMPILE_BYTECODE=1 make .venv/installed
COPY . .

ENV PATH=/suite/.venv/bin:$PATH
ENTRYPOINT ["snakemake"]
CMD ["all"]
