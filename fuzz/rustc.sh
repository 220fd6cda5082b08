#!/bin/sh
# Stands between cargo and rustc for the crates of this workspace alone (RUSTC_WORKSPACE_WRAPPER), and adds what libFuzzer needs
# to see which branches an input took. These are plain code generation options, so a stable compiler takes them. The
# libraries below stay as they were built for the tests, and nothing of them is built again.
exec "$@" \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1 -Copt-level=1 -Cdebug-assertions=on -Coverflow-checks=on
