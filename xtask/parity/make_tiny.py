"""Writes a tiny Qwen3 model as vLLM reads one: random weights, the real Qwen3 tokenizer.

    make_tiny.py TOKENIZER_DIR MODEL_DIR

Run it with the interpreter of the environment that has vLLM. What such a model says is salad; its scheduling is real.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HIDDEN = 64
FEED_FORWARD = 2 * HIDDEN
LAYERS = 2
HEADS = 4
KV_HEADS = 2
HEAD_DIM = 32
VOCABULARY = 151_936
END_OF_TURN = 151_645
PADDING = 151_643

CONFIG = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "intermediate_size": FEED_FORWARD,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "head_dim": HEAD_DIM,
    "max_position_embeddings": 32_768,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1_000_000,
    "hidden_act": "silu",
    "tie_word_embeddings": True,
    "attention_bias": False,
    "bos_token_id": PADDING,
    "eos_token_id": END_OF_TURN,
    "torch_dtype": "float32",
}


def weights():
    """Every tensor by its name."""
    random = np.random.default_rng(0)

    def normal(*shape):
        return (random.standard_normal(shape) * 0.05).astype(np.float32)

    def ones(size):
        return np.ones(size, np.float32)

    yield "model.embed_tokens.weight", normal(VOCABULARY, HIDDEN)
    yield "model.norm.weight", ones(HIDDEN)
    for layer in range(LAYERS):
        block = f"model.layers.{layer}."
        yield block + "input_layernorm.weight", ones(HIDDEN)
        yield block + "post_attention_layernorm.weight", ones(HIDDEN)
        yield block + "self_attn.q_proj.weight", normal(HEADS * HEAD_DIM, HIDDEN)
        yield block + "self_attn.k_proj.weight", normal(KV_HEADS * HEAD_DIM, HIDDEN)
        yield block + "self_attn.v_proj.weight", normal(KV_HEADS * HEAD_DIM, HIDDEN)
        yield block + "self_attn.o_proj.weight", normal(HIDDEN, HEADS * HEAD_DIM)
        yield block + "self_attn.q_norm.weight", ones(HEAD_DIM)
        yield block + "self_attn.k_norm.weight", ones(HEAD_DIM)
        yield block + "mlp.gate_proj.weight", normal(FEED_FORWARD, HIDDEN)
        yield block + "mlp.up_proj.weight", normal(FEED_FORWARD, HIDDEN)
        yield block + "mlp.down_proj.weight", normal(HIDDEN, FEED_FORWARD)


def main():
    tokenizer, model = map(Path, sys.argv[1:3])
    model.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, model / name)
    (model / "config.json").write_text(json.dumps(CONFIG, indent=1))
    ends = {key: CONFIG[key] for key in ("bos_token_id", "eos_token_id")} | {"pad_token_id": PADDING}
    (model / "generation_config.json").write_text(json.dumps(ends))
    # Written last: its presence says that the rest is there.
    save_file(dict(weights()), str(model / "model.safetensors"), metadata={"format": "pt"})


main()
