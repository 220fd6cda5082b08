#!/bin/sh
# Installs Dynamo's own offline replay, the reference of `cargo xtask parity`, and prints the interpreter to run it with.
#
#     install.sh CACHE_DIR
#
# Python 3.10 or newer; PYTHON names another interpreter than python3. Nothing of it is stored in this repository or
# shipped with tokmark. A second call with the same pins does nothing.
#
# --no-deps on purpose: `ai-dynamo` asks for `aisimulate`, of which PyPI has a placeholder only, and for the serving
# stack (transformers, kubernetes, redis …). Offline replay is one compiled module plus `typing_extensions`.
set -eu

if [ $# -ne 1 ]; then
    echo "usage: install.sh CACHE_DIR" >&2
    exit 2
fi
pins="ai-dynamo==1.6.1 ai-dynamo-runtime==1.6.1 typing_extensions==4.16.0"
venv="$1/dynamo-replay-1.6.1"
stamp="$venv/pins"

if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$pins" ]; then
    rm -rf "$venv"
    mkdir -p "$1"
    "${PYTHON:-python3}" -m venv "$venv" >&2
    # $pins is a list: it must be split.
    # shellcheck disable=SC2086
    "$venv/bin/python" -m pip install --quiet --no-deps $pins >&2
    "$venv/bin/python" -c "import dynamo.replay.api" >&2
    echo "$pins" > "$stamp"
fi
echo "$venv/bin/python"
