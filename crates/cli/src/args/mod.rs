//! What the user typed, as clap reads it. Flags of the spec come from the table of keys; this file has the verbs and what is
//! about the command itself.

pub mod aiperf;
pub mod spec_flags;
pub mod trace;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use tokmark_base::Micros;
use tokmark_base::units::parse_duration;

pub use spec_flags::SpecFlags;

use crate::spec::keys;

/// Measure services that generate tokens, and know how far to trust the number.
#[derive(Debug, Parser)]
#[command(name = "tokmark", version, max_term_width = 100, after_help = NOT_YET)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

const NOT_YET: &str = "Not yet: estimate, profile, tune, plan, compare, server and the other verbs of the \
design; a verb is listed when it works.";

/// Groups of flags that say nothing to a verb are left out of its help; they are understood all the same.
fn hidden(verb: &str) -> &'static [&'static str] {
    match verb {
        "bench" | "explain" => &keys::SIMULATION,
        "simulate" => &keys::WIRE,
        "engine" => &keys::CLIENT,
        _ => &[],
    }
}

impl Cli {
    /// Reads the process's arguments.
    pub fn read() -> Result<Self, clap::Error> {
        Self::from_arg_matches(&Self::told().try_get_matches()?)
    }

    /// The command as help tells it.
    pub fn told() -> clap::Command {
        let verbs: Vec<String> =
            Self::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
        verbs.into_iter().fold(Self::command(), |command, verb| {
            let hidden = hidden(&verb);
            let no_url = matches!(verb.as_str(), "simulate" | "engine");
            command.mut_subcommand(verb, |verb| {
                verb.mut_args(|arg| {
                    let away = arg.get_help_heading().is_some_and(|group| hidden.contains(&group))
                        || no_url && arg.get_id() == "urls";
                    let hide = away || arg.is_hide_set();
                    arg.hide(hide)
                })
            })
        })
    }
}

const BENCH_NOT_YET: &str = "Not yet: goodput and SLOs, confidence intervals, retries, HTTP/2, server and GPU metrics; images, \
audio and video in prompts; the responses, messages and embeddings APIs; graphs of agents; WEKA's, OpenTelemetry's, Bailian's, \
Baseten's and SageMaker's traces and AIPerf's `dag`; users that begin with a history, as AIPerf's do. Without a URL the flags of \
`tokmark simulate` describe the engine.";

const SIMULATE_NOT_YET: &str = "The same flags, files and seed as `bench`, the same records and the same report. Not yet: \
bodies of a file sent as they are, where an engine needs their length; models of real hardware; beside that, what `bench` does not do.";

const ENGINE_NOT_YET: &str = "Beside /v1/chat/completions, /v1/completions and /v1/models: /health, /metrics, the profiler's \
routes and, for peers on this machine, /admin. A prompt has as many tokens as it has words. Not yet: n > 1, stop words, models of \
real hardware.";

/// The verbs that work.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Measure a live endpoint; without a URL, a simulated engine inside this program
    #[command(after_help = BENCH_NOT_YET)]
    Bench(BenchArgs),
    /// Play the same spec against simulated engines in virtual time: no GPU, no request on any wire
    #[command(after_help = SIMULATE_NOT_YET)]
    Simulate(BenchArgs),
    /// Serve simulated engines as an OpenAI server, until Ctrl-C
    #[command(after_help = ENGINE_NOT_YET)]
    Engine(EngineArgs),
    /// Print every value of the spec with its origin: flag, env, file, preset, default, derived
    Explain(ExplainArgs),
    /// Print a finished run, or finish one that was killed from its records
    Report(ReportArgs),
    /// Measure this machine against a server with a known schedule, for the verdict's thresholds
    Calibrate(CalibrateArgs),
    /// Look into traces, and make traces out of others
    Trace(trace::TraceArgs),
    /// Take AIPerf's command line and do the same job
    Aiperf(aiperf::AiperfArgs),
    /// The known-schedule server of `calibrate`
    #[command(hide = true)]
    Metronome(MetronomeArgs),
}

impl Verb {
    /// How it shall print.
    pub fn print(&self) -> PrintArgs {
        match self {
            Self::Bench(args) | Self::Simulate(args) => args.print,
            Self::Engine(args) => args.print,
            Self::Explain(args) => args.print,
            Self::Report(args) => args.print,
            Self::Calibrate(args) => args.print,
            Self::Aiperf(args) => args.print(),
            Self::Trace(args) => args.verb.print(),
            Self::Metronome(_) => PrintArgs::default(),
        }
    }
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct PrintArgs {
    /// One JSON object on stdout, everything for people on stderr
    #[arg(long)]
    pub json: bool,
    /// No progress and no notes
    #[arg(short, long)]
    pub quiet: bool,
}

/// Where the spec comes from.
#[derive(Clone, Debug, Default, Args)]
pub struct SourceArgs {
    /// Spec file (YAML or JSON), or a BenchmarkConfig of llm-d.io/v1alpha1
    #[arg(short = 'f', long = "spec", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Any key of the spec, as in --set load.rate=4; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Defaults of a well-known sweep
    #[arg(long, value_enum)]
    pub preset: Option<PresetArg>,
    /// File with the keys of the spec's `deployment` section
    #[arg(long, value_name = "FILE")]
    pub deployment: Option<PathBuf>,
    /// Where requests go, as in http://host:8000; several are used in turn
    #[arg(value_name = "URL")]
    pub urls: Vec<String>,
    /// The keys of the spec.
    #[command(flatten)]
    pub flags: SpecFlags,
}

/// The presets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PresetArg {
    /// Concurrency 1,2,5,10,50,100,250 (or $CONCURRENCIES), ISL 2000 ± 10, OSL 256
    EndpointSweep,
    /// Concurrency 1 to 256 in powers of two, ISL 3000, OSL 150, requests 10x, warm-up 2x, seed 100
    LlmPerf,
    /// Prefix ratios 0.1 to 0.9 of ISL 14000, 20 prefixes, OSL 200, 200 requests at concurrency 20
    PrefixRatio,
    /// A trace (--input) at its own times
    RealTrace,
    /// Sessions of 5 turns (or those of --input), 10 at a time
    MultiTurn,
    /// Three priorities that share the load (or the trace of --input), without and with telling the service
    PriorityTiers,
}

/// `tokmark bench` and `tokmark simulate`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// The spec.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Print the plan (requests, tokens, time, samples needed) and send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How to print.
    #[command(flatten)]
    pub print: PrintArgs,
}

/// `tokmark engine`.
#[derive(Debug, Args)]
pub struct EngineArgs {
    /// Port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 8_000, help_heading = "Server")]
    pub port: u16,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1", help_heading = "Server")]
    pub host: IpAddr,
    /// Name of the model served; may be repeated, the first stands in metrics
    #[arg(long, value_name = "NAME", help_heading = "Server")]
    pub served_model_name: Vec<String>,
    /// Name of an adapter (LoRA), served as a model of its own; may be repeated
    #[arg(long, value_name = "NAME", help_heading = "Server")]
    pub lora: Vec<String>,
    /// Whose ways and whose names of metrics it has [default: those of the engine]
    #[arg(long, value_enum, help_heading = "Server")]
    pub metrics: Option<MetricNames>,
    /// Tokens an event: the first at once, then so many at a time
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Server")]
    pub stream_interval: u32,
    /// Threads that serve connections [default: one a core, at most 4]
    #[arg(long, value_name = "N", help_heading = "Server")]
    pub threads: Option<usize>,
    /// Leave /admin out
    #[arg(long, help_heading = "Server")]
    pub no_admin: bool,
    /// The spec.
    #[command(flatten)]
    pub source: SourceArgs,
    /// How to print.
    #[command(flatten)]
    pub print: PrintArgs,
}

/// Servers whose metrics are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MetricNames {
    /// vLLM
    Vllm,
    /// SGLang
    Sglang,
    /// TensorRT-LLM
    Trtllm,
    /// Dynamo
    Dynamo,
}

/// `tokmark explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The spec.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Print the JSON Schema of the spec instead
    #[arg(long)]
    pub schema: bool,
    /// How to print.
    #[command(flatten)]
    pub print: PrintArgs,
}

/// `tokmark report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Run directories; one with runs or sweep points inside prints them all
    #[arg(required = true, value_name = "DIR")]
    pub runs: Vec<PathBuf>,
    /// How to print.
    #[command(flatten)]
    pub print: PrintArgs,
}

/// `tokmark calibrate`.
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// How long each point lasts, as in 3s
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration)]
    pub duration: Micros,
    /// Numbers of streams to try
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,8,32,64,128,256",
        value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub streams: Vec<u32>,
    /// Measure and print, but keep what was stored before
    #[arg(long)]
    pub no_store: bool,
    /// How to print.
    #[command(flatten)]
    pub print: PrintArgs,
}

fn duration(text: &str) -> Result<Micros, String> {
    parse_duration(text).map_err(|e| e.to_string())
}

/// `tokmark metronome`, started by `calibrate`.
#[derive(Debug, Args)]
pub struct MetronomeArgs {
    /// Passed on as they are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub rest: Vec<String>,
}
