//! The tree of prefixes behind a trace: what is shared by whom, and what comes after it.
//!
//! Rows walk from the root along their ids; a node is an id after all the ids before it. Nodes that more than one row visits are
//! the *core*. Blocks of the core that the same rows visit one after another are one [`Step`] with a length. What of a row lies
//! beyond the core is its own prompt.
//!
//! Each step keeps, for every visit in the order of the file, how it went on: to which step, or how the row ended. A walk that
//! takes these in order is the trace's own; [`super::synthesize`] takes them in another.

use std::collections::HashMap;

use tokmark_base::Micros;

use super::analyze::too_many;
use super::intern::{Interner, Mixed, NONE};
use super::row::{TraceRow, Unfit};

/// Marks an outcome that is the end of a row; the rest is the row's number.
pub(super) const END: u32 = 1 << 31;

/// A stretch of shared blocks without a fork.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The step before it; the root is its own.
    pub parent: u32,
    /// Blocks.
    pub length: u32,
    /// Blocks from the root to its end.
    pub depth: u32,
    /// Rows that come through.
    pub visits: u32,
    /// Where its outcomes begin.
    pub outcomes: usize,
}

/// What a row has beside its walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SourceRow {
    /// Input tokens beyond the core; 0: the row ends within the core.
    pub own: u32,
    /// Input tokens within the last block of the core, if the row ends there.
    pub tail: u32,
    /// Output tokens, if the row says.
    pub output: Option<u32>,
    /// Blocks of the core.
    pub depth: u32,
    /// It was the first to visit some step.
    pub first: bool,
}

/// The tree, and what does not hang in it.
#[derive(Debug)]
pub struct PrefixTree {
    pub(super) block_size: u32,
    pub(super) steps: Vec<Step>,
    /// Of all steps, one after another: a step, or [`END`] and a row.
    pub(super) outcomes: Vec<u32>,
    pub(super) rows: Vec<SourceRow>,
    /// Between rows in the order of their times.
    pub(super) gaps: Vec<i64>,
    /// Rows that had a session or a delay, which a tree has no place for.
    pub sessions_dropped: u64,
    /// Rows that had further fields, which are not kept.
    pub fields_dropped: u64,
}

/// Builds the tree from rows.
#[derive(Debug)]
pub struct TreeBuilder {
    block_size: u32,
    ids: Interner,
    nodes: Vec<Node>,
    /// The node of an id by its number: the one made when it was first seen.
    node_of: Vec<u32>,
    /// Nodes of ids seen after other ids than the first time.
    moved: HashMap<(u32, u32), u32, Mixed>,
    /// Nodes, row by row.
    walks: Vec<u32>,
    ends: Vec<usize>,
    inputs: Vec<u32>,
    outputs: Vec<Option<u32>>,
    times: Vec<Micros>,
    sessions: u64,
    fields: u64,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    parent: u32,
    visits: u32,
}

impl TreeBuilder {
    /// With blocks of `block_size` tokens.
    pub fn new(block_size: u32) -> Self {
        Self {
            block_size,
            ids: Interner::default(),
            nodes: Vec::new(),
            node_of: Vec::new(),
            moved: HashMap::default(),
            walks: Vec::new(),
            ends: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            times: Vec::new(),
            sessions: 0,
            fields: 0,
        }
    }

    /// Takes a row. Either every row has a time or none.
    pub fn add(&mut self, row: &TraceRow) -> Result<(), Unfit> {
        let input = row.input_of_blocks(self.block_size)?;
        if self.inputs.len() as u32 >= END - 1 {
            return Err(too_many());
        }
        let all_timed = self.times.len() == self.inputs.len();
        if !self.inputs.is_empty() && row.at.is_some() != all_timed {
            return Err(Unfit {
                field: "timestamp",
                what: "`timestamp` is given in some rows and not in others".to_owned(),
                hint: "give every row a time, or none".to_owned(),
            });
        }
        self.ids.expect(&row.ids);
        let mut parent = NONE;
        for id in &row.ids {
            parent = self.visit(parent, *id).ok_or_else(too_many)?;
            self.walks.push(parent);
        }
        self.ends.push(self.walks.len());
        self.inputs.push(input);
        self.outputs.push(row.output);
        self.times.extend(row.at);
        self.sessions += u64::from(row.session.is_some() || row.delay.is_some());
        self.fields += u64::from(!row.rest.is_empty());
        Ok(())
    }

    /// Goes from the node `parent` to that of `id` below it.
    #[inline]
    fn visit(&mut self, parent: u32, id: u64) -> Option<u32> {
        let (number, new) = self.ids.number(id)?;
        if new {
            let node = self.add_node(parent)?;
            self.node_of.push(node);
            return Some(node);
        }
        let node = self.node_of[number as usize];
        if self.nodes[node as usize].parent == parent {
            self.nodes[node as usize].visits += 1;
            return Some(node);
        }
        if let Some(node) = self.moved.get(&(parent, number)) {
            self.nodes[*node as usize].visits += 1;
            return Some(*node);
        }
        let node = self.add_node(parent)?;
        self.moved.insert((parent, number), node);
        Some(node)
    }

    fn add_node(&mut self, parent: u32) -> Option<u32> {
        let node = u32::try_from(self.nodes.len()).ok().filter(|n| *n != NONE)?;
        self.nodes.push(Node { parent, visits: 1 });
        Some(node)
    }

    /// The tree of the rows so far.
    pub fn finish(self) -> PrefixTree {
        let (steps, step_of) = self.steps();
        let mut tree = PrefixTree {
            block_size: self.block_size,
            outcomes: vec![0; steps.last().map_or(0, |s| s.outcomes + s.visits as usize)],
            steps,
            rows: Vec::with_capacity(self.inputs.len()),
            gaps: Vec::new(),
            sessions_dropped: self.sessions,
            fields_dropped: self.fields,
        };
        let mut next = vec![0_u32; tree.steps.len()];
        let mut start = 0;
        for (row, end) in self.ends.iter().enumerate() {
            let walk = &self.walks[start..*end];
            start = *end;
            self.put(row, walk, &step_of, &mut next, &mut tree);
        }
        tree.gaps = gaps(self.times);
        tree
    }

    /// Enters a row's outcomes.
    fn put(&self, row: usize, walk: &[u32], step_of: &[u32], next: &mut [u32], tree: &mut PrefixTree) {
        let (mut step, mut depth, mut first) = (0_u32, 0, false);
        let mut go_on = |from: u32, outcome: u32| {
            let n = &mut next[from as usize];
            tree.outcomes[tree.steps[from as usize].outcomes + *n as usize] = outcome;
            *n += 1;
            *n == 1
        };
        for node in walk {
            let to = step_of[*node as usize];
            if to == NONE {
                break;
            }
            depth += 1;
            if to != step {
                first |= go_on(step, to) && step != 0;
                step = to;
            }
        }
        first |= go_on(step, END | row as u32) && step != 0;
        let input = self.inputs[row];
        let core = u64::from(depth) * u64::from(self.block_size);
        let own = u64::from(input).saturating_sub(core) as u32;
        // If it ends within the core, all blocks before its last are full.
        let tail = if own > 0 || depth == 0 { 0 } else { input - (depth - 1) * self.block_size };
        tree.rows.push(SourceRow { own, tail, output: self.outputs[row], depth, first });
    }

    /// The steps, and for each node its step ([`NONE`]: it is not of the core).
    fn steps(&self) -> (Vec<Step>, Vec<u32>) {
        let rows = self.inputs.len() as u32;
        let mut steps = vec![Step { parent: 0, length: 0, depth: 0, visits: rows, outcomes: 0 }];
        let mut step_of = vec![NONE; self.nodes.len()];
        // A node comes after its parent.
        for (index, node) in self.nodes.iter().enumerate() {
            if node.visits < 2 {
                continue;
            }
            let parent = if node.parent == NONE { 0 } else { step_of[node.parent as usize] };
            let visits = steps[parent as usize].visits;
            if parent != 0 && visits == node.visits {
                steps[parent as usize].length += 1;
                step_of[index] = parent;
            } else {
                step_of[index] = steps.len() as u32;
                steps.push(Step { parent, length: 1, depth: 0, visits: node.visits, outcomes: 0 });
            }
        }
        let mut outcomes = 0;
        for at in 0..steps.len() {
            let depth = steps[steps[at].parent as usize].depth;
            let step = &mut steps[at];
            step.depth = depth + step.length;
            step.outcomes = outcomes;
            outcomes += step.visits as usize;
        }
        (steps, step_of)
    }
}

impl PrefixTree {
    /// Rows it was made of.
    pub fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Steps of shared blocks, the root not counted.
    pub fn shared_steps(&self) -> u64 {
        self.steps.len() as u64 - 1
    }

    /// Blocks that more than one row has.
    pub fn shared_blocks(&self) -> u64 {
        self.steps.iter().map(|step| u64::from(step.length)).sum()
    }
}

fn gaps(mut times: Vec<Micros>) -> Vec<i64> {
    times.sort_unstable();
    times.windows(2).map(|pair| (pair[1] - pair[0]).0).collect()
}
