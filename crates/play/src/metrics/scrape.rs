//! The answer to a scrape: every metric of the catalogue that ledger and gauges have something to say about.

use tokmark_engine::Gauges;
use tokmark_record::catalogue::{
    Catalogue, Exposition, ExpositionError, Histogram, Kind, Metric, Quantity, Server,
};
use tokmark_wire::EndpointKind;

use super::family::part;
use super::ledger::{Books, Tally};

/// What a scrape needs to know of the server.
#[derive(Clone, Debug)]
pub(crate) struct Scrape {
    pub(crate) server: Server,
    /// The model the labels name.
    pub(crate) model: String,
    pub(crate) started_unix_s: f64,
    pub(crate) max_model_len: Option<u32>,
}

/// One sample: labels beyond those every metric of the server has, and a value.
type Sample = (Vec<(&'static str, String)>, f64);

/// Something a tally counts.
type Count = fn(&Tally) -> u64;

impl Scrape {
    /// The text.
    pub(crate) fn text(
        &self,
        books: &Books,
        gauges: &Gauges,
        lateness: &Histogram,
    ) -> Result<String, ExpositionError> {
        let mut out = Exposition::of(self.server, self.started_unix_s);
        for metric in Catalogue::of(self.server).iter().filter(|metric| metric.part == part(self.server)) {
            for (more, value) in self.samples(metric, books, gauges) {
                let Some(labels) = self.labels(metric, &more) else {
                    continue;
                };
                let labels: Vec<(&str, &str)> = labels.iter().map(|(k, v)| (*k, v.as_str())).collect();
                match metric.kind {
                    Kind::Info => out.info(metric.name, &labels)?,
                    _ => out.set(metric.name, &labels, value)?,
                }
            }
        }
        for family in &books.families {
            for (streaming, series) in [("false", &family.series[0]), ("true", &family.series[1])] {
                let Some(observed) = series else {
                    continue;
                };
                let more = if family.by_streaming() {
                    vec![("is_streaming", streaming.to_owned())]
                } else {
                    Vec::new()
                };
                if let Some(labels) = self.labels(family.metric, &more) {
                    let labels: Vec<(&str, &str)> = labels.iter().map(|(k, v)| (*k, v.as_str())).collect();
                    out.histogram(family.metric.name, &labels, observed)?;
                }
            }
        }
        for metric in Catalogue::own().iter().filter(|m| m.what == Some(Quantity::SchedulingLateness)) {
            out.histogram(metric.name, &[], lateness)?;
        }
        Ok(out.text())
    }

    /// Every label the metric has; `None` if one of them is not known here.
    fn labels(
        &self,
        metric: &Metric,
        more: &[(&'static str, String)],
    ) -> Option<Vec<(&'static str, String)>> {
        let known = |name: &&'static str| -> Option<(&'static str, String)> {
            let given = more.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            let value = given.or_else(|| match *name {
                "model_name" | "model" => Some(self.model.clone()),
                "engine" | "moe_ep_rank" | "pp_rank" | "tp_rank" => Some("0".to_owned()),
                "engine_type" if self.server == Server::Sglang => Some("unified".to_owned()),
                "engine_type" => Some("trtllm".to_owned()),
                "pid" => Some(std::process::id().to_string()),
                _ => None,
            })?;
            Some((*name, value))
        };
        let mut labels: Vec<_> = metric.labels.iter().map(known).collect::<Option<_>>()?;
        // An info may say more than the catalogue promises.
        if metric.kind == Kind::Info {
            labels.extend(more.iter().filter(|(name, _)| !metric.labels.contains(name)).cloned());
        }
        Some(labels)
    }

    /// What there is to say about a counter, a gauge or an info; nothing about most.
    fn samples(&self, metric: &Metric, books: &Books, gauges: &Gauges) -> Vec<Sample> {
        let one = |value: f64| vec![(Vec::new(), value)];
        let count = |value: u64| one(value as f64);
        let sum = |of: Count| books.tallies().map(|(_, _, tally)| of(tally)).sum::<u64>();
        let has_cache = gauges.blocks_total > 0;
        if let Some(samples) = self.by_name(metric, books, gauges) {
            return samples;
        }
        // A metric that stands there only with a setting is served where what it tells is simulated: TensorRT-LLM's iteration
        // statistics. The others' settings are for things that are not.
        if metric.needs.is_some() && self.server != Server::Trtllm {
            return Vec::new();
        }
        let at_the_end = matches!(self.server, Server::Sglang | Server::Trtllm);
        match metric.what {
            Some(Quantity::RequestsRunning) => count(gauges.running),
            // Dynamo's frontend counts what has not had its first response; the engines, what is in their queue.
            Some(Quantity::RequestsWaiting) if self.server == Server::Dynamo => count(books.unanswered),
            Some(Quantity::RequestsWaiting) => count(gauges.waiting),
            Some(Quantity::RequestsInFlight) => count(books.in_flight),
            Some(Quantity::KvCacheUsage) => gauges.cache_usage().map_or_else(Vec::new, one),
            Some(Quantity::KvBlocksTotal) if has_cache => count(gauges.blocks_total),
            Some(Quantity::KvBlocksUsed) if has_cache => count(gauges.blocks_used),
            Some(Quantity::KvBlockSize) if has_cache => count(u64::from(gauges.block_tokens)),
            Some(Quantity::KvTokensTotal) if has_cache => {
                count(gauges.blocks_total * u64::from(gauges.block_tokens))
            }
            Some(Quantity::KvTokensUsed) if has_cache => {
                count(gauges.blocks_used * u64::from(gauges.block_tokens))
            }
            Some(Quantity::Preemptions) if has_cache => count(gauges.preemptions),
            Some(Quantity::PrefixCacheQueries) if has_cache => count(gauges.prefix_queries),
            Some(Quantity::PrefixCacheHits) if has_cache && self.server == Server::Vllm => {
                count(gauges.prefix_hits)
            }
            Some(Quantity::PromptTokens) => {
                split(metric, books, |t| if at_the_end { t.ended.prompt } else { t.prompt })
            }
            Some(Quantity::GenerationTokens) => {
                split(metric, books, |t| if at_the_end { t.ended.generation } else { t.generation })
            }
            Some(Quantity::RequestSuccess) => self.success(metric, books),
            Some(Quantity::RequestErrors) => self.errors(books),
            Some(Quantity::RequestAborts) => count(sum(|tally| tally.cancelled)),
            _ => Vec::new(),
        }
    }

    /// Metrics that no quantity stands for.
    fn by_name(&self, metric: &Metric, books: &Books, gauges: &Gauges) -> Option<Vec<Sample>> {
        let has_cache = gauges.blocks_total > 0;
        let sum = |of: Count| books.tallies().map(|(_, _, tally)| of(tally)).sum::<u64>() as f64;
        let label = |name: &'static str, value: &str, sample: f64| (vec![(name, value.to_owned())], sample);
        let one = |value: f64| vec![(Vec::new(), value)];
        Some(match metric.name {
            // Nothing in the simulated queue waits for anything but room.
            "vllm:num_requests_waiting_by_reason" => {
                vec![label("reason", "capacity", gauges.waiting as f64), label("reason", "deferred", 0.0)]
            }
            "vllm:prompt_tokens_cached_total" if has_cache => one(sum(|tally| tally.prompt_cached)),
            "vllm:prompt_tokens_by_source_total" if has_cache => vec![
                label("source", "local_compute", sum(|tally| tally.prompt - tally.prompt_cached)),
                label("source", "local_cache_hit", sum(|tally| tally.prompt_cached)),
            ],
            "trtllm_prompt_cached_tokens_total" if has_cache => one(sum(|tally| tally.ended.prompt_cached)),
            // SGLang shows a source once something came from it.
            "sglang:cached_tokens_total" => match sum(|tally| tally.ended.prompt_cached) {
                0.0 => Vec::new(),
                cached => vec![label("cache_source", "device", cached)],
            },
            "trtllm_kv_cache_free_blocks" if has_cache => {
                one((gauges.blocks_total - gauges.blocks_used) as f64)
            }
            "trtllm_num_requests_completed_total" => one(sum(|tally| tally.length + tally.stop)),
            "dynamo_frontend_inflight_requests" => one(books.in_flight as f64),
            "dynamo_frontend_model_ready" => one(1.0),
            "dynamo_frontend_model_context_length" => {
                self.max_model_len.map_or_else(Vec::new, |tokens| one(f64::from(tokens)))
            }
            "dynamo_frontend_requests_started_total" => by_kind(books, |tally| tally.started, &[]),
            _ => return None,
        })
    }

    fn success(&self, metric: &Metric, books: &Books) -> Vec<Sample> {
        let sum = |of: Count| books.tallies().map(|(_, _, tally)| of(tally)).sum::<u64>();
        let reason = |reason: &str, n: u64| (vec![("finished_reason", reason.to_owned())], n as f64);
        match self.server {
            // Every reason stands there from the start. A client that leaves is not among them: vLLM drops such a request before
            // it counts (read in its output processor, 0.32).
            Server::Vllm => vec![
                reason("stop", sum(|tally| tally.stop)),
                reason("length", sum(|tally| tally.length)),
                reason("abort", 0),
                reason("error", sum(|tally| tally.failed)),
                reason("repetition", 0),
            ],
            Server::Trtllm => [("stop", sum(|tally| tally.stop)), ("length", sum(|tally| tally.length))]
                .into_iter()
                .filter(|(_, n)| *n > 0)
                .map(|(why, n)| reason(why, n))
                .collect(),
            Server::Sglang => split(metric, books, |tally| tally.stop + tally.length),
            Server::Dynamo => {
                let ended: [(&str, &str, Count); 5] = [
                    ("success", "", |tally| tally.stop + tally.length),
                    ("error", "cancelled", |tally| tally.cancelled),
                    ("error", "internal", |tally| tally.failed),
                    ("error", "validation", |tally| tally.invalid),
                    ("error", "overload", |tally| tally.overload),
                ];
                let of = |(status, error, of): (&str, &str, Count)| {
                    by_kind(books, of, &[("status", status), ("error_type", error)])
                };
                ended.into_iter().flat_map(of).collect()
            }
        }
    }

    fn errors(&self, books: &Books) -> Vec<Sample> {
        match self.server {
            // Only full queues; what else is refused is not counted by vLLM.
            Server::Vllm => {
                vec![(vec![("reason", "max_num_queued_reqs".to_owned())], books.queue_full as f64)]
            }
            Server::Trtllm => books
                .errors
                .iter()
                .map(|(status, n)| (vec![("http_code", status.to_string())], *n as f64))
                .collect(),
            Server::Sglang | Server::Dynamo => Vec::new(),
        }
    }
}

/// One sample, or one for streams and one for bodies where the metric tells them apart. SGLang shows those that are not 0.
fn split(metric: &Metric, books: &Books, of: impl Fn(&Tally) -> u64) -> Vec<Sample> {
    if !metric.labels.contains(&"is_streaming") {
        return vec![(Vec::new(), books.tallies().map(|(_, _, tally)| of(tally)).sum::<u64>() as f64)];
    }
    [false, true]
        .into_iter()
        .filter_map(|wanted| {
            let tallies = books.tallies().filter(|(_, streaming, _)| *streaming == wanted);
            let total = tallies.map(|(_, _, tally)| of(tally)).sum::<u64>();
            (total > 0).then(|| (vec![("is_streaming", wanted.to_string())], total as f64))
        })
        .collect()
}

/// A sample for each endpoint and kind of answer that is not 0, as Dynamo's frontend has them.
fn by_kind(books: &Books, of: Count, more: &[(&'static str, &str)]) -> Vec<Sample> {
    let there = books.tallies().map(|(endpoint, streaming, tally)| (endpoint, streaming, of(tally)));
    there
        .filter(|(_, _, n)| *n > 0)
        .map(|(endpoint, streaming, n)| {
            let endpoint = match endpoint {
                EndpointKind::Chat => "chat_completions",
                EndpointKind::Completions => "completions",
                EndpointKind::Sglang | EndpointKind::Tgi => "generate",
            };
            let request_type = if streaming { "stream" } else { "unary" };
            let mut labels =
                vec![("endpoint", endpoint.to_owned()), ("request_type", request_type.to_owned())];
            labels.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
            (labels, n as f64)
        })
        .collect()
}
