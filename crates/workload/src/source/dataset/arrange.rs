//! Puts rows in the order in which they are taken: those of one session together, items by the time of their first row, and only
//! those of the window asked. A file that is in that order already stays as it lies.

use tokmark_base::Micros;
use tokmark_base::digest::Digest;

use super::items::Items;
use super::packed::Head;
use super::{DatasetError, shelf};
use crate::course::MOST_TURNS;
use crate::source::FileFormat;
use crate::source::row::Row;
use crate::spec::{History, WorkloadSpec};

/// Stands for no time.
const NEVER: i64 = i64::MIN;

/// What is seen while rows are read.
#[derive(Default)]
pub(super) struct Arrangement {
    /// Rows of sessions: a hash of the session's name in two halves (12 bytes in all, not 16), and the row. Two names of one hash are
    /// an accident of 1 in 2⁶⁴ a pair.
    sessions: Vec<(u32, u32, u32)>,
    /// Some row comes before one of an earlier time.
    disordered: bool,
    first: Option<i64>,
    last: Option<i64>,
    /// Rows outside of sessions with a delay.
    delays: u64,
}

/// What is wanted.
pub(super) struct Wanted<'a> {
    pub(super) file: &'a str,
    pub(super) format: FileFormat,
    pub(super) from: Option<Micros>,
    pub(super) to: Option<Micros>,
    pub(super) spec: &'a WorkloadSpec,
}

/// Rows in order.
pub(super) struct Told {
    pub(super) items: Items,
    pub(super) origin: Option<Micros>,
    pub(super) span: Micros,
    /// Later turns hold only what is new.
    pub(super) adds: bool,
    /// First turns with a delay.
    pub(super) first_delays: u64,
}

impl Arrangement {
    /// `row` was read, as number `number`.
    pub(super) fn note(&mut self, row: &Row, number: u32) {
        if let Some(Micros(at)) = row.at {
            self.disordered |= self.last.is_some_and(|last| at < last);
            self.first = Some(self.first.map_or(at, |first| first.min(at)));
            self.last = Some(self.last.map_or(at, |last| last.max(at)));
        }
        match &row.session {
            Some(name) => {
                let hash = Digest::new().part(name).bytes();
                let half =
                    |at: usize| u32::from_le_bytes([hash[at], hash[at + 1], hash[at + 2], hash[at + 3]]);
                self.sessions.push((half(0), half(4), number));
            }
            None => self.delays += u64::from(row.delay.is_some_and(|delay| delay > Micros::ZERO)),
        }
    }

    /// Puts `rows`, each an item of its own, in order.
    pub(super) fn arrange(self, rows: Items, wanted: &Wanted<'_>) -> Result<Told, DatasetError> {
        let told = Told {
            items: rows,
            origin: self.first.map(Micros),
            span: self
                .first
                .zip(self.last)
                .map_or(Micros::ZERO, |(first, last)| Micros(last) - Micros(first)),
            adds: false,
            first_delays: self.delays,
        };
        let windowed = wanted.from.is_some() || wanted.to.is_some();
        if self.sessions.is_empty() && !self.disordered && !windowed {
            return Ok(told);
        }
        Ordering::new(self, &told).sort(wanted, &told)?.write(wanted, &told)
    }
}

/// The order of rows, as it is made. A few bytes a row, and only for as long as this takes.
struct Ordering {
    /// The first row of each row's session; the row itself if it stands alone.
    first: Vec<u32>,
    /// The time of each row, or [`NEVER`].
    at: Vec<i64>,
    /// Rows to take, in order.
    order: Vec<u32>,
}

impl Ordering {
    fn new(seen: Arrangement, rows: &Told) -> Self {
        let mut first: Vec<u32> = (0..rows.items.len()).collect();
        let mut sessions = seen.sessions;
        sessions.sort_unstable();
        let mut head = None;
        for (high, low, row) in sessions {
            match head {
                Some((same, head)) if same == (high, low) => first[row as usize] = head,
                _ => head = Some(((high, low), row)),
            }
        }
        let mut at = Vec::with_capacity(first.len());
        for block in rows.items.blocks() {
            for mut turns in block.all() {
                at.push(turns.next().and_then(|row| Head::of(row).at).map_or(NEVER, |at| at.0));
            }
        }
        Self { first, at, order: Vec::new() }
    }

    /// Chooses the rows of the window and sorts them.
    fn sort(mut self, wanted: &Wanted<'_>, rows: &Told) -> Result<Self, DatasetError> {
        let origin = rows.origin.map_or(0, |origin| origin.0);
        let (from, to) = (wanted.from.map_or(i64::MIN, |from| from.0), wanted.to.map_or(i64::MAX, |to| to.0));
        let inside = |at: i64| (from..=to).contains(&(at - origin));
        // A row without a time goes where its session's row before it went.
        let mut taken = vec![false; self.first.len()];
        let mut going = vec![false; self.first.len()];
        for (row, taken) in taken.iter_mut().enumerate() {
            let session = self.first[row] as usize;
            if self.at[row] != NEVER || session == row {
                going[session] = self.at[row] == NEVER || inside(self.at[row]);
            }
            *taken = going[session];
        }
        drop(going);
        self.lead(&taken);
        self.order = (0..self.first.len() as u32).filter(|row| taken[*row as usize]).collect();
        drop(taken);
        if self.order.is_empty() {
            let end =
                |end: Option<Micros>, open: &str| end.map_or_else(|| open.to_owned(), |end| end.to_string());
            return Err(DatasetError::Window {
                file: wanted.file.to_owned(),
                from: end(wanted.from, "the start"),
                to: end(wanted.to, "the end"),
                last: rows.span,
            });
        }
        if rows.origin.is_some()
            && let Some(row) = self
                .order
                .iter()
                .find(|row| self.first[**row as usize] == **row && self.at[**row as usize] == NEVER)
        {
            return Err(DatasetError::Untimed { file: wanted.file.to_owned(), row: u64::from(*row) + 1 });
        }
        let (first, at) = (&self.first, &self.at);
        self.order.sort_unstable_by_key(|row| {
            let session = first[*row as usize];
            (at[session as usize], session, *row)
        });
        Ok(self)
    }

    /// Lets each session begin with its first row that is taken.
    fn lead(&mut self, taken: &[bool]) {
        for row in 0..self.first.len() {
            let head = self.first[row] as usize;
            if !taken[row] || head == row || taken[head] {
                continue;
            }
            // The place of a first row that is not taken keeps the row that now leads: itself until there is one.
            if self.first[head] as usize == head {
                self.first[head] = row as u32;
            }
            self.first[row] = self.first[head];
        }
    }

    /// Writes the rows once more, in order.
    fn write(self, wanted: &Wanted<'_>, rows: &Told) -> Result<Told, DatasetError> {
        let Self { first, at, order } = self;
        let failed = |source| shelf(wanted.file, source);
        let mut items = Items::new(rows.items.another_shelf().map_err(failed)?);
        let (mut kinds, mut first_delays) = (Kinds::default(), 0);
        let mut block = rows.items.block_of(order[0]);
        let mut turns: Vec<Vec<u8>> = Vec::new();
        for session in order.chunk_by(|a, b| first[*a as usize] == first[*b as usize]) {
            if session.len() > MOST_TURNS as usize {
                return Err(DatasetError::Turns {
                    file: wanted.file.to_owned(),
                    row: u64::from(session[0]) + 1,
                });
            }
            turns.clear();
            for row in session {
                if !(block.first..block.first + block.items).contains(row) {
                    block = rows.items.block_of(*row);
                }
                let packed = block.turns(*row).next().unwrap_or_default();
                let head = Head::of(packed);
                if turns.is_empty() {
                    first_delays += u64::from(head.delay.is_some_and(|delay| delay > Micros::ZERO));
                } else {
                    kinds.note(adds(wanted.format, &head));
                }
                turns.push(packed.to_vec());
            }
            items.push(&turns).map_err(failed)?;
        }
        items.finish().map_err(failed)?;
        if kinds.whole && kinds.new && wanted.spec.sessions.history != History::None {
            return Err(DatasetError::Mixed { file: wanted.file.to_owned() });
        }
        let origin = rows.origin.map(|_| Micros(at[order[0] as usize]));
        let last = order.iter().map(|row| at[*row as usize]).max().unwrap_or(0);
        let span = origin.map_or(Micros::ZERO, |origin| Micros(last) - origin);
        Ok(Told { items, origin, span, adds: kinds.new, first_delays })
    }
}

/// What later turns hold.
#[derive(Default)]
struct Kinds {
    whole: bool,
    new: bool,
}

impl Kinds {
    fn note(&mut self, adds: bool) {
        self.new |= adds;
        self.whole |= !adds;
    }
}

/// Whether a later turn of this kind holds only what is new.
fn adds(format: FileFormat, row: &Head<'_>) -> bool {
    match format {
        FileFormat::MultiTurn | FileFormat::ShareGpt => true,
        FileFormat::Mooncake => !row.says_all(),
        // AIPerf's rows of one session follow each other and say nothing of those before.
        FileFormat::SingleTurn
        | FileFormat::RandomPool
        | FileFormat::Azure
        | FileFormat::BurstGpt
        | FileFormat::VllmTimed
        | FileFormat::RawPayload
        | FileFormat::InputsJson
        | FileFormat::DynamoRequests => false,
    }
}
