//! A request inside the SGLang twin.

use tokmark_kv::{Lease, Sequence, hash};

use super::SglangParams;
use crate::{Arrival, FinishReason, Lifecycle, Rejection, RequestId, prompt_segment, reply_segment};

/// One request. Lengths are tokens.
#[derive(Debug, PartialEq)]
pub(super) struct Job {
    /// The how manieth arrival it is.
    pub(super) nth: u64,
    pub(super) arrival: Arrival,
    /// Its context: the prompt, and what is out of the reply; but not a token that is the first and the last of its reply, which
    /// never enters the cache.
    pub(super) sequence: Sequence,
    /// Tokens of the whole reply, those out before it came here included.
    pub(super) output: u32,
    pub(super) reason: FinishReason,
    /// Tokens out here.
    pub(super) emitted: u32,
    /// How much of the context is in the cache, the pass in flight included.
    pub(super) computed: u64,
    /// Tokens scheduled for it whose result is in use.
    pub(super) work: u64,
    /// It had its turn before.
    pub(super) seen: bool,
    /// The memory it holds.
    pub(super) lease: Option<Lease>,
}

impl Job {
    /// Takes a request in, or says why it can never be served.
    pub(super) fn new(arrival: Arrival, nth: u64, params: &SglangParams) -> Result<Self, Rejection> {
        // An empty prompt still has its start-of-sequence token.
        let input = arrival.input.ok_or(Rejection::UnknownLength)?.max(1);
        let (output, reason) = reply(input, &arrival, params)?;
        let sequence = sequence(&arrival, input, params.page_size);
        Ok(Self {
            nth,
            arrival,
            sequence,
            output,
            reason,
            emitted: 0,
            computed: 0,
            work: 0,
            seen: false,
            lease: None,
        })
    }

    pub(super) fn id(&self) -> RequestId {
        self.arrival.id
    }

    /// Tokens of its reply that are out, here or elsewhere.
    pub(super) fn out(&self) -> u32 {
        self.arrival.carried.emitted + self.emitted
    }

    /// Tokens of its reply that are not out yet.
    pub(super) fn remaining(&self) -> u32 {
        self.output - self.out()
    }

    /// Tokens of its context.
    pub(super) fn context(&self) -> u64 {
        self.sequence.tokens()
    }

    /// Pages it holds.
    pub(super) fn pages(&self) -> u64 {
        self.lease.as_ref().map_or(0, Lease::pages)
    }

    /// Pages it lacks to hold `more` tokens behind its context.
    pub(super) fn lacks(&self, more: u64) -> u64 {
        let page = u64::from(self.sequence.page());
        (self.context() + more).div_ceil(page).saturating_sub(self.pages())
    }

    /// The next `tokens` of the reply are out and computed.
    pub(super) fn advance(&mut self, tokens: u32) {
        let offset = self.out();
        self.sequence.extend(reply_segment(self.arrival.id), offset, tokens);
        self.computed += u64::from(tokens);
        self.emitted += tokens;
    }

    /// Tokens of its context that have gone through the model: all but the newest of its reply, of which the cache has a place but
    /// nothing in it.
    pub(super) fn gone_through(&self) -> u64 {
        let whole = u64::from(self.arrival.input.unwrap_or(0).max(1)) + u64::from(self.out());
        self.context() - u64::from(self.emitted > 0 && self.context() == whole)
    }

    /// What its next token is told as.
    pub(super) fn token(&self) -> Lifecycle {
        if self.out() == 0 { Lifecycle::FirstToken } else { Lifecycle::Tokens(1) }
    }
}

/// The context a request comes with. What nothing is known of is shared with nobody.
fn sequence(arrival: &Arrival, input: u32, page: u32) -> Sequence {
    let adapter = arrival.adapter.map(|adapter| adapter.to_string());
    let seed = hash::seed(adapter.as_deref(), None);
    let mut sequence = Sequence::of(&arrival.content, u64::from(input), page, seed);
    let own = input - sequence.tokens() as u32;
    sequence.extend(prompt_segment(arrival.id), 0, own);
    sequence.extend(reply_segment(arrival.id), 0, arrival.carried.emitted);
    sequence
}

/// Tokens of the whole reply, and why it ends there.
fn reply(input: u32, arrival: &Arrival, params: &SglangParams) -> Result<(u32, FinishReason), Rejection> {
    let length = arrival.length;
    let context = params.context_length;
    if input >= context {
        return Err(Rejection::TooLong { input, context });
    }
    let emitted = arrival.carried.emitted;
    let most = length.max.unwrap_or(u32::MAX).min(context - input);
    if most <= emitted {
        return Err(Rejection::NothingAsked);
    }
    // A page to spare: what just fits alone is never admitted, and the last page may be begun.
    let cache = params.capacity();
    let room = cache.saturating_sub(u64::from(params.page_size) + u64::from(input));
    if room <= u64::from(emitted) {
        let needed = u64::from(input) + u64::from(emitted) + 1 + u64::from(params.page_size);
        return Err(Rejection::CacheTooSmall { needed, cache });
    }
    let most = most.min(u32::try_from(room).unwrap_or(u32::MAX));
    let own_end = params.natural_output.max(length.min).max(emitted + 1);
    Ok(if length.ignore_eos || own_end >= most {
        (most, FinishReason::Length)
    } else {
        (own_end, FinishReason::Stop)
    })
}
