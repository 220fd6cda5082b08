//! `tokmark trace`: what can be asked about traces.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use tokmark_base::Micros;
use tokmark_base::units::{parse_count, parse_duration};

use super::PrintArgs;

const TIMES: &str = "Times are counted from the trace's first row.";

/// `tokmark trace`.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// What to do with traces.
    #[command(subcommand)]
    pub verb: TraceVerb,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum TraceVerb {
    /// Say what a trace holds: lengths, sharing, hit rates of caches, arrivals
    Analyze(AnalyzeArgs),
    /// Make another trace of the same kind from the tree of its prefixes
    #[command(
        after_help = "Not yet: sessions. Rows of a trace with sessions become requests of their own, and that is said."
    )]
    Synthesize(SynthesizeArgs),
    /// Make a trace whose rate and mix of requests go up and down like a sine
    Sine(SineArgs),
    /// Make a trace of BurstGPT's, Azure's, ShareGPT's or Dynamo's files
    #[command(
        after_help = "Not yet: later turns of ShareGPT's conversations; the first turn of each becomes a row.\nUnlike Dynamo's converter, BurstGPT's failed requests (0 response tokens) are left out."
    )]
    Convert(ConvertArgs),
    /// Keep a window of time, a range of rows, or both
    #[command(after_help = TIMES)]
    Cut(CutArgs),
    /// Make a trace faster or slower, its inputs and outputs longer or shorter
    Scale(ScaleArgs),
    /// Make one trace of several, in the order of their times
    Merge(MergeArgs),
    /// Check every row; exit code 2 if anything is wrong
    Validate(ValidateArgs),
}

impl TraceVerb {
    /// How it shall print.
    pub fn print(&self) -> PrintArgs {
        match self {
            Self::Analyze(args) => args.print,
            Self::Synthesize(args) => args.print,
            Self::Sine(args) => args.print,
            Self::Convert(args) => args.print,
            Self::Cut(args) => args.print,
            Self::Scale(args) => args.print,
            Self::Merge(args) => args.print,
            Self::Validate(args) => args.print,
        }
    }
}

/// How a trace is read.
#[derive(Clone, Debug, Args)]
pub struct ReadArgs {
    /// Tokens a hash id stands for
    #[arg(long, allow_negative_numbers = true, value_name = "TOKENS", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub block_size: u32,
    /// Go on after a row that cannot be read; such rows are counted, and the first ones named
    #[arg(long)]
    pub skip_bad_rows: bool,
}

/// Where a trace goes.
#[derive(Clone, Debug, Args)]
pub struct WriteArgs {
    /// Where the trace goes; - is stdout
    #[arg(short, long, alias = "output-file", value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
}

/// `tokmark trace analyze`.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// The trace; - is stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Also say what an LRU cache of so many blocks finds; several with commas
    #[arg(long, allow_negative_numbers = true, value_name = "N,…", value_delimiter = ',', value_parser = count)]
    pub cache_blocks: Vec<u64>,
    /// Also draw it: an .svg or a .png
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// What the file holds
    #[arg(long, value_enum, default_value_t = TraceFormat::Mooncake)]
    pub format: TraceFormat,
    /// Reading.
    #[command(flatten)]
    pub read: ReadArgs,
    /// How to print.
    #[command(flatten)]
    pub print: PrintArgs,
}

/// `tokmark trace synthesize`.
#[derive(Debug, Args)]
pub struct SynthesizeArgs {
    /// The trace to be like; - is stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Rows to make
    #[arg(long, allow_negative_numbers = true, value_name = "N", default_value = "100000", value_parser = count)]
    pub num_requests: u64,
    /// How many times as fast rows arrive
    #[arg(long, allow_hyphen_values = true, value_name = "X", default_value_t = 1.0)]
    pub speedup_ratio: f64,
    /// How many times as long shared prefixes are
    #[arg(long, allow_hyphen_values = true, value_name = "X", default_value_t = 1.0)]
    pub prefix_len_multiplier: f64,
    /// Copies of the prefix tree that rows are spread over
    #[arg(long, allow_negative_numbers = true, value_name = "N", default_value_t = 1)]
    pub prefix_root_multiplier: u32,
    /// How many times as long the rows' own prompts are
    #[arg(long, allow_hyphen_values = true, value_name = "X", default_value_t = 1.0)]
    pub prompt_len_multiplier: f64,
    /// How many times as long outputs are
    #[arg(long, allow_hyphen_values = true, value_name = "X", default_value_t = 1.0)]
    pub osl_multiplier: f64,
    /// Leave out rows with a shorter input
    #[arg(long, allow_negative_numbers = true, value_name = "TOKENS")]
    pub min_isl: Option<u32>,
    /// Leave out rows with a longer input
    #[arg(long, allow_negative_numbers = true, value_name = "TOKENS")]
    pub max_isl: Option<u32>,
    /// Make shorter outputs this long
    #[arg(long, allow_negative_numbers = true, value_name = "TOKENS")]
    pub min_osl: Option<u32>,
    /// Make longer outputs this long
    #[arg(long, allow_negative_numbers = true, value_name = "TOKENS")]
    pub max_osl: Option<u32>,
    /// Seed of everything random: the same seed, the same trace
    #[arg(long, allow_negative_numbers = true, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Reading.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Writing.
    #[command(flatten)]
    pub write: WriteArgs,
    /// How to print.
    #[command(flatten)]
    pub print: PrintArgs,
}

/// `tokmark trace sine`.
#[derive(Debug, Args)]
pub struct SineArgs {
    /// Tokens a hash id stands for
    #[arg(long, allow_negative_numbers = true, value_name = "TOKENS", default_value_t = 512)]
    pub block_size: u32,
    /// Blocks that inputs are made of
    #[arg(long, allow_negative_numbers = true, value_name = "N", default_value = "10000", value_parser = count)]
    pub total_blocks: u64,
    /// Length of the trace, seconds
    #[arg(long, allow_hyphen_values = true, value_name = "SECONDS", default_value_t = 100.0)]
    pub time_duration: f64,
    /// Length of a window with one rate, seconds
    #[arg(long, allow_hyphen_values = true, value_name = "SECONDS", default_value_t = 1.0)]
    pub process_interval: f64,
    /// Lowest rate, requests per second
    #[arg(long, allow_hyphen_values = true, value_name = "RATE", default_value_t = 5.0)]
    pub request_rate_min: f64,
    /// Highest rate, requests per second
    #[arg(long, allow_hyphen_values = true, value_name = "RATE", default_value_t = 10.0)]
    pub request_rate_max: f64,
    /// Period of the rate, seconds
    #[arg(long, allow_hyphen_values = true, value_name = "SECONDS", default_value_t = 10.0)]
    pub request_rate_period: f64,
    /// Input tokens of the first kind of request
    #[arg(long, allow_negative_numbers = true, value_name = "TOKENS", default_value_t = 100)]
    pub isl1: u32,
    /// Output tokens of the first kind of request
    #[arg(long, allow_negative_numbers = true, value_name = "TOKENS", default_value_t = 2_000)]
    pub osl1: u32,
    /// Input tokens of the second kind of request
    #[arg(long, allow_negative_numbers = true, value_name = "TOKENS", default_value_t = 5_000)]
    pub isl2: u32,
    /// Output tokens of the second kind of request
    #[arg(long, allow_negative_numbers = true, value_name = "TOKENS", default_value_t = 100)]
    pub osl2: u32,
    /// Lowest share of the first kind
    #[arg(long, allow_hyphen_values = true, value_name = "SHARE", default_value_t = 0.2)]
    pub isl_osl_ratio_min: f64,
    /// Highest share of the first kind
    #[arg(long, allow_hyphen_values = true, value_name = "SHARE", default_value_t = 0.8)]
    pub isl_osl_ratio_max: f64,
    /// Period of that share, seconds
    #[arg(long, allow_hyphen_values = true, value_name = "SECONDS", default_value_t = 10.0)]
    pub isl_osl_ratio_period: f64,
    /// Seed of everything random: the same seed, the same trace
    #[arg(long, allow_negative_numbers = true, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Where the trace goes; - is stdout [default: a name made of the parameters, here]
    #[arg(short, long, alias = "output-file", value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How to print.
    #[command(flatten)]
    pub print: PrintArgs,
}

/// What a trace is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConvertFormat {
    /// BurstGPT's CSV
    #[value(alias = "burst_gpt", alias = "burst-gpt")]
    Burstgpt,
    /// Azure's LLM inference trace (CSV)
    Azure,
    /// ShareGPT's JSON of conversations
    #[value(alias = "share_gpt", alias = "share-gpt")]
    Sharegpt,
    /// Dynamo's request trace
    #[value(alias = "dynamo_requests", alias = "dynamo-requests")]
    Dynamo,
}

/// What can be analysed and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceFormat {
    /// Mooncake's trace
    Mooncake,
    /// BurstGPT's CSV
    #[value(alias = "burst_gpt", alias = "burst-gpt")]
    Burstgpt,
    /// Azure's LLM inference trace (CSV)
    Azure,
}

/// Models of BurstGPT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BurstModel {
    /// GPT-3.5
    #[value(name = "ChatGPT", alias = "chatgpt")]
    ChatGpt,
    /// GPT-4
    #[value(name = "GPT-4", alias = "gpt-4")]
    Gpt4,
}

impl BurstModel {
    /// Its name in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChatGpt => "ChatGPT",
            Self::Gpt4 => "GPT-4",
        }
    }
}

/// Logs of BurstGPT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BurstLog {
    /// What people said
    #[value(name = "Conversation log", alias = "conversation")]
    Conversation,
    /// What programs sent
    #[value(name = "API log", alias = "api")]
    Api,
}

impl BurstLog {
    /// Its name in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conversation => "Conversation log",
            Self::Api => "API log",
        }
    }
}

/// `tokmark trace convert`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// The file; - is stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What the file holds
    #[arg(long, value_enum)]
    pub format: ConvertFormat,
    /// Of BurstGPT, only rows of this model
    #[arg(long, value_enum)]
    pub model: Option<BurstModel>,
    /// Of BurstGPT, only rows of this log
    #[arg(long, value_enum)]
    pub log_type: Option<BurstLog>,
    /// Rows to convert at most
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = count)]
    pub num_prompt: Option<u64>,
    /// Rows to leave out first, after the filters
    #[arg(long, allow_negative_numbers = true, value_name = "N", default_value = "0", value_parser = count)]
    pub skip_num_prompt: u64,
    /// How many times as fast rows arrive
    #[arg(long, allow_hyphen_values = true, value_name = "X", default_value_t = 1.0)]
    pub speed_ratio: f64,
    /// Tokens a hash id stands for [default: 128 for BurstGPT, else 512]
    #[arg(long, allow_negative_numbers = true, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(1..))]
    pub block_size: Option<u32>,
    /// Draw the blocks of inputs out of those numbered 0 to this, for sources without words; 0 gives no ids [default: 10000 for BurstGPT, else 0]
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = count)]
    pub num_hash_blocks: Option<u64>,
    /// Counts the words of ShareGPT: a directory with tokenizer.json, or a model in the cache [default: o200k_base]
    #[arg(long, value_name = "NAME")]
    pub tokenizer: Option<String>,
    /// Seed of the drawn blocks
    #[arg(long, allow_negative_numbers = true, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Go on after a row that cannot be read; such rows are counted, and the first ones named
    #[arg(long)]
    pub skip_bad_rows: bool,
    /// Writing.
    #[command(flatten)]
    pub write: WriteArgs,
    /// How to print.
    #[command(flatten)]
    pub print: PrintArgs,
}

/// `tokmark trace cut`.
#[derive(Debug, Args)]
pub struct CutArgs {
    /// The trace; - is stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Rows from this time on, as in 10m
    #[arg(long, allow_hyphen_values = true, value_name = "TIME", value_parser = duration)]
    pub from: Option<Micros>,
    /// Rows up to this time, inclusive
    #[arg(long, allow_hyphen_values = true, value_name = "TIME", value_parser = duration)]
    pub to: Option<Micros>,
    /// Rows to leave out first
    #[arg(long, allow_negative_numbers = true, value_name = "N", default_value = "0", value_parser = count)]
    pub skip_rows: u64,
    /// Rows to look at after that
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = count)]
    pub num_rows: Option<u64>,
    /// Leave times as they are; otherwise the first row kept is at 0
    #[arg(long)]
    pub keep_times: bool,
    /// Go on after a row that cannot be read; such rows are counted, and the first ones named
    #[arg(long)]
    pub skip_bad_rows: bool,
    /// Writing.
    #[command(flatten)]
    pub write: WriteArgs,
    /// How to print.
    #[command(flatten)]
    pub print: PrintArgs,
}

/// `tokmark trace scale`.
#[derive(Debug, Args)]
pub struct ScaleArgs {
    /// The trace; - is stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How many times as fast rows arrive
    #[arg(long, allow_hyphen_values = true, value_name = "X", default_value_t = 1.0)]
    pub speedup_ratio: f64,
    /// How many times as long inputs are, their blocks with them
    #[arg(long, allow_hyphen_values = true, value_name = "X", default_value_t = 1.0)]
    pub isl_multiplier: f64,
    /// How many times as long outputs are
    #[arg(long, allow_hyphen_values = true, value_name = "X", default_value_t = 1.0)]
    pub osl_multiplier: f64,
    /// Reading.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Writing.
    #[command(flatten)]
    pub write: WriteArgs,
    /// How to print.
    #[command(flatten)]
    pub print: PrintArgs,
}

/// `tokmark trace merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The traces, each in the order of its times
    #[arg(value_name = "FILE", num_args = 1.., required = true)]
    pub files: Vec<PathBuf>,
    /// Equal hash ids and sessions in two traces mean the same; otherwise each trace has its own
    #[arg(long)]
    pub shared_ids: bool,
    /// Leave times as they are; otherwise each trace begins at 0
    #[arg(long)]
    pub keep_times: bool,
    /// Go on after a row that cannot be read; such rows are counted, and the first ones named
    #[arg(long)]
    pub skip_bad_rows: bool,
    /// Writing.
    #[command(flatten)]
    pub write: WriteArgs,
    /// How to print.
    #[command(flatten)]
    pub print: PrintArgs,
}

/// `tokmark trace validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// The trace; - is stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Problems to name; all are counted
    #[arg(long, allow_negative_numbers = true, value_name = "N", default_value_t = 10)]
    pub show: usize,
    /// Tokens a hash id stands for
    #[arg(long, allow_negative_numbers = true, value_name = "TOKENS", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub block_size: u32,
    /// What the file holds
    #[arg(long, value_enum, default_value_t = TraceFormat::Mooncake)]
    pub format: TraceFormat,
    /// How to print.
    #[command(flatten)]
    pub print: PrintArgs,
}

fn count(text: &str) -> Result<u64, String> {
    parse_count(text).map_err(|e| e.to_string())
}

fn duration(text: &str) -> Result<Micros, String> {
    parse_duration(text).map_err(|e| e.to_string())
}
