use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Url {
    Url::parse(text, false).unwrap()
}

#[test]
fn no_base_doubles_its_path() {
    let bases = [
        "http://h:8000",
        "http://h:8000/",
        "HTTP://H:8000/v1",
        "http://h:8000/v1/",
        "http://h:8000/v1/chat/completions",
        "http://h:8000/v1/completions",
    ];
    for base in bases {
        let url = parse(base);
        for path in ["/v1/chat/completions", "v1/chat/completions"] {
            assert_eq!(url.endpoint(path), "/v1/chat/completions", "{base}");
        }
        assert_eq!(url.endpoint("/v1/models"), "/v1/models", "{base}");
        assert_eq!(url.endpoint("/health"), "/health", "{base}");
        assert_eq!(url.to_string(), "http://h:8000", "{base}");
        assert_eq!(url.shown("/v1/models"), "http://h:8000/v1/models", "{base}");
    }
}

#[test]
fn a_longer_base_is_kept() {
    let cases = [
        ("http://h/api", "/api/v1/models", "/api/health", "http://h/api"),
        ("http://h/api/v1", "/api/v1/models", "/api/health", "http://h/api"),
        (
            "http://h/openai/v1beta/chat/completions",
            "/openai/v1beta/models",
            "/openai/v1beta/health",
            "http://h/openai/v1beta/chat/completions",
        ),
        ("http://h/chat/completions", "/models", "/health", "http://h/chat/completions"),
        (
            "https://h/v1?api-version=3&key=abc",
            "/v1/models?api-version=3&key=abc",
            "/health?api-version=3&key=abc",
            "https://h?api-version=***&key=***",
        ),
    ];
    for (base, models, health, shown) in cases {
        let url = parse(base);
        assert_eq!(url.endpoint("/v1/models"), models);
        assert_eq!(url.endpoint("/health"), health);
        assert_eq!(url.to_string(), shown);
    }
}

#[test]
fn host_and_port() {
    let cases = [
        ("http://h", "h", 80, "h"),
        ("https://h", "h", 443, "h"),
        ("https://h:443", "h", 443, "h"),
        ("http://h:443", "h", 443, "h:443"),
        ("http://[::1]:8000", "::1", 8000, "[::1]:8000"),
        ("http://[::1]", "::1", 80, "[::1]"),
        ("http://127.0.0.1:1", "127.0.0.1", 1, "127.0.0.1:1"),
        ("http://me:pass@h:8000#x", "h", 8000, "h:8000"),
        ("http://a@b@h:8000", "h", 8000, "h:8000"),
        (
            "http://my_svc.ns.svc.cluster.local:8000",
            "my_svc.ns.svc.cluster.local",
            8000,
            "my_svc.ns.svc.cluster.local:8000",
        ),
    ];
    for (text, host, port, authority) in cases {
        let url = parse(text);
        assert_eq!((url.host(), url.port()), (host, port), "{text}");
        assert_eq!(url.authority(), authority, "{text}");
        assert!(!url.to_string().contains("pass"));
    }
}

#[test]
fn a_scheme_may_be_left_out_only_in_a_cluster() {
    for text in ["svc.ns.svc.cluster.local:8000", "svc", "svc/v1", "svc:8000/v1/chat/completions"] {
        assert_eq!(Url::parse(text, false), Err(UrlError::NoScheme(text.to_owned())));
        let url = Url::parse(text, true).unwrap();
        assert_eq!(url.scheme(), Scheme::Http);
        assert_eq!(url.endpoint("/v1/chat/completions"), "/v1/chat/completions");
    }
    for text in [":8000", "svc:0", "svc:65536", "svc:", "/v1", "svc:80:80"] {
        assert!(Url::parse(text, true).is_err(), "{text}");
    }
}

#[test]
fn every_refusal_names_the_value_and_a_fix() {
    let cases = [
        ("", "empty"),
        ("localhost:8000", "`localhost:8000` has no scheme"),
        ("grpc://h:9000", "`grpc://` in `grpc://h:9000`"),
        ("http://", "`` in `http://` is not a host"),
        ("http://h:99999", "`99999` in `http://h:99999` is not a port"),
        ("http://u:secret@h:0/x", "`0` in `http://h:0/x` is not a port"),
        ("http://::1:8000", "`::1:8000` in"),
        ("http://[::1", "is not a host"),
        ("http://a..b", "is not a host"),
        ("http://h/a b", "percent-encoded"),
        ("http://h/a\r\nX: y", "percent-encoded"),
        ("http://h o", "is not a host"),
    ];
    for (text, want) in cases {
        let error = Url::parse(text, false).unwrap_err().to_string();
        assert!(error.contains(want) && error.contains("\nhint: "), "{text}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_shown_reads_back(text in "(http://|https://|)?[a-z0-9@:./\\[\\]?#= é-]{0,30}", in_cluster: bool) {
        if let Ok(url) = Url::parse(&text, in_cluster) {
            let again = Url::parse(&url.to_string(), false).unwrap();
            let query = again.query.clone();
            prop_assert_eq!(again.query.is_some(), url.query.is_some());
            prop_assert_eq!(again, Url { query, ..url.clone() });
            prop_assert!(url.endpoint("/v1/models").starts_with('/'));
        }
    }
}
