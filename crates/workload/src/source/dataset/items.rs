//! Items on a shelf: each the packed rows of its turns. They lie in blocks of some dozens, and only where a block begins is kept in
//! memory.

use std::io;

use super::packed::{put, take};
use crate::source::shelf::Shelf;

/// Items of a block at most.
const BLOCK_ITEMS: u32 = 64;

/// Bytes after which a block is full.
const BLOCK_BYTES: usize = 4_096;

/// See the module.
pub(super) struct Items {
    shelf: Box<dyn Shelf>,
    /// First item of each block.
    firsts: Vec<u32>,
    /// Where each block begins.
    begins: Vec<u64>,
    len: u32,
    rows: u64,
    most_turns: u32,
    /// The block being filled; empty once [`Items::finish`] was called.
    filling: Vec<u8>,
    filled: u32,
}

impl Items {
    pub(super) fn new(shelf: Box<dyn Shelf>) -> Self {
        Self {
            shelf,
            firsts: Vec::new(),
            begins: Vec::new(),
            len: 0,
            rows: 0,
            most_turns: 0,
            filling: Vec::new(),
            filled: 0,
        }
    }

    /// Items there are.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// Rows of all items.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Turns of the longest item.
    pub(super) fn most_turns(&self) -> u32 {
        self.most_turns
    }

    /// An empty shelf of the same kind.
    pub(super) fn another_shelf(&self) -> io::Result<Box<dyn Shelf>> {
        self.shelf.another()
    }

    /// Bytes of the shelf, and of the index in memory.
    pub(super) fn bytes(&self) -> (u64, u64) {
        (self.shelf.len(), (self.firsts.len() * (size_of::<u32>() + size_of::<u64>())) as u64)
    }

    /// One more item, of `turns` packed rows.
    pub(super) fn push<T: AsRef<[u8]>>(&mut self, turns: &[T]) -> io::Result<()> {
        let size: usize = turns.iter().map(|turn| turn.as_ref().len()).sum();
        if self.filled > 0 && self.filling.len() + size > BLOCK_BYTES {
            self.finish()?;
        }
        put(&mut self.filling, turns.len() as u64);
        for turn in turns {
            put(&mut self.filling, turn.as_ref().len() as u64);
            self.filling.extend_from_slice(turn.as_ref());
        }
        self.filled += 1;
        self.len += 1;
        self.rows += turns.len() as u64;
        self.most_turns = self.most_turns.max(turns.len() as u32);
        if self.filled == BLOCK_ITEMS || self.filling.len() >= BLOCK_BYTES {
            self.finish()?;
        }
        Ok(())
    }

    /// Closes the block being filled; to be called before anything is read.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if self.filled > 0 {
            self.firsts.push(self.len - self.filled);
            self.begins.push(self.shelf.len());
            self.shelf.append(&self.filling)?;
            self.filling.clear();
            self.filled = 0;
        }
        Ok(())
    }

    /// The block with `item`: what [`Block::turns`] reads.
    pub(super) fn block_of(&self, item: u32) -> Block {
        self.block(self.firsts.partition_point(|first| *first <= item).saturating_sub(1))
    }

    /// All blocks, in order.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Block> + '_ {
        (0..self.firsts.len()).map(|at| self.block(at))
    }

    fn block(&self, at: usize) -> Block {
        let (first, begin) = (self.firsts[at], self.begins[at]);
        let end = self.begins.get(at + 1).copied().unwrap_or_else(|| self.shelf.len());
        let items = self.firsts.get(at + 1).copied().unwrap_or(self.len) - first;
        let mut bytes = vec![0; (end - begin) as usize];
        if let Err(e) = self.shelf.read_at(begin, &mut bytes) {
            // A plan has no way to say so, and words made up in its place would be measured as the trace's.
            panic!("rows of the trace that were written to disk cannot be read again: {e}");
        }
        Block { first, items, bytes }
    }
}

/// Some items in a row.
pub(super) struct Block {
    /// The first.
    pub(super) first: u32,
    /// How many.
    pub(super) items: u32,
    bytes: Vec<u8>,
}

impl Block {
    /// The packed rows of `item`, which must be one of its items.
    pub(super) fn turns(&self, item: u32) -> Turns<'_> {
        let mut turns = self.all();
        let skip = (item - self.first) as usize;
        turns.nth(skip).unwrap_or(Turns { left: 0, bytes: &[] })
    }

    /// All its items.
    pub(super) fn all(&self) -> impl Iterator<Item = Turns<'_>> {
        let mut bytes = &self.bytes[..];
        std::iter::from_fn(move || {
            if bytes.is_empty() {
                return None;
            }
            let turns = Turns { left: take(&mut bytes) as u32, bytes };
            let mut behind = turns.clone();
            behind.by_ref().for_each(drop);
            bytes = behind.bytes;
            Some(turns)
        })
    }
}

/// The packed rows of an item, one after the other.
#[derive(Clone)]
pub(super) struct Turns<'a> {
    left: u32,
    bytes: &'a [u8],
}

impl<'a> Iterator for Turns<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let size = take(&mut self.bytes) as usize;
        let (turn, rest) = self.bytes.split_at(size.min(self.bytes.len()));
        self.bytes = rest;
        Some(turn)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Turns<'_> {}
