//! What a trace holds: lengths, what of them is shared, what a cache could spare, when rows arrive.
//!
//! Definitions, as in the analyses of Dynamo and AIPerf (`datagen analyze`, `analyze-trace`):
//! - *context length*: tokens of the blocks whose id stands at the same place in another row of the file;
//! - *unique prompt length*: input length less context length;
//! - *theoretical hit rate*: ids before the first one that no earlier row had, over all ids of the row: what a cache that never
//!   throws anything out would have found. Ids count by value, in the order of the file. Rows without ids have no hit rate.
//!
//! Two things differ: the last block of a row counts as many tokens as the row has in it (there: always a whole block, unless all
//! blocks are shared), which is the same for ids that mean "this block and all before it"; and a cache of a given size can be
//! asked for ([`super::lru`]).

use std::collections::HashMap;

use serde::Serialize;
use tokmark_base::Micros;

use super::arrivals::Arrivals;
use super::intern::{Interner, Mixed};
use super::lru::Lru;
use super::row::{TraceRow, Unfit};
use super::spread::Spread;

/// What is found. A spread is `None` if no row has such a value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Analysis {
    /// Rows.
    pub rows: u64,
    /// Tokens a block holds.
    pub block_size: u32,
    /// Input, tokens.
    pub input_length: Option<Spread>,
    /// Of that shared with another row, tokens.
    pub context_length: Option<Spread>,
    /// The rest of it, tokens.
    pub unique_prompt_length: Option<Spread>,
    /// Output, tokens.
    pub output_length: Option<Spread>,
    /// Share of a row's ids that an endless cache would have found.
    pub hit_rate: Option<Spread>,
    /// The same over the blocks of all rows.
    pub hit_rate_of_blocks: Option<f64>,
    /// The same over the input tokens of all rows: what of the prefill could be spared.
    pub hit_rate_of_tokens: Option<f64>,
    /// Caches of given sizes.
    pub caches: Vec<CacheFound>,
    /// Ids, each as often as it stands in the file.
    pub blocks: u64,
    /// Different ids.
    pub unique_blocks: u64,
    /// Ids that stand at more than one place of a row, or rows' ids that follow different ids: 0 if ids mean "this block and
    /// all before it".
    pub blocks_with_several_places: u64,
    /// Rows without ids.
    pub rows_without_ids: u64,
    /// When rows arrive; `None` if no row has a time.
    pub arrivals: Option<Arrivals>,
}

/// What a cache of a given size would have found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CacheFound {
    /// Its size.
    pub cache_blocks: u64,
    /// Share of a row's ids it would have found, from the first on.
    pub hit_rate: Option<Spread>,
    /// The same over the blocks of all rows.
    pub hit_rate_of_blocks: Option<f64>,
    /// The same over the input tokens of all rows.
    pub hit_rate_of_tokens: Option<f64>,
}

/// The same row by row, for pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// Input lengths, tokens.
    pub input: Vec<u32>,
    /// Context lengths, tokens.
    pub context: Vec<u32>,
    /// Output lengths of the rows that have one, tokens.
    pub output: Vec<u32>,
    /// Theoretical hit rates of the rows that have ids.
    pub hit_rate: Vec<f64>,
    /// Times of the rows that have one, in the order of the file.
    pub times: Vec<Micros>,
}

/// Takes rows, then says what they hold. Of each row it keeps its lengths and 4 bytes an id.
#[derive(Debug)]
pub struct Analyzer {
    block_size: u32,
    caches: Vec<u64>,
    ids: Interner,
    /// For each number of an id: where it stood first, and whether it stood there again (the lowest bit).
    places: Vec<u32>,
    /// The same for an id at any further place.
    elsewhere: HashMap<(u32, u32), bool, Mixed>,
    blocks: Vec<u32>,
    /// Where a row's blocks end.
    ends: Vec<usize>,
    found: Vec<u32>,
    inputs: Vec<u32>,
    outputs: Vec<u32>,
    times: Vec<Micros>,
}

impl Analyzer {
    /// With blocks of `block_size` tokens, and for LRU caches of these sizes in blocks.
    pub fn new(block_size: u32, caches: &[u64]) -> Self {
        Self {
            block_size,
            caches: caches.to_vec(),
            ids: Interner::default(),
            places: Vec::new(),
            elsewhere: HashMap::default(),
            blocks: Vec::new(),
            ends: Vec::new(),
            found: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            times: Vec::new(),
        }
    }

    /// Takes a row.
    pub fn add(&mut self, row: &TraceRow) -> Result<(), Unfit> {
        let input = row.input_of_blocks(self.block_size)?;
        let known = self.ids.count();
        let start = self.blocks.len();
        self.ids.expect(&row.ids);
        let mut found = None;
        for (place, id) in row.ids.iter().enumerate() {
            let (number, new) = self.ids.number(*id).ok_or_else(too_many)?;
            if new {
                self.places.push((place as u32) << 1);
            } else {
                self.seen_again(number, place as u32);
            }
            if number >= known && found.is_none() {
                found = Some(place as u32);
            }
            self.blocks.push(number);
        }
        self.found.push(found.unwrap_or((self.blocks.len() - start) as u32));
        self.ends.push(self.blocks.len());
        self.inputs.push(input);
        self.outputs.extend(row.output);
        self.times.extend(row.at);
        Ok(())
    }

    /// How many rows were taken.
    pub fn rows_taken(&self) -> u64 {
        self.inputs.len() as u64
    }

    #[inline]
    fn seen_again(&mut self, number: u32, place: u32) {
        let first = &mut self.places[number as usize];
        if *first >> 1 == place {
            *first |= 1;
        } else {
            self.elsewhere.entry((number, place)).and_modify(|again| *again = true).or_insert(false);
        }
    }

    /// What the rows hold, row by row.
    pub fn values(&self) -> Values {
        Values {
            input: self.inputs.clone(),
            context: self.contexts(),
            output: self.outputs.clone(),
            hit_rate: self.rates_of_rows(&self.found),
            times: self.times.clone(),
        }
    }

    /// What the rows hold.
    pub fn finish(self) -> Analysis {
        let context = self.contexts();
        let (hit_rate, of_blocks, of_tokens) = self.rates(&self.found);
        let caches = self.caches.iter().map(|size| self.cache(*size)).collect();
        Analysis {
            rows: self.inputs.len() as u64,
            block_size: self.block_size,
            unique_prompt_length: Spread::of_counts(
                self.inputs.iter().zip(&context).map(|(input, context)| input - context),
            ),
            input_length: Spread::of_counts(self.inputs.iter().copied()),
            context_length: Spread::of_counts(context),
            output_length: Spread::of_counts(self.outputs.iter().copied()),
            hit_rate,
            hit_rate_of_blocks: of_blocks,
            hit_rate_of_tokens: of_tokens,
            caches,
            blocks: self.blocks.len() as u64,
            unique_blocks: u64::from(self.ids.count()),
            blocks_with_several_places: self.elsewhere.len() as u64,
            rows_without_ids: self.rows().filter(|blocks| blocks.is_empty()).count() as u64,
            arrivals: Arrivals::of(self.times),
        }
    }

    fn rows(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.blocks[start..*end])
    }

    fn contexts(&self) -> Vec<u32> {
        self.rows().zip(&self.inputs).map(|(blocks, input)| self.context(blocks, *input)).collect()
    }

    fn context(&self, blocks: &[u32], input: u32) -> u32 {
        let mut left = input;
        let mut shared = 0;
        for (place, number) in blocks.iter().enumerate() {
            let tokens = left.min(self.block_size);
            if self.is_shared(*number, place as u32) {
                shared += tokens;
            }
            left -= tokens;
        }
        shared
    }

    #[inline]
    fn is_shared(&self, number: u32, place: u32) -> bool {
        let first = self.places[number as usize];
        if first >> 1 == place {
            return first & 1 == 1;
        }
        self.elsewhere.get(&(number, place)).copied().unwrap_or(false)
    }

    fn cache(&self, size: u64) -> CacheFound {
        let mut lru = Lru::new(self.ids.count(), size);
        let found: Vec<u32> = self.rows().map(|blocks| lru.row(blocks) as u32).collect();
        let (hit_rate, hit_rate_of_blocks, hit_rate_of_tokens) = self.rates(&found);
        CacheFound { cache_blocks: size, hit_rate, hit_rate_of_blocks, hit_rate_of_tokens }
    }

    /// Of each row with ids the share of them that was found.
    fn rates_of_rows(&self, found: &[u32]) -> Vec<f64> {
        let with_ids = found.iter().zip(self.rows()).filter(|(_, blocks)| !blocks.is_empty());
        with_ids.map(|(found, blocks)| f64::from(*found) / blocks.len() as f64).collect()
    }

    /// The spread over rows, the share of blocks and the share of tokens, when `found` blocks of each row were there.
    fn rates(&self, found: &[u32]) -> (Option<Spread>, Option<f64>, Option<f64>) {
        let (mut all, mut spared) = (0, 0);
        let with_ids = self.rows().zip(found).zip(&self.inputs).filter(|((blocks, _), _)| !blocks.is_empty());
        for ((_, found), input) in with_ids {
            all += u64::from(*input);
            spared += (u64::from(*found) * u64::from(self.block_size)).min(u64::from(*input));
        }
        let blocks_found: u64 = found.iter().map(|n| u64::from(*n)).sum();
        let over_rows = Spread::of(self.rates_of_rows(found));
        (over_rows, share(blocks_found, self.blocks.len() as u64), share(spared, all))
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// More different ids than can be told apart.
pub(super) fn too_many() -> Unfit {
    Unfit {
        field: "hash_ids",
        what: "`hash_ids`: more than 4,294,967,294 different ids in one trace".to_owned(),
        hint: "cut the trace with `tokmark trace cut`".to_owned(),
    }
}
