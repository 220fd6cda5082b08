//! `tokmark explain`: every value of the spec and where it came from.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::args::ExplainArgs;
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::source::sources;
use crate::spec::resolve::{Point, Resolved};

/// Runs the verb.
pub fn run(args: &ExplainArgs, context: &Context) -> Result<Exit, Failure> {
    let screen = context.screen;
    if args.schema {
        let text = format!("{:#}\n", crate::spec::schema());
        let text = if screen.json { String::new() } else { text };
        screen.result(&text);
        screen.object(&crate::spec::schema());
        return Ok(Exit::Good);
    }
    let resolved = sources(&args.source, &context.environment)?.resolve()?;
    screen.result(&text(&resolved));
    screen.object(&object(&resolved));
    Ok(Exit::Good)
}

/// Path, value and origin of every leaf, one a line, and what the user should know.
pub fn text(resolved: &Resolved) -> String {
    let mut out = String::new();
    let Some(point) = resolved.points.first() else { return out };
    let rows: Vec<(String, String, String)> = rows(resolved, point);
    let wide = |pick: fn(&(String, String, String)) -> &String, most: usize| {
        rows.iter().map(|row| pick(row).chars().count()).max().unwrap_or(0).min(most)
    };
    let (path_width, value_width) = (wide(|r| &r.0, 40), wide(|r| &r.1, 40));
    for (path, value, origin) in &rows {
        let _ = writeln!(out, "{path:path_width$}  {value:value_width$}  {origin}");
    }
    for note in &resolved.notes {
        let _ = writeln!(out, "note: {note}");
    }
    out
}

fn rows(resolved: &Resolved, point: &Point) -> Vec<(String, String, String)> {
    point
        .explained()
        .into_iter()
        .map(|(path, value, origin)| match &resolved.sweep {
            Some(sweep) if sweep.axis.path() == path => {
                let levels: Vec<String> = sweep.levels.iter().map(ToString::to_string).collect();
                (path, format!("[{}]", levels.join(", ")), origin)
            }
            Some(_) if path == "load.requests" && origin.starts_with("derived") => {
                let each: Vec<String> = resolved.points.iter().map(requests_of).collect();
                (path, format!("[{}]", each.join(", ")), origin)
            }
            _ => (path, shown(&value), origin),
        })
        .collect()
}

fn requests_of(point: &Point) -> String {
    point.spec.load.requests.map_or_else(|| "-".to_owned(), |n| n.to_string())
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The same as one object: `values` (dotted path → value and origin), `spec` (the tree), `sweep`, `notes`.
pub fn object(resolved: &Resolved) -> Value {
    let Some(point) = resolved.points.first() else { return json!({}) };
    let values: Map<String, Value> = point
        .explained()
        .into_iter()
        .map(|(path, value, origin)| (path, json!({"value": value, "origin": origin})))
        .collect();
    json!({
        "values": values,
        "spec": point.values(),
        "sweep": resolved.sweep.as_ref().map(|sweep| json!({"over": sweep.axis.path(), "levels": sweep.levels})),
        "notes": resolved.notes,
    })
}
