//! Every law against its closed form, every layout against what the tool of its origin makes of it.

use proptest::prelude::*;
use tokmark_base::Seed;

use super::*;

/// What `n` draws have: mean, deviation, kurtosis and ends.
struct Drawn {
    mean: f64,
    stddev: f64,
    kurtosis: f64,
    least: u32,
    most: u32,
}

fn drawn(n: u64, draw: impl FnMut(u64) -> u32) -> Drawn {
    let lengths: Vec<u32> = (0..n).map(draw).collect();
    let about = |centre: f64, power: i32| {
        lengths.iter().map(|x| (f64::from(*x) - centre).powi(power)).sum::<f64>() / n as f64
    };
    let mean = about(0.0, 1);
    let variance = about(mean, 2);
    let kurtosis = if variance > 0.0 { about(mean, 4) / (variance * variance) } else { 1.0 };
    let (least, most) = (lengths.iter().min().unwrap(), lengths.iter().max().unwrap());
    Drawn { mean, stddev: variance.sqrt(), kurtosis, least: *least, most: *most }
}

fn laws() -> Vec<Law> {
    let normal = |mean, stddev, rounding, floor| Law::Normal(Normal { mean, stddev, rounding, floor });
    vec![
        Law::Fixed(Fixed { tokens: 512 }),
        normal(512.0, 0.0, Rounding::Nearest, 1),
        normal(512.0, 100.0, Rounding::Nearest, 1),
        normal(3.0, 50.0, Rounding::Nearest, 1),
        normal(480.0, 240.0, Rounding::Down, 1),
        normal(3.0, 0.2, Rounding::Nearest, 1),
        normal(5.0, 4.0, Rounding::Down, 2),
        normal(2_000_000.0, 3.0, Rounding::Nearest, 1),
        Law::Truncated(Truncated { mean: 256.0, stddev: 10.0 }),
        Law::Truncated(Truncated { mean: 5.0, stddev: 10.0 }),
        Law::LogNormal(LogNormal { mean: 500.0, stddev: 800.0 }),
        Law::LogNormal(LogNormal { mean: 2.0, stddev: 1.0 }),
        Law::LogNormal(LogNormal { mean: 30_000.0, stddev: 300.0 }),
        Law::Uniform(Uniform { least: 50, most: 99, floor: 1 }),
        Law::Uniform(Uniform { least: 1, most: 4, floor: 2 }),
        Law::Uniform(Uniform { least: 1, most: 1, floor: 2 }),
        Law::Poisson(Poisson { mean: 1.0 }),
        Law::Poisson(Poisson { mean: 9.5 }),
        Law::Poisson(Poisson { mean: 10.5 }),
        Law::Poisson(Poisson { mean: 2_000.0 }),
    ]
}

#[test]
fn every_law_draws_its_closed_form() {
    const N: u64 = 100_000;
    for (at, law) in laws().into_iter().enumerate() {
        let mut stream = Seed(11).stream("law", at as u64);
        let got = drawn(N, |_| law.draw(&mut stream));
        let want = law.moments();
        // Five standard errors of the mean, and of the deviation: σ √((κ − 1) / n) / 2.
        let (n, scatter) = (N as f64, want.stddev);
        let tolerance = 5.0 * scatter / n.sqrt() + 1e-9;
        assert!((got.mean - want.mean).abs() <= tolerance, "{law:?}: mean {}, not {}", got.mean, want.mean);
        let tolerance = 2.5 * scatter * ((got.kurtosis - 1.0).max(0.0) / n).sqrt() + 1e-9;
        assert!((got.stddev - scatter).abs() <= tolerance, "{law:?}: {}, not {scatter}", got.stddev);
        assert!(got.least >= want.least && got.most <= want.most, "{law:?}: {}..{}", got.least, got.most);
    }
}

#[test]
fn moments_are_those_worked_out_by_hand() {
    let close = |law: Law, mean: f64, stddev: f64| {
        let m = law.moments();
        assert!((m.mean - mean).abs() < 1e-6 * mean && (m.stddev - stddev).abs() < 1e-4, "{law:?} {m:?}");
    };
    // 2, 2, 3, 4: mean 11/4, mean square 33/4.
    close(
        Law::Uniform(Uniform { least: 1, most: 4, floor: 2 }),
        2.75,
        (33.0 / 4.0 - 121.0 / 16.0_f64).sqrt(),
    );
    // 50..=99.
    close(Law::Uniform(Uniform::half_open(50, 100, 1)), 74.5, (2_499.0 / 12.0_f64).sqrt());
    // Rounding to the nearest adds 1/12 to the variance and nothing to the mean; cutting takes ½ from the mean.
    let wide = |rounding| Law::Normal(Normal { mean: 5_000.0, stddev: 100.0, rounding, floor: 1 });
    close(wide(Rounding::Nearest), 5_000.0, (10_000.0 + 1.0 / 12.0_f64).sqrt());
    close(wide(Rounding::Down), 4_999.5, (10_000.0 + 1.0 / 12.0_f64).sqrt());
    // Half the normal: mean σ √(2/π), rounded up.
    let half = Law::Truncated(Truncated { mean: 0.0, stddev: 10_000.0 });
    assert!((half.moments().mean - (7_978.845_6 + 0.5)).abs() < 0.01, "{:?}", half.moments());
    close(Law::Poisson(Poisson { mean: 1.0 }), 1.0 + (-1.0_f64).exp(), 0.704_830);
}

#[test]
fn isl_and_its_deviation_draw_what_they_always_did() {
    let mut stream = Seed(1).stream("lengths", 0);
    let mut untouched = stream.clone();
    assert_eq!(Lengths { mean: 512, stddev: 0.0 }.draw(&mut stream), 512);
    assert_eq!(stream.bits(), untouched.bits());
    // One normal a draw, rounded to the nearest, at least 1.
    let (mut one, mut other) = (Seed(2).stream("lengths", 0), Seed(2).stream("lengths", 0));
    for _ in 0..1_000 {
        let want = (40.0 + 30.0 * other.normal()).round().max(1.0) as u32;
        assert_eq!(Lengths { mean: 40, stddev: 30.0 }.draw(&mut one), want);
    }
}

fn apart(text: &str) -> (Law, Law) {
    match parse(text) {
        Ok(Pairs::Apart { input, output: Some(output) }) => (input, output),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn scenarios_mean_what_genai_bench_means() {
    // genai_bench 0.0.5, scenarios/text.py.
    let fixed = |tokens| Law::Fixed(Fixed { tokens });
    assert_eq!(apart("D(100,100)"), (fixed(100), fixed(100)));
    let cut = |mean, stddev, floor| Law::Normal(Normal { mean, stddev, rounding: Rounding::Down, floor });
    assert_eq!(apart("N(480,240)/(300,150)"), (cut(480.0, 240.0, 1), cut(300.0, 150.0, 2)));
    let uniform = |least, most, floor| Law::Uniform(Uniform { least, most, floor });
    assert_eq!(apart("U(50,100)/(200,250)"), (uniform(50, 99, 1), uniform(200, 249, 2)));
    assert_eq!(apart("U(1000,100)"), (uniform(1, 999, 1), uniform(1, 99, 2)));
    assert_eq!(apart("U(7,7)/(1,1)"), (uniform(7, 7, 1), uniform(1, 1, 2)));
    let (input, output) = apart(" L( 500 , 800 ) / ( 20.5, 3 ) ");
    assert_eq!(input, Law::LogNormal(LogNormal { mean: 500.0, stddev: 800.0 }));
    assert_eq!(output, Law::LogNormal(LogNormal { mean: 20.5, stddev: 3.0 }));
    assert_eq!(apart("P(500)/(20)").1, Law::Poisson(Poisson { mean: 20.0 }));
}

fn mixture(text: &str) -> Vec<(f64, Law, Law)> {
    match parse(text) {
        Ok(Pairs::Mixture(m)) => m.parts().iter().map(|p| (p.weight, p.input, p.output)).collect(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn every_layout_of_a_mixture_is_the_same_mixture() {
    let fixed = |tokens| Law::Fixed(Fixed { tokens });
    let spread = |mean, stddev| Law::Truncated(Truncated { mean, stddev });
    let plain = vec![(40.0, fixed(256), fixed(128)), (60.0, fixed(512), fixed(256))];
    for text in [
        "256,128:40;512,256:60",
        " 256 , 128 : 40 ;; 512,256:60; ",
        "[(256,128):40,(512,256):60]",
        "[ ( 256 , 128 ) : 40 , ( 512 , 256 ) : 60 ]",
        r#"{"pairs": [{"isl": 256, "osl": 128, "prob": 40}, {"isl": 512, "osl": 256, "prob": 60}]}"#,
    ] {
        assert_eq!(mixture(text), plain, "{text}");
    }
    let wide = vec![(40.0, spread(256.0, 10.0), spread(128.0, 5.0)), (60.0, spread(512.0, 20.0), fixed(256))];
    for text in [
        "256|10,128|5:40;512|20,256:60",
        "[(256|10,128|5):40,(512|20,256|0):60]",
        r#"{"pairs": [{"isl": 256, "isl_stddev": 10, "osl": 128, "osl_stddev": 5, "prob": 40},
            {"isl": 512, "isl_stddev": 20, "osl": 256, "prob": 60, "note": "x"}]}"#,
    ] {
        assert_eq!(mixture(text), wide, "{text}");
    }
    // AIPerf's tolerance: 1e-6 of 100 and 1e-6.
    assert_eq!(mixture("1,1:33.33333;2,2:33.33333;3,3:33.33334").len(), 3);
    assert_eq!(format!("{:?}", mixture("1,1:.5;2,2:99.5")[0].0), "0.5");
}

#[test]
fn what_cannot_be_read_says_where_and_what_to_write() {
    for (text, at, what) in [
        ("", 1, "empty"),
        ("  ", 3, "empty"),
        ("X(1,2)", 1, "begins with `X`"),
        ("D(100)", 6, "`,` is wanted here, and `)`"),
        ("D(100,0)", 7, "the output length is 0"),
        ("D(1.5,2)", 3, "whole number"),
        ("D(1,2) x", 8, "nothing more is wanted"),
        ("N(480,240)", 11, "`/` is wanted here, and nothing"),
        ("N(480,-1)/(3,1)", 7, "must be a number, and is `-`"),
        ("N(480,99999999)/(3,1)", 7, "99999999"),
        ("U(100,50)/(1,2)", 3, "wrong way round"),
        ("E(1024)", 1, "embeddings"),
        ("P(2000,500)/200", 1, "prefix repetition"),
        ("256,128:40;512,256:50", 1, "sum to 90"),
        ("256,128:0.4;512,256:0.6", 1, "sum to 1 per cent"),
        ("256,128:40,512,256:60", 11, "`;` is wanted"),
        ("256|x,128:100", 5, "standard deviation must be a number"),
        ("0,128:100", 1, "input length is 0"),
        ("256,128:101", 9, "from 0 to 100"),
        ("[(256,128):100", 15, "`]` is wanted"),
        ("[256,128:100]", 2, "`(` is wanted"),
        ("[(1,1):100] (2,2):0", 13, "nothing more"),
        (r#"{"pairs": [{"isl": 1, "prob": 100}]}"#, 34, "missing field `osl`"),
        (r#"{"pairs": [{"isl": 1, "osl": 0, "prob": 100}]}"#, 1, "pairs[0].osl is 0"),
        (r#"{"pairs": []}"#, 1, "no pair in it"),
        (";", 1, "no pair in it"),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!((error.at, &*error.text), (at, text), "{text}: {error}");
        let message = error.to_string();
        assert!(message.contains(what) && message.contains("\nhint: "), "{text}: {message}");
    }
    assert!(parse("256,128:0.4;512,256:0.6").unwrap_err().hint.contains("40 for 0.4"));
    assert!(parse("P(2000,500)/200").unwrap_err().hint.contains("workload.prefix.length: 2000"));
}

#[test]
fn a_mixture_draws_its_shares_and_keeps_pairs_together() {
    let Ok(Pairs::Mixture(mixture)) = parse("100,7:25;300,9:75;999,999:0") else { panic!() };
    let pairs = Pairs::Mixture(mixture);
    let Drawn { mean, stddev, .. } = drawn(100_000, |i| pairs.input(Seed(5), i));
    let want = pairs.input_moments();
    assert!((want.mean - 250.0).abs() < 1e-9 && (want.stddev - 7_500.0_f64.sqrt()).abs() < 1e-9, "{want:?}");
    assert_eq!((want.least, want.most), (100, 300));
    assert!((mean - 250.0).abs() < 1.4 && (stddev - want.stddev).abs() < 1.0, "{mean} {stddev}");
    let together =
        |i| matches!((pairs.input(Seed(5), i), pairs.output(Seed(5), i)), (100, Some(7)) | (300, Some(9)));
    assert!((0..1_000).all(together));
    assert!(Mixture::new(Vec::new()).is_none());
}

#[test]
fn pairs_of_a_file_stay_pairs() {
    let text = "{\"timestamp\": 0, \"input_length\": 6755, \"output_length\": 500, \"hash_ids\": [0, 1]}\n\n\
                {\"input_length\": 7, \"output_length\": 3.0}\r\n";
    let read = file::read("t.jsonl", text.as_bytes(), false).unwrap();
    assert_eq!((read.pairs.pairs(), read.skipped), (&[(6_755, 500), (7, 3)][..], 0));
    let csv = "\u{feff}when, \"output_length\" ,input_length\n\"1,5\",500,6755\n2,\"3\",7\n";
    assert_eq!(file::read("t.csv", csv.as_bytes(), false).unwrap().pairs, read.pairs);
    let pairs = Pairs::Empirical(read.pairs);
    assert_eq!((pairs.input_moments().mean, pairs.output_moments().unwrap().stddev), (3_381.0, 248.5));
    let mean = drawn(20_000, |i| pairs.input(Seed(3), i)).mean;
    assert!((mean - 3_381.0).abs() < 5.0 * 3_374.0 / 20_000.0_f64.sqrt(), "{mean}");
    assert!((0..99).all(|i| (pairs.input(Seed(3), i) == 7) == (pairs.output(Seed(3), i) == Some(3))));
}

#[test]
fn a_bad_row_is_named_or_left_out() {
    for (text, line, column, field) in [
        ("input_length,output\n1,2\n", 1, 1, Some("output_length")),
        ("input_length,output_length\n1,2\n1,many\n", 3, 3, Some("output_length")),
        ("input_length,output_length\n1,2\n0,3\n", 3, 1, Some("input_length")),
        ("input_length,output_length\n1\n", 2, 1, Some("output_length")),
        ("{\"input_length\": 3}\n", 1, 1, Some("output_length")),
        ("{\"input_length\": 3.5, \"output_length\": 1}\n", 1, 20, Some("input_length")),
        ("{\"input_length\": \"3\", \"output_length\": 1}\n", 1, 20, Some("input_length")),
        ("{\"input_length\": 3, \n", 1, 19, None),
        ("", 0, 0, None),
    ] {
        let error = file::read("f", text.as_bytes(), false).unwrap_err();
        if line > 0 {
            assert_eq!((error.line, error.column), (line, column), "{text}: {error}");
        }
        assert_eq!(error.field.as_deref(), field, "{text}: {error}");
        assert!(error.to_string().contains("hint:"), "{error}");
    }
    let text = "input_length,output_length\n1,2\n0,3\nx,y\n3,4\n";
    let read = file::read("f", text.as_bytes(), true).unwrap();
    assert_eq!((read.pairs.pairs(), read.skipped), (&[(1, 2), (3, 4)][..], 2));
    assert_eq!(read.first_skipped.unwrap().line, 3);
    assert!(file::read("f", "input_length,output_length\n0,1\n".as_bytes(), true).is_err());
}

/// Texts that AIPerf takes and that are refused here.
const STRICTER: [&str; 2] =
    ["[(256,128):40 junk (512,256):60]", r#"{"pairs": [{"isl": 256.7, "osl": 128, "prob": 100}]}"#];

/// A text that is taken here and that AIPerf refuses: for a blank.
const LOOSER: &str = "256 |10,128:100";

/// The closed form beside moments of a million draws by the tool.
fn beside(text: &str, want: &serde_json::Value, got: Moments) {
    let number = |key: &str| want[key].as_f64().unwrap();
    let tolerance = 5.0 * got.stddev / 1_000.0 + 1e-4;
    assert!((number("mean") - got.mean).abs() <= tolerance, "{text}: {want} {got:?}");
    assert!((number("stddev") - got.stddev).abs() <= 0.01 * got.stddev + 1e-4, "{text}: {want} {got:?}");
    assert!(number("least") >= f64::from(got.least) && number("most") <= f64::from(got.most), "{text}");
}

#[test]
fn written_lengths_mean_what_the_tools_make_of_them() {
    let said = include_str!("../../../tests/golden/lengths/said.json");
    let said: serde_json::Value = serde_json::from_str(said).unwrap();
    let rows = |key: &str| said[key].as_array().unwrap().clone();
    assert_eq!((rows("scenarios").len(), rows("mixtures").len()), (15, 40));
    for row in rows("scenarios").iter().chain(&rows("mixtures")) {
        let text = row["text"].as_str().unwrap();
        if text == LOOSER {
            assert!(row["error"] == true && parse(text) == parse("256|10,128:100"));
            continue;
        }
        if row["error"] == true || STRICTER.contains(&text) {
            assert!(parse(text).is_err(), "{text}");
            continue;
        }
        let pairs = parse(text).unwrap();
        if let Pairs::Mixture(mixture) = &pairs {
            let length = |law: Law| match law {
                Law::Fixed(law) => (f64::from(law.tokens), 0.0),
                Law::Truncated(law) => (law.mean, law.stddev),
                other => panic!("{other:?}"),
            };
            let parts: Vec<_> = mixture
                .parts()
                .iter()
                .map(|part| {
                    let ((isl, isl_stddev), (osl, osl_stddev)) = (length(part.input), length(part.output));
                    [part.weight, isl, isl_stddev, osl, osl_stddev]
                })
                .collect();
            assert_eq!(
                serde_json::from_value::<Vec<[f64; 5]>>(row["pairs"].clone()).unwrap(),
                parts,
                "{text}"
            );
        }
        if row["input"].is_object() {
            beside(text, &row["input"], pairs.input_moments());
            beside(text, &row["output"], pairs.output_moments().unwrap());
        }
    }
}

proptest! {
    /// Whatever is written: read, or refused with a place in the text.
    #[test]
    fn no_text_is_too_odd(text in r#"[DNULPE\[\{(]?[ -~é]{0,20}|[0-9|,:;() .\[\]]{0,30}|\{"pairs": ?\[[ -~é\n]{0,30}"#) {
        if let Err(error) = parse(&text) {
            prop_assert!((1..=text.chars().count() + 1).contains(&error.at), "{}", error);
        }
    }

    #[test]
    fn no_file_is_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..80), csv in any::<bool>(), skip in any::<bool>()) {
        let mut file = if csv { b"input_length,output_length\n".to_vec() } else { b"{\"input_length\": ".to_vec() };
        file.extend(bytes);
        if let Err(error) = file::read("f", &*file, skip) {
            prop_assert!(error.column >= 1, "{}", error);
        }
    }
}
