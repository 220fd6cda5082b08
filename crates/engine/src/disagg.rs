//! From prefill to decode: when a prompt is prefilled apart, how long its KV cache travels, and who keeps memory meanwhile.
//!
//! The order is that of Dynamo 1.6.1's offline replay (aisimulate-core 0.13.0, `replay/disagg.rs`, `replay/handoff.rs`), for
//! vLLM and TensorRT-LLM: a prefill worker computes the prompt and one token, which nobody sees; the decode worker sets memory
//! aside between two of its passes; the transfer lasts latency + tokens × bytes per token / bandwidth; then the decode worker
//! takes the request into its queue, the prefill worker's blocks are free, and the first token that a client sees comes with the
//! decode worker's next pass. Transfers do not slow each other down.
//!
//! What Dynamo does otherwise: SGLang's twin there sets memory aside before the prefill; a decode worker that computes a prompt
//! again after a preemption is charged nothing for it.

use std::cmp::Reverse;

use tokmark_base::Micros;

use crate::cluster::{Cluster, Stage, Todo};
use crate::router::Verdict;
use crate::spec::{ConditionalDisagg, TransferTiming};
use crate::{Arrival, Carried, Out, RequestId};

/// What lies between the two pools.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Handover {
    /// Of a KV transfer.
    pub transfer: Transfer,
    /// When a prompt is prefilled by its decode worker; `None`: never.
    pub conditional: Option<Conditional>,
}

/// How long a KV transfer takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Transfer {
    /// Whatever its size.
    pub latency: Micros,
    /// For each token, microseconds; 0: the size does not matter.
    pub per_token_us: f64,
    /// Which tokens count.
    pub timing: TransferTiming,
}

/// When a prompt is prefilled by its decode worker: Dynamo's conditional disaggregation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditional {
    /// Which of the conditions count.
    pub policy: ConditionalDisagg,
    /// Fewer tokens than this are new to the decode worker, and…
    pub eff_isl_threshold: u32,
    /// …a smaller share of the prompt than this.
    pub eff_isl_ratio_threshold: f64,
    /// Every prefill worker has more tokens in prefill than this times its largest pass. The real router looks at the one worker
    /// it would choose.
    pub prefill_busy_threshold: Option<f64>,
    /// But not if more than this share of the decode worker's blocks is in use.
    pub decode_busy_threshold: Option<f64>,
}

impl Transfer {
    /// Of so many tokens.
    pub fn duration(&self, tokens: u32) -> Micros {
        let size = (f64::from(tokens) * self.per_token_us).round().clamp(0.0, 86_400e6);
        self.latency + Micros(size as i64)
    }
}

impl Handover {
    /// Whether the length of a prompt has to be known.
    pub(crate) fn needs_length(&self) -> bool {
        self.transfer.per_token_us > 0.0 || self.conditional.is_some()
    }
}

impl Conditional {
    /// Whether little enough of a prompt of `input` tokens is new, `cached` being there.
    fn is_short(&self, input: u32, cached: u32) -> bool {
        let new = input.saturating_sub(cached);
        let share = f64::from(new) / f64::from(input.max(1));
        new < self.eff_isl_threshold && share < self.eff_isl_ratio_threshold
    }
}

impl Cluster {
    /// Whether the decode worker prefills a request. Chooses that worker, if the answer depends on it.
    pub(crate) fn prefills_locally(&mut self, id: RequestId, at: Micros, out: &mut Out) -> bool {
        let Some(conditional) = self.handover.as_ref().and_then(|handover| handover.conditional) else {
            return false;
        };
        if !self.pools[1].serves() {
            return false;
        }
        let lane = match self.ask(1, id, at, out) {
            Some(Verdict::To(unit)) => self.pools[1].lane(unit.0),
            Some(Verdict::Queued) => {
                // It waits there for nothing: it will be asked again once its prompt is through.
                self.tell(1, at, |router, placed| router.gone(at, id, placed));
                if let Some(flow) = self.flow(id) {
                    flow.counted[1] = false;
                }
                return false;
            }
            Some(Verdict::Refused(_)) | None => return false,
        };
        let Some(flow) = self.flow(id) else {
            return false;
        };
        flow.chosen = Some(lane);
        let arrival = flow.arrival.clone();
        let input = arrival.input.unwrap_or(0);
        let engine = &self.lanes[lane].engine;
        let usage = engine.gauges().cache_usage().unwrap_or(0.0);
        if conditional.decode_busy_threshold.is_some_and(|threshold| usage > threshold) {
            return false;
        }
        let short = conditional.is_short(input, engine.cached(&arrival));
        let busy = self.prefill_is_busy(&conditional);
        match conditional.policy {
            ConditionalDisagg::IslBounding => short,
            ConditionalDisagg::PrefillLoad => busy,
            ConditionalDisagg::IslOrLoad => short || busy,
        }
    }

    /// Whether every prefill worker that is up has too much to do. Nobody up is nobody to prefill elsewhere.
    fn prefill_is_busy(&self, conditional: &Conditional) -> bool {
        let pool = &self.pools[0];
        let (Some(threshold), Some(batch)) = (conditional.prefill_busy_threshold, pool.facts.batch_tokens)
        else {
            return false;
        };
        let line = threshold * f64::from(batch);
        let mut up = pool.lanes.clone().filter(|lane| pool.is_up(*lane));
        up.all(|lane| self.lanes[lane].prefill_tokens as f64 > line)
    }

    /// The prompt of a request is through: the prefill worker keeps it until a decode worker has it.
    pub(crate) fn hand_over(&mut self, id: RequestId, at: Micros, out: &mut Out) {
        let Some(flow) = self.flow(id) else {
            return;
        };
        let Stage::Prefill(lane) = flow.stage else {
            return;
        };
        flow.source = Some(lane);
        flow.counted[0] = false;
        let chosen = flow.chosen.take();
        self.set_stage(id, Some(Stage::Routed(1)));
        self.tell(0, at, |router, placed| router.prefilled(at, id, placed));
        self.tell(0, at, |router, placed| router.gone(at, id, placed));
        if !self.pools[0].is_up(lane) {
            return self.recover(id, at, out);
        }
        match chosen.filter(|lane| self.pools[1].is_up(*lane)) {
            Some(lane) => self.start(id, lane, at, out),
            None => self.todo(Todo::Place { pool: 1, id, at }),
        }
    }

    /// A prefilled request has got its decode worker, which is to set memory aside.
    pub(crate) fn take_over(
        &mut self,
        id: RequestId,
        lane: usize,
        mut arrival: Arrival,
        at: Micros,
        out: &mut Out,
    ) {
        arrival.carried.cached = true;
        self.set_stage(id, Some(Stage::Reserving(lane)));
        self.drive(lane, out, |engine, out| engine.reserve(at, arrival, out));
    }

    /// A decode worker has room: the transfer starts.
    pub(crate) fn reserved(&mut self, id: RequestId, at: Micros, out: &mut Out) {
        let Some(transfer) = self.handover.as_ref().map(|handover| handover.transfer) else {
            return;
        };
        let Some((Stage::Reserving(to), arrival)) = self.flow(id).map(|flow| (flow.stage, flow.resumed()))
        else {
            return;
        };
        let tokens = arrival.input.unwrap_or(0) + arrival.carried.emitted;
        let there = match transfer.timing {
            TransferTiming::FullPrompt => 0,
            TransferTiming::DestinationMissing => self.lanes[to].engine.cached(&arrival),
        };
        let lasts = transfer.duration(tokens.saturating_sub(there));
        let ticket = self.ticket();
        self.set_stage(id, Some(Stage::Transfer { to, ticket }));
        if lasts == Micros::ZERO {
            return self.delivered(id, to, at, out);
        }
        self.transfers.push(Reverse((at + lasts, ticket, id)));
    }

    /// The first of the transfers is over.
    pub(crate) fn transferred(&mut self, at: Micros, out: &mut Out) {
        let Some(Reverse((_, ticket, id))) = self.transfers.pop() else {
            return;
        };
        match self.flow(id).map(|flow| flow.stage) {
            Some(Stage::Transfer { to, ticket: current }) if current == ticket => {
                self.delivered(id, to, at, out);
            }
            _ => {}
        }
    }

    /// The KV cache of a request is with its decode worker.
    fn delivered(&mut self, id: RequestId, to: usize, at: Micros, out: &mut Out) {
        let Some(flow) = self.flow(id) else {
            return;
        };
        let carried = Carried { emitted: flow.context(), cached: true };
        let arrival = Arrival { carried, ..flow.arrival.clone() };
        let source = flow.source.take();
        self.set_stage(id, Some(Stage::Delivered(to)));
        self.drive(to, out, |engine, out| engine.arrive(at, arrival, out));
        if let Some(lane) = source {
            self.todo(Todo::Release { lane, id, at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_takes_its_latency_and_its_bytes() {
        // 512 tokens of 131,072 bytes at 1 GB/s: 67.108864 ms, as Dynamo 1.6.1 says.
        let per_token_us = 131_072.0 / 1e9 * 1e6;
        let transfer = Transfer { per_token_us, ..Transfer::default() };
        assert_eq!(transfer.duration(512), Micros(67_109));
        let transfer = Transfer { latency: Micros(2_000), ..transfer };
        assert_eq!(transfer.duration(512), Micros(69_109));
        assert_eq!(transfer.duration(0), Micros(2_000));
    }

    #[test]
    fn a_prompt_is_short_below_both_thresholds() {
        let conditional = Conditional {
            policy: ConditionalDisagg::IslBounding,
            eff_isl_threshold: 2_048,
            eff_isl_ratio_threshold: 0.7,
            prefill_busy_threshold: None,
            decode_busy_threshold: None,
        };
        assert!(!conditional.is_short(100, 0), "all of it is new");
        assert!(!conditional.is_short(100, 30), "the ratio itself is not below");
        assert!(conditional.is_short(100, 31));
        assert!(!conditional.is_short(10_000, 7_952), "2,048 are not below 2,048");
        assert!(conditional.is_short(10_000, 7_953));
    }
}
