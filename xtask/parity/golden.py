"""Writes the golden files of crates/engine/tests/golden/dynamo-1.6.1: traces, and what Dynamo's replay makes of them.

    golden.py FOLDER

Run it with the interpreter that install.sh prints.
"""

import json
import sys
from pathlib import Path

import dynamo_replay
import workload

SHARED = workload.trace(1, 40, 12.0, (200, 1200), (4, 24), 64, groups=4, shared=(3, 10), share=0.8)
CHAT = workload.trace(2, 200, 25.0, (64, 1800), (1, 60), 64, groups=8, shared=(2, 14), share=0.7)
LONG = workload.trace(4, 40, 15.0, (100, 700), (60, 220), 64, groups=3, shared=(1, 4), share=0.5)
CHUNKS = workload.trace(5, 60, 90.0, (100, 3000), (2, 40), 512, groups=4, shared=(1, 3), share=0.6)
BURST = workload.trace(6, 80, 9.0, (40, 900), (8, 80), 64, groups=6, shared=(2, 8), share=0.75)
ROUTED = workload.trace(104, 120, 12.0, (200, 2400), (20, 120), 64, groups=5, shared=(4, 12), share=0.6)
SESSIONS = workload.sessions(7, 30, 80.0, (1, 5), (60, 500), (4, 60), (0, 400), 64, groups=4, shared=(2, 8))

TRACES = {
    "shared": (64, SHARED),
    "chat": (64, CHAT),
    "long": (64, LONG),
    "chunks": (512, CHUNKS),
    "burst": (64, BURST),
    "routed": (64, ROUTED),
    "sessions": (64, SESSIONS),
}

# Name of the golden file, its trace, and the job.
CASES = {
    "vllm-1-queueing": ("shared", {"engine": {"num_gpu_blocks": 80}}),
    "vllm-4-round-robin": ("chat", {"workers": 4, "engine": {"num_gpu_blocks": 1024}}),
    "vllm-1-block-16": ("chat", {"engine": {"num_gpu_blocks": 2048, "block_size": 16}}),
    "vllm-1-preemption-lifo": ("long", {"engine": {"num_gpu_blocks": 100, "block_size": 16}}),
    "vllm-1-preemption-fifo": ("long", {"engine": {"num_gpu_blocks": 100, "block_size": 16, "preemption_mode": "fifo"}}),
    "vllm-1-chunked-512": ("chunks", {"engine": {"max_num_batched_tokens": 512}}),
    "vllm-1-not-chunked": ("chunks", {"engine": {"max_num_batched_tokens": 3072, "enable_chunked_prefill": False}}),
    "vllm-1-no-prefix-cache": ("shared", {"engine": {"enable_prefix_caching": False}}),
    "vllm-1-max-num-seqs-4": ("burst", {"engine": {"max_num_seqs": 4}}),
    "vllm-1-speedup": ("burst", {"engine": {"speedup_ratio": 2.5, "decode_speedup_ratio": 1.5}}),
    "sglang-1-fifo": ("burst", {"engine": {"backend": "sglang"}}),
    "sglang-1-lpm": ("burst", {"engine": {"backend": "sglang", "max_num_seqs": 8, "sglang": {"schedule_policy": "lpm"}}}),
    "sglang-1-retraction": ("long", {"engine": {"backend": "sglang", "num_gpu_blocks": 2400}}),
    "sglang-1-chunked": ("chunks", {"engine": {"backend": "sglang", "sglang": {"chunked_prefill_size": 512}}}),
    "trtllm-1-no-evict": ("long", {"engine": {"backend": "trtllm", "num_gpu_blocks": 80}}),
    "vllm-2p2d": ("burst", {"prefill_workers": 2, "decode_workers": 2}),
    "vllm-2p2d-transfer": (
        "burst",
        {
            "prefill_workers": 2,
            "decode_workers": 2,
            "engine": {"kv_transfer_bandwidth": 10.0, "kv_transfer_bytes_per_token": 131072},
        },
    ),
    "vllm-2p2d-small-decode": (
        "burst",
        {"prefill_workers": 2, "decode_workers": 2, "decode_engine": {"num_gpu_blocks": 48, "max_num_seqs": 6}},
    ),
    "vllm-4-kv-router": ("routed", {"workers": 4, "router": "kv_router", "engine": {"num_gpu_blocks": 512}}),
    "vllm-2-sessions": ("sessions", {"workers": 2, "engine": {"num_gpu_blocks": 1024}}),
    "vllm-2-sessions-closed": ("sessions", {"workers": 2, "concurrency": 4, "engine": {"num_gpu_blocks": 1024}}),
    "trtllm-2-sessions": ("sessions", {"workers": 2, "engine": {"backend": "trtllm", "num_gpu_blocks": 2048}}),
    "vllm-1-closed": ("shared", {"concurrency": 6, "engine": {"num_gpu_blocks": 80}}),
}

# Of Dynamo's summary, what depends on this computer or says nothing about the workload.
DROPPED = ("wall_time_ms", "processed_", "power", "gpu", "worker_seconds", "kv_eviction")


def kept(value):
    """Dynamo adds up in an order of chance: the last digits of its means differ from run to run."""
    return float(f"{value:.9g}") if isinstance(value, float) else value


def relabel(rows):
    """Numbers the workers by first use: Dynamo's KV router breaks ties, the first of them among idle workers, by chance."""
    order = {}
    for row in rows:
        row["worker"] = order.setdefault(row["worker"], len(order))


def golden(name, folder):
    source, job = CASES[name]
    block, rows = TRACES[source]
    job = {"trace": f"{source}.jsonl", "trace_block_size": block, "requests": True, **job}
    # A KV router's chance must not show: the case is only golden if several runs agree.
    results = [dynamo_replay.run(job, folder) for _ in range(40 if "router" in job else 2)]
    for result in results:
        if "router" in job:
            relabel(result["requests"])
        first = [row for row in result["requests"] if row.get("turn", 0) == 0]
        if "concurrency" in job:
            # Many arrive at once; in a closed loop every request is named.
            result["requests"].sort(key=lambda row: (row["arrival_ms"], row["session"], row["turn"]))
        elif [r["arrival_ms"] for r in first] != [r["timestamp"] for r in rows if "timestamp" in r]:
            raise SystemExit(f"{name}: arrivals are not the trace's")
        if result["requests"] != results[0]["requests"]:
            raise SystemExit(f"{name}: two runs of Dynamo differ; choose another seed")
    summary = {k: kept(v) for k, v in results[0]["summary"].items() if not any(part in k for part in DROPPED)}
    return {
        "made_by": results[0]["version"],
        "job": {key: value for key, value in job.items() if key != "requests"},
        "engine": results[0]["engine"],
        "summary": summary,
        "requests": results[0]["requests"],
    }


def text(case):
    """One line per request, so that a difference can be read."""
    requests = case.pop("requests")
    head = json.dumps(case, indent=1)
    lines = ",\n  ".join(json.dumps(row, separators=(",", ":")) for row in requests)
    return f'{head[:-2]},\n "requests": [\n  {lines}\n ]\n}}\n'


def main():
    if len(sys.argv) != 2:
        raise SystemExit("usage: golden.py FOLDER")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, (_, rows) in TRACES.items():
        workload.write(rows, folder / f"{name}.jsonl")
    for name in CASES:
        case = golden(name, folder)
        again = sum(len(row.get("admissions", [])) > (2 if "prefill_worker" in row else 1) for row in case["requests"])
        waits = sum(row.get("admit_ms", 0) > row["arrival_ms"] for row in case["requests"])
        rejected = sum("status" in row for row in case["requests"])
        reuse = case["summary"]["prefix_cache_reused_ratio"]
        print(f"{name}: {len(case['requests'])} requests, {waits} waited, {again} admitted again, {rejected} not done, reuse {reuse:.3f}")
        (folder / f"{name}.json").write_text(text(case))


if __name__ == "__main__":
    main()
