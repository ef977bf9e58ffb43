# Images with one stack each. Not built by the project's own checks (no container engine there): tests/test_dockerfile.py
# checks that every install goes through scripts/setup, which the tests and the demo run for real.
#
#   docker build --target torch -t tandem:torch .
#   docker build --target tensorflow -t tandem:tensorflow .
#   docker build --target mobile -t tandem:mobile .
#   docker run -v "$PWD/runs:/tandem/runs" tandem:torch data configs/demo.yaml
#   docker run -v "$PWD/runs:/tandem/runs" tandem:torch finetune configs/demo.yaml
#
# The packages are installed before the sources are copied: an edit copies files, and installs nothing anew.
# .git is not copied: runs of a container name no commit in run.json.

FROM scratch AS sources
COPY README.md LICENSE tandem.py ./
COPY scripts ./scripts
COPY train ./train
COPY mobile ./mobile
COPY eval ./eval
COPY configs ./configs

FROM python:3.11-slim-bookworm AS base
# g++ is torch.compile's compiler on the CPU.
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /tandem
ENV PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1 TANDEM_RUNS=/tandem/runs TANDEM_CACHE=/tandem/cache
COPY pyproject.toml constraints.txt LICENSE ./
COPY scripts/setup ./scripts/setup
# What an editable install looks for: the names of the packages alone.
RUN mkdir train mobile eval && touch README.md tandem.py train/__init__.py mobile/__init__.py eval/__init__.py
ENTRYPOINT [".venv/bin/tandem"]
CMD ["--help"]

# Data, fine-tuning, capture.
FROM base AS torch
RUN EXTRAS=torch,track ./scripts/setup
COPY --from=sources / ./

# Distillation and export.
FROM base AS tensorflow
RUN EXTRAS=tensorflow,mobile,track ./scripts/setup
COPY --from=sources / ./

# Only the exported student: tandem chat.
FROM base AS mobile
RUN EXTRAS=litert ./scripts/setup
COPY --from=sources / ./
