use super::*;

fn blocks(blocks: u64) -> TierSpec {
    TierSpec { blocks: Some(blocks), ..TierSpec::default() }
}

#[test]
fn the_defaults_are_those_of_dynamos_replay_and_of_kvbm() {
    let spec = TiersSpec { host: Some(blocks(100)), disk: Some(blocks(1_000)), ..TiersSpec::default() };
    // 16 tokens of 131,072 bytes: Llama 3.1 8B in 16 bits.
    let params = spec.resolve(16, Some(131_072)).unwrap().unwrap();
    let host = TierParams {
        blocks: 100,
        read_gb_s: Some(32.0),
        write_gb_s: Some(32.0),
        latency: Micros::ZERO,
        transfers: 4,
        batch: 16,
    };
    let disk = TierParams {
        blocks: 1_000,
        read_gb_s: Some(10.0),
        write_gb_s: Some(10.0),
        latency: Micros(100),
        ..host
    };
    let filter = FilterParams { min: 2, window: Micros(600_000_000), entries: 1_000_000 };
    assert_eq!(
        params,
        TiersParams {
            host: Some(host),
            disk: Some(disk),
            disk_filter: Some(filter),
            object: None,
            block_bytes: 2_097_152
        }
    );
    assert_eq!(TiersSpec::default().resolve(16, None), Ok(None));
}

#[test]
fn gigabytes_are_whole_blocks_of_ten_to_the_nine_bytes() {
    let gb = |gb| Some(TierSpec { gb: Some(gb), ..TierSpec::default() });
    let capacity = |gb| {
        let spec = TiersSpec { host: gb, bytes_per_token: Some(1_000), ..TiersSpec::default() };
        spec.resolve(16, Some(7)).map(|params| params.unwrap().host.unwrap().blocks)
    };
    // The spec's own bytes of a token count: blocks of 16,000 bytes.
    assert_eq!(capacity(gb(1.0)), Ok(62_500));
    assert_eq!(capacity(gb(0.000_047)), Ok(2));
    for none in [0.0, 0.000_015, -1.0, f64::NAN] {
        assert!(capacity(gb(none)).unwrap_err().to_string().starts_with("engine.tiers.host.gb is"), "{none}");
    }
    assert!(capacity(gb(f64::INFINITY)).is_err());
}

#[test]
fn zero_bandwidth_is_no_limit_and_writing_is_as_fast_as_reading() {
    let rates = |read, write| {
        let host = TierSpec { blocks: Some(1), read_gb_s: read, write_gb_s: write, ..TierSpec::default() };
        let spec = TiersSpec { host: Some(host), bytes_per_token: Some(1), ..TiersSpec::default() };
        spec.resolve(1, None).map(|params| {
            let host = params.unwrap().host.unwrap();
            (host.read_gb_s, host.write_gb_s)
        })
    };
    assert_eq!(rates(Some(0.0), Some(5.0)), Ok((None, Some(5.0))));
    assert_eq!(rates(Some(20.0), None), Ok((Some(20.0), Some(20.0))));
    for wrong in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(rates(None, Some(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_key_to_set() {
    let said = |spec: TiersSpec| spec.resolve(16, Some(1)).unwrap_err().to_string();
    let host = |host| TiersSpec { host: Some(host), ..TiersSpec::default() };
    let usual = || TierSpec { blocks: Some(8), ..TierSpec::default() };
    let cases = [
        (host(TierSpec::default()), "engine.tiers.host has no capacity"),
        (host(TierSpec { gb: Some(1.0), ..usual() }), "engine.tiers.host has both blocks and gb"),
        (host(TierSpec { blocks: Some(0), ..usual() }), "engine.tiers.host.blocks is 0"),
        (host(TierSpec { blocks: Some(1 << 32), ..usual() }), "engine.tiers.host.blocks is 4294967296"),
        (host(TierSpec { transfers: Some(0), ..usual() }), "engine.tiers.host.transfers is 0"),
        (host(TierSpec { batch: Some(0), ..usual() }), "engine.tiers.host.batch is 0"),
        (host(TierSpec { scope: TierScope::Cluster, ..usual() }), "engine.tiers.host.scope is cluster"),
        (
            TiersSpec { object: Some(usual()), ..TiersSpec::default() },
            "engine.tiers.object.read_gb_s is not given",
        ),
        (
            TiersSpec { object: Some(TierSpec { read_gb_s: Some(1.0), ..usual() }), ..TiersSpec::default() },
            "engine.tiers.object.latency is not given",
        ),
        (
            TiersSpec {
                disk: Some(usual()),
                disk_filter: Some(FilterSpec::default()),
                ..TiersSpec::default()
            },
            "engine.tiers.disk_filter stands between host and disk",
        ),
        (
            TiersSpec {
                host: Some(usual()),
                disk: Some(usual()),
                disk_filter: Some(FilterSpec { min: Some(0), ..FilterSpec::default() }),
                ..TiersSpec::default()
            },
            "engine.tiers.disk_filter.min is 0",
        ),
    ];
    for (spec, start) in cases {
        let text = said(spec);
        assert!(text.starts_with(start) && text.contains("\nhint: "), "{text}");
    }
    let unknown = TiersSpec { host: Some(blocks(8)), ..TiersSpec::default() };
    assert_eq!(unknown.resolve(16, None), Err(TierSpecError::NoBytes));
}

#[test]
fn a_filter_can_be_switched_off_and_is_off_without_a_host() {
    let filter = |host, disk_filter| {
        let spec = TiersSpec { host, disk: Some(blocks(8)), disk_filter, ..TiersSpec::default() };
        spec.resolve(16, Some(1)).unwrap().unwrap().disk_filter
    };
    let off = || Some(FilterSpec { enabled: Some(false), ..FilterSpec::default() });
    assert_eq!(filter(Some(blocks(8)), None), Some(FilterParams::default()));
    assert_eq!(filter(Some(blocks(8)), off()), None);
    assert_eq!(filter(None, None), None);
    assert_eq!(filter(None, off()), None);
}

/// Every row of KVBM's rule (`should_bypass_cpu_cache`, `dynamo-llm` 1.6.1): what is set on either side counts as a whole number
/// above 0, anything else as absent.
#[test]
fn the_host_is_bypassed_if_there_is_a_disk_and_no_host() {
    let set = [[Some("10"), None], [None, Some("7")], [Some("0"), Some("7")], [Some("x"), Some("1")]];
    let unset = [
        [None, None],
        [Some("0"), None],
        [Some("0"), Some("0")],
        [Some("0.5"), None],
        [Some("-3"), Some("")],
        [Some("ten"), Some(" 5")],
    ];
    for disk in set {
        for host in unset {
            assert!(kvbm_bypasses_host(host, disk), "{host:?} {disk:?}");
        }
        for host in set {
            assert!(!kvbm_bypasses_host(host, disk), "{host:?} {disk:?}");
        }
    }
    for disk in unset {
        for host in set.iter().chain(&unset) {
            assert!(!kvbm_bypasses_host(*host, disk), "{host:?} {disk:?}");
        }
    }
    for (host, disk, bypasses) in [(0, 1, true), (1, 1, false), (1, 0, false), (0, 0, false)] {
        let tier = |n| (n > 0).then(|| blocks(n));
        let spec = TiersSpec { host: tier(host), disk: tier(disk), ..TiersSpec::default() };
        assert_eq!(spec.bypasses_host(), bypasses);
    }
}
