use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn everything() -> impl Iterator<Item = (&'static str, &'static Metric)> {
    let theirs = Server::ALL
        .into_iter()
        .flat_map(|server| Catalogue::of(server).iter().map(move |m| (server.name(), m)));
    theirs.chain(Catalogue::own().iter().map(|metric| ("own", metric)))
}

fn is_metric_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':';
    name.bytes().all(word) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

#[test]
fn a_name_stands_once_in_all_catalogues() {
    let mut seen = BTreeSet::new();
    for (server, metric) in everything() {
        assert!(is_metric_name(metric.name), "{server}: {}", metric.name);
        assert!(seen.insert(metric.name), "{server}: {} stands twice", metric.name);
    }
    // Written down so that a lost table shows.
    assert_eq!(Server::ALL.map(|server| Catalogue::of(server).len()), [68, 153, 65, 204]);
}

#[test]
fn every_metric_is_told_in_full() {
    for (server, metric) in everything() {
        let name = metric.name;
        assert!(metric.help.ends_with('.') && metric.help.len() > 5, "{server}: {name}: {}", metric.help);
        assert!(!metric.source.is_empty(), "{server}: {name} has no source");
        assert!(metric.labels.is_sorted_by(|a, b| a < b), "{server}: {name}: {:?}", metric.labels);
        assert!(!name.ends_with("_created") && !name.ends_with("_bucket"), "{server}: {name}");
        if metric.kind == Kind::Histogram {
            assert!(!metric.labels.contains(&"le"), "{server}: {name}");
        } else {
            assert_eq!(metric.buckets, None, "{server}: {name} has buckets and is none");
        }
    }
}

#[test]
fn bounds_are_finite_and_strictly_increasing() {
    let histograms: Vec<_> = everything().filter(|(_, metric)| metric.kind == Kind::Histogram).collect();
    assert!(histograms.len() > 100, "{}", histograms.len());
    for (server, metric) in histograms {
        if let Some(bounds) = metric.buckets {
            assert!(!bounds.is_empty(), "{server}: {}", metric.name);
            Histogram::new(bounds).unwrap_or_else(|error| panic!("{server}: {}: {error}", metric.name));
        }
    }
}

#[test]
fn a_quantity_has_one_metric_a_part() {
    for server in Server::ALL {
        let mut seen = BTreeSet::new();
        for metric in Catalogue::of(server) {
            if let Some(what) = metric.what {
                assert!(seen.insert((metric.part, what)), "{server}: {what:?} twice: {}", metric.name);
            }
        }
    }
}

/// What a run's summary asks every engine for.
#[test]
fn every_engine_measures_what_the_summary_asks_for() {
    use Quantity::*;
    let asked = [
        RequestsRunning,
        RequestsWaiting,
        KvCacheUsage,
        TimeToFirstToken,
        EndToEndLatency,
        QueueTime,
        PromptTokens,
    ];
    for server in [Server::Vllm, Server::Sglang, Server::Trtllm] {
        for what in
            asked.into_iter().chain([GenerationTokens, TimePerOutputToken, PrefixCacheHits, RequestSuccess])
        {
            assert!(Catalogue::measuring(server, Part::Engine, what).is_some(), "{server}: {what:?}");
        }
    }
    let name = |server, part, what| Catalogue::measuring(server, part, what).map(|metric| metric.name);
    assert_eq!(name(Server::Sglang, Part::Engine, KvCacheUsage), Some("sglang:token_usage"));
    assert_eq!(
        name(Server::Trtllm, Part::Engine, InterTokenLatency),
        None,
        "it has only the mean of a request"
    );
    assert_eq!(
        name(Server::Dynamo, Part::Frontend, TimeToFirstToken),
        Some("dynamo_frontend_time_to_first_token_seconds")
    );
    assert_eq!(
        name(Server::Dynamo, Part::Worker, KvCacheUsage),
        Some("dynamo_component_gpu_cache_usage_percent")
    );
}

#[test]
fn a_metric_is_found_by_its_name_and_by_its_former_one() {
    let found = |name| find(name).map(|(server, metric)| (server, metric.name));
    assert_eq!(found("vllm:prompt_tokens_total"), Some((Server::Vllm, "vllm:prompt_tokens_total")));
    assert_eq!(found("vllm:prompt_tokens"), None);
    assert_eq!(
        found("vllm:time_per_output_token_seconds"),
        Some((Server::Vllm, "vllm:inter_token_latency_seconds"))
    );
    // Dynamo's mocker still shows this one.
    assert_eq!(found("vllm:gpu_cache_usage_perc"), Some((Server::Vllm, "vllm:kv_cache_usage_perc")));
    assert_eq!(found("tgi_queue_size"), None);
    for (_, today) in vllm::RENAMED {
        assert!(found(today).is_some(), "{today}");
    }
}

#[test]
fn a_server_is_parsed_by_name_and_a_typo_is_told() {
    for server in Server::ALL {
        assert_eq!(server.name().parse(), Ok(server));
    }
    let error = "sgland".parse::<Server>().unwrap_err().to_string();
    assert_eq!(error, "`sgland` is not a server whose metrics are known\nhint: did you mean `sglang`?");
    let error = "tgi".parse::<Server>().unwrap_err().to_string();
    assert!(error.ends_with("hint: it is one of vllm, sglang, trtllm, dynamo"), "{error}");
}

#[test]
fn token_bounds_go_up_to_the_length_of_the_model() {
    let to_4096 = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0];
    assert_eq!(vllm::token_buckets(4096), to_4096);
    assert_eq!(vllm::token_buckets(5), [1.0, 2.0, 5.0]);
    assert!(vllm::token_buckets(0).is_empty());
    assert_eq!(vllm::token_buckets(u64::MAX).last(), Some(&1e19), "the next, 2e19, is more than a u64 holds");
}

#[test]
fn a_histogram_counts_a_value_on_a_bound_below_it() {
    let mut histogram = Histogram::new(&[0.5, 1.0, 2.0]).unwrap();
    for value in [0.5, 0.500_1, 1.0, 2.0, 2.5, -3.0] {
        histogram.observe(value);
    }
    assert_eq!(histogram.cumulative().collect::<Vec<_>>(), [2, 4, 5, 6]);
    assert_eq!(histogram.count(), 6);
    assert!((histogram.sum() - 3.500_1).abs() < 1e-12);
}

#[test]
fn what_is_no_number_is_refused_and_counted() {
    let mut histogram = Histogram::new(&[1.0]).unwrap();
    histogram.observe(f64::NAN);
    histogram.observe_many(f64::INFINITY, 2);
    histogram.observe_many(0.25, 4);
    assert_eq!((histogram.refused(), histogram.count()), (3, 4));
    assert_eq!(histogram.sum().to_bits(), 1.0_f64.to_bits());
}

#[test]
fn bounds_out_of_order_are_an_error() {
    for bounds in [&[1.0, 1.0][..], &[2.0, 1.0], &[1.0, f64::INFINITY], &[f64::NAN]] {
        assert!(Histogram::new(bounds).is_err(), "{bounds:?}");
    }
    assert!(Histogram::new(&[]).is_ok(), "only +Inf");
}

proptest! {
    /// Counting under each bound by hand gives the same.
    #[test]
    fn a_histogram_is_the_count_of_what_lies_at_or_below_each_bound(
        mut bounds in prop::collection::vec(-50_i16..50, 0..8),
        values in prop::collection::vec(-60_i16..60, 0..40),
    ) {
        bounds.sort_unstable();
        bounds.dedup();
        let bounds: Vec<f64> = bounds.into_iter().map(f64::from).collect();
        let mut histogram = Histogram::new(&bounds).unwrap();
        for value in &values {
            histogram.observe(f64::from(*value));
        }
        let below = |bound: f64| values.iter().filter(|value| f64::from(**value) <= bound).count() as u64;
        let by_hand: Vec<u64> = bounds.iter().copied().chain([f64::INFINITY]).map(below).collect();
        prop_assert_eq!(histogram.cumulative().collect::<Vec<_>>(), by_hand);
        prop_assert_eq!(histogram.count(), values.len() as u64);
        let sum: i64 = values.iter().copied().map(i64::from).sum();
        prop_assert_eq!(histogram.sum().to_bits(), (sum as f64 + 0.0).to_bits());
    }

    /// Whatever a label holds, a sample stays one line and reads back as it was.
    #[test]
    fn a_label_value_reads_back(value in "[\\\\\"\n{}=, aé]{0,12}") {
        let mut exposition = Exposition::of(Server::Vllm, 0.0);
        let labels = [("engine", "0"), ("model_name", value.as_str())];
        exposition.set("vllm:num_requests_running", &labels, 1.0).unwrap();
        let text = exposition.text();
        prop_assert_eq!(text.lines().count(), 3);
        let line = text.lines().last().unwrap();
        let written = line.strip_prefix("vllm:num_requests_running{engine=\"0\",model_name=\"").unwrap();
        let written = written.strip_suffix("\"} 1.0").unwrap();
        let mut read = String::new();
        let mut letters = written.chars();
        while let Some(letter) = letters.next() {
            prop_assert_ne!(letter, '"');
            read.push(match letter {
                '\\' => match letters.next() {
                    Some('n') => '\n',
                    Some(escaped) => escaped,
                    None => return Err(TestCaseError::fail("a lone backslash")),
                },
                plain => plain,
            });
        }
        prop_assert_eq!(read, value);
    }
}
