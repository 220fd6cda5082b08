//! `/admin`: what the server is set to and what it did; changes what may change while it runs. For peers on the loopback only.
//!
//! `GET` answers with settings and counts. `POST` takes a JSON object of the keys of [`KEYS`] and answers as `GET` does afterwards.
//! A body with anything wrong in it changes nothing. What is changed holds from the next pass (timing) or the next request
//! (faults, stream interval) on.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokmark_base::nearest::nearest;
use tokmark_base::{Clock, Duration, Micros, Seed};
use tokmark_engine::FaultSpec;
use tokmark_perf::{Dial, Factors, Timing, TimingModel, TimingSpec};

use crate::fault::{FaultRule, check};
use crate::server::House;

/// Keys that may be changed.
pub(crate) const KEYS: [&str; 10] = [
    // Every pass takes so many times as long; its prefill part; its decode part.
    "latency_factor",
    "prefill_factor",
    "decode_factor",
    // So many times slower with all slots taken.
    "load_factor",
    // Another timing model, as in a spec; null puts the first one back.
    "timing",
    // Short for a constant model; one of the two keeps the other's default.
    "time_to_first_token",
    "inter_token_latency",
    // Tokens an event.
    "stream_interval",
    // Rules of HTTP faults, in the place of those in force.
    "faults",
    // Faults of the engine's workers, their times from now, in the place of those to come.
    "engine_faults",
];

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    #[error("the body is not a JSON object: {0}\nhint: send {{\"latency_factor\": 2}}")]
    NotObject(String),
    #[error("`{key}` cannot be set\nhint: {hint}")]
    Unknown { key: String, hint: String },
    #[error("{key}: {reason}")]
    Value { key: &'static str, reason: String },
    #[error("{key} cannot be changed: {why}\nhint: {hint}")]
    Fixed { key: &'static str, why: &'static str, hint: &'static str },
}

/// A change that was found to be possible.
#[derive(Default)]
struct Change {
    factors: Option<Factors>,
    timing: Model,
    stream_interval: Option<u32>,
    faults: Option<Vec<FaultRule>>,
    engine_faults: Option<Vec<FaultSpec>>,
}

/// Which timing model is to answer.
#[derive(Default)]
enum Model {
    /// The one that does.
    #[default]
    Same,
    /// The one the engine was made with.
    First,
    /// This one.
    Other(Arc<dyn Timing>),
}

/// Settings and counts as they are now.
pub(crate) fn shown(house: &House) -> Value {
    let stats = house.stats();
    let timing = house.dial.as_ref().map(|dial| {
        let Factors { latency, prefill, decode, load } = dial.factors();
        json!({
            "latency_factor": latency, "prefill_factor": prefill, "decode_factor": decode, "load_factor": load,
            "replaced": dial.is_replaced(),
        })
    });
    let workers = house.stage.lock().engine.cluster().map(|cluster| {
        let view = |view: &tokmark_engine::cluster::WorkerView| {
            json!({
                "pool": view.pool.map(tokmark_engine::fault::PoolName::as_str), "worker": view.worker, "rank": view.rank,
                "up": view.up, "running": view.gauges.running, "waiting": view.gauges.waiting,
                "kv_blocks_total": view.gauges.blocks_total, "kv_blocks_used": view.gauges.blocks_used,
            })
        };
        cluster.workers().iter().map(view).collect::<Vec<_>>()
    });
    let us = |at: Option<Micros>| at.map(|at| at.0);
    let (census, lateness) = (stats.census, stats.lateness);
    json!({
        "plays": house.plays.name(),
        "timing": timing,
        "stream_interval": house.stream_interval.load(Ordering::Relaxed),
        "faults": &*house.faults(),
        "workers": workers,
        "profiling": {"running": stats.profiling.running, "started": stats.profiling.started},
        "connections": stats.connections,
        "requests": stats.requests,
        "census": {
            "arrived": census.arrived, "waiting": census.waiting, "running": census.running, "routing": census.routing,
            "transferring": census.transferring, "finished": census.finished, "rejected": census.rejected,
            "failed": census.failed, "cancelled": census.cancelled, "moved": census.moved,
            "tokens_emitted": census.tokens_emitted,
        },
        "send_lateness": {
            "count": lateness.count, "p50_us": us(lateness.p50), "p99_us": us(lateness.p99), "max_us": us(lateness.max),
        },
    })
}

/// Changes what `body` says, all of it or nothing.
pub(crate) fn change(house: &House, body: &[u8]) -> Result<(), AdminError> {
    let object = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => object,
        Ok(other) => return Err(AdminError::NotObject(format!("it is {other}"))),
        Err(error) => return Err(AdminError::NotObject(error.to_string())),
    };
    let change = Change::read(&object, house)?;
    change.apply(house)
}

impl Change {
    fn read(object: &Map<String, Value>, house: &House) -> Result<Self, AdminError> {
        if let Some(key) = object.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let hint = nearest(key, KEYS).map_or_else(
                || format!("it is one of {}", KEYS.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(AdminError::Unknown { key: key.clone(), hint });
        }
        let mut change = Self { factors: factors(object, house)?, ..Self::default() };
        change.timing = timing(object, house)?;
        change.stream_interval =
            read::<std::num::NonZeroU32>(object, "stream_interval")?.map(std::num::NonZero::get);
        change.faults = read::<Vec<FaultRule>>(object, "faults")?;
        if let Some(faults) = &change.faults {
            check(faults).map_err(|error| AdminError::Value { key: "faults", reason: error.to_string() })?;
        }
        change.engine_faults = read::<Vec<FaultSpec>>(object, "engine_faults")?;
        for (index, fault) in change.engine_faults.iter().flatten().enumerate() {
            let refused = |error: tokmark_engine::fault::FaultError| {
                error.to_string().replacen("faults", "engine_faults", 1)
            };
            fault
                .check(index)
                .map_err(|error| AdminError::Value { key: "engine_faults", reason: refused(error) })?;
        }
        if change.engine_faults.is_some() && house.stage.lock().engine.cluster().is_none() {
            let why = "the engine is no cluster of workers";
            return Err(AdminError::Fixed {
                key: "engine_faults",
                why,
                hint: "use `faults` for faults of the server",
            });
        }
        Ok(change)
    }

    fn apply(self, house: &House) -> Result<(), AdminError> {
        if let Some(faults) = self.engine_faults {
            engine_faults(house, &faults)?;
        }
        if let Some(dial) = &house.dial {
            if let Some(factors) = self.factors {
                turn(dial, factors)?;
            }
            match self.timing {
                Model::Same => {}
                Model::First => dial.replace(None),
                Model::Other(timing) => dial.replace(Some(timing)),
            }
        }
        if let Some(tokens) = self.stream_interval {
            house.stream_interval.store(tokens, Ordering::Relaxed);
        }
        if let Some(faults) = self.faults {
            *house.faults.write().unwrap_or_else(PoisonError::into_inner) = faults.into();
        }
        Ok(())
    }
}

/// The factors asked for, beside those in force, if any is.
fn factors(object: &Map<String, Value>, house: &House) -> Result<Option<Factors>, AdminError> {
    let mut asked = house.dial.as_ref().map(|dial| dial.factors()).unwrap_or_default();
    let mut any = None;
    for (key, factor) in [
        ("latency_factor", &mut asked.latency),
        ("prefill_factor", &mut asked.prefill),
        ("decode_factor", &mut asked.decode),
        ("load_factor", &mut asked.load),
    ] {
        if let Some(value) = read::<f64>(object, key)? {
            *factor = value;
            any = Some(key);
        }
    }
    let Some(key) = any else {
        return Ok(None);
    };
    dial(house, key)?;
    // Tried on a dial of its own: it says what cannot be.
    turn(&Dial::new(), asked)?;
    Ok(Some(asked))
}

/// The model asked for.
fn timing(object: &Map<String, Value>, house: &House) -> Result<Model, AdminError> {
    let first = read::<Duration>(object, "time_to_first_token")?;
    let next = read::<Duration>(object, "inter_token_latency")?;
    let short = if first.is_some() { "time_to_first_token" } else { "inter_token_latency" };
    let (key, spec) = match (object.get("timing"), first.is_some() || next.is_some()) {
        (None, false) => return Ok(Model::Same),
        (Some(_), true) => {
            let reason = format!("it says the same as {short}\nhint: give one of the two");
            return Err(AdminError::Value { key: "timing", reason });
        }
        (Some(Value::Null), false) => {
            dial(house, "timing")?;
            return Ok(Model::First);
        }
        (Some(_), false) => ("timing", read::<TimingSpec>(object, "timing")?.unwrap_or_default()),
        (None, true) => (
            short,
            TimingSpec { model: TimingModel::Constant, ttft: first, itl: next, ..TimingSpec::default() },
        ),
    };
    dial(house, key)?;
    // Tables are files, and this door opens none. One that is not named is for `build` to ask for.
    if spec.model == TimingModel::Table && spec.table.is_some() {
        return Err(AdminError::Fixed {
            key: "timing.table",
            why: "/admin takes no tables, for it opens no files",
            hint: "give --timing-table when you start the server, or another model here",
        });
    }
    let built = spec.build(None, Seed(0));
    built.map(Model::Other).map_err(|error| AdminError::Value { key, reason: error.to_string() })
}

fn dial<'a>(house: &'a House, key: &'static str) -> Result<&'a Arc<Dial>, AdminError> {
    house.dial.as_ref().ok_or(AdminError::Fixed {
        key,
        why: "the engine's timing is fixed",
        hint: "start the server with a timing that can be adjusted, as `tokmark engine` does",
    })
}

fn turn(dial: &Dial, factors: Factors) -> Result<(), AdminError> {
    dial.turn(factors).map_err(|error| AdminError::Value { key: "timing", reason: error.to_string() })
}

fn engine_faults(house: &House, faults: &[FaultSpec]) -> Result<(), AdminError> {
    let mut core = house.stage.lock();
    let Some(cluster) = core.engine.cluster() else {
        return Ok(());
    };
    cluster.clear_faults();
    let now = house.stage.now();
    for fault in faults {
        if let Err(error) = cluster.inject(now, fault) {
            // Some are in already: rather none than half of them.
            cluster.clear_faults();
            let reason = format!("{error}; no engine fault is in force now");
            house.stage.changed(&mut core);
            return Err(AdminError::Value { key: "engine_faults", reason });
        }
    }
    house.stage.changed(&mut core);
    Ok(())
}

fn read<T: DeserializeOwned>(
    object: &Map<String, Value>,
    key: &'static str,
) -> Result<Option<T>, AdminError> {
    let Some(value) = object.get(key) else {
        return Ok(None);
    };
    serde_json::from_value(value.clone())
        .map(Some)
        .map_err(|error| AdminError::Value { key, reason: error.to_string() })
}
