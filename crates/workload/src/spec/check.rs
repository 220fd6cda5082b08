//! What of a workload cannot be, and what of it contradicts itself. (Keys that contradict a default are seen by `cli`, which knows
//! what was given.)

use super::{CacheBust, DelayLaw, History, Order, PrefixChoice, WorkloadError, WorkloadSpec};
use crate::course::MOST_TURNS;
use crate::shape::lengths::{self, MOST_TOKENS};
use crate::shape::{BUST_TOKENS, Classes, MOST_PLACES};

type Checked = Result<(), WorkloadError>;

/// What a key about files needs.
const FILE: &str = "workload.file";

/// All of it.
pub(super) fn check(spec: &WorkloadSpec) -> Checked {
    numbers(spec)?;
    ranges(spec)?;
    times(spec)?;
    spec_lengths(spec)?;
    with_a_file(spec)?;
    without_a_file(spec)?;
    prefixes(spec)?;
    cancellation(spec)?;
    shares(spec)?;
    sessions(spec)?;
    Classes::check(&spec.classes)
}

fn contradiction(key: &'static str, other: &'static str, hint: &'static str) -> WorkloadError {
    WorkloadError::Contradiction { key, other, hint }
}

/// Refuses with the first contradiction that holds: (it holds, key, the other key, hint).
fn none_of(cases: &[(bool, &'static str, &'static str, &'static str)]) -> Checked {
    match cases.iter().find(|(holds, ..)| *holds) {
        Some((_, key, other, hint)) => Err(contradiction(key, other, hint)),
        None => Ok(()),
    }
}

/// Refuses with the first key that lacks another: (it lacks it, key, the key missing, hint).
fn none_lacking(cases: &[(bool, &'static str, &'static str, &'static str)]) -> Checked {
    match cases.iter().find(|(lacks, ..)| *lacks) {
        Some((_, key, other, hint)) => Err(WorkloadError::Needs { key, other, hint }),
        None => Ok(()),
    }
}

fn numbers(spec: &WorkloadSpec) -> Checked {
    for (key, value) in [("workload.isl_stddev", spec.isl_stddev), ("workload.osl_stddev", spec.osl_stddev)] {
        if !(0.0..=f64::from(MOST_TOKENS)).contains(&value) {
            return Err(WorkloadError::Deviation { key, value });
        }
    }
    for (key, value) in [
        ("workload.isl", Some(u64::from(spec.isl))),
        ("workload.osl", spec.osl.map(u64::from)),
        ("workload.prefix.pool", Some(u64::from(spec.prefix.pool))),
        ("workload.prefix.prompts", spec.prefix.prompts.map(u64::from)),
        ("workload.sessions.turns", Some(u64::from(spec.sessions.turns))),
        ("workload.block_size", spec.block_size.map(u64::from)),
        ("workload.entries", spec.entries),
    ] {
        if value == Some(0) {
            return Err(WorkloadError::Zero { key });
        }
    }
    for (key, tokens) in [
        ("workload.isl", Some(spec.isl)),
        ("workload.osl", spec.osl),
        ("workload.prefix.length", Some(spec.prefix.length)),
        ("workload.prefix.system", Some(spec.prefix.system)),
        ("workload.prefix.user_context", Some(spec.prefix.user_context)),
        ("workload.block_size", spec.block_size),
    ] {
        if let Some(tokens) = tokens.filter(|n| *n > MOST_TOKENS) {
            return Err(WorkloadError::TooLong { key, tokens });
        }
    }
    Ok(())
}

fn ranges(spec: &WorkloadSpec) -> Checked {
    let turns = f64::from(MOST_TURNS);
    let places = if spec.prefix.choice == PrefixChoice::Zipf { f64::from(MOST_PLACES) } else { f64::MAX };
    for (key, value, least, most) in [
        ("workload.prefix.ratio", spec.prefix.ratio.unwrap_or(0.0), 0.0, 1.0),
        ("workload.prefix.hit_rate", spec.prefix.hit_rate.unwrap_or(0.0), 0.0, 1.0),
        ("workload.prefix.zipf_alpha", spec.prefix.zipf_alpha, 0.0, 100.0),
        ("workload.prefix.pool", f64::from(spec.prefix.pool), 1.0, places),
        ("workload.sessions.turns", f64::from(spec.sessions.turns), 1.0, turns),
        ("workload.sessions.turns_stddev", spec.sessions.turns_stddev, 0.0, turns),
        ("workload.sessions.delay_ratio", spec.sessions.delay_ratio, 0.0, 1e6),
        ("workload.cancel.share", spec.cancel.share, 0.0, 1.0),
    ] {
        if !(least..=most).contains(&value) {
            return Err(WorkloadError::Range { key, value, least, most });
        }
    }
    Ok(())
}

fn times(spec: &WorkloadSpec) -> Checked {
    for (key, time) in [
        ("workload.sessions.delay", Some(spec.sessions.delay)),
        ("workload.sessions.delay_stddev", Some(spec.sessions.delay_stddev)),
        ("workload.cancel.after", Some(spec.cancel.after)),
        ("workload.from", spec.from),
        ("workload.to", spec.to),
    ] {
        if let Some(time) = time.filter(|time| time.0.0 < 0) {
            return Err(WorkloadError::Negative { key, micros: time.0.0 });
        }
    }
    match (spec.from, spec.to) {
        (Some(from), Some(to)) if from.0 > to.0 => Err(contradiction(
            "workload.from",
            "workload.to",
            "the window must end behind its beginning: swap the two, or leave one out",
        )),
        _ => Ok(()),
    }
}

fn spec_lengths(spec: &WorkloadSpec) -> Checked {
    let (text, file) = (spec.lengths.is_some(), spec.lengths_file.is_some());
    let hint = "lengths come from one place: leave one of the two out";
    none_of(&[
        (
            spec.osl.is_none() && spec.osl_stddev > 0.0,
            "workload.osl_stddev",
            "workload.osl: null",
            "give workload.osl (--osl) a mean, or leave the deviation out",
        ),
        (text && file, "workload.lengths", "workload.lengths_file", hint),
        (text && spec.isl_stddev > 0.0, "workload.isl_stddev", "workload.lengths", hint),
        (text && spec.osl_stddev > 0.0, "workload.osl_stddev", "workload.lengths", hint),
        (text && spec.osl.is_none(), "workload.osl: null", "workload.lengths", hint),
        (file && spec.isl_stddev > 0.0, "workload.isl_stddev", "workload.lengths_file", hint),
        (file && spec.osl_stddev > 0.0, "workload.osl_stddev", "workload.lengths_file", hint),
        (file && spec.osl.is_none(), "workload.osl: null", "workload.lengths_file", hint),
    ])?;
    if let Some(text) = &spec.lengths {
        lengths::parse(text)?;
    }
    Ok(())
}

fn with_a_file(spec: &WorkloadSpec) -> Checked {
    if !spec.wants_file() {
        return Ok(());
    }
    let other = if spec.file.is_some() { "workload.file" } else { "workload.dataset" };
    let shared = "a shared prefix belongs to synthetic prompts: leave one of the two out, or write the prefix into the file";
    let own = "the prompts of a file have the lengths they have: leave one of the two out";
    let prefix = &spec.prefix;
    none_of(&[
        (
            spec.apply_chat_template,
            "workload.apply_chat_template",
            other,
            "not yet: the prompts of a file are counted as they stand; leave one of the two out",
        ),
        (
            spec.file.is_some() && spec.dataset.is_some(),
            "workload.dataset",
            other,
            "prompts come from one place: leave one of the two out",
        ),
        (prefix.length > 0, "workload.prefix.length", other, shared),
        (prefix.system > 0, "workload.prefix.system", other, shared),
        (prefix.user_context > 0, "workload.prefix.user_context", other, shared),
        (prefix.ratio.is_some(), "workload.prefix.ratio", other, shared),
        (prefix.hit_rate.is_some(), "workload.prefix.hit_rate", other, shared),
        (prefix.prompts.is_some(), "workload.prefix.prompts", other, shared),
        (spec.lengths.is_some(), "workload.lengths", other, own),
        (spec.lengths_file.is_some(), "workload.lengths_file", other, own),
        (
            spec.cache_bust.has_words(),
            "workload.cache_bust",
            other,
            "nothing is put into the prompts of a file: take workload.cache_bust: run (other words in every run), or leave one of the two out",
        ),
        (
            spec.sessions.has_turns(),
            "workload.sessions.turns",
            other,
            "a file has the sessions it has: leave one of the two out",
        ),
    ])
}

fn without_a_file(spec: &WorkloadSpec) -> Checked {
    if spec.wants_file() {
        return Ok(());
    }
    let hint = "it is about a file of prompts: name the file (--input), or leave it out";
    none_lacking(&[
        (spec.format.is_some(), "workload.format", FILE, hint),
        (spec.block_size.is_some(), "workload.block_size", FILE, hint),
        (spec.order != Order::Sequential, "workload.order", FILE, hint),
        (spec.from.is_some(), "workload.from", FILE, hint),
        (spec.to.is_some(), "workload.to", FILE, hint),
        (
            spec.skip_bad_rows && spec.lengths_file.is_none(),
            "workload.skip_bad_rows",
            FILE,
            "there are no rows: name a file (--input or --lengths-file), or leave it out",
        ),
        (
            (spec.sessions.delay_ratio - 1.0).abs() > 0.0,
            "workload.sessions.delay_ratio",
            FILE,
            "it multiplies a file's own delays: change workload.sessions.delay, or leave it out",
        ),
    ])
}

fn prefixes(spec: &WorkloadSpec) -> Checked {
    let prefix = &spec.prefix;
    let pooled = prefix.length > 0 || prefix.share().is_some();
    let one = "a system prompt with users' contexts and a pool of prefixes exclude each other: leave one out";
    let shares = "the share alone says how long the prefix is: leave one of the two out";
    none_of(&[
        (
            prefix.ratio.is_some() && prefix.hit_rate.is_some(),
            "workload.prefix.ratio",
            "workload.prefix.hit_rate",
            shares,
        ),
        (
            prefix.length > 0 && prefix.ratio.is_some(),
            "workload.prefix.length",
            "workload.prefix.ratio",
            shares,
        ),
        (
            prefix.length > 0 && prefix.hit_rate.is_some(),
            "workload.prefix.length",
            "workload.prefix.hit_rate",
            shares,
        ),
        (pooled && prefix.system > 0, "workload.prefix.system", "a pool of prefixes", one),
        (pooled && prefix.user_context > 0, "workload.prefix.user_context", "a pool of prefixes", one),
        (
            spec.cache_bust.has_words() && spec.isl < BUST_TOKENS && !given_lengths(spec),
            "workload.cache_bust",
            "workload.isl",
            "the words that keep caches from finding a prompt take 8 of its tokens: ask for at least 8 (--isl)",
        ),
    ])?;
    let length = "workload.prefix.length";
    none_lacking(&[
        (
            !pooled && prefix.pool > 1,
            "workload.prefix.pool",
            length,
            "give the prefix a length (--prefix-length), or leave the pool out",
        ),
        (
            !pooled && prefix.choice == PrefixChoice::Zipf,
            "workload.prefix.choice",
            length,
            "give the prefix a length (--prefix-length), or leave the choice out",
        ),
        (
            prefix.choice != PrefixChoice::Zipf && (prefix.zipf_alpha - 1.0).abs() > 0.0,
            "workload.prefix.zipf_alpha",
            "workload.prefix.choice: zipf",
            "only Zipf's law has an exponent: add --prefix-choice zipf, or leave the exponent out",
        ),
        (
            !pooled && prefix.prompts.is_some(),
            "workload.prefix.prompts",
            length,
            "give the prefix a length (--prefix-length); without prefixes, workload.entries says how many prompts there are",
        ),
        (
            spec.cache_bust == CacheBust::Suffix && !prefix.is_asked() && spec.entries.is_none(),
            "workload.cache_bust: suffix",
            length,
            "without a shared prefix nothing is left to be found: take workload.cache_bust: prefix, or leave it out",
        ),
    ])
}

fn cancellation(spec: &WorkloadSpec) -> Checked {
    none_lacking(&[(
        spec.cancel.share <= 0.0 && spec.cancel.after.0.0 > 0,
        "workload.cancel.after",
        "workload.cancel.share",
        "say which share of the requests is given up (--cancel-share), or leave the time out",
    )])
}

/// Whether lengths come from elsewhere than `isl` and `osl`.
fn given_lengths(spec: &WorkloadSpec) -> bool {
    spec.lengths.is_some() || spec.lengths_file.is_some()
}

/// `prefix.ratio` and `prefix.hit_rate`.
fn shares(spec: &WorkloadSpec) -> Checked {
    let prefix = &spec.prefix;
    let Some((shared, own)) = prefix.split(spec.isl) else { return Ok(()) };
    let hit = prefix.hit_rate.is_some_and(|_| shared > 0);
    let key = if prefix.hit_rate.is_some() { "workload.prefix.hit_rate" } else { "workload.prefix.ratio" };
    if own == 0 {
        return Err(WorkloadError::NothingOwn { key, share: prefix.share().unwrap_or(1.0), isl: spec.isl });
    }
    let mean =
        "the share is one of workload.isl: give that and its deviation, and leave the other lengths out";
    let whole = "prompts that come again are found whole: leave one of the two out";
    let models = "a model's cache holds nothing of another model's: leave one of the two out";
    none_of(&[
        (spec.lengths.is_some(), key, "workload.lengths", mean),
        (spec.lengths_file.is_some(), key, "workload.lengths_file", mean),
        (
            spec.sessions.has_turns() && spec.sessions.history == History::Reply,
            key,
            "workload.sessions.turns",
            "a later turn says the earlier ones again, which are found too: leave the turns out, or their history (workload.sessions.history: none)",
        ),
        (hit && spec.entries.is_some(), key, "workload.entries", whole),
        (hit && prefix.prompts.is_some(), key, "workload.prefix.prompts", whole),
        (
            hit && spec.cache_bust == CacheBust::Prefix,
            key,
            "workload.cache_bust: prefix",
            "with it nothing is found: leave one of the two out",
        ),
        (
            hit && spec.classes.len() > 1 && spec.classes.iter().any(|class| class.model.is_some()),
            key,
            "workload.classes",
            models,
        ),
    ])
}

fn sessions(spec: &WorkloadSpec) -> Checked {
    let sessions = &spec.sessions;
    let synthetic = !spec.wants_file();
    let (delay, spread) = (sessions.delay.0.0 > 0, sessions.delay_stddev.0.0 > 0);
    let turns = "requests that stand for themselves have no time between them: give sessions turns (--turns), or leave it out";
    none_of(&[
        (
            spec.apply_chat_template && sessions.has_turns(),
            "workload.apply_chat_template",
            "workload.sessions.turns",
            "not yet: what a template adds to a later turn depends on the reply; leave one of the two out",
        ),
        (
            spread && sessions.delay_law == DelayLaw::Exponential,
            "workload.sessions.delay_stddev",
            "workload.sessions.delay_law: exponential",
            "an exponential deviates by its mean: leave the deviation out, or take the normal law",
        ),
    ])?;
    none_lacking(&[
        (
            spread && !delay,
            "workload.sessions.delay_stddev",
            "workload.sessions.delay",
            "give the time between turns a mean (--turn-delay), or leave the deviation out",
        ),
        (
            synthetic && delay && !sessions.has_turns(),
            "workload.sessions.delay",
            "workload.sessions.turns",
            turns,
        ),
        (
            synthetic && sessions.history == History::None && !sessions.has_turns(),
            "workload.sessions.history: none",
            "workload.sessions.turns",
            "requests that stand for themselves say nothing again: give sessions turns (--turns), or leave it out",
        ),
    ])
}
