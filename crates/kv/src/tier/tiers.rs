//! All tiers of one worker together.

use std::collections::BTreeMap;

use tokmark_base::Micros;

use super::pool::{Block, Full, TierPool};
use super::report::{Loaded, Moved, Reach, Recent, Skipped, TierCensus, TierReport};
use super::transfer::{Link, Ns, Place};
use super::{FrequencyFilter, TierParams, TiersParams};
use crate::index::NameMap;
use crate::{KvEvent, SequenceHash, Tier};

/// A block on its way into a tier.
#[derive(Clone, Copy, Debug)]
struct Offload {
    block: Block,
    from: Tier,
    priority: u32,
}

/// A block on its way to the device.
#[derive(Clone, Copy, Debug)]
struct Load {
    name: SequenceHash,
    ticket: u64,
}

/// What one request waits for.
#[derive(Clone, Debug)]
struct Loading {
    request: u64,
    blocks: u32,
    left: u32,
    /// Where in which queue its blocks were put.
    places: Vec<(usize, Place)>,
}

/// Why a copy is not made; see [`Skipped`].
#[derive(Clone, Copy, Debug)]
enum Skip {
    Gone,
    There,
    Filtered,
    Full,
}

/// A tier with its two links.
#[derive(Clone, Debug)]
struct Shelf {
    pool: TierPool,
    write: Link<Offload>,
    read: Link<Load>,
    /// Who waits to be written.
    queued: NameMap<SequenceHash, Place>,
    /// Who is asked for, and how often.
    loading: NameMap<SequenceHash, u32>,
    evicted: u64,
}

const HOST: usize = 0;
const DISK: usize = 1;
const TIERS: [Tier; 3] = [Tier::Host, Tier::Disk, Tier::Object];

/// The tiers of one worker; see the module. Every call lets happen first what is due at its moment or before; moments must not go
/// back, and one before the last is taken as the last.
#[derive(Clone, Debug)]
pub struct Tiers {
    now: Ns,
    shelves: [Option<Shelf>; 3],
    filter: Option<FrequencyFilter>,
    tickets: u64,
    loading: BTreeMap<u64, Loading>,
    by_request: BTreeMap<u64, u64>,
    loaded: Vec<Loaded>,
    offered: u64,
    moved: Moved,
    skipped: Skipped,
    recent: Recent,
    told: Option<Vec<(Micros, KvEvent)>>,
}

impl Shelf {
    fn new(params: &TierParams, block_bytes: u64) -> Self {
        Self {
            pool: TierPool::new(params.blocks),
            write: Link::writing(params, block_bytes),
            read: Link::reading(params, block_bytes),
            queued: NameMap::default(),
            loading: NameMap::default(),
            evicted: 0,
        }
    }

    fn census(&self) -> TierCensus {
        TierCensus {
            total: self.pool.total(),
            used: self.pool.used(),
            free: self.pool.free(),
            coming: self.pool.coming(),
            queued: self.write.queued() as u32,
            asked: self.read.queued() as u32,
            leaving: self.read.moving() as u32,
            evicted: self.evicted,
        }
    }

    /// A block is not asked for any more by one of those who did.
    fn let_go(&mut self, name: SequenceHash) {
        self.pool.let_go(name);
        if let Some(times) = self.loading.get_mut(&name) {
            *times -= 1;
            if *times == 0 {
                self.loading.remove(&name);
            }
        }
    }
}

impl Tiers {
    /// Empty tiers.
    pub fn new(params: &TiersParams) -> Self {
        let shelf = |tier: &Option<TierParams>| tier.as_ref().map(|t| Shelf::new(t, params.block_bytes));
        Self {
            now: Ns(i64::MIN),
            shelves: [shelf(&params.host), shelf(&params.disk), shelf(&params.object)],
            filter: params.disk_filter.map(FrequencyFilter::new),
            tickets: 0,
            loading: BTreeMap::new(),
            by_request: BTreeMap::new(),
            loaded: Vec::new(),
            offered: 0,
            moved: Moved::default(),
            skipped: Skipped::default(),
            recent: Recent::default(),
            told: None,
        }
    }

    /// Blocks are complete on the device; of two offered, that of the smaller priority is copied first.
    pub fn store(&mut self, now: Micros, blocks: &[Block], priority: u32) {
        self.run(now.into());
        for nth in self.fed_by_device() {
            for block in blocks {
                self.offer(nth, Offload { block: *block, from: Tier::Device, priority });
            }
        }
        self.run(now.into());
    }

    /// Blocks are no longer on the device: copies of them that have not left cannot be made.
    pub fn gone(&mut self, now: Micros, names: &[SequenceHash]) {
        self.run(now.into());
        for nth in self.fed_by_device() {
            let Some(shelf) = &mut self.shelves[nth] else {
                continue;
            };
            for name in names {
                if let Some(place) = shelf.queued.remove(name)
                    && shelf.write.withdraw(place).is_some()
                {
                    self.skipped.gone += 1;
                }
            }
        }
    }

    /// Which tiers copy from the device.
    fn fed_by_device(&self) -> impl Iterator<Item = usize> + use<> {
        let bypassed = self.shelves[HOST].is_none();
        let there = [0, 1, 2].map(|nth| self.shelves[nth].is_some());
        (0..3).filter(move |nth| there[*nth] && (*nth != DISK || bypassed))
    }

    /// How far the tiers go on behind the first `from` of `names`, which the device has.
    pub fn lookup(&mut self, now: Micros, names: &[SequenceHash], from: usize) -> Reach {
        self.run(now.into());
        self.reach(names.get(from..).unwrap_or_default())
    }

    /// A request with these blocks got what it needs: everything of it that is in a tier counts as used, its end longest ago, as
    /// vLLM's connector has it. Part of [`Self::onboard`]; else to be told when the request is admitted.
    pub fn touch(&mut self, now: Micros, names: &[SequenceHash]) {
        self.run(now.into());
        for shelf in self.shelves.iter_mut().flatten() {
            names.iter().rev().for_each(|name| shelf.pool.touch(*name));
        }
    }

    /// How far the tiers go on with `names`.
    fn reach(&self, names: &[SequenceHash]) -> Reach {
        let mut runs = [0; 3];
        let mut rest = names;
        let mut waits = false;
        for (shelf, run) in self.shelves.iter().zip(&mut runs) {
            let Some(shelf) = shelf else {
                continue;
            };
            let held = rest.iter().take_while(|name| shelf.pool.holds(**name)).count();
            let (held, behind) = rest.split_at(held);
            waits |= held.iter().any(|name| shelf.loading.contains_key(name));
            (*run, rest) = (held.len() as u32, behind);
        }
        if let Some(next) = rest.first() {
            waits |=
                self.shelves.iter().flatten().any(|shelf| shelf.pool.has(*next) && !shelf.pool.holds(*next));
        }
        let [host, disk, object] = runs;
        Reach { host, disk, object, waits }
    }

    /// A request wants on the device what [`Self::lookup`] finds for it. Says how far that reaches; if that is not nothing,
    /// [`Self::loaded`] tells when it is there. When that will be is not known before: others may share the way.
    pub fn onboard(&mut self, now: Micros, request: u64, names: &[SequenceHash], from: usize) -> Reach {
        let reach = self.lookup(now, names, from);
        if reach.blocks() == 0 {
            return reach;
        }
        self.cancel(now, request);
        self.touch(now, names);
        self.tickets += 1;
        let ticket = self.tickets;
        let mut places = Vec::with_capacity(reach.blocks() as usize);
        let mut next = from;
        for (nth, run) in reach.by_tier().into_iter().enumerate() {
            let end = next + run as usize;
            if let Some(shelf) = &mut self.shelves[nth] {
                for name in &names[next..end] {
                    shelf.pool.read(*name);
                    *shelf.loading.entry(*name).or_insert(0) += 1;
                    places.push((nth, shelf.read.push(0, Load { name: *name, ticket })));
                }
            }
            next = end;
        }
        let blocks = reach.blocks();
        self.loading.insert(ticket, Loading { request, blocks, left: blocks, places });
        self.by_request.insert(request, ticket);
        self.run(now.into());
        reach
    }

    /// A request does not want its blocks any more. What is on its way arrives all the same, for nobody.
    pub fn cancel(&mut self, now: Micros, request: u64) {
        self.run(now.into());
        self.loaded.retain(|loaded| loaded.request != request);
        let Some(loading) = self.by_request.remove(&request).and_then(|ticket| self.loading.remove(&ticket))
        else {
            return;
        };
        for (nth, place) in loading.places {
            if let Some(shelf) = &mut self.shelves[nth]
                && let Some(load) = shelf.read.withdraw(place)
            {
                shelf.let_go(load.name);
            }
        }
        self.run(now.into());
    }

    /// Who got all it asked for since the last call, in the order in which that came about.
    pub fn loaded(&mut self) -> impl Iterator<Item = Loaded> + '_ {
        self.loaded.drain(..)
    }

    /// Requests whose blocks are not all there yet.
    pub fn loads(&self) -> usize {
        self.loading.len()
    }

    /// A request that asked for `queried` blocks behind those of the device was told `reach`. One that asked for none does not
    /// count.
    pub fn count(&mut self, queried: u64, reach: Reach) {
        self.recent.note(queried, reach.by_tier());
    }

    /// Lets everything happen that is due at `now` or before.
    pub fn advance(&mut self, now: Micros) {
        self.run(now.into());
    }

    /// When something arrives next if no command comes before; what [`Self::loaded`] would tell now counts from when it arrived.
    pub fn next_due(&self) -> Option<Micros> {
        let untold = self.loaded.first().map(|loaded| loaded.at);
        untold.or_else(|| self.next().map(|(at, _)| at.into()))
    }

    /// The next arrival, and on which link. Of those at one moment, into the tiers before out of them, and into the lowest tier
    /// first, so that a block is not driven out of the host by the next one while its own way on is free.
    fn next(&self) -> Option<(Ns, usize)> {
        let write = |nth: usize| self.shelves[nth].as_ref().and_then(|shelf| shelf.write.next_arrival());
        let read = |nth: usize| self.shelves[nth].as_ref().and_then(|shelf| shelf.read.next_arrival());
        let arrivals = (0..6).filter_map(|link| {
            let at = if link < 3 { write(2 - link) } else { read(link - 3) };
            at.map(|at| (at, link))
        });
        arrivals.min()
    }

    fn run(&mut self, to: Ns) {
        loop {
            (0..3).rev().for_each(|nth| self.depart(nth));
            let Some((at, link)) = self.next().filter(|(at, _)| *at <= to) else {
                break;
            };
            self.now = self.now.max(at);
            if link < 3 { self.written(2 - link, at) } else { self.read(link - 3, at) }
        }
        if to > self.now {
            self.now = to;
        }
    }

    /// Lets leave what can.
    fn depart(&mut self, nth: usize) {
        // Out of its place for a while, so that source and target can be changed at once.
        let Some(mut shelf) = self.shelves[nth].take() else {
            return;
        };
        let now = self.now;
        let mut removed = Vec::new();
        while shelf.write.may_start() {
            let Shelf { pool, write, queued, .. } = &mut shelf;
            write.start(now, |job| {
                queued.remove(&job.block.name);
                let taken = self.take(nth, pool, job);
                match &taken {
                    Ok(gone) => removed.extend(gone),
                    Err(why) => self.skip(*why),
                }
                taken.is_ok()
            });
        }
        if !removed.is_empty() {
            shelf.evicted += removed.len() as u64;
            self.tell(now, KvEvent::Removed { tier: TIERS[nth], blocks: removed });
        }
        while shelf.read.may_start() {
            let counter = match nth {
                HOST => &mut self.moved.onboard_blocks_h2d,
                DISK => &mut self.moved.onboard_blocks_d2d,
                _ => &mut self.moved.onboard_blocks_o2d,
            };
            shelf.read.start(now, |_| {
                *counter += 1;
                true
            });
        }
        self.shelves[nth] = Some(shelf);
    }

    /// Takes a place in tier `nth` for a block whose turn has come, and says who had to go for it. KVBM's questions, in its order.
    fn take(
        &mut self,
        nth: usize,
        target: &mut TierPool,
        job: &Offload,
    ) -> Result<Option<SequenceHash>, Skip> {
        let (name, from_host) = (job.block.name, job.from == Tier::Host);
        // What the device loses is out of the queue already.
        let host = self.shelves[HOST].as_mut().filter(|_| from_host);
        if from_host && !host.as_ref().is_some_and(|host| host.pool.holds(name)) {
            return Err(Skip::Gone);
        }
        if target.has(name) {
            return Err(Skip::There);
        }
        let now = self.now.into();
        if from_host && self.filter.as_mut().is_some_and(|filter| !filter.sees(now, name)) {
            return Err(Skip::Filtered);
        }
        let gone = target.take(job.block).map_err(|Full| Skip::Full)?;
        if let Some(host) = host {
            host.pool.read(name);
        }
        *match (nth, from_host) {
            (HOST, _) => &mut self.moved.offload_blocks_d2h,
            (DISK, true) => &mut self.moved.offload_blocks_h2d,
            (DISK, false) => &mut self.moved.offload_blocks_d2d,
            _ => &mut self.moved.offload_blocks_d2o,
        } += 1;
        Ok(gone)
    }

    fn skip(&mut self, why: Skip) {
        *match why {
            Skip::Gone => &mut self.skipped.gone,
            Skip::There => &mut self.skipped.there,
            Skip::Filtered => &mut self.skipped.filtered,
            Skip::Full => &mut self.skipped.full,
        } += 1;
    }

    fn offer(&mut self, nth: usize, job: Offload) {
        let Some(shelf) = &mut self.shelves[nth] else {
            return;
        };
        self.offered += 1;
        if shelf.queued.contains_key(&job.block.name) {
            self.skip(Skip::There);
            return;
        }
        let place = shelf.write.push(job.priority, job);
        shelf.queued.insert(job.block.name, place);
    }

    /// A batch has arrived in a tier.
    fn written(&mut self, nth: usize, at: Ns) {
        let Some(jobs) = self.shelves[nth].as_mut().and_then(|shelf| shelf.write.arrive(at)) else {
            return;
        };
        // The end of a sequence goes before its head.
        for job in jobs.iter().rev() {
            if let Some(shelf) = &mut self.shelves[nth] {
                shelf.pool.arrive(job.block.name);
            }
            if let (Tier::Host, Some(host)) = (job.from, &mut self.shelves[HOST]) {
                host.pool.let_go(job.block.name);
            }
        }
        self.tell_stored(at, nth, &jobs);
        if nth == HOST {
            for job in jobs {
                self.offer(DISK, Offload { from: Tier::Host, ..job });
            }
        }
    }

    /// A batch has arrived on the device.
    fn read(&mut self, nth: usize, at: Ns) {
        let Some(shelf) = &mut self.shelves[nth] else {
            return;
        };
        let jobs = shelf.read.arrive(at).unwrap_or_default();
        jobs.iter().rev().for_each(|job| shelf.let_go(job.name));
        for Load { ticket, .. } in jobs {
            let Some(loading) = self.loading.get_mut(&ticket) else {
                continue;
            };
            loading.left -= 1;
            if loading.left == 0 {
                let Loading { request, blocks, .. } = *loading;
                self.loaded.push(Loaded { at: at.into(), request, blocks });
                self.loading.remove(&ticket);
                self.by_request.remove(&request);
            }
        }
    }

    fn tell_stored(&mut self, at: Ns, nth: usize, jobs: &[Offload]) {
        if self.told.is_none() {
            return;
        }
        for run in jobs.chunk_by(|a, b| b.block.parent == Some(a.block.name)) {
            let blocks = run.iter().map(|job| (job.block.name, job.block.local)).collect();
            let parent = run.first().and_then(|job| job.block.parent);
            self.tell(at, KvEvent::Stored { tier: TIERS[nth], parent, blocks });
        }
    }

    fn tell(&mut self, at: Ns, event: KvEvent) {
        if let Some(told) = &mut self.told {
            told.push((at.into(), event));
        }
    }

    /// Whether somebody wants [`Self::events`]. What changed before is not told.
    pub fn tell_events(&mut self, wanted: bool) {
        if wanted != self.told.is_some() {
            self.told = wanted.then(Vec::new);
        }
    }

    /// What changed in the tiers since the last call, in order, with stamps.
    pub fn events(&mut self) -> impl Iterator<Item = (Micros, KvEvent)> + '_ {
        self.told.iter_mut().flat_map(|told| told.drain(..))
    }

    /// The worker's process has died, and all it knew of with it: host memory, the unlinked files of its disk, and where in the
    /// object store its blocks are (KVBM keeps that in the process). Nothing is told: the device's [`KvEvent::Cleared`] stands for
    /// every tier. Counters go on.
    pub fn crash(&mut self, now: Micros) {
        self.run(now.into());
        for shelf in self.shelves.iter_mut().flatten() {
            self.skipped.gone += shelf.write.queued() as u64;
            shelf.pool.clear();
            shelf.write.clear();
            shelf.read.clear();
            shelf.queued.clear();
            shelf.loading.clear();
        }
        self.loading.clear();
        self.by_request.clear();
        self.loaded.clear();
    }

    /// Where every block is, what was moved, and what that was good for.
    pub fn report(&self) -> TierReport {
        let [host, disk, object] = self.shelves.each_ref().map(|shelf| shelf.as_ref().map(Shelf::census));
        TierReport {
            host,
            disk,
            object,
            offered: self.offered,
            moved: self.moved,
            skipped: self.skipped,
            hit_rates: self.recent.rates(),
        }
    }

    /// Whether nothing is lost: lists and counts of every tier agree, used + free = total, and offered = moved + skipped + queued.
    pub fn is_sound(&self) -> bool {
        let TierReport { offered, moved, skipped, .. } = self.report();
        let Skipped { gone, there, filtered, full } = skipped;
        let queued: usize = self.shelves.iter().flatten().map(|shelf| shelf.write.queued()).sum();
        let sound = |shelf: &Shelf| {
            shelf.pool.is_sound()
                && shelf.pool.coming() as usize == shelf.write.moving()
                && shelf.queued.len() == shelf.write.queued()
        };
        self.shelves.iter().flatten().all(sound)
            && offered == moved.offloaded() + gone + there + filtered + full + queued as u64
    }
}

#[cfg(test)]
mod tests;
