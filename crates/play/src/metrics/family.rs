//! Which histogram of a server counts which observation of ours.

use tokmark_record::catalogue::{Catalogue, Histogram, Kind, Metric, Part, Quantity, Server, vllm};

/// Something that is observed of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Arrival to first token, seconds.
    FirstToken,
    /// Between outputs, seconds.
    BetweenTokens,
    /// Mean time a token after the first, seconds.
    PerToken,
    /// Arrival to end, seconds.
    Whole,
    /// Arrival to first admission, seconds.
    Queue,
    /// First admission to first token, seconds.
    Prefill,
    /// First token to last, seconds.
    Decode,
    /// First admission to last token, seconds.
    Inference,
    /// Tokens of its prompt.
    Prompt,
    /// Tokens of its reply.
    Generation,
    /// The longest of its replies, tokens; there is one.
    LongestGeneration,
    /// `max_tokens`.
    MaxTokens,
    /// `n`.
    Choices,
    /// How often it was thrown out.
    Preemptions,
    /// Prompt tokens that were computed.
    Computed,
    /// Prompt tokens that were in the cache.
    Cached,
}

/// One histogram of the server played.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) metric: &'static Metric,
    pub(crate) seen: Seen,
    /// One series, or two where a label tells streams from bodies: of bodies, of streams. `None` until something was observed.
    pub(crate) series: [Option<Histogram>; 2],
    empty: Histogram,
}

/// The part of a server's catalogue that stands in the scrape of its public port.
pub(crate) fn part(server: Server) -> Part {
    match server {
        Server::Vllm | Server::Sglang | Server::Trtllm => Part::Engine,
        Server::Dynamo => Part::Frontend,
    }
}

impl Family {
    /// Every histogram of `server` that something is observed for.
    pub(crate) fn all(server: Server, max_model_len: Option<u32>) -> Vec<Self> {
        let metrics = Catalogue::of(server).iter();
        let metrics = metrics.filter(|m| m.part == part(server) && m.kind == Kind::Histogram);
        metrics
            .filter_map(|metric| {
                let seen = seen(metric)?;
                let empty = Histogram::of(metric).or_else(|| {
                    // vLLM's histograms of lengths end at the model's; without one they have no bounds to show.
                    Histogram::new(&vllm::token_buckets(u64::from(max_model_len?))).ok()
                })?;
                // vLLM shows a histogram from the start, the others once it has something in it.
                let first = (server == Server::Vllm).then(|| empty.clone());
                Some(Self { metric, seen, series: [first, None], empty })
            })
            .collect()
    }

    /// Whether a label of it tells streams from bodies.
    pub(crate) fn by_streaming(&self) -> bool {
        self.metric.labels.contains(&"is_streaming")
    }

    /// Counts `value` `times` times.
    pub(crate) fn observe(&mut self, streaming: bool, value: f64, times: u64) {
        let at = usize::from(streaming && self.by_streaming());
        self.series[at].get_or_insert_with(|| self.empty.clone()).observe_many(value, times);
    }
}

fn seen(metric: &Metric) -> Option<Seen> {
    match metric.name {
        "vllm:request_max_num_generation_tokens" => return Some(Seen::LongestGeneration),
        "vllm:request_params_max_tokens" => return Some(Seen::MaxTokens),
        "vllm:request_params_n" => return Some(Seen::Choices),
        "vllm:request_num_preemptions" => return Some(Seen::Preemptions),
        "vllm:request_prefill_kv_computed_tokens" | "sglang:uncached_prompt_tokens_histogram" => {
            return Some(Seen::Computed);
        }
        "trtllm_prompt_cached_tokens_per_request" | "dynamo_frontend_cached_tokens" => {
            return Some(Seen::Cached);
        }
        _ => {}
    }
    match metric.what? {
        Quantity::TimeToFirstToken => Some(Seen::FirstToken),
        Quantity::InterTokenLatency => Some(Seen::BetweenTokens),
        Quantity::TimePerOutputToken => Some(Seen::PerToken),
        Quantity::EndToEndLatency => Some(Seen::Whole),
        Quantity::QueueTime => Some(Seen::Queue),
        Quantity::PrefillTime => Some(Seen::Prefill),
        Quantity::DecodeTime => Some(Seen::Decode),
        Quantity::InferenceTime => Some(Seen::Inference),
        Quantity::PromptLength => Some(Seen::Prompt),
        Quantity::GenerationLength => Some(Seen::Generation),
        _ => None,
    }
}
