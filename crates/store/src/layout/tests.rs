use super::*;

#[test]
fn names_follow_the_rule_of_the_field() {
    for good in ["nightly", " a-b_C9 ", "plotsy", "0"] {
        assert_eq!(RunName::parse(good).unwrap().as_str(), good.trim());
    }
    for bad in ["", "   ", "a b", "a/b", "..", "ü", "plots", "PLOTS", " Plots "] {
        let error = RunName::parse(bad).unwrap_err().to_string();
        assert!(error.contains(bad) && error.contains("\nhint: "), "{error}");
    }
    RunName::parse(&"x".repeat(200)).unwrap();
    RunName::parse(&"x".repeat(201)).unwrap_err();
}

#[test]
fn an_id_is_time_name_digest() {
    let name = RunName::parse("nightly").unwrap();
    let id = run_id(1_795_343_572_999_999_999, &name, "1a2b3c4d5e6f");
    assert_eq!(id, "20261122T103252Z-nightly-1a2b3c4d");
}

#[test]
fn two_runs_of_one_second_get_two_directories() {
    let out = tempfile::tempdir().unwrap();
    let below = out.path().join("not/yet/there");
    let first = RunDir::create(&below, "id").unwrap();
    let second = RunDir::create(&below, "id").unwrap();
    assert_eq!(first.path(), below.join("id"));
    assert_eq!(second.path(), below.join("id-2"));
    // The probe leaves nothing behind.
    assert_eq!(fs::read_dir(first.path()).unwrap().count(), 0);
}

#[test]
fn a_file_in_place_of_the_directory_is_named() {
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("results");
    fs::write(&file, "mine").unwrap();
    for path in [file.clone(), file.join("below")] {
        for made in [RunDir::create(&path, "id"), RunDir::exact(&path)] {
            let error = made.unwrap_err();
            assert!(matches!(&error, StoreError::NotADirectory { path } if *path == file), "{error:?}");
            assert!(error.to_string().contains("--out"));
        }
    }
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert!(matches!(RunDir::create(Path::new("/dev/full"), "id"), Err(StoreError::NotADirectory { .. })));
}

#[test]
fn an_unwritable_directory_is_found_before_the_run() {
    // /proc refuses files to everybody, root included.
    let error = RunDir::create(Path::new("/proc/self/task"), "id").unwrap_err();
    assert!(matches!(&error, StoreError::Unwritable { .. } | StoreError::Write { .. }), "{error:?}");
    assert!(error.to_string().contains("/proc/self/task"), "{error}");
}

#[test]
fn a_full_disk_is_told_apart() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let error = StoreError::writing(Path::new("/data/out"), write_probe(full).unwrap_err());
    assert!(matches!(error, StoreError::NoSpace { .. }), "{error:?}");
    assert!(error.to_string().contains("/data/out") && error.to_string().contains("free some space"));
}

#[test]
fn an_exact_directory_is_used_as_it_is() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("artifacts/c8");
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join(AIPERF_JSON), "{}").unwrap();
    let dir = RunDir::exact(&path).unwrap();
    assert_eq!(dir.path(), path);
    let left: Vec<_> = fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, [AIPERF_JSON], "an earlier run stays until this one starts");
}

#[test]
fn permission_bits_count_as_far_as_the_system_says() {
    use std::os::unix::fs::PermissionsExt;
    let out = tempfile::tempdir().unwrap();
    fs::set_permissions(out.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write there all the same, and then it is no error.
    let may_write = File::create(out.path().join("x")).is_ok();
    match RunDir::create(out.path(), "id") {
        Ok(_) => assert!(may_write),
        Err(error) => assert!(!may_write && matches!(error, StoreError::Unwritable { .. }), "{error:?}"),
    }
    fs::set_permissions(out.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn sweep_points_have_the_names_that_plotting_scripts_look_for() {
    let out = tempfile::tempdir().unwrap();
    let dir = RunDir::create(out.path(), "id").unwrap();
    assert_eq!(dir.point(&Point::Concurrency(8)).unwrap().path(), dir.path().join("c8"));
    assert_eq!(dir.point(&Point::Rate(2.5)).unwrap().path(), dir.path().join("rate2.5"));
    assert_eq!(Point::Rate(4.0).dir_name(), "rate4");
    assert_eq!(Point::PerfConcurrency(8).dir_name(), "-concurrency8");
}
