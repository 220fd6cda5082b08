"""Writes a tiny Qwen3 model as one GGUF file: random weights, the real Qwen3 tokenizer.

    make_model.py TOKENIZER_DIR OUT.gguf

The words such a model says are salad; its token counts, streaming, caching, usage and finish reasons are real.
The weights come from a fixed seed, so the file is the same wherever it is made with the same numpy.
"""

import json
import sys
from pathlib import Path

import gguf
import numpy as np

HIDDEN = 64
FEED_FORWARD = 2 * HIDDEN
LAYERS = 2
HEADS = 4
KV_HEADS = 2
HEAD_DIM = 32
VOCABULARY = 151_936
CONTEXT = 32_768
END_OF_TURN = 151_645
PADDING = 151_643


def weights():
    """Every tensor by its GGUF name, in file order."""
    random = np.random.default_rng(0)

    def normal(*shape):
        return (random.standard_normal(shape) * 0.05).astype(np.float32)

    def ones(size):
        return np.ones(size, np.float32)

    yield "token_embd.weight", normal(VOCABULARY, HIDDEN)
    yield "output_norm.weight", ones(HIDDEN)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        yield block + "attn_norm.weight", ones(HIDDEN)
        yield block + "ffn_norm.weight", ones(HIDDEN)
        yield block + "attn_q.weight", normal(HEADS * HEAD_DIM, HIDDEN)
        yield block + "attn_k.weight", normal(KV_HEADS * HEAD_DIM, HIDDEN)
        yield block + "attn_v.weight", normal(KV_HEADS * HEAD_DIM, HIDDEN)
        yield block + "attn_output.weight", normal(HIDDEN, HEADS * HEAD_DIM)
        yield block + "attn_q_norm.weight", ones(HEAD_DIM)
        yield block + "attn_k_norm.weight", ones(HEAD_DIM)
        yield block + "ffn_gate.weight", normal(FEED_FORWARD, HIDDEN)
        yield block + "ffn_up.weight", normal(FEED_FORWARD, HIDDEN)
        yield block + "ffn_down.weight", normal(HIDDEN, FEED_FORWARD)


def add_shape(writer):
    writer.add_name("tiny-qwen3")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD_DIM)
    writer.add_value_length(HEAD_DIM)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_file_type(0)


def add_tokenizer(writer, folder):
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    tokens = [f"[PAD{index}]" for index in range(VOCABULARY)]
    types = [gguf.TokenType.UNUSED] * VOCABULARY
    for token, index in tokenizer["model"]["vocab"].items():
        tokens[index] = token
        types[index] = gguf.TokenType.NORMAL
    for added in tokenizer["added_tokens"]:
        tokens[added["id"]] = added["content"]
        types[added["id"]] = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in tokenizer["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(END_OF_TURN)
    writer.add_pad_token_id(PADDING)
    writer.add_add_bos_token(False)
    writer.add_chat_template(config["chat_template"])


def main():
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    unfinished = out.with_suffix(".part")
    writer = gguf.GGUFWriter(unfinished, "qwen3")
    add_shape(writer)
    add_tokenizer(writer, folder)
    for name, tensor in weights():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    unfinished.rename(out)


if __name__ == "__main__":
    main()
