//! **tls_handshake** = TCP ready → TLS ready.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "tls_handshake",
    label: "TLS handshake",
    aiperf: None,
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "TCP ready → TLS ready",
    needs: "the attempt opened its own TLS connection",
    source: "METHOD",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    let connect = a.record.connect?;
    let (tcp, tls) = (connect.end_us?, connect.tls_end_us?);
    Some(Value::exact((tls - tcp).0.max(0) as f64))
}
