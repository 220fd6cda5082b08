//! What a population adds up to, attempt by attempt.

use crate::attempt::Attempt;
use crate::metric::{
    Totals, cached_input_share, draft_acceptance_rate, osl_mismatch_count, output_token_count,
};
use crate::window::Frame;

/// Sums over the successes of one population.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) successes: u64,
    pub(crate) input: Option<u64>,
    all_output: Option<u64>,
    pub(crate) output: Option<u64>,
    reasoning: Option<u64>,
    mismatched: Option<u64>,
    cached_input: Option<[u64; 2]>,
    drafts: Option<[u64; 2]>,
}

impl Sums {
    pub(crate) fn add(&mut self, a: &Attempt<'_>) {
        let plus = |sum: &mut Option<u64>, more: Option<u32>| {
            if let Some(more) = more {
                *sum = Some(sum.unwrap_or(0) + u64::from(more));
            }
        };
        let share = |sum: &mut Option<[u64; 2]>, more: Option<[u32; 2]>| {
            if let Some([part, whole]) = more {
                let [parts, wholes] = sum.unwrap_or_default();
                *sum = Some([parts + u64::from(part), wholes + u64::from(whole)]);
            }
        };
        self.successes += 1;
        plus(&mut self.input, a.isl());
        plus(&mut self.all_output, a.osl());
        plus(&mut self.output, output_token_count::tokens(a));
        plus(&mut self.reasoning, a.record.reasoning.map(|c| c.tokens));
        plus(&mut self.mismatched, osl_mismatch_count::mismatch(a).map(u32::from));
        share(&mut self.cached_input, cached_input_share::tokens(a));
        share(&mut self.drafts, draft_acceptance_rate::tokens(a));
    }

    pub(crate) fn totals(&self, failures: u64, gpus: Option<u32>) -> Totals {
        Totals {
            successes: self.successes,
            failures,
            input_tokens: self.input,
            all_output_tokens: self.all_output,
            output_tokens: self.output,
            reasoning_tokens: self.reasoning,
            mismatched: self.mismatched,
            cached_input: self.cached_input,
            drafts: self.drafts,
            gpus,
            ..Totals::default()
        }
    }
}

/// What flowed within the window by event time, whichever phase asked for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flow {
    pub(crate) events: u64,
    pub(crate) ended: u64,
    pub(crate) input: Option<f64>,
    pub(crate) output: Option<f64>,
}

impl Flow {
    pub(crate) fn add(&mut self, a: &Attempt<'_>, frame: Frame) {
        // A success without visible content happened at its end.
        let end = a.record.ended_us.map(|t| t.0);
        let Some(last) = a.last().map(|e| e.at).or(end) else {
            return;
        };
        // Events never go back: with both ends inside all are.
        let whole = [a.events.first(), a.events.last()].into_iter().flatten().all(|e| frame.contains(e.at));
        let inside =
            if whole { a.events.len() } else { a.events.iter().filter(|e| frame.contains(e.at)).count() };
        self.events += inside as u64;
        let first = a.first().map_or(last, |e| e.at);
        self.ended += u64::from(frame.contains(last));
        if let Some(isl) = a.isl() {
            let share = f64::from(u8::from(frame.contains(first)));
            *self.input.get_or_insert(0.0) += share * f64::from(isl);
        }
        if let Some(osl) = a.osl() {
            let share = if a.events.is_empty() {
                f64::from(u8::from(frame.contains(last)))
            } else {
                inside as f64 / a.events.len() as f64
            };
            *self.output.get_or_insert(0.0) += share * f64::from(osl);
        }
    }
}
