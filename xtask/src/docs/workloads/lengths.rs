//! Lengths: how many tokens go in, and how many are asked for.

use tokmark_figure::{Axis, Figure, Histogram, Plot};
use tokmark_workload::shape::lengths::{self, Empirical, Lengths, Moments, Pairs};
use tokmark_workload::{Inputs, Plan, Requests, WorkloadSpec};

use super::{Case, Letters, SEED, Told, moments, number, part};

pub(super) const TEXT: &str = "Input lengths are those of the prompt's own words, counted by the chosen tokenizer; output lengths are asked of the \
service. Every length is a whole number of tokens and at least 1. The laws in one text are genai-bench's traffic scenarios, and \
`L` and `P` of ours; mixtures of pairs are AIPerf's `--seq-dist`. Mean and deviation below are those of the numbers really \
drawn, rounding and bounds included.";

/// Requests looked at.
const DRAWN: u64 = 5_000;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "lengths-fixed",
        title: "Fixed",
        text: "The same for each request; the default is 512 in and 128 out. `D(512,128)` says the same.",
        spec: r#"{"workload": {"isl": 512, "osl": 128}}"#,
    },
    Case {
        name: "lengths-normal",
        title: "Normal",
        text: "Normal around the mean, rounded, never below 1.",
        spec: r#"{"workload": {"isl": 512, "isl_stddev": 100, "osl": 128, "osl_stddev": 40}}"#,
    },
    Case {
        name: "lengths-scenario-d",
        title: "Scenario D: fixed",
        text: "`D(in,out)`: always these.",
        spec: r#"{"workload": {"lengths": "D(100,100)"}}"#,
    },
    Case {
        name: "lengths-scenario-n",
        title: "Scenario N: normal",
        text: "`N(mean,sd)/(mean,sd)`: normal, cut to the whole number below, as genai-bench draws it; at least 1 in and 2 out.",
        spec: r#"{"workload": {"lengths": "N(480,240)/(300,150)"}}"#,
    },
    Case {
        name: "lengths-scenario-u",
        title: "Scenario U: uniform",
        text: "`U(min,max)/(min,max)`: each length as often as any other.",
        spec: r#"{"workload": {"lengths": "U(50,100)/(200,250)"}}"#,
    },
    Case {
        name: "lengths-log-normal",
        title: "Log-normal",
        text: "`L(mean,sd)/(mean,sd)`: many short ones and a long tail, with this mean and deviation.",
        spec: r#"{"workload": {"lengths": "L(800,600)/(200,150)"}}"#,
    },
    Case {
        name: "lengths-poisson",
        title: "Poisson",
        text: "`P(mean)/(mean)`: the deviation is the root of the mean.",
        spec: r#"{"workload": {"lengths": "P(512)/(128)"}}"#,
    },
    Case {
        name: "lengths-mixture",
        title: "Mixture of pairs",
        text: "Pairs with their shares in per cent, which must sum to 100; a deviation stands behind `|`. Input and output belong together.",
        spec: r#"{"workload": {"lengths": "256|20,128|10:40;512|40,256|30:35;2048|100,64|8:25"}}"#,
    },
    Case {
        name: "lengths-empirical",
        title: "From a file",
        text: "Pairs drawn at random from a file with `input_length` and `output_length` (CSV or JSON lines), each row as often as any \
               other; here from five made-up rows.",
        spec: r#"{"workload": {"lengths_file": "lengths.csv"}}"#,
    },
];

pub(super) fn tell(case: &Case) -> Result<Told, String> {
    let spec: WorkloadSpec = part(case, "workload")?;
    let rows = vec![(120, 300), (450, 80), (460, 90), (900, 40), (2000, 20)];
    let file = spec.lengths_file.as_ref().and_then(|_| Empirical::new(rows));
    let pairs = match (&spec.lengths, file.clone()) {
        (Some(text), _) => lengths::parse(text).map_err(|e| e.to_string())?,
        (None, Some(file)) => Pairs::Empirical(file),
        (None, None) => Pairs::of_means(
            Lengths { mean: spec.isl, stddev: spec.isl_stddev },
            spec.osl.map(|mean| Lengths { mean, stddev: spec.osl_stddev }),
        ),
    };
    let inputs = Inputs { lengths: file, ..Inputs::synthetic(std::sync::Arc::new(Letters)) };
    let plan = Plan::new(&spec, SEED, inputs).map_err(|e| e.to_string())?;
    let drawn: Vec<_> = (0..DRAWN).map(|i| plan.shape(i)).collect();
    let of = |length: Option<u32>| f64::from(length.unwrap_or(0));
    let input: Vec<f64> = drawn.iter().map(|shape| of(shape.isl)).collect();
    let output: Vec<f64> = drawn.iter().map(|shape| of(shape.osl)).collect();
    let mut facts = vec![("input", fact(pairs.input_moments(), &input))];
    if let Some(moments) = pairs.output_moments() {
        facts.push(("output", fact(moments, &output)));
    }
    let plot = |title: &str, values: &[f64]| {
        // Bins of whole tokens: a bin holds as many lengths as any other.
        let (low, high) = values.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(*v), h.max(*v)));
        let wide = if high > low { libm::ceil((high - low + 1.0) / 40.0) } else { libm::ceil(high / 40.0) };
        let bins = libm::ceil((high - low + 1.0) / wide) as u32;
        let edges = (0..=bins.max(1)).map(|i| low - 0.5 + f64::from(i) * wide);
        // One length alone shows where it lies from 0 on.
        let length = Axis::linear("Length").unit("tokens");
        let length = if high > low { length } else { length.covering(0.0, 2.0 * high) };
        Plot::new(title, length, Axis::linear("Requests"))
            .height(130)
            .mark(Histogram::of("drawn", values, edges))
    };
    let figure = Figure::new(case.title)
        .subtitle(format!("seed {}", SEED.0))
        .panel(plot("Input", &input))
        .panel(plot("Output", &output));
    Ok(Told { facts, figure })
}

fn fact(law: Moments, drawn: &[f64]) -> String {
    let cv = if law.mean > 0.0 { law.stddev / law.mean } else { 0.0 };
    let seen = moments(drawn).map_or(String::new(), |(mean, cv)| {
        format!(" (drawn: mean {}, CV {}, n = {})", number(mean), number(cv), drawn.len())
    });
    format!("mean {}, standard deviation {}, CV {}{seen}", number(law.mean), number(law.stddev), number(cv))
}
