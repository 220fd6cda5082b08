use super::*;

fn vllm() -> Exposition {
    Exposition::of(Server::Vllm, 1_795_353_331.5)
}

const ENGINE: &[(&str, &str)] = &[("model_name", "tiny"), ("engine", "0")];

#[test]
fn vllm_writes_as_one_python_process() {
    let mut exposition = vllm();
    exposition.set("vllm:num_requests_running", ENGINE, 3.0).unwrap();
    exposition.set("vllm:prompt_tokens_total", ENGINE, 62.0).unwrap();
    let (_, metric) = crate::catalogue::find("vllm:request_num_preemptions").unwrap();
    let mut observed = Histogram::of(metric).unwrap();
    observed.observe(0.0);
    observed.observe_many(5.0, 2);
    observed.observe(21.0);
    exposition.histogram("vllm:request_num_preemptions", ENGINE, &observed).unwrap();
    let text = "\
# HELP vllm:num_requests_running Requests in the batch the model runs.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine=\"0\",model_name=\"tiny\"} 3.0
# HELP vllm:prompt_tokens_total Prompt tokens taken in, cached ones included.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine=\"0\",model_name=\"tiny\"} 62.0
# HELP vllm:prompt_tokens_created Prompt tokens taken in, cached ones included.
# TYPE vllm:prompt_tokens_created gauge
vllm:prompt_tokens_created{engine=\"0\",model_name=\"tiny\"} 1.7953533315e+09
# HELP vllm:request_num_preemptions Times a request was preempted.
# TYPE vllm:request_num_preemptions histogram
vllm:request_num_preemptions_bucket{engine=\"0\",le=\"1.0\",model_name=\"tiny\"} 1.0
vllm:request_num_preemptions_bucket{engine=\"0\",le=\"2.0\",model_name=\"tiny\"} 1.0
vllm:request_num_preemptions_bucket{engine=\"0\",le=\"3.0\",model_name=\"tiny\"} 1.0
vllm:request_num_preemptions_bucket{engine=\"0\",le=\"4.0\",model_name=\"tiny\"} 1.0
vllm:request_num_preemptions_bucket{engine=\"0\",le=\"5.0\",model_name=\"tiny\"} 3.0
vllm:request_num_preemptions_bucket{engine=\"0\",le=\"10.0\",model_name=\"tiny\"} 3.0
vllm:request_num_preemptions_bucket{engine=\"0\",le=\"20.0\",model_name=\"tiny\"} 3.0
vllm:request_num_preemptions_bucket{engine=\"0\",le=\"+Inf\",model_name=\"tiny\"} 4.0
vllm:request_num_preemptions_count{engine=\"0\",model_name=\"tiny\"} 4.0
vllm:request_num_preemptions_sum{engine=\"0\",model_name=\"tiny\"} 31.0
# HELP vllm:request_num_preemptions_created Times a request was preempted.
# TYPE vllm:request_num_preemptions_created gauge
vllm:request_num_preemptions_created{engine=\"0\",model_name=\"tiny\"} 1.7953533315e+09
";
    assert_eq!(exposition.text(), text);
}

#[test]
fn dynamo_writes_as_the_rust_client() {
    let mut exposition = Exposition::of(Server::Dynamo, 0.0);
    exposition.set("dynamo_engine_request", &[], 2.0).unwrap();
    exposition.set("dynamo_component_kv_cache_hit_rate", RANK, 0.25).unwrap();
    let mut observed = Histogram::new(&[0.0, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0]).unwrap();
    observed.observe(0.002);
    exposition.histogram("dynamo_frontend_event_loop_delay_seconds", &[], &observed).unwrap();
    let text = "\
# HELP dynamo_frontend_event_loop_delay_seconds How late a sleep of 10 ms ended.
# TYPE dynamo_frontend_event_loop_delay_seconds histogram
dynamo_frontend_event_loop_delay_seconds_bucket{le=\"0\"} 0
dynamo_frontend_event_loop_delay_seconds_bucket{le=\"0.001\"} 0
dynamo_frontend_event_loop_delay_seconds_bucket{le=\"0.005\"} 1
dynamo_frontend_event_loop_delay_seconds_bucket{le=\"0.01\"} 1
dynamo_frontend_event_loop_delay_seconds_bucket{le=\"0.025\"} 1
dynamo_frontend_event_loop_delay_seconds_bucket{le=\"0.05\"} 1
dynamo_frontend_event_loop_delay_seconds_bucket{le=\"0.1\"} 1
dynamo_frontend_event_loop_delay_seconds_bucket{le=\"0.25\"} 1
dynamo_frontend_event_loop_delay_seconds_bucket{le=\"0.5\"} 1
dynamo_frontend_event_loop_delay_seconds_bucket{le=\"1\"} 1
dynamo_frontend_event_loop_delay_seconds_bucket{le=\"+Inf\"} 1
dynamo_frontend_event_loop_delay_seconds_sum 0.002
dynamo_frontend_event_loop_delay_seconds_count 1
# HELP dynamo_engine_request Requests in the engine.
# TYPE dynamo_engine_request gauge
dynamo_engine_request 2
# HELP dynamo_component_kv_cache_hit_rate Part of the prompt tokens found in the prefix cache.
# TYPE dynamo_component_kv_cache_hit_rate gauge
dynamo_component_kv_cache_hit_rate{dp_rank=\"0\",dynamo_component=\"backend\",model=\"tiny\"} 0.25
";
    assert_eq!(exposition.text(), text);
}

const RANK: &[(&str, &str)] = &[("model", "tiny"), ("dynamo_component", "backend"), ("dp_rank", "0")];

#[test]
fn sglang_has_no_created_gauges_and_takes_a_dp_rank() {
    let mut exposition = Exposition::of(Server::Sglang, 1.0);
    let labels = [("model_name", "tiny"), ("engine_type", "unified")];
    exposition.set("sglang:num_aborted_requests_total", &labels, 1.0).unwrap();
    let ranked = [labels[0], labels[1], ("dp_rank", "1")];
    exposition.set("sglang:num_aborted_requests_total", &ranked, 0.0).unwrap();
    let text = "\
# HELP sglang:num_aborted_requests_total Aborted requests.
# TYPE sglang:num_aborted_requests_total counter
sglang:num_aborted_requests_total{dp_rank=\"1\",engine_type=\"unified\",model_name=\"tiny\"} 0.0
sglang:num_aborted_requests_total{engine_type=\"unified\",model_name=\"tiny\"} 1.0
";
    assert_eq!(exposition.text(), text);
}

#[test]
fn label_values_are_escaped_and_the_last_value_counts() {
    let mut exposition = vllm();
    let odd = [("model_name", "a\\b\"c\nd {}, é"), ("engine", "0")];
    exposition.set("vllm:num_requests_running", &odd, 1.0).unwrap();
    exposition.set("vllm:num_requests_running", &odd, 2.0).unwrap();
    let text = exposition.text();
    let sample = text.lines().last().unwrap();
    assert_eq!(sample, r#"vllm:num_requests_running{engine="0",model_name="a\\b\"c\nd {}, é"} 2.0"#);
    assert_eq!(text.lines().count(), 3);
}

#[test]
fn an_info_is_a_gauge_of_one_with_any_further_labels() {
    let mut exposition = Exposition::of(Server::Trtllm, 0.0);
    let labels = [("engine_type", "trtllm"), ("model_name", "tiny"), ("pid", "7"), ("dtype", "bfloat16")];
    exposition.info("trtllm_model_config_info", &labels).unwrap();
    let text = exposition.text();
    assert!(text.contains("# TYPE trtllm_model_config_info gauge\n"), "{text}");
    assert!(
        text.ends_with("{dtype=\"bfloat16\",engine_type=\"trtllm\",model_name=\"tiny\",pid=\"7\"} 1.0\n"),
        "{text}"
    );
    let bad = [("engine_type", "x"), ("model_name", "x"), ("pid", "7"), ("not-a-label", "x")];
    assert!(exposition.info("trtllm_model_config_info", &bad).is_err());
}

#[test]
fn our_own_metric_stands_behind_those_of_any_server() {
    for server in Server::ALL {
        let mut exposition = Exposition::of(server, 0.0);
        let mut lateness = Histogram::of(&Catalogue::own()[0]).unwrap();
        lateness.observe(0.000_3);
        exposition.histogram("tokmark_engine_send_lateness_seconds", &[], &lateness).unwrap();
        assert!(exposition.text().contains("tokmark_engine_send_lateness_seconds_bucket{le=\"0.00035\"} 1"));
    }
}

#[test]
fn what_the_server_could_not_have_exposed_is_an_error() {
    let mut exposition = vllm();
    let said = |result: Result<(), ExpositionError>| result.unwrap_err().to_string();
    assert_eq!(
        said(exposition.set("vllm:num_request_running", ENGINE, 1.0)),
        "vllm exposes no metric `vllm:num_request_running`\nhint: did you mean `vllm:num_requests_running`?"
    );
    assert!(
        said(exposition.set("sglang:num_running_reqs", ENGINE, 1.0)).starts_with("vllm exposes no metric")
    );
    for labels in [&ENGINE[..1], &[ENGINE[0], ENGINE[1], ("pod", "a")], &[ENGINE[0], ENGINE[1], ENGINE[1]]] {
        let error = said(exposition.set("vllm:num_requests_running", labels, 1.0));
        assert!(error.contains("carries the labels [\"engine\", \"model_name\"]"), "{error}");
    }
    for value in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(said(exposition.set("vllm:prompt_tokens_total", ENGINE, value)).contains("is a counter"));
    }
    let histogram = Histogram::new(&[1.0]).unwrap();
    assert!(
        said(exposition.histogram("vllm:time_to_first_token_seconds", ENGINE, &histogram))
            .contains("has the bounds")
    );
    assert!(said(exposition.histogram("vllm:prompt_tokens_total", ENGINE, &histogram)).contains("Counter"));
    assert!(said(exposition.set("vllm:time_to_first_token_seconds", ENGINE, 1.0)).contains("Histogram"));
    assert!(said(exposition.info("vllm:num_requests_running", ENGINE)).contains("Gauge"));
    assert_eq!(exposition.text(), "", "nothing of it was kept");
    // Bounds that depend on the configuration are the caller's.
    exposition.histogram("vllm:request_prompt_tokens", ENGINE, &histogram).unwrap();
}
