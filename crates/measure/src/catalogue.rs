//! Every metric, in the order files and tables show them. One more metric is one file under `metric/` and one line here.

use crate::metric::Metric;
use crate::metric::{
    benchmark_duration, cached_input_share, completed_request_count, credit_to_start_latency,
    decode_duration, dispatch_delay, draft_acceptance_rate, e2e_output_token_throughput, error_request_count,
    http_req_connecting, http_req_data_received, http_req_data_sent, http_req_duration, http_req_receiving,
    http_req_sending, http_req_total, http_req_waiting, input_sequence_length, input_token_throughput,
    inter_chunk_latency, inter_token_latency, normalized_time_per_output_token, osl_mismatch_count,
    osl_mismatch_diff_pct, output_sequence_length, output_token_count, output_token_throughput,
    output_token_throughput_per_gpu, output_token_throughput_per_user, prefill_throughput_per_user, read_lag,
    reasoning_token_count, request_count, request_error_rate, request_latency, request_throughput,
    request_throughput_per_gpu, response_latency, response_time_to_first_token, server_prefill_time,
    server_queue_time, server_time_to_first_token, time_to_first_output_token, time_to_first_token,
    time_to_second_token, tls_handshake, total_isl, total_osl, total_output_tokens, total_reasoning_tokens,
    total_token_throughput, total_token_throughput_per_gpu,
};

/// The list.
pub const METRICS: &[Metric] = &[
    response_time_to_first_token::METRIC,
    response_latency::METRIC,
    time_to_first_token::METRIC,
    time_to_second_token::METRIC,
    time_to_first_output_token::METRIC,
    request_latency::METRIC,
    inter_token_latency::METRIC,
    inter_chunk_latency::METRIC,
    decode_duration::METRIC,
    normalized_time_per_output_token::METRIC,
    output_token_throughput_per_user::METRIC,
    e2e_output_token_throughput::METRIC,
    prefill_throughput_per_user::METRIC,
    request_throughput::METRIC,
    output_token_throughput::METRIC,
    input_token_throughput::METRIC,
    total_token_throughput::METRIC,
    request_throughput_per_gpu::METRIC,
    output_token_throughput_per_gpu::METRIC,
    total_token_throughput_per_gpu::METRIC,
    input_sequence_length::METRIC,
    output_sequence_length::METRIC,
    output_token_count::METRIC,
    reasoning_token_count::METRIC,
    osl_mismatch_diff_pct::METRIC,
    osl_mismatch_count::METRIC,
    request_count::METRIC,
    error_request_count::METRIC,
    completed_request_count::METRIC,
    request_error_rate::METRIC,
    benchmark_duration::METRIC,
    total_isl::METRIC,
    total_osl::METRIC,
    total_output_tokens::METRIC,
    total_reasoning_tokens::METRIC,
    server_queue_time::METRIC,
    server_prefill_time::METRIC,
    server_time_to_first_token::METRIC,
    cached_input_share::METRIC,
    draft_acceptance_rate::METRIC,
    http_req_connecting::METRIC,
    tls_handshake::METRIC,
    http_req_sending::METRIC,
    http_req_waiting::METRIC,
    http_req_receiving::METRIC,
    http_req_duration::METRIC,
    http_req_total::METRIC,
    http_req_data_sent::METRIC,
    http_req_data_received::METRIC,
    dispatch_delay::METRIC,
    credit_to_start_latency::METRIC,
    read_lag::METRIC,
];

/// The metric with this tag.
pub fn metric(tag: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|m| m.tag == tag)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_tag_appears_once() {
        let tags: BTreeSet<_> = METRICS.iter().map(|m| m.tag).collect();
        assert_eq!(tags.len(), METRICS.len());
    }
}
