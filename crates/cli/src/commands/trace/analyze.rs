//! `tokmark trace analyze`.

use std::fmt::Write as _;

use tokmark_workload::trace::{Analysis, Analyzer, Arrivals, Spread, TraceRow};

use super::table::{aligned, grouped};
use super::{Reading, files, merge_into, no_row, plot};
use crate::args::trace::AnalyzeArgs;
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// Runs the verb.
pub(super) fn run(args: &AnalyzeArgs, context: &Context) -> Result<Exit, Failure> {
    let screen = &context.screen;
    let picture = args.plot.as_deref().map(plot::Target::of).transpose()?;
    let mut rows = files::rows(&args.file, args.format)?;
    let mut analyzer = Analyzer::new(args.read.block_size, &args.cache_blocks);
    let mut reading = Reading::new(screen, args.read.skip_bad_rows);
    let mut row = TraceRow::default();
    while reading.next(&mut *rows, &mut row)? {
        if let Err(unfit) = analyzer.add(&row) {
            reading.wrong(unfit.at(rows.file(), row.line))?;
        }
    }
    let told = reading.told();
    if analyzer.rows_taken() == 0 {
        return Err(no_row(rows.file()));
    }
    let values = picture.is_some().then(|| analyzer.values());
    let analysis = analyzer.finish();
    let mut object = serde_json::to_value(&analysis)
        .map_err(|e| Failure::internal(format!("the analysis could not be written as JSON: {e}")))?;
    merge_into(&mut object, told);
    object["file"] = rows.file().into();
    if let (Some(picture), Some(values)) = (&picture, &values) {
        picture.write(&plot::figure(rows.file(), &analysis, values))?;
        object["plot"] = picture.to_string().into();
    }
    screen.result(&text(&analysis));
    screen.object(&object);
    Ok(Exit::Good)
}

/// The analysis as people read it.
fn text(found: &Analysis) -> String {
    let mut out = format!(
        "{} rows, {} blocks of {} tokens, {} of them different\n\n",
        grouped(found.rows as f64, 0),
        grouped(found.blocks as f64, 0),
        found.block_size,
        grouped(found.unique_blocks as f64, 0)
    );
    let head = ["", "Mean", "Std Dev", "Min", "P25", "Median", "P75", "Max"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.push(spread("Input length", found.input_length, 2));
    rows.push(spread("Context length", found.context_length, 2));
    rows.push(spread("Unique prompt length", found.unique_prompt_length, 2));
    rows.push(spread("Output length", found.output_length, 2));
    rows.push(spread("Theoretical hit rate", found.hit_rate, 4));
    for cache in &found.caches {
        let name = format!("Hit rate, LRU of {}", grouped(cache.cache_blocks as f64, 0));
        rows.push(spread(&name, cache.hit_rate, 4));
    }
    out.push_str(&aligned(&rows));
    out.push('\n');
    out.push_str(&overall(found));
    match &found.arrivals {
        Some(arrivals) => out.push_str(&arriving(arrivals)),
        None => out.push_str("Arrivals: no row has a time\n"),
    }
    if found.rows_without_ids > 0 {
        let _ = writeln!(
            out,
            "note: {} rows have no ids: they share nothing and have no hit rate",
            found.rows_without_ids
        );
    }
    if found.blocks_with_several_places > 0 {
        let _ = writeln!(
            out,
            "note: {} ids stand at more than one place of a row: they do not mean a block and all before it",
            found.blocks_with_several_places
        );
    }
    out
}

fn spread(name: &str, spread: Option<Spread>, places: usize) -> Vec<String> {
    let mut cells = vec![name.to_owned()];
    match spread {
        Some(s) => cells.extend(
            [s.mean, s.std, s.min, s.p25, s.median, s.p75, s.max].map(|value| grouped(value, places)),
        ),
        None => cells.extend(std::iter::repeat_n("-".to_owned(), 7)),
    }
    cells
}

/// What caches find over all rows.
fn overall(found: &Analysis) -> String {
    let percent =
        |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.2} %", share * 100.0));
    let mut rows =
        vec![vec!["Found over all rows".to_owned(), "of blocks".to_owned(), "of input tokens".to_owned()]];
    rows.push(vec![
        "endless cache".to_owned(),
        percent(found.hit_rate_of_blocks),
        percent(found.hit_rate_of_tokens),
    ]);
    for cache in &found.caches {
        rows.push(vec![
            format!("LRU of {} blocks", grouped(cache.cache_blocks as f64, 0)),
            percent(cache.hit_rate_of_blocks),
            percent(cache.hit_rate_of_tokens),
        ]);
    }
    aligned(&rows) + "\n"
}

fn arriving(arrivals: &Arrivals) -> String {
    let shown = |value: Option<f64>, unit: &str| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{}{unit}", grouped(value, 3)))
    };
    let mut out = format!(
        "Arrivals: {} over {} s, rate {}, mean gap {}, CV of gaps {}\n",
        grouped(arrivals.n as f64, 0),
        grouped(arrivals.span_s, 3),
        shown(arrivals.rate_per_s, "/s"),
        shown(arrivals.gap_mean_ms, " ms"),
        shown(arrivals.gap_cv, "")
    );
    if arrivals.out_of_order > 0 {
        let _ = writeln!(out, "note: {} rows are out of the order of their times", arrivals.out_of_order);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_of_nothing() {
        let found = Analyzer::new(512, &[]).finish();
        let text = text(&found);
        assert!(text.contains("no row has a time") && !text.contains("NaN"), "{text}");
        assert_eq!(serde_json::to_value(&found).unwrap()["hit_rate"], serde_json::Value::Null);
    }
}
