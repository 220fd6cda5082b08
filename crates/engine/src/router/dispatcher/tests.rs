use tokmark_base::{Content, Seed, Segment};
use tokmark_kv::hash::LocalHash;
use tokmark_kv::{Chain, Tier};

use super::super::{PolicyKind, QueuePolicy, build};
use super::*;

mod books;
mod busy;
mod caches;
mod queue;
mod sessions;
mod workers;

const BLOCK: u32 = 16;
const FACTS: WorkerFacts = WorkerFacts { blocks: 100, batch_tokens: Some(1_000) };

/// A router before `workers` workers of 100 blocks of 16 tokens and batches of 1,000 tokens.
fn router(workers: usize, change: impl FnOnce(&mut RouterSpec)) -> Box<dyn Router> {
    let mut spec = RouterSpec::default();
    change(&mut spec);
    build(&spec, &vec![FACTS; workers], BLOCK, Seed(42)).expect("the spec is good")
}

fn ms(ms: i64) -> Micros {
    Micros::from_millis(ms)
}

/// A request of `tokens` tokens that shares its prompt with those of the same `family`.
fn query(id: u64, family: u64, tokens: u32) -> Query {
    let content = Content::Segments(vec![Segment { id: family, tokens }]);
    Query {
        id: RequestId(id),
        input: tokens,
        chain: Chain::of(&content, BLOCK, 1_337),
        output: None,
        session: None,
        priority: 0,
    }
}

fn to(worker: u32) -> Verdict {
    Verdict::To(WorkerId(worker))
}

/// What a call placed.
fn placed(call: impl FnOnce(&mut Vec<(RequestId, WorkerId)>)) -> Vec<(u64, u32)> {
    let mut placed = Vec::new();
    call(&mut placed);
    placed.into_iter().map(|(request, worker)| (request.0, worker.0)).collect()
}

fn prefilled(router: &mut dyn Router, at: i64, id: u64) -> Vec<(u64, u32)> {
    placed(|placed| router.prefilled(ms(at), RequestId(id), placed))
}

fn gone(router: &mut dyn Router, at: i64, id: u64) -> Vec<(u64, u32)> {
    placed(|placed| router.gone(ms(at), RequestId(id), placed))
}

fn refused(router: &mut dyn Router) -> Vec<(u64, Rejection)> {
    let mut refused = Vec::new();
    router.refused(&mut refused);
    refused.into_iter().map(|(request, why)| (request.0, why)).collect()
}

/// All blocks of a request's prompt are in a worker's cache.
fn stored(tier: Tier, query: &Query) -> KvEvent {
    let blocks = query.chain.names().iter().map(|name| (*name, LocalHash(0))).collect();
    KvEvent::Stored { tier, parent: None, blocks }
}
