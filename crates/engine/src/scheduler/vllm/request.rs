//! A request inside a batch scheduler, the pages it holds, and the queue of those that wait.

use std::collections::{BTreeSet, VecDeque};

use tokmark_kv::{BlockId, Chain, hash};

use crate::{Arrival, FinishReason, Length, Rejection, RequestId, prompt_segment, reply_segment};

/// Where a request stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// It has left; its slot is free.
    #[default]
    Gone,
    /// Not arrived yet; memory is to be set aside for it.
    Expected,
    /// Not arrived yet; its blocks are set aside.
    Reserved,
    Waiting,
    Running,
}

/// One request. Lengths are in tokens of its context: prompt first, reply behind it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) arrival: Arrival,
    /// The how manieth arrival it is.
    pub(crate) nth: u64,
    pub(crate) place: Place,
    /// What it came with: the prompt, and what was out before it came here.
    pub(crate) prompt: u32,
    /// Prompt and reply so far.
    pub(crate) known: u32,
    /// `known` when it ends, and why it ends there.
    pub(crate) target: u32,
    pub(crate) reason: FinishReason,
    /// How much of `known` is in the cache, the pass in flight included.
    pub(crate) computed: u32,
    /// Its context came with it, and it has not been admitted yet.
    pub(crate) delivered: bool,
    /// It has been thrown out before.
    pub(crate) preempted: bool,
    /// It got a token since it was admitted, so that there is something to draft from.
    pub(crate) generating: bool,
    /// Tokens scheduled since it was admitted.
    pub(crate) work: u64,
    pub(crate) chain: Chain,
    pub(crate) blocks: Vec<BlockId>,
    /// How many of `blocks`, from the first on, have a name.
    pub(crate) named: u32,
    /// How many of them were fetched from a tier below the device.
    pub(crate) loaded: u32,
    /// How many of them, from the first on, have been offered to the tiers below or came from there.
    pub(crate) offered: u32,
    /// What the pass in flight does for it.
    pub(crate) share: Option<Share>,
}

/// A request's part of the pass in flight.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Share {
    /// Known tokens computed.
    pub(crate) tokens: u32,
    /// Drafts verified beside them.
    pub(crate) drafts: u32,
    /// Of `tokens`, those of the prompt.
    pub(crate) prompt: u32,
    /// Of the prompt, what was there before.
    pub(crate) before: u32,
}

impl Request {
    /// A slot without a request.
    pub(crate) fn vacant(block: u32) -> Self {
        Self {
            arrival: Arrival::default(),
            nth: 0,
            place: Place::Gone,
            prompt: 0,
            known: 0,
            target: 0,
            reason: FinishReason::Length,
            computed: 0,
            delivered: false,
            preempted: false,
            generating: false,
            work: 0,
            chain: Chain::new(block, 0),
            blocks: Vec::new(),
            named: 0,
            loaded: 0,
            offered: 0,
            share: None,
        }
    }

    /// Its place in a queue, when it is in `slot`.
    pub(crate) fn ticket(&self, slot: u32) -> Ticket {
        Ticket { priority: self.arrival.priority, nth: self.nth, slot }
    }

    /// Tokens of its reply that are out, here or elsewhere.
    pub(crate) fn emitted(&self) -> u32 {
        self.arrival.carried.emitted + self.emitted_here()
    }

    /// Tokens of its reply that came out here.
    pub(crate) fn emitted_here(&self) -> u32 {
        self.known - self.prompt
    }

    /// Its name in the world outside.
    pub(crate) fn id(&self) -> RequestId {
        self.arrival.id
    }

    /// Tokens of context that came with a delivered one: all but the last token that is out, which has not been through the model.
    pub(crate) fn delivery(&self) -> u32 {
        self.prompt - u32::from(self.arrival.carried.emitted > 0)
    }

    /// Blocks needed to hold it as far as it is known.
    pub(crate) fn whole(&self) -> u32 {
        self.known.div_ceil(self.chain.block())
    }

    /// Lets the chain reach `tokens`, which are known.
    pub(crate) fn reach(&mut self, tokens: u32) {
        let there = self.chain.tokens() as u32;
        if there < tokens {
            let input = self.prompt - self.arrival.carried.emitted;
            self.chain.extend(reply_segment(self.id()), there - input, tokens - there);
        }
    }

    /// The chain of what it came with.
    pub(crate) fn chain_of(arrival: &Arrival, input: u32, block: u32) -> Chain {
        let adapter = arrival.adapter.map(|adapter| adapter.to_string());
        let seed = hash::seed(adapter.as_deref(), None);
        let given = arrival.content.tokens();
        let mut chain = if given <= u64::from(input) {
            Chain::of(&arrival.content, block, seed)
        } else {
            Chain::of(&arrival.content.first(input), block, seed)
        };
        let own = input - chain.tokens() as u32;
        chain.extend(prompt_segment(arrival.id), 0, own);
        chain.extend(reply_segment(arrival.id), 0, arrival.carried.emitted);
        chain
    }
}

/// Tokens of a whole reply, and why it ends there: at what was asked for, at the end of a context of `context` tokens, or at the
/// model's own end after `natural`.
pub(crate) fn reply(
    input: u32,
    length: Length,
    context: u32,
    natural: u32,
) -> Result<(u32, FinishReason), Rejection> {
    if input >= context {
        return Err(Rejection::TooLong { input, context });
    }
    let most = length.max.unwrap_or(u32::MAX).min(context - input);
    if most == 0 {
        return Err(Rejection::NothingAsked);
    }
    let own_end = natural.max(length.min).max(1);
    Ok(if length.ignore_eos || own_end >= most {
        (most, FinishReason::Length)
    } else {
        (own_end, FinishReason::Stop)
    })
}

/// A place in the queue: the request in `slot`, if it is still the `nth` that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    pub(crate) priority: i32,
    pub(crate) nth: u64,
    pub(crate) slot: u32,
}

/// Those that wait. A request that left while it waited leaves its ticket behind.
#[derive(Debug)]
pub(crate) enum Queue {
    /// First come, first served; those thrown out go to the head.
    Fifo(VecDeque<Ticket>),
    /// By priority, then by arrival.
    Priority(BTreeSet<Ticket>),
}

impl Queue {
    pub(crate) fn push(&mut self, ticket: Ticket) {
        match self {
            Self::Fifo(queue) => queue.push_back(ticket),
            Self::Priority(queue) => {
                queue.insert(ticket);
            }
        }
    }

    /// In front of those that arrived later.
    pub(crate) fn push_in_order(&mut self, ticket: Ticket) {
        match self {
            Self::Fifo(queue) => {
                let place = queue.iter().position(|other| other.nth > ticket.nth);
                queue.insert(place.unwrap_or(queue.len()), ticket);
            }
            Self::Priority(_) => self.push(ticket),
        }
    }

    /// Back to where it was: the head of a FIFO.
    pub(crate) fn push_front(&mut self, ticket: Ticket) {
        match self {
            Self::Fifo(queue) => queue.push_front(ticket),
            Self::Priority(_) => self.push(ticket),
        }
    }

    pub(crate) fn head(&self) -> Option<Ticket> {
        match self {
            Self::Fifo(queue) => queue.front().copied(),
            Self::Priority(queue) => queue.first().copied(),
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Ticket> {
        match self {
            Self::Fifo(queue) => queue.pop_front(),
            Self::Priority(queue) => queue.pop_first(),
        }
    }

    pub(crate) fn clear(&mut self) {
        match self {
            Self::Fifo(queue) => queue.clear(),
            Self::Priority(queue) => queue.clear(),
        }
    }
}
