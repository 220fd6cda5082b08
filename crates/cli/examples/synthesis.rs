//! How long it takes to make 1,000 prompts of exactly 2,000 tokens, lexicon included: five times, the median.
//! `cargo run --release -p tokmark --example synthesis`
#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::Duration;

use tokmark_base::Clock;
use tokmark_drive::WallClock;
use tokmark_tokens::o200k;
use tokmark_workload::{Inputs, Plan, Prompt, Requests, WorkloadSpec};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut times = Vec::new();
    for _ in 0..5 {
        let clock = WallClock::start();
        let spec = WorkloadSpec { isl: 2_000, ..WorkloadSpec::default() };
        let plan =
            Plan::new(&spec, tokmark_base::Seed(spec.seed), Inputs::synthetic(Arc::new(o200k::words())))?;
        let bytes: usize = (0..1_000)
            .map(|index| match plan.request(index).prompt {
                Prompt::Text(text) => text.len(),
                Prompt::System { .. } | Prompt::Messages(_) | Prompt::Payload(_) => 0,
            })
            .sum();
        times.push(clock.now());
        println!("{bytes} bytes in {}", clock.now());
    }
    times.sort();
    println!("median {:?}", Duration::from_micros(times[2].0 as u64));
    Ok(())
}
