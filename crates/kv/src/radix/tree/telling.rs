//! What is told to listeners: the names of pages that came and went.

use super::{NodeId, Tree};
use crate::hash::{LocalHash, follow};
use crate::radix::sequence::{Run, Sequence};
use crate::{Chain, KvEvent, Tier};

impl Tree {
    pub(in crate::radix) fn tell(&mut self, wanted: bool) {
        if wanted == self.telling {
            return;
        }
        self.telling = wanted;
        self.told.clear();
        for node in &mut self.nodes {
            node.names.clear();
        }
        if !wanted {
            return;
        }
        // A listener that comes late hears first what is there.
        let roots: Vec<(u64, NodeId)> = self.roots.iter().map(|(seed, root)| (*seed, *root)).collect();
        for (seed, root) in roots {
            let mut open = vec![root];
            while let Some(id) = open.pop() {
                let edge = std::mem::take(&mut self.node_mut(id).edge);
                self.tell_named(id, seed, &edge);
                self.node_mut(id).edge = edge;
                open.extend(self.node(id).children.values().rev());
            }
        }
    }

    pub(in crate::radix) fn telling(&self) -> bool {
        self.telling
    }

    /// The pages `from..to` of `sequence` are in the node from now on, behind those named.
    pub(super) fn tell_stored(&mut self, id: NodeId, sequence: &Sequence, from: u64, to: u64) {
        if self.telling {
            let mut runs = Vec::new();
            sequence.each_run(from, to, |run| runs.push(run));
            self.tell_named(id, sequence.seed(), &runs);
        }
    }

    fn tell_named(&mut self, id: NodeId, seed: u64, runs: &[Run]) {
        let mut before = self.node(id).names.last().copied();
        if before.is_none() {
            before = self.node(id).parent.and_then(|parent| self.node(parent).names.last().copied());
        }
        let parent = before;
        let mut blocks = Vec::new();
        for run in runs {
            let mut chain = Chain::new(self.page, seed);
            run.name(&mut chain, self.page);
            let mixed = match run {
                Run::Mixed(hash) => Some(LocalHash(*hash)),
                _ => None,
            };
            for local in chain.locals().iter().copied().chain(mixed) {
                let name = follow(before, local);
                blocks.push((name, local));
                before = Some(name);
            }
        }
        if blocks.is_empty() {
            return;
        }
        self.node_mut(id).names.extend(blocks.iter().map(|(name, _)| *name));
        self.told.push(KvEvent::Stored { tier: Tier::Device, parent, blocks });
    }
}
