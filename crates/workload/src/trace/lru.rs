//! A cache of blocks that throws out what was used longest ago.

use super::intern::NONE;

/// Blocks are numbers `0..n`; the cache holds at most so many.
///
/// A row finds the blocks from its first up to the first one that is missing. Then all its blocks are the most recently used
/// ones, its first block before its last, so that what is thrown out of a row is its end: a beginning without its end is still
/// of use, an end without its beginning is not.
#[derive(Debug)]
pub struct Lru {
    /// Before and after, towards the most and the least recently used; the entry behind the last block is both ends.
    links: Vec<[u32; 2]>,
    end: u32,
    held: u64,
    most: u64,
}

impl Lru {
    /// For blocks `0..n`, holding at most `most`.
    pub fn new(n: u32, most: u64) -> Self {
        let mut links = vec![[NONE; 2]; n as usize + 1];
        links[n as usize] = [n, n];
        Self { links, end: n, held: 0, most }
    }

    /// How many of `blocks`, from the first on, are there. Afterwards all of them are, as far as there is room.
    pub fn row(&mut self, blocks: &[u32]) -> usize {
        let found = blocks.iter().take_while(|b| self.holds(**b)).count();
        // What the row has is not thrown out to make room for what it has not.
        for block in blocks.iter().rev() {
            if self.holds(*block) {
                self.unlink(*block);
                self.link(*block);
            }
        }
        for block in blocks.iter().rev() {
            self.touch(*block);
        }
        found
    }

    pub(super) fn holds(&self, block: u32) -> bool {
        self.links[block as usize][0] != NONE
    }

    fn touch(&mut self, block: u32) {
        if self.holds(block) {
            self.unlink(block);
        } else if self.held == self.most {
            let oldest = self.links[self.end as usize][0];
            if oldest == self.end {
                return;
            }
            self.unlink(oldest);
            self.links[oldest as usize] = [NONE; 2];
        } else {
            self.held += 1;
        }
        self.link(block);
    }

    fn unlink(&mut self, block: u32) {
        let [before, after] = self.links[block as usize];
        self.links[before as usize][1] = after;
        self.links[after as usize][0] = before;
    }

    /// As the most recently used.
    fn link(&mut self, block: u32) {
        let newest = self.links[self.end as usize][1];
        self.links[block as usize] = [self.end, newest];
        self.links[newest as usize][0] = block;
        self.links[self.end as usize][1] = block;
    }
}
