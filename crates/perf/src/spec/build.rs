//! From what a spec says to a model that answers.

use std::sync::Arc;

use tokmark_base::{Duration, Nanos, Seed};

use super::{TimingModel, TimingSpec};
use crate::constant::Constant;
use crate::error::TimingError;
use crate::experts::{Experts, Spread as ExpertSpread};
use crate::graphs::{CaptureSizes, Graphs};
use crate::overhead::Overhead;
use crate::pace::Pace;
use crate::per_token::{PerToken, Prefill, Preset, Published, Spread};
use crate::polynomial::Polynomial;
use crate::scaled::Scaled;
use crate::table::Table;
use crate::timing::Timing;

/// Keys that only some models have, and the models.
type Own = (&'static str, bool, &'static [TimingModel], &'static str);

impl TimingSpec {
    /// Refuses what cannot be: parameters of another model, missing ones, numbers out of range. Reads no table.
    pub fn check(&self) -> Result<(), TimingError> {
        self.refuse_foreign()?;
        self.refuse_lonely()?;
        match self.model {
            TimingModel::Constant | TimingModel::PerToken => drop(self.of_requests()?),
            TimingModel::Table if self.table.is_none() => {
                return Err(self.missing("table", "give the file or folder with the measured times"));
            }
            TimingModel::Polynomial | TimingModel::Table => {}
        }
        Scaled::new(Polynomial, self.speedup_ratio, self.decode_speedup_ratio)?;
        Overhead::new(Polynomial, self.step_overhead_ms(), self.overhead_per_sequence.as_millis_f64())?;
        let sizes = match &self.cuda_graph_sizes {
            Some(CaptureSizes::List(sizes)) => sizes.clone(),
            _ => Vec::new(),
        };
        Graphs::new(Polynomial, sizes, self.eager_factor, self.step_floor.as_millis_f64())?;
        if let Some((share, spread)) = self.experts()? {
            Experts::new(Polynomial, share, 1.0)?;
            spread.check()?;
        }
        Ok(())
    }

    /// The spec with `cuda_graph_sizes: auto` worked out from the engine's limits; everything else as it is.
    #[must_use]
    pub fn resolved(mut self, max_num_seqs: u32, max_num_batched_tokens: Option<u32>) -> Self {
        self.cuda_graph_sizes =
            self.cuda_graph_sizes.map(|sizes| sizes.resolved(max_num_seqs, max_num_batched_tokens));
        self
    }

    /// The model with everything around it ([`Pace`]). `table` is what `self.table` names, read by the caller; `seed` is the run's,
    /// for the experts' shares.
    pub fn build(&self, table: Option<Table>, seed: Seed) -> Result<Arc<dyn Timing>, TimingError> {
        self.check()?;
        let mut pace = match (self.model, table) {
            (TimingModel::Constant | TimingModel::PerToken, None) => Pace::new(self.of_requests()?),
            (TimingModel::Polynomial, None) => Pace::new(Polynomial),
            (TimingModel::Table, Some(table)) => Pace::new(table),
            (TimingModel::Table, None) => {
                let path = self.table.as_ref().map_or_else(String::new, |path| path.display().to_string());
                return Err(TimingError::TableNotRead { path });
            }
            (_, Some(_)) => return Err(self.foreign("table", "set timing.model to table")),
        };
        match &self.cuda_graph_sizes {
            Some(CaptureSizes::Auto) => return Err(TimingError::UnresolvedSizes),
            Some(CaptureSizes::List(sizes)) => pace = pace.graphs(sizes.clone(), self.eager_factor),
            None => {}
        }
        if let Some((share, spread)) = self.experts()? {
            pace = pace.experts(share, spread.imbalance(seed)?);
        }
        pace.floor(self.step_floor.as_millis_f64())
            .speedup(self.speedup_ratio, self.decode_speedup_ratio)
            .overhead(self.step_overhead_ms(), self.overhead_per_sequence.as_millis_f64())
            .build()
    }

    fn step_overhead_ms(&self) -> f64 {
        self.step_overhead.as_millis_f64()
    }

    fn missing(&self, key: &'static str, hint: &'static str) -> TimingError {
        TimingError::Missing { key, model: self.model.name(), hint }
    }

    fn foreign(&self, key: &'static str, hint: &'static str) -> TimingError {
        TimingError::OtherModel { key, model: self.model.name(), hint }
    }

    fn refuse_foreign(&self) -> Result<(), TimingError> {
        use TimingModel as M;
        const REQUESTS: &[TimingModel] = &[M::Constant, M::PerToken];
        const OF_REQUESTS: &str = "set timing.model to constant or per_token, or leave it out";
        let own: [Own; 9] = [
            ("preset", self.preset.is_some(), REQUESTS, OF_REQUESTS),
            (
                "ttft",
                self.ttft.is_some(),
                &[M::Constant],
                "set timing.model to constant; per_token has prefill_overhead and prefill_time_per_token",
            ),
            ("itl", self.itl.is_some(), REQUESTS, OF_REQUESTS),
            ("ttft_stddev", self.ttft_stddev.is_some(), REQUESTS, OF_REQUESTS),
            ("itl_stddev", self.itl_stddev.is_some(), REQUESTS, OF_REQUESTS),
            ("load_factor", self.load_factor.is_some(), REQUESTS, OF_REQUESTS),
            (
                "prefill_overhead",
                self.prefill_overhead.is_some(),
                &[M::PerToken],
                "set timing.model to per_token; constant has ttft",
            ),
            (
                "prefill_time_per_token",
                self.prefill_time_per_token.is_some(),
                &[M::PerToken],
                "set timing.model to per_token; constant has ttft",
            ),
            ("table", self.table.is_some(), &[M::Table], "set timing.model to table"),
        ];
        let foreign = own.into_iter().find(|(_, given, models, _)| *given && !models.contains(&self.model));
        match foreign {
            Some((key, _, _, hint)) => Err(self.foreign(key, hint)),
            None => Ok(()),
        }
    }

    /// Refuses keys that mean nothing without another.
    fn refuse_lonely(&self) -> Result<(), TimingError> {
        const SIZES: &str = "give the sizes that have a graph, as in 1,2,4,8, or auto";
        const EXPERTS: &str = "give the number of experts of a layer";
        let lonely = [
            (
                "eager_factor",
                self.eager_factor.total_cmp(&1.0).is_ne(),
                "cuda_graph_sizes",
                self.cuda_graph_sizes.is_some(),
                SIZES,
            ),
            ("expert_alpha", self.expert_alpha.is_some(), "experts", self.experts.is_some(), EXPERTS),
            ("expert_bound", self.expert_bound.is_some(), "experts", self.experts.is_some(), EXPERTS),
            ("expert_parallel", self.expert_parallel.is_some(), "experts", self.experts.is_some(), EXPERTS),
            ("eplb_slots", self.eplb_slots.is_some(), "experts", self.experts.is_some(), EXPERTS),
            ("moe_share", self.moe_share.is_some(), "experts", self.experts.is_some(), EXPERTS),
            (
                "experts",
                self.experts.is_some(),
                "expert_parallel",
                self.expert_parallel.is_some(),
                "give the number of ranks that hold the experts",
            ),
            (
                "experts",
                self.experts.is_some(),
                "moe_share",
                self.moe_share.is_some(),
                "give the part of a balanced pass that the experts take, 0 to 1",
            ),
        ];
        match lonely.into_iter().find(|(_, given, _, with, _)| *given && !with) {
            Some((key, _, other, _, hint)) => Err(TimingError::Needs { key, other, hint }),
            None => Ok(()),
        }
    }

    /// The share of the experts and how they are spread; `None` if there are none.
    fn experts(&self) -> Result<Option<(f64, ExpertSpread)>, TimingError> {
        self.refuse_lonely()?;
        let (Some(experts), Some(ranks), Some(share)) = (self.experts, self.expert_parallel, self.moe_share)
        else {
            return Ok(None);
        };
        let usual = ExpertSpread::default();
        let spread = ExpertSpread {
            experts,
            ranks,
            alpha: self.expert_alpha.unwrap_or(usual.alpha),
            bound: self.expert_bound.unwrap_or(usual.bound),
            eplb_slots: self.eplb_slots,
        };
        Ok(Some((share, spread)))
    }

    /// The models of single requests: `constant` and `per_token`.
    fn of_requests(&self) -> Result<Arc<dyn Timing>, TimingError> {
        let preset = self.preset.map(Preset::published);
        // A key that is given, or else what the preset says.
        let ms = |given: Option<Duration>, published: fn(&Published) -> f64| {
            given.map(|given| given.0.as_millis_f64()).or_else(|| preset.as_ref().map(published))
        };
        let usual = Constant::default();
        let constant = self.model == TimingModel::Constant;
        let itl_ms = match ms(self.itl, |p| p.itl.mean_ms) {
            Some(itl_ms) => itl_ms,
            None if constant => usual.itl().as_millis_f64(),
            None => return Err(self.missing("itl", "give the mean time between tokens, or a preset")),
        };
        let itl_stddev_ms = ms(self.itl_stddev, |p| p.itl.stddev_ms).unwrap_or(0.0);
        let (prefill, stddev_ms) = if constant {
            let mean_ms = ms(self.ttft, |p| p.ttft.mean_ms);
            let mean_ms = mean_ms.unwrap_or_else(|| usual.ttft().as_millis_f64());
            (Prefill::Mean(mean_ms), ms(self.ttft_stddev, |p| p.ttft.stddev_ms))
        } else {
            let given = self.prefill_time_per_token.map(Nanos::as_millis_f64);
            let token_ms = given
                .or_else(|| preset.map(|p| p.token_ms))
                .ok_or_else(|| self.missing("prefill_time_per_token", "give it, as in 250us, or a preset"))?;
            let overhead_ms = ms(self.prefill_overhead, |p| p.overhead_ms).unwrap_or(0.0);
            // The deviation that presets publish is one of the constant TTFT.
            let stddev_ms = self.ttft_stddev.map(|given| given.0.as_millis_f64());
            (Prefill::PerToken { overhead_ms, token_ms }, stddev_ms)
        };
        let load_factor = self.load_factor.or_else(|| preset.map(|p| p.load_factor)).unwrap_or(1.0);
        let itl = Spread { mean_ms: itl_ms, stddev_ms: itl_stddev_ms };
        Ok(Arc::new(PerToken::new(prefill, stddev_ms.unwrap_or(0.0), itl, load_factor)?))
    }
}
