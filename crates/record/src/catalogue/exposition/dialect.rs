//! The hands the servers' clients write in. All are the same format; a reader that compares text sees the difference.

use super::Server;

/// Whose client library writes the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// The Python client in one process (vLLM): `12.0`, `le` among the sorted labels, `_count` before `_sum`, `_created` gauges.
    Python,
    /// The Python client merging several processes (SGLang, TensorRT-LLM): the same numbers, `_sum` before the buckets, no
    /// `_created`.
    PythonProcesses,
    /// The Rust client (Dynamo): `12`, `le` last, `_sum` before `_count`.
    Rust,
}

impl Dialect {
    /// The hand of a server.
    pub const fn of(server: Server) -> Dialect {
        match server {
            Server::Vllm => Dialect::Python,
            Server::Sglang | Server::Trtllm => Dialect::PythonProcesses,
            Server::Dynamo => Dialect::Rust,
        }
    }

    pub(super) const fn tells_created(self) -> bool {
        matches!(self, Dialect::Python)
    }

    /// A value or a bound.
    pub(super) fn number(self, value: f64) -> String {
        if value.is_nan() {
            return "NaN".to_owned();
        }
        if value.is_infinite() {
            return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
        }
        match self {
            Dialect::Rust => value.to_string(),
            Dialect::Python | Dialect::PythonProcesses => python(value),
        }
    }
}

/// As the Python client writes a number: Python's shortest form, except that a positive one of seven digits and more before the
/// point becomes mantissa and exponent.
fn python(value: f64) -> String {
    let scientific = format!("{value:e}");
    // `{:e}` always writes the letter and a whole number behind it.
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let in_python = !(-4..16).contains(&exponent);
    if in_python || (exponent >= 6 && value > 0.0) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let plain = value.to_string();
    if plain.contains('.') { plain } else { plain + ".0" }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `floatToGoString` of prometheus_client 0.26.0 makes of each number.
    const GOLDEN: &[(f64, &str)] = &[
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (12.0, "12.0"),
        (0.3, "0.3"),
        (0.0001, "0.0001"),
        (0.000_123_45, "0.00012345"),
        (1e-5, "1e-05"),
        (2.5e-7, "2.5e-07"),
        (999_999.0, "999999.0"),
        (1e6, "1e+06"),
        (1_048_576.0, "1.048576e+06"),
        (1_234_567.875, "1.234567875e+06"),
        (-1_234_567.5, "-1234567.5"),
        (1_795_353_331.360_544_4, "1.7953533313605444e+09"),
        (1e10, "1e+10"),
        (123_456_789_012.5, "1.234567890125e+11"),
        (1e15, "1e+15"),
        (9_007_199_254_740_992.0, "9.007199254740992e+15"),
        (1e16, "1e+16"),
        (1.5e300, "1.5e+300"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
        (f64::NAN, "NaN"),
        (0.110_252_380_371_093_75, "0.11025238037109375"),
    ];

    #[test]
    fn numbers_are_written_as_the_python_client_writes_them() {
        for (value, text) in GOLDEN {
            assert_eq!(Dialect::Python.number(*value), *text, "{value:e}");
        }
    }

    #[test]
    fn numbers_are_written_as_the_rust_client_writes_them() {
        for (value, text) in
            [(12.0, "12"), (0.000_01, "0.00001"), (0.557_432_645, "0.557432645"), (1e6, "1000000")]
        {
            assert_eq!(Dialect::Rust.number(value), text);
        }
    }
}
