//! A deployment as a neutral value: what runs behind a target, in the words of no particular orchestrator.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What runs behind the target, as told by whoever measures it. Nothing here is guessed: what was not said is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Deployment {
    /// What serves, as a label: `vllm`, `sglang`, `trtllm`, `dynamo`, `llm-d`, …
    pub kind: Option<String>,
    /// Whether prefill and decode run in the same workers.
    pub mode: Option<Mode>,
    /// GPUs in all, over every worker and role. Per-GPU metrics exist only if this is given or follows from what is said of the
    /// workers.
    pub gpus: Option<u32>,
    /// GPU model, as in `H200`.
    pub gpu_model: Option<String>,
    /// Tensor-parallel size of a worker.
    pub tp: Option<u32>,
    /// Pipeline-parallel size of a worker.
    pub pp: Option<u32>,
    /// Data-parallel size of a worker.
    pub dp: Option<u32>,
    /// Replicas of the worker.
    pub workers: Option<u32>,
    /// The prefill workers of a disaggregated deployment.
    pub prefill: Option<Role>,
    /// The decode workers of a disaggregated deployment.
    pub decode: Option<Role>,
    /// Multi-token prediction: draft tokens per step.
    pub mtp: Option<u32>,
    /// Largest batch a worker runs (`max_num_seqs`, `max_running_requests`, `max_batch_size`).
    pub batch: Option<u32>,
    /// Container image.
    pub image: Option<String>,
    /// GPU driver version.
    pub driver: Option<String>,
    /// Name of this configuration in tables and pictures.
    pub label: Option<String>,
    /// Further facts, kept as they are.
    pub extra: BTreeMap<String, String>,
}

/// Where prefill and decode run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Together, in every worker.
    #[serde(alias = "aggregated")]
    Agg,
    /// Apart, in workers of their own.
    #[serde(alias = "disaggregated")]
    Disagg,
}

/// Parallelism of the workers of one role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Role {
    /// Tensor-parallel size of a worker.
    pub tp: Option<u32>,
    /// Pipeline-parallel size of a worker.
    pub pp: Option<u32>,
    /// Data-parallel size of a worker.
    pub dp: Option<u32>,
    /// Replicas of the worker.
    pub workers: Option<u32>,
}

/// Why a deployment was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeploymentError {
    /// A size of zero.
    #[error("deployment.{key} is 0\nhint: leave {key} out if it is not known")]
    Zero {
        /// The key, dotted.
        key: String,
    },
    /// `disagg` and not a word about its roles.
    #[error(
        "deployment.mode is disagg, but nothing is said about its prefill or decode workers\nhint: give at least one of prefill.tp, prefill.dp, decode.tp, decode.dp"
    )]
    NoRole,
    /// Roles without `disagg`.
    #[error(
        "deployment.{key} is given, but deployment.mode is {mode}\nhint: set mode to disagg, or give tp, pp, dp and workers without a role"
    )]
    RoleWithoutDisagg {
        /// The role's key.
        key: &'static str,
        /// What the mode is.
        mode: &'static str,
    },
    /// Role-less parallelism with `disagg`.
    #[error(
        "deployment.{key} is {value}, but deployment.mode is disagg, where each role has its own\nhint: give prefill.{key} and decode.{key}"
    )]
    NeitherRole {
        /// The key.
        key: &'static str,
        /// What was given.
        value: u32,
    },
    /// The count and the product disagree.
    #[error(
        "deployment.gpus is {gpus}, but the parallelism given needs {needed}: {formula}\nhint: correct one of the two, or give workers if there are several; where data-parallel ranks share the GPUs of tp (attention DP), leave dp out and note it in extra"
    )]
    Gpus {
        /// What was given.
        gpus: u32,
        /// What the parallelism needs: `exactly 8`, or `a multiple of 4`.
        needed: String,
        /// Where that comes from: `tp 4 × pp 1 × dp 1 × workers 2 = 8`.
        formula: String,
    },
    /// More GPUs than can be counted.
    #[error("the deployment's parallelism multiplies to more than {} GPUs\nhint: check {formula}", u32::MAX)]
    TooMany {
        /// The product.
        formula: String,
    },
}

impl Deployment {
    /// Whether nothing at all was said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Refuses what cannot be: sizes of zero, roles in the wrong mode, a GPU count that its parallelism contradicts.
    pub fn validate(&self) -> Result<(), DeploymentError> {
        self.refuse_zeros()?;
        self.refuse_wrong_roles()?;
        let Some(need) = self.need()? else {
            return Ok(());
        };
        match self.gpus {
            Some(gpus) if !need.allows(gpus) => {
                Err(DeploymentError::Gpus { gpus, needed: need.to_string(), formula: need.formula })
            }
            _ => Ok(()),
        }
    }

    /// GPUs behind the target: given, or the product tp × pp × dp × workers summed over roles, where tp, pp and dp left out
    /// count as the engines' own default, 1. `None` unless every role says its workers and at least one of tp, pp and dp: how
    /// many replicas stand behind an address has no default. `None` too if the value is not valid.
    pub fn gpus(&self) -> Option<u32> {
        self.gpus.or_else(|| self.need().ok().flatten()?.known())
    }

    /// `Some(true)` if [`Self::gpus`] was worked out from the parallelism, `Some(false)` if it was given.
    pub fn gpus_derived(&self) -> Option<bool> {
        self.gpus().map(|_| self.gpus.is_none())
    }

    /// The parallelism that is given without a role; `None` if nothing is.
    pub fn role_less(&self) -> Option<Role> {
        Some(self.role()).filter(|role| *role != Role::default())
    }

    fn role(&self) -> Role {
        Role { tp: self.tp, pp: self.pp, dp: self.dp, workers: self.workers }
    }

    fn roles(&self) -> [(&'static str, Option<Role>); 2] {
        [("prefill", self.prefill), ("decode", self.decode)]
    }

    fn refuse_zeros(&self) -> Result<(), DeploymentError> {
        let zero = |key: String| Err(DeploymentError::Zero { key });
        for (key, value) in [("gpus", self.gpus), ("batch", self.batch)] {
            if value == Some(0) {
                return zero(key.to_owned());
            }
        }
        if let Some(key) = self.role().zero() {
            return zero(key.to_owned());
        }
        for (name, role) in self.roles() {
            if let Some(key) = role.and_then(Role::zero) {
                return zero(format!("{name}.{key}"));
            }
        }
        Ok(())
    }

    fn refuse_wrong_roles(&self) -> Result<(), DeploymentError> {
        let told =
            self.roles().into_iter().find(|(_, role)| role.is_some_and(|role| role != Role::default()));
        match (self.mode, told) {
            (Some(Mode::Disagg), None) => return Err(DeploymentError::NoRole),
            (Some(Mode::Disagg), Some(_)) | (_, None) => {}
            (mode, Some((key, _))) => {
                let mode = if mode.is_some() { "agg" } else { "not given" };
                return Err(DeploymentError::RoleWithoutDisagg { key, mode });
            }
        }
        if self.mode == Some(Mode::Disagg)
            && let Some((key, value)) = self.role().said().next()
        {
            return Err(DeploymentError::NeitherRole { key, value });
        }
        Ok(())
    }

    /// What the parallelism needs, if it is known for every role.
    fn need(&self) -> Result<Option<Need>, DeploymentError> {
        if self.mode == Some(Mode::Disagg) {
            let (Some(prefill), Some(decode)) = (self.prefill, self.decode) else {
                return Ok(None);
            };
            let (Some(p), Some(d)) = (prefill.need("prefill ")?, decode.need("decode ")?) else {
                return Ok(None);
            };
            p.plus(&d).map(Some)
        } else {
            self.role().need("")
        }
    }
}

impl Role {
    /// GPUs of this role, by the rule of [`Deployment::gpus`].
    pub fn gpus(self) -> Option<u32> {
        self.need("").ok().flatten()?.known()
    }

    fn factors(self) -> [(&'static str, Option<u32>); 4] {
        [("tp", self.tp), ("pp", self.pp), ("dp", self.dp), ("workers", self.workers)]
    }

    fn said(self) -> impl Iterator<Item = (&'static str, u32)> {
        self.factors().into_iter().filter_map(|(key, value)| Some((key, value?)))
    }

    fn zero(self) -> Option<&'static str> {
        self.said().find(|(_, value)| *value == 0).map(|(key, _)| key)
    }

    fn need(self, prefix: &str) -> Result<Option<Need>, DeploymentError> {
        if self.tp.is_none() && self.pp.is_none() && self.dp.is_none() {
            return Ok(None);
        }
        let words: Vec<String> =
            self.factors().iter().map(|(key, value)| format!("{key} {}", value.unwrap_or(1))).collect();
        let formula = format!("{prefix}{}", words.join(" × "));
        let product = self.said().try_fold(1_u32, |product, (_, value)| product.checked_mul(value));
        match product {
            Some(gpus) => Ok(Some(Need {
                gpus,
                bound: if self.workers.is_some() { Bound::Exactly } else { Bound::MultipleOf },
                formula: format!("{formula} = {gpus}"),
            })),
            None => Err(DeploymentError::TooMany { formula }),
        }
    }
}

/// GPUs that a parallelism needs.
struct Need {
    gpus: u32,
    bound: Bound,
    formula: String,
}

/// How far a given count may be from the product: replicas that were not told leave it open upwards.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Exactly,
    MultipleOf,
    AtLeast,
}

impl Need {
    /// The count, if nothing is left open.
    fn known(&self) -> Option<u32> {
        (self.bound == Bound::Exactly).then_some(self.gpus)
    }

    fn allows(&self, gpus: u32) -> bool {
        match self.bound {
            Bound::Exactly => gpus == self.gpus,
            Bound::MultipleOf => gpus.is_multiple_of(self.gpus),
            Bound::AtLeast => gpus >= self.gpus,
        }
    }

    fn plus(&self, other: &Self) -> Result<Self, DeploymentError> {
        let exact = self.bound == Bound::Exactly && other.bound == Bound::Exactly;
        let formula = format!("{}, {}", self.formula, other.formula);
        match self.gpus.checked_add(other.gpus) {
            Some(gpus) => {
                Ok(Self { gpus, bound: if exact { Bound::Exactly } else { Bound::AtLeast }, formula })
            }
            None => Err(DeploymentError::TooMany { formula }),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.bound {
            Bound::Exactly => "exactly",
            Bound::MultipleOf => "a multiple of",
            Bound::AtLeast => "at least",
        };
        write!(f, "{how} {}", self.gpus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(tp: u32, workers: Option<u32>) -> Role {
        Role { tp: Some(tp), workers, ..Role::default() }
    }

    fn disagg(
        prefill: impl Into<Option<Role>>,
        decode: impl Into<Option<Role>>,
        gpus: Option<u32>,
    ) -> Deployment {
        Deployment {
            mode: Some(Mode::Disagg),
            prefill: prefill.into(),
            decode: decode.into(),
            gpus,
            ..Deployment::default()
        }
    }

    fn agg(tp: u32, workers: Option<u32>, gpus: Option<u32>) -> Deployment {
        Deployment { tp: Some(tp), workers, gpus, ..Deployment::default() }
    }

    #[test]
    fn gpus_are_given_or_the_product() {
        assert_eq!(Deployment::default().gpus(), None);
        assert_eq!(agg(4, Some(2), None).gpus(), Some(8));
        assert_eq!(agg(4, Some(2), None).gpus_derived(), Some(true));
        assert_eq!(agg(4, None, Some(8)).gpus(), Some(8));
        assert_eq!(agg(4, None, Some(8)).gpus_derived(), Some(false));
        // 2 prefill workers of 1 and one decode worker of 4: plot_pareto's ptp × pdp + dtp × ddp, times the replicas.
        assert_eq!(disagg(role(1, Some(2)), role(4, Some(1)), None).gpus(), Some(6));
        assert_eq!(role(2, Some(3)).gpus(), Some(6));
    }

    #[test]
    fn a_count_with_something_left_open_is_not_known() {
        let replicas_only = Deployment { workers: Some(4), ..Deployment::default() };
        for open in [
            agg(4, None, None),
            replicas_only,
            disagg(role(1, Some(2)), role(4, None), None),
            disagg(role(1, Some(2)), None, None),
        ] {
            assert_eq!((open.gpus(), open.gpus_derived()), (None, None), "{open:?}");
        }
    }

    #[test]
    fn what_fits_is_accepted() {
        for ok in [
            Deployment::default(),
            agg(4, Some(2), Some(8)),
            agg(4, None, Some(8)),
            disagg(role(1, Some(2)), role(4, Some(1)), Some(6)),
            disagg(role(2, None), role(4, None), Some(8)),
            disagg(role(2, None), None, Some(7)),
        ] {
            assert_eq!(ok.validate(), Ok(()), "{ok:?}");
        }
    }

    #[test]
    fn contradictions_name_both_sides_and_a_way_out() {
        for (bad, words) in [
            (agg(4, Some(2), Some(6)), "gpus is 6|exactly 8|tp 4 × pp 1 × dp 1 × workers 2 = 8"),
            (agg(4, None, Some(6)), "gpus is 6|a multiple of 4|workers"),
            (disagg(role(2, None), role(4, None), Some(5)), "at least 6|prefill tp 2|decode tp 4"),
            (disagg(None, None, Some(8)), "mode is disagg|prefill.tp"),
            (disagg(Role::default(), None, None), "mode is disagg|prefill.tp"),
            (agg(0, None, None), "tp is 0|leave tp out"),
            (disagg(role(0, None), None, None), "prefill.tp is 0"),
            (agg(u32::MAX, Some(2), None), "multiplies to more|tp 4294967295"),
            (
                Deployment { prefill: Some(role(1, None)), ..Deployment::default() },
                "prefill is given|mode is not given|disagg",
            ),
            (
                Deployment { tp: Some(4), ..disagg(role(1, None), None, None) },
                "tp is 4|mode is disagg|prefill.tp",
            ),
        ] {
            let text = bad.validate().unwrap_err().to_string();
            for word in words.split('|').chain(["\nhint: "]) {
                assert!(text.contains(word), "`{word}` not in: {text}");
            }
        }
    }
}
