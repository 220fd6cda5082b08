//! A rate made of straight pieces, one after another, and nothing after the last: what stages and series have in common.

use super::{Ramp, Shape, deviation};
use crate::arrival::Process;

/// One piece.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    /// When it begins, seconds.
    start: f64,
    /// Starts before it.
    position: f64,
    /// How the rate goes in it, as the rising part of a ramp.
    line: Ramp,
}

impl Piece {
    fn is_pause(&self) -> bool {
        self.line.from == 0.0 && self.line.to == 0.0
    }

    /// The integral of 1/rate.
    fn inverse(&self) -> f64 {
        let Ramp { from, to, length } = self.line;
        // ln(to/from)/(to − from), which as the two meet becomes 1/from.
        let x = (to - from) / from;
        if x == 0.0 { length / from } else { length / from * libm::log1p(x) / x }
    }
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pieces {
    all: Vec<Piece>,
    end: f64,
    total: f64,
}

impl Pieces {
    /// Adds a piece up to `end`. One without length changes nothing.
    pub(super) fn push(&mut self, from: f64, to: f64, end: f64) {
        let length = end - self.end;
        if length > 0.0 {
            let line = Ramp { from, to, length };
            self.all.push(Piece { start: self.end, position: self.total, line });
            self.total += length * (from + to) / 2.0;
            self.end = end;
        }
    }

    pub(super) fn end(&self) -> f64 {
        self.end
    }

    pub(super) fn mean(&self) -> f64 {
        self.total / self.end
    }

    pub(super) fn at(&self, t: f64) -> f64 {
        if t >= self.end {
            return 0.0;
        }
        self.last(|piece| piece.start <= t).map_or(0.0, |piece| piece.line.at(t - piece.start))
    }

    pub(super) fn before(&self, t: f64) -> f64 {
        if t >= self.end {
            return self.total;
        }
        self.last(|piece| piece.start <= t)
            .map_or(0.0, |piece| piece.position + piece.line.before(t - piece.start))
    }

    pub(super) fn time_of(&self, position: f64) -> Option<f64> {
        if position >= self.total {
            return None;
        }
        let piece = self.last(|piece| piece.position <= position)?;
        // Rounding may put a position a hair beyond its piece.
        let within = piece.line.time_of(position - piece.position).unwrap_or(piece.line.length);
        Some(piece.start + within.min(piece.line.length))
    }

    /// The last piece of which something holds that holds of all before it.
    fn last(&self, holds: impl FnMut(&Piece) -> bool) -> Option<&Piece> {
        self.all[..self.all.partition_point(holds)].last()
    }

    pub(super) fn mean_inverse(&self) -> f64 {
        let of_starts = || self.all.iter().filter(|piece| !piece.is_pause());
        of_starts().map(Piece::inverse).sum::<f64>() / of_starts().map(|piece| piece.line.length).sum::<f64>()
    }

    /// The slow limit of [`Shape::gap_cv`], with the gap over each pause counted: one that takes the pause's length d and, of a
    /// gap chosen by its length, a part on either side, so d² + d·(1 + c²)·(1/before + 1/after) more than other gaps in the
    /// second moment. A pause at either end lies between no two starts.
    pub(super) fn gap_cv(&self, law: &dyn Process) -> Option<f64> {
        let c = law.gap_cv()?;
        let first = self.all.iter().position(|piece| !piece.is_pause())?;
        let last = self.all.iter().rposition(|piece| !piece.is_pause())?;
        let (mut time, mut second) = (0.0, 0.0);
        let (mut pause, mut before) = (0.0, 0.0);
        for piece in &self.all[first..=last] {
            time += piece.line.length;
            if piece.is_pause() {
                pause += piece.line.length;
                continue;
            }
            if pause > 0.0 {
                second += pause * pause + pause * (1.0 + c * c) * (1.0 / before + 1.0 / piece.line.from);
            }
            second += (1.0 + c * c) * piece.inverse();
            (pause, before) = (0.0, piece.line.to);
        }
        deviation(self.total / time * second / time - 1.0)
    }

    /// The least and the greatest rate.
    pub(super) fn range(&self) -> (f64, f64) {
        let rates = || self.all.iter().flat_map(|piece| [piece.line.from, piece.line.to]);
        (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max))
    }
}
