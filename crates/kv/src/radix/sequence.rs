//! A sequence of tokens as runs of pages: what the edges of the tree are cut from.

use std::collections::VecDeque;
use std::sync::Arc;

use tokmark_base::{Content, Piece, Segment};

use crate::Chain;
use crate::hash::local;

/// A sequence in pages, growing as its reply grows.
///
/// It says which tokens stand where without listing them: a segment of ten thousand tokens is one run. Two sequences agree on a
/// page if the page holds the same tokens in both: the same ids, or the same places of the same segments. Only complete pages
/// count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    page: u32,
    seed: u64,
    tokens: u64,
    pages: u64,
    runs: Vec<Run>,
    /// The page at which each run begins.
    starts: Vec<u64>,
    /// What is behind the last complete page.
    tail: VecDeque<Part>,
    tail_tokens: u32,
}

/// Pages that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// Tokens `offset..` of a segment.
    Segment { id: u64, offset: u32, pages: u64 },
    /// Token ids `start..` of a prompt.
    Tokens { ids: Arc<[u32]>, start: usize, pages: u64 },
    /// One page with tokens of more than one origin: its hash.
    Mixed(u64),
}

/// Tokens of one origin.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Segment { id: u64, offset: u32, tokens: u32 },
    Tokens { ids: Arc<[u32]>, start: usize, tokens: u32 },
}

/// The first page of an edge: under it a node knows its child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Head {
    Segment(u64, u32),
    Token(u32),
    Page(u64),
}

impl Sequence {
    /// An empty sequence in pages of `page` tokens (at least 1). Sequences of another `seed` (see [`crate::hash::seed`]) share
    /// nothing with it.
    pub fn new(page: u32, seed: u64) -> Self {
        Self {
            page: page.max(1),
            seed,
            tokens: 0,
            pages: 0,
            runs: Vec::new(),
            starts: Vec::new(),
            tail: VecDeque::new(),
            tail_tokens: 0,
        }
    }

    /// The first `limit` tokens of `content`.
    pub fn of(content: &Content, limit: u64, page: u32, seed: u64) -> Self {
        let mut sequence = Self::new(page, seed);
        match content {
            Content::Segments(segments) => segments.iter().for_each(|own| sequence.segment(*own, limit)),
            Content::Tokens(ids) => sequence.ids(ids, limit),
            Content::Mixed(pieces) => pieces.iter().for_each(|piece| match piece {
                Piece::Segment(own) => sequence.segment(*own, limit),
                Piece::Tokens(ids) => sequence.ids(ids, limit),
            }),
        }
        sequence
    }

    /// A segment follows, as far as the whole stays within `limit`.
    fn segment(&mut self, Segment { id, tokens }: Segment, limit: u64) {
        let room = limit - self.tokens;
        self.extend(id, 0, u64::from(tokens).min(room) as u32);
    }

    /// Token ids follow, as far as the whole stays within `limit`.
    fn ids(&mut self, ids: &Arc<[u32]>, limit: u64) {
        let tokens = (ids.len() as u64).min(limit - self.tokens) as u32;
        self.push(Part::Tokens { ids: Arc::clone(ids), start: 0, tokens });
    }

    /// Tokens `offset..offset + tokens` of segment `id` follow.
    pub fn extend(&mut self, id: u64, offset: u32, tokens: u32) {
        self.push(Part::Segment { id, offset, tokens });
    }

    /// Length, tokens.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Complete pages.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// Tokens of a page.
    pub fn page(&self) -> u32 {
        self.page
    }

    /// What salts it.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The pages `..pages` in a form in which equal prefixes are equal, to look for prompts that begin alike. `None` if there are
    /// fewer.
    pub fn opening(&self, pages: u64) -> Option<Vec<[u64; 3]>> {
        if pages > self.pages {
            return None;
        }
        let mut opening = vec![[0, self.seed, 0]];
        self.each_run(0, pages, |run| match run {
            Run::Segment { id, offset, pages } => opening.push([1, id, (u64::from(offset) << 32) + pages]),
            Run::Tokens { ids, start, pages } => {
                let end = start + pages as usize * self.page as usize;
                opening.extend(ids[start..end].iter().map(|id| [2, u64::from(*id), 0]));
            }
            Run::Mixed(hash) => opening.push([3, hash, 0]),
        });
        Some(opening)
    }

    fn push(&mut self, part: Part) {
        let tokens = part.tokens();
        self.tokens += u64::from(tokens);
        let mut rest = part;
        // A page begun is filled first.
        if self.tail_tokens > 0 {
            let take = tokens.min(self.page - self.tail_tokens);
            let (now, later) = rest.split(take);
            self.push_tail(now);
            if self.tail_tokens < self.page {
                return;
            }
            self.close();
            rest = later;
        }
        let whole = rest.tokens() / self.page;
        let (now, later) = rest.split(whole * self.page);
        if whole > 0 {
            self.push_run(now.into_run(u64::from(whole)));
        }
        self.push_tail(later);
    }

    fn push_tail(&mut self, part: Part) {
        if part.tokens() == 0 {
            return;
        }
        self.tail_tokens += part.tokens();
        // A reply grows token by token; what a page is must not depend on the rhythm.
        if let Some(last) = self.tail.back_mut()
            && last.goes_on_with(&part)
        {
            last.grow(part.tokens());
            return;
        }
        self.tail.push_back(part);
    }

    /// The tail is a complete page.
    fn close(&mut self) {
        let run = if self.tail.len() == 1 {
            self.tail.pop_front().map(|part| part.into_run(1))
        } else if let Some(ids) = self.tail.iter().map(Part::ids).collect::<Option<Vec<_>>>() {
            // Token ids of several prompts are still nothing but token ids.
            Some(Run::Tokens { ids: ids.concat().into(), start: 0, pages: 1 })
        } else {
            let mut chain = Chain::new(self.page, self.seed);
            for part in self.tail.drain(..) {
                match part {
                    Part::Segment { id, offset, tokens } => chain.extend(id, offset, tokens),
                    Part::Tokens { ids, start, tokens } => {
                        chain.extend_tokens(&ids[start..start + tokens as usize]);
                    }
                }
            }
            chain.locals().first().map(|hash| Run::Mixed(hash.0))
        };
        self.tail.clear();
        self.tail_tokens = 0;
        if let Some(run) = run {
            self.push_run(run);
        }
    }

    fn push_run(&mut self, run: Run) {
        let pages = run.pages();
        if !append(&mut self.runs, run, self.page) {
            self.starts.push(self.pages);
        }
        self.pages += pages;
    }

    /// The runs of the pages `from..to`, cut to them.
    pub(super) fn each_run(&self, from: u64, to: u64, mut take: impl FnMut(Run)) {
        let first = self.starts.partition_point(|start| *start <= from).saturating_sub(1);
        let mut at = from;
        for (run, start) in self.runs[first..].iter().zip(&self.starts[first..]) {
            if at >= to {
                return;
            }
            let skip = at - start;
            let pages = (run.pages() - skip).min(to - at);
            take(run.cut(skip, pages, self.page));
            at += pages;
        }
    }

    /// The head of an edge that begins at page `at`, which must exist.
    pub(super) fn head(&self, at: u64) -> Head {
        let index = self.starts.partition_point(|start| *start <= at) - 1;
        self.runs[index].head(at - self.starts[index], self.page, self.seed)
    }

    /// How many of the pages `at..limit` are those of `edge`, from its start.
    pub(super) fn common(&self, at: u64, limit: u64, edge: &[Run]) -> u64 {
        let limit = limit.min(self.pages);
        let mut matched = 0;
        let mut index = self.starts.partition_point(|start| *start <= at).saturating_sub(1);
        for run in edge {
            let mut into = 0;
            while into < run.pages() {
                let here = at + matched;
                let (Some(own), true) = (self.runs.get(index), here < limit) else {
                    return matched;
                };
                let skip = here - self.starts[index];
                let most = (own.pages() - skip).min(run.pages() - into).min(limit - here);
                let same = own.agrees(skip, run, into, most, self.page);
                matched += same;
                into += same;
                if same < most {
                    return matched;
                }
                if skip + same == own.pages() {
                    index += 1;
                }
            }
        }
        matched
    }
}

impl Part {
    fn tokens(&self) -> u32 {
        match self {
            Self::Segment { tokens, .. } | Self::Tokens { tokens, .. } => *tokens,
        }
    }

    /// Its token ids, if it is made of such.
    fn ids(&self) -> Option<&[u32]> {
        match self {
            Self::Segment { .. } => None,
            Self::Tokens { ids, start, tokens } => Some(&ids[*start..start + *tokens as usize]),
        }
    }

    fn grow(&mut self, by: u32) {
        match self {
            Self::Segment { tokens, .. } | Self::Tokens { tokens, .. } => *tokens += by,
        }
    }

    fn goes_on_with(&self, next: &Self) -> bool {
        match (self, next) {
            (Self::Segment { id, offset, tokens }, Self::Segment { id: next, offset: at, .. }) => {
                id == next && offset.checked_add(*tokens) == Some(*at)
            }
            (Self::Tokens { ids, start, tokens }, Self::Tokens { ids: next, start: at, .. }) => {
                Arc::ptr_eq(ids, next) && start + *tokens as usize == *at
            }
            _ => false,
        }
    }

    fn split(self, at: u32) -> (Self, Self) {
        match self {
            Self::Segment { id, offset, tokens } => (
                Self::Segment { id, offset, tokens: at },
                Self::Segment { id, offset: offset.wrapping_add(at), tokens: tokens - at },
            ),
            Self::Tokens { ids, start, tokens } => (
                Self::Tokens { ids: Arc::clone(&ids), start, tokens: at },
                Self::Tokens { ids, start: start + at as usize, tokens: tokens - at },
            ),
        }
    }

    fn into_run(self, pages: u64) -> Run {
        match self {
            Self::Segment { id, offset, .. } => Run::Segment { id, offset, pages },
            Self::Tokens { ids, start, .. } => Run::Tokens { ids, start, pages },
        }
    }
}

impl Run {
    pub(super) fn pages(&self) -> u64 {
        match self {
            Self::Segment { pages, .. } | Self::Tokens { pages, .. } => *pages,
            Self::Mixed(_) => 1,
        }
    }

    /// The pages `skip..skip + pages` of it.
    pub(super) fn cut(&self, skip: u64, pages: u64, page: u32) -> Self {
        let tokens = skip * u64::from(page);
        match self {
            Self::Segment { id, offset, .. } => {
                Self::Segment { id: *id, offset: offset.wrapping_add(tokens as u32), pages }
            }
            Self::Tokens { ids, start, .. } => {
                Self::Tokens { ids: Arc::clone(ids), start: start + tokens as usize, pages }
            }
            Self::Mixed(hash) => Self::Mixed(*hash),
        }
    }

    pub(super) fn head(&self, skip: u64, page: u32, seed: u64) -> Head {
        match self.cut(skip, 1, page) {
            Self::Segment { id, offset, .. } => Head::Segment(id, offset),
            Self::Tokens { ids, start, .. } if page == 1 => Head::Token(ids[start]),
            Self::Tokens { ids, start, .. } => Head::Page(local(&ids[start..start + page as usize], seed).0),
            Self::Mixed(hash) => Head::Page(hash),
        }
    }

    /// How many of `most` pages from `skip` on are those of `other` from `into` on.
    fn agrees(&self, skip: u64, other: &Self, into: u64, most: u64, page: u32) -> u64 {
        let (mine, theirs) = (skip * u64::from(page), into * u64::from(page));
        match (self, other) {
            (Self::Segment { id, offset, .. }, Self::Segment { id: b, offset: at, .. }) => {
                let same = id == b && u64::from(*offset) + mine == u64::from(*at) + theirs;
                if same { most } else { 0 }
            }
            (Self::Tokens { ids, start, .. }, Self::Tokens { ids: b, start: at, .. }) => {
                let (mine, theirs) = (start + mine as usize, at + theirs as usize);
                if Arc::ptr_eq(ids, b) && mine == theirs {
                    return most;
                }
                let tokens = most as usize * page as usize;
                let same = ids[mine..mine + tokens].iter().zip(&b[theirs..theirs + tokens]);
                same.take_while(|(a, b)| a == b).count() as u64 / u64::from(page)
            }
            (Self::Mixed(a), Self::Mixed(b)) => u64::from(a == b),
            _ => 0,
        }
    }

    /// Puts what the run is made of at the end of `chain`.
    pub(super) fn name(&self, chain: &mut Chain, page: u32) {
        match self {
            Self::Segment { id, offset, pages } => chain.extend(*id, *offset, *pages as u32 * page),
            Self::Tokens { ids, start, pages } => {
                chain.extend_tokens(&ids[*start..start + *pages as usize * page as usize]);
            }
            Self::Mixed(_) => {}
        }
    }
}

/// Puts `run` behind `runs`; true if it only made the last one longer.
pub(super) fn append(runs: &mut Vec<Run>, run: Run, page: u32) -> bool {
    match (runs.last_mut(), &run) {
        (Some(Run::Segment { id, offset, pages }), Run::Segment { id: next, offset: at, pages: more })
            if id == next && u64::from(*offset) + *pages * u64::from(page) == u64::from(*at) =>
        {
            *pages += more;
            true
        }
        (Some(Run::Tokens { ids, start, pages }), Run::Tokens { ids: next, start: at, pages: more })
            if Arc::ptr_eq(ids, next) && *start + *pages as usize * page as usize == *at =>
        {
            *pages += more;
            true
        }
        _ => {
            runs.push(run);
            false
        }
    }
}
