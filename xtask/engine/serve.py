"""Serves a GGUF model with llama.cpp's own server, OpenAI API and /metrics included, on a free port of 127.0.0.1.

    serve.py MODEL.gguf NAME [SLOTS]

Prints `listening URL` once it can be reached. NAME is the model's name in the API: a caller who made NAME up and finds it in
/v1/models knows that the server answering is its own. Ends when standard input closes, so that a caller who dies takes
the server along.
"""

import os
import sys

import xllamacpp

TOKENS_PER_SLOT = 4096


def parameters(model, name, slots):
    asked = xllamacpp.CommonParams()
    asked.model.path = model
    asked.model_alias = {name}
    asked.hostnames = ["127.0.0.1"]
    asked.port = 0
    asked.n_parallel = slots
    asked.n_ctx = TOKENS_PER_SLOT * slots
    asked.cont_batching = True
    asked.use_jinja = True
    asked.warmup = False
    asked.fit_params = False
    asked.endpoint_metrics = True
    asked.endpoint_slots = True
    # One thread: two spinning threads on a busy machine of two cores run a hundred times slower than one.
    asked.cpuparams.n_threads = 1
    asked.cpuparams_batch.n_threads = 1
    return asked


def main():
    model, name = sys.argv[1], sys.argv[2]
    slots = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    server = xllamacpp.Server(parameters(model, name, slots))
    print(f"listening {server.listening_address}", flush=True)
    sys.stdin.read()
    # The server's threads would keep the interpreter's ordinary exit waiting.
    os._exit(0)


if __name__ == "__main__":
    main()
