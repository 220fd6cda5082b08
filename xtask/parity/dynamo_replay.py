"""Runs one job through Dynamo's own offline replay and prints the result as one JSON object.

    dynamo_replay.py JOB.json

Run it with the interpreter that install.sh prints. A job (every key but `trace` or `synthetic` has a default):

    {"trace": "trace.jsonl",          Mooncake rows; the path is relative to the job file
     "synthetic": {...},              instead of a trace: input_tokens, output_tokens, request_count and the keyword
                                      arguments of run_synthetic_trace_replay (request_rate, shared_prefix_ratio, ...)
     "trace_block_size": 512,         tokens per hash id
     "workers": 4,                    aggregated; or "prefill_workers": 2 with "decode_workers": 2
     "router": "round_robin",         or kv_router
     "router_config": {...},          arguments of KvRouterConfig
     "engine": {...},                 engine arguments, Dynamo's names; unknown ones are its error
     "prefill_engine": {...}, "decode_engine": {...},
     "arrival_speedup": 1.0,          divides every time stamp
     "concurrency": 8,                closed loop with so many in flight
     "requests": true}                add one row per request, in order of arrival

Printed: `version`, `engine` (with every default filled in), `summary` (Dynamo's own), `wall_ms` (the replay call as
seen from here: reading the trace included; Dynamo's own clock without it is summary.wall_time_ms), `peak_rss_mib`, and
`requests`. Rows carry their arrival time, and where a session has several turns every row has its session and turn; else
Dynamo gives requests random names, so only distinct arrival times tell rows of one trace apart.
"""

import json
import os
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path

# At the default level its router writes one line per request to standard error.
os.environ.setdefault("DYN_LOG", "error")

from dynamo._core import KvRouterConfig, _normalize_mocker_config  # noqa: E402
from dynamo.replay.api import run_synthetic_trace_replay, run_trace_replay  # noqa: E402

KEYS = {
    "trace", "synthetic", "trace_block_size", "workers", "prefill_workers", "decode_workers", "router",
    "router_config", "engine", "prefill_engine", "decode_engine", "arrival_speedup", "concurrency", "requests",
}  # fmt: skip

# What a row of the result keeps of Dynamo's record, in this order, and under which name.
STAMPS = {
    "arrival_time_ms": "arrival_ms",
    "first_admit_ms": "admit_ms",
    "source_held_ms": "source_held_ms",
    "destination_reserved_ms": "destination_reserved_ms",
    "destination_activated_ms": "destination_activated_ms",
    "decode_admit_ms": "decode_admit_ms",
    "source_released_ms": "source_released_ms",
    "first_token_ms": "first_token_ms",
    "ttst_ms": "ttst_ms",
    "last_token_ms": "last_token_ms",
    "terminal_time_ms": "end_ms",
    "input_length": "input_tokens",
    "output_length": "output_tokens",
    "reused_input_tokens": "reused_tokens",
    "prefill_worker_idx": "prefill_worker",
    "decode_worker_idx": "worker",
    "terminal_status": "status",
}


def launch(engine, role):
    return {"engine": {**engine, "worker_type": role}}


def options(job):
    """The keyword arguments of the replay call, and the launch configurations among them with defaults filled in."""
    engine = job.get("engine", {})
    if "prefill_workers" in job or "decode_workers" in job:
        launches = {
            "prefill_engine_args": launch({**engine, **job.get("prefill_engine", {})}, "prefill"),
            "decode_engine_args": launch({**engine, **job.get("decode_engine", {})}, "decode"),
        }
        asked = {
            "num_prefill_workers": job.get("prefill_workers", 1),
            "num_decode_workers": job.get("decode_workers", 1),
        }
    else:
        launches = {"extra_engine_args": launch(engine, "aggregated")}
        asked = {"num_workers": job.get("workers", 1)}
    asked |= launches
    asked |= {
        "router_mode": job.get("router", "round_robin"),
        "arrival_speedup_ratio": job.get("arrival_speedup", 1.0),
        "replay_concurrency": job.get("concurrency"),
        "capture_per_request": job.get("requests", False),
    }
    if "router_config" in job:
        asked["router_config"] = KvRouterConfig(**job["router_config"])
    filled = {
        name.removesuffix("_engine_args").replace("extra", "aggregated"): _normalize_mocker_config(value)["engine"]
        for name, value in launches.items()
    }
    return asked, filled


def row(record):
    """One request. Left out: what Dynamo does not know of it, a status of `completed`, an end at the last token, and a
    single admission; workers are numbered from 0."""
    kept = {name: record[theirs] for theirs, name in STAMPS.items() if record[theirs] is not None}
    if record["session_id"] is not None:
        kept |= {"session": record["session_id"], "turn": record["turn_index"]}
    if kept["status"] == "completed":
        del kept["status"]
    if kept["end_ms"] == kept.get("last_token_ms"):
        del kept["end_ms"]
    # [time, tokens found in the cache] of every admission: more than one per pool means it was preempted.
    if len(record["admission_history"]) > 1:
        kept["admissions"] = [[a["at_ms"], a["reused_input_tokens"]] for a in record["admission_history"]]
    overlap = [r["selected_overlap_blocks"] for r in record["routing_history"]]
    if any(blocks is not None for blocks in overlap):
        kept["overlap_blocks"] = overlap
    return kept


def run(job, folder):
    unknown = sorted(set(job) - KEYS)
    if unknown:
        raise SystemExit(f"unknown key in the job: {', '.join(unknown)}\nhint: known are {', '.join(sorted(KEYS))}")
    if ("trace" in job) == ("synthetic" in job):
        raise SystemExit("a job has either a trace or a synthetic workload")
    asked, filled = options(job)
    started = time.perf_counter()
    if "trace" in job:
        path = str(folder / job["trace"])
        report = run_trace_replay(path, trace_block_size=job.get("trace_block_size", 512), **asked)
    else:
        synthetic = dict(job["synthetic"])
        shape = [synthetic.pop(name) for name in ("input_tokens", "output_tokens", "request_count")]
        report = run_synthetic_trace_replay(*shape, **synthetic, **asked)
    wall_ms = (time.perf_counter() - started) * 1e3
    result = {
        "version": {name: version(name) for name in ("ai-dynamo", "ai-dynamo-runtime")},
        "engine": filled,
        "summary": report.summary,
        "wall_ms": wall_ms,
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if job.get("requests", False):
        result["requests"] = [row(record) for record in report.per_request]
    return result


def main():
    if len(sys.argv) != 2:
        raise SystemExit("usage: dynamo_replay.py JOB.json")
    path = Path(sys.argv[1])
    json.dump(run(json.loads(path.read_text()), path.parent), sys.stdout)
    print()


if __name__ == "__main__":
    main()
