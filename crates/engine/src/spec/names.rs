//! Which parameter is whose, and what the others call it.

use std::fmt;

use tokmark_kv::tier::{TierSpecError, TiersSpec};

use super::{EngineKind, EngineSpec};
use EngineKind::{Sglang, Slots, Trtllm, Vllm};

/// What is wrong with `engine:`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// What is wrong with the tiers.
    #[error(transparent)]
    Tiers(#[from] TierSpecError),
    /// Caches below the device where there is none.
    #[error(
        "engine.tiers is given, and engine.kind is {kind}\nhint: only the twin of vllm has tiers yet: leave them out, or take engine.kind vllm"
    )]
    TiersNotYet {
        /// Which engine was asked.
        kind: EngineKind,
    },
    /// A parameter of another engine.
    #[error("engine.{key} is {owner}'s, and engine.kind is {kind}\nhint: {hint}")]
    Foreign {
        /// The parameter.
        key: &'static str,
        /// Whose it is.
        owner: EngineKind,
        /// Which engine was asked.
        kind: EngineKind,
        /// What to write in its place.
        hint: String,
    },
    /// A number out of range.
    #[error("engine.{key} is {value}\nhint: it must be {must}")]
    Range {
        /// The parameter.
        key: &'static str,
        /// What was given.
        value: String,
        /// What it must be.
        must: &'static str,
    },
    /// A parameter that only means something beside another.
    #[error("engine.{key} needs {other}\nhint: {hint}")]
    Needs {
        /// The parameter given.
        key: &'static str,
        /// What is missing.
        other: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// Two parameters that cannot both hold.
    #[error("engine.{key} contradicts engine.{other}\nhint: {hint}")]
    Contradiction {
        /// The one.
        key: &'static str,
        /// The other.
        other: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// Known, and not simulated.
    #[error("engine.{key} is not simulated yet\nhint: {hint}")]
    NotYet {
        /// The parameter, with its value where that is what is missing.
        key: &'static str,
        /// What to do.
        hint: &'static str,
    },
}

impl EngineKind {
    /// As a spec writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Slots => "slots",
            Vllm => "vllm",
            Sglang => "sglang",
            Trtllm => "trtllm",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A parameter that not every engine has.
struct Parameter {
    key: &'static str,
    /// Whose it is.
    owners: &'static [EngineKind],
    /// What it is about: parameters of one meaning are each other's translation.
    meaning: &'static str,
    given: fn(&EngineSpec) -> bool,
}

macro_rules! parameters {
    ($($key:ident of $($owner:ident)+, $meaning:literal;)+) => {
        &[$(Parameter {
            key: stringify!($key),
            owners: &[$($owner),+],
            meaning: $meaning,
            given: |spec| spec.$key.is_some(),
        }),+]
    };
}

const PARAMETERS: &[Parameter] = parameters! {
    slots of Slots, "batch";
    queue_limit of Slots, "queue";
    max_num_seqs of Vllm, "batch";
    max_num_batched_tokens of Vllm, "pass";
    max_model_len of Vllm, "context";
    block_size of Vllm, "block";
    num_gpu_blocks_override of Vllm, "cache";
    enable_prefix_caching of Vllm, "reuse";
    enable_chunked_prefill of Vllm Trtllm, "chunk";
    scheduling_policy of Vllm, "order";
    long_prefill_token_threshold of Vllm, "long prompts";
    preemption_mode of Vllm, "preemption";
    num_speculative_tokens of Vllm, "drafts";
    max_loras of Vllm, "adapters";
    max_running_requests of Sglang, "batch";
    max_total_tokens of Sglang, "cache";
    context_length of Sglang Slots, "context";
    page_size of Sglang, "block";
    chunked_prefill_size of Sglang, "chunk";
    max_prefill_tokens of Sglang, "pass";
    schedule_policy of Sglang, "order";
    schedule_conservativeness of Sglang, "care";
    disable_radix_cache of Sglang, "reuse";
    clip_max_new_tokens of Sglang, "clip";
    max_queued_requests of Sglang, "queue";
    init_new_token_ratio of Sglang, "first share";
    min_new_token_ratio_factor of Sglang, "least share";
    new_token_ratio_decay_steps of Sglang, "decay";
    speculative_num_draft_tokens of Sglang, "drafts";
    max_loras_per_batch of Sglang, "adapters";
    max_batch_size of Trtllm, "batch";
    max_num_tokens of Trtllm, "pass";
    max_seq_len of Trtllm, "context";
    tokens_per_block of Trtllm, "block";
    max_tokens of Trtllm, "cache";
    capacity_scheduler_policy of Trtllm, "order";
    enable_block_reuse of Trtllm, "reuse";
    max_draft_len of Trtllm, "drafts";
};

/// The first parameter of another engine than `kind`, as an error that names the right one.
pub(super) fn refuse_foreign(spec: &EngineSpec, kind: EngineKind) -> Result<(), SpecError> {
    if kind != Vllm && spec.tiers != TiersSpec::default() {
        return Err(SpecError::TiersNotYet { kind });
    }
    let foreign = PARAMETERS.iter().find(|p| !p.owners.contains(&kind) && (p.given)(spec));
    let Some(&Parameter { key, owners: &[owner, ..], meaning, .. }) = foreign else {
        return Ok(());
    };
    let own = PARAMETERS.iter().find(|p| p.owners.contains(&kind) && p.meaning == meaning);
    let hint = match own {
        Some(Parameter { key: own, .. }) => format!("{kind} calls it {own}"),
        None => format!("{kind} has nothing like it: leave it out, or set engine.kind to {owner}"),
    };
    Err(SpecError::Foreign { key, owner, kind, hint })
}

/// Whose a parameter is; `None` if every engine's.
#[cfg(test)]
pub(super) fn owners(key: &str) -> Option<&'static [EngineKind]> {
    PARAMETERS.iter().find(|p| p.key == key).map(|p| p.owners)
}

#[cfg(test)]
pub(super) fn is_engine(word: &str) -> bool {
    [Slots, Vllm, Sglang, Trtllm].iter().any(|kind| kind.as_str() == word)
}
