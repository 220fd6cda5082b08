"""Writes the small NPZ files beside it, and with Dynamo installed what its own replay makes of mocker.npz.

    make.py            writes the files
    make.py --replay   prints the rows of mocker-replay.tsv
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
GRID = {
    "prefill_isl": np.array([128.0, 512.0, 2048.0]),
    "prefill_ttft_ms": np.array([10.0, 25.0, 100.0]),
    "decode_active_kv_tokens": np.array([0.0, 1000.0, 4000.0]),
    "decode_context_length": np.array([1.0, 500.0, 1000.0]),
    "decode_itl": np.array([[0.2, 0.4, 0.6], [5.0, 6.0, 8.0], [9.0, 12.0, 16.0]]),
}


def write(name, save=np.savez, without=(), **changes):
    arrays = {key: value for key, value in {**GRID, **changes}.items() if key not in without}
    save(HERE / name, **arrays)


def files():
    write("mocker.npz")
    write(
        "mixed-types.npz",
        np.savez_compressed,
        prefill_isl=np.array([128, 512, 2048], dtype=np.int64),
        prefill_ttft_ms=GRID["prefill_ttft_ms"].astype(np.float32),
        decode_active_kv_tokens=np.array([0, 1000, 4000], dtype=">i4"),
        decode_context_length=np.array([1, 500, 1000], dtype=np.uint16),
        decode_itl=np.asfortranarray(GRID["decode_itl"]),
        note=np.array([1.0]),
    )
    write("missing-key.npz", without=["decode_itl"])
    write("wrong-shape.npz", decode_itl=GRID["decode_itl"][:, :2])
    write("flat-grid.npz", decode_itl=GRID["decode_itl"].ravel())
    write("nan.npz", decode_itl=np.where(GRID["decode_itl"] == 6.0, np.nan, GRID["decode_itl"]))
    write("negative.npz", prefill_ttft_ms=np.array([10.0, -25.0, 100.0]))
    write("axis-falls.npz", prefill_isl=np.array([128.0, 512.0, 512.0]))
    write("text.npz", prefill_isl=np.array(["128", "512", "2048"]))
    write("lengths.npz", prefill_ttft_ms=np.array([10.0, 25.0]))


def replay():
    import os

    os.environ.setdefault("DYN_LOG", "error")
    from dynamo._core import _normalize_mocker_config
    from dynamo.replay.api import run_synthetic_trace_replay

    model = {"type": "external", "provider": "dynamo_profile", "config": {"path": str(HERE / "mocker.npz")}}
    config = _normalize_mocker_config({"engine": {"timing_model": model}})
    print("requests\tinput_tokens\tttft_ms\titl_ms")
    alone = [(1, n) for n in (16, 64, 128, 300, 512, 1000, 3000, 5000, 7000)]
    for requests, tokens in [*alone, (2, 100), (2, 333), (3, 100), (3, 333)]:
        report = run_synthetic_trace_replay(tokens, 2, requests, extra_engine_args=config, arrival_interval_ms=0)
        summary = report.summary
        print(f"{requests}\t{tokens}\t{summary['mean_ttft_ms']!r}\t{summary['mean_tpot_ms']!r}")


replay() if "--replay" in sys.argv else files()
