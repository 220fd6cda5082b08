//! Whether this machine can play what is configured, before anything is served.

use tokmark_perf::{Step, Timing};

/// Processor time of one token on its way out, microseconds: the engine's step, the event, and the write, which is most of it.
///
/// Measured with `cargo run --release -p tokmark-play --example lateness` at 512 streams on the machine of BENCHMARKS.md (a virtual
/// machine; loopback writes cost 8 to 10 µs there); most other machines are faster.
pub const MICROS_PER_TOKEN: f64 = 12.0;

/// How fast the configured workers talk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// How many there are.
    pub workers: u32,
    /// Tokens a second of one worker that decodes a single sequence.
    pub tokens_per_s_alone: f64,
    /// Tokens a second of one worker at its best: with as many sequences as it takes.
    pub tokens_per_s_full: f64,
}

/// More workers than the machine can serve live.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "{workers} workers with one stream each send {sent:.0} events a second, this machine sends {possible:.0} at most\nhint: {hint}",
    hint = hint(*.possible_workers)
)]
pub struct TooFast {
    /// Workers asked for.
    pub workers: u32,
    /// Events a second they send.
    pub sent: f64,
    /// Events a second the machine can send.
    pub possible: f64,
    /// Workers it could serve.
    pub possible_workers: u32,
}

impl Load {
    /// The load of `workers` workers of up to `sequences` sequences under `timing`.
    pub fn of(timing: &dyn Timing, workers: u32, sequences: u32) -> Self {
        let per_s = |n: u32| {
            let step = Step {
                decode_sequences: n,
                decode_tokens: n,
                decode_context: u64::from(n),
                running: n,
                slots: sequences.max(1),
                ..Step::default()
            };
            f64::from(n) * 1_000.0 / timing.step(&step).total_ms()
        };
        let sizes = std::iter::successors(Some(1_u32), |n| n.checked_mul(2)).take_while(|n| *n < sequences);
        let full = sizes.chain([sequences.max(1)]).map(per_s).fold(0.0, f64::max);
        Self { workers, tokens_per_s_alone: per_s(1), tokens_per_s_full: full }
    }

    /// Refuses what cannot be served even with one stream a worker: `threads` threads write an event every `stream_interval` tokens.
    pub fn check(&self, threads: usize, stream_interval: u32) -> Result<(), TooFast> {
        let possible = possible(threads);
        let each = self.tokens_per_s_alone / f64::from(stream_interval.max(1));
        let sent = each * f64::from(self.workers);
        if sent <= possible {
            return Ok(());
        }
        let possible_workers = (possible / each) as u32;
        Err(TooFast { workers: self.workers, sent, possible, possible_workers })
    }

    /// How many times more than the machine can send the workers would if all of them were full; `None` if it keeps up.
    pub fn overload(&self, threads: usize, stream_interval: u32) -> Option<f64> {
        let sent = self.tokens_per_s_full * f64::from(self.workers) / f64::from(stream_interval.max(1));
        let times = sent / possible(threads);
        (times > 1.0).then_some(times)
    }
}

/// Events a second.
fn possible(threads: usize) -> f64 {
    threads.max(1) as f64 * 1e6 / MICROS_PER_TOKEN
}

fn hint(workers: u32) -> String {
    let slower = "slow the engine down, send several tokens an event (stream interval) or use `tokmark simulate`, which needs no clock";
    if workers == 0 { slower.to_owned() } else { format!("use at most {workers} workers, {slower}") }
}

#[cfg(test)]
mod tests {
    use tokmark_base::Micros;
    use tokmark_perf::Constant;

    use super::*;

    fn load(itl_us: i64, workers: u32) -> Load {
        Load::of(&Constant::new(Micros(1_000), Micros(itl_us)).unwrap(), workers, 100)
    }

    #[test]
    fn one_stream_a_worker_must_be_possible() {
        // A token every 4 ms alone, a hundred of them every 4 ms when full.
        let load = load(4_000, 8);
        assert!((load.tokens_per_s_alone - 250.0).abs() < 1e-9);
        assert!((load.tokens_per_s_full - 25_000.0).abs() < 1e-6);
        assert_eq!(load.check(1, 1), Ok(()));
        // 200,000 against 83,333 events a second.
        assert!((load.overload(1, 1).unwrap() - 2.4).abs() < 1e-6);
        assert_eq!(load.overload(3, 1), None);
    }

    #[test]
    fn too_many_workers_are_refused_with_a_way_out() {
        // A token every 100 µs: 10,000 events a second for each worker.
        assert_eq!(load(100, 8).check(1, 1), Ok(()));
        let error = load(100, 9).check(1, 1).unwrap_err();
        assert_eq!(error.possible_workers, 8);
        let text = error.to_string();
        assert!(
            text.starts_with("9 workers with one stream each send 90000 events a second")
                && text.contains("hint: use at most 8 workers"),
            "{text}"
        );
        assert_eq!(load(100, 9).check(2, 1), Ok(()));
        assert_eq!(load(100, 9).check(1, 2), Ok(()));
        // No simulated time at all.
        let text = load(0, 1).check(1, 1).unwrap_err().to_string();
        assert!(text.contains("send inf events") && text.contains("hint: slow the engine down"), "{text}");
    }
}
