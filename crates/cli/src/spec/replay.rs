//! When a file's own times are asked for without saying so.

use serde_json::json;

use crate::spec::layers::{Layers, Setting};
use crate::spec::origin::Origin;

/// Keys of which each says when requests go.
pub const PACES: [&str; 8] = [
    "load.concurrency",
    "load.rate",
    "load.burst",
    "load.users",
    "load.stages",
    "load.wave",
    "load.series",
    "load.arrival",
];

/// Whether somebody asked for `path`: the defaults and presets are nobody's wish.
pub fn asked(layers: &Layers, path: &str) -> bool {
    layers.origin(path).is_some_and(|origin| origin.rank() > 1)
}

/// How a file's times become the run's was said, and no pace: then its times are what is wanted. (Whether it has any is seen once it
/// is read.)
pub fn settle(layers: &mut Layers) {
    let given = |path: &str| layers.get(path).is_some_and(|value| !value.is_null());
    let file = given("workload.file") || given("workload.dataset");
    let replay = given("load.replay.speed") || given("load.replay.idle_cap");
    let nobodys = |path: &str| match layers.origin(path) {
        None | Some(Origin::Preset(crate::aiperf::LAYER)) => true,
        Some(_) => layers.get(path).is_none_or(|value| value.is_null() || *value == json!(false)),
    };
    if !file || !replay || !PACES.iter().all(|path| nobodys(path)) {
        return;
    }
    let unasked: Vec<&str> =
        PACES.into_iter().chain(["load.requests"]).filter(|path| nobodys(path)).collect();
    for path in unasked {
        layers.take(path);
    }
    layers.put(&Setting {
        path: vec!["load".to_owned(), "arrival".to_owned()],
        value: json!("trace"),
        origin: Origin::Derived("load.replay is about a trace's own times"),
    });
}
