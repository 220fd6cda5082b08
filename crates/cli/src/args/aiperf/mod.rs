//! AIPerf's command line: the flags that are done, the flags that are known and not done, each in a table.
//!
//! Source: `aiperf profile --help` of 0.13.0, and the flags that published sweep scripts pass.

pub mod unsupported;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, Subcommand};

/// `tokmark aiperf`.
#[derive(Debug, Args)]
pub struct AiperfArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: AiperfVerb,
}

impl AiperfArgs {
    /// How it shall print.
    pub fn print(&self) -> super::PrintArgs {
        let AiperfVerb::Profile(args) = &self.verb;
        super::PrintArgs { json: args.json, quiet: args.one("ui") == Some("none") }
    }
}

/// AIPerf's verbs that are done.
#[derive(Debug, Subcommand)]
pub enum AiperfVerb {
    /// Measure an endpoint as `aiperf profile` would, with its defaults and its files
    Profile(ProfileArgs),
}

/// One flag of AIPerf.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Its long names, the first one the name used here.
    pub names: &'static [&'static str],
    /// Its short name.
    pub short: Option<char>,
    /// What stands for the value in help; empty: it takes none.
    pub value: &'static str,
    /// Help, one sentence.
    pub help: &'static str,
}

const fn flag(names: &'static [&'static str], value: &'static str, help: &'static str) -> Flag {
    Flag { names, short: None, value, help }
}

const fn short(names: &'static [&'static str], short: char, value: &'static str, help: &'static str) -> Flag {
    Flag { names, short: Some(short), value, help }
}

/// The flags that are done.
#[rustfmt::skip] // A table.
pub const FLAGS: &[Flag] = &[
    short(&["model", "model-names"], 'm', "NAME", "Model name to send"),
    flag(&["endpoint", "custom-endpoint"], "PATH", "Path of the endpoint, with or without a leading slash"),
    flag(&["endpoint-type"], "TYPE", "chat or completions [default: chat]"),
    flag(&["streaming"], "", "Ask for a stream of events [default: off, as AIPerf]"),
    short(&["url"], 'u', "URL", "Where requests go; several are used in turn [default: http://localhost:8000]"),
    flag(&["url-strategy"], "HOW", "round-robin"),
    flag(&["request-timeout-seconds"], "S", "A request that takes longer has failed [default: 21600]"),
    flag(&["wait-for-model-timeout"], "S", "Wait this long for the service to become ready [default: 0, no gate]"),
    flag(&["wait-for-model-interval"], "S", "Ask again this often while waiting [default: 5]"),
    flag(&["wait-for-model-mode"], "MODE", "models, inference or both [default: inference]"),
    flag(&["api-key"], "KEY", "Sent as Authorization: Bearer; never written anywhere"),
    flag(&["use-legacy-max-tokens"], "", "Send max_tokens instead of max_completion_tokens"),
    flag(&["use-server-token-count"], "", "Take output lengths from the server's usage"),
    flag(&["extra-inputs"], "KEY:VALUE|JSON", "A further top-level key of every body; may be repeated"),
    short(&["header"], 'H', "NAME: VALUE", "A further request header; may be repeated"),
    flag(&["input-file"], "FILE", "A data set or a trace"),
    flag(&["custom-dataset-type"], "TYPE", "single_turn, multi_turn, random_pool, mooncake_trace, burst_gpt_trace, raw_payload or inputs_json"),
    flag(&["public-dataset"], "NAME", "sharegpt, if it is in the Hugging Face cache of this machine"),
    flag(&["dataset-sampling-strategy"], "HOW", "sequential, shuffle or random"),
    flag(&["isl-block-size"], "N", "Tokens a hash id of a trace stands for [default: the format's]"),
    flag(&["fixed-schedule"], "", "Replay the trace at its own times (also without it, if it has times and nothing else is asked)"),
    flag(&["no-fixed-schedule"], "", "The trace's times are left aside: --concurrency [default: 1] or --request-rate sets the pace"),
    flag(&["fixed-schedule-auto-offset"], "", "Taken and not needed: times count from the trace's first"),
    flag(&["fixed-schedule-start-offset"], "MS", "Of the trace: from here on"),
    flag(&["fixed-schedule-end-offset"], "MS", "Of the trace: up to here, inclusive"),
    flag(&["ignore-trace-delays"], "", "Turns of a session follow each other at once"),
    flag(&["num-sessions", "num-conversations", "conversation-num"], "N", "Sessions to run"),
    flag(&["conversation-turn-mean"], "N", "Mean number of turns of a session [default: 1]"),
    flag(&["conversation-turn-stddev"], "N", "Its standard deviation [default: 0]"),
    flag(&["conversation-turn-delay-mean"], "MS", "Mean time between two turns [default: 0]"),
    flag(&["conversation-turn-delay-stddev"], "MS", "Its standard deviation [default: 0]"),
    flag(&["conversation-turn-delay-ratio"], "R", "The times between turns are multiplied by this [default: 1]"),
    flag(&["session-header"], "NAME", "Request header that names the session [default: X-Correlation-ID]"),
    flag(&["seq-dist", "sequence-distribution"], "DIST", "A mixture of lengths: ISL,OSL:PERCENT;…"),
    flag(&["shared-system-prompt-length"], "N", "Length of a system prompt that all share, tokens"),
    flag(&["user-context-prompt-length"], "N", "Length of a context that the turns of a session share, tokens"),
    flag(&["request-cancellation-rate"], "PERCENT", "Share of requests that their client gives up"),
    flag(&["request-cancellation-delay"], "S", "How long after it was sent [default: 0]"),
    flag(&["user-centric-rate"], "R", "Turns a second of all users together; needs --num-users"),
    flag(&["num-users"], "N", "Users, each served one turn at a time"),
    flag(&["apply-chat-template"], "", "Input lengths count the chat template's own tokens too"),
    flag(&["random-seed"], "N", "Seed of lengths, words, prefixes and arrivals"),
    flag(&["artifact-dir", "output-artifact-dir"], "DIR", "Where files go, used as it is [default: artifacts]"),
    flag(&["export-level"], "LEVEL", "summary or records [default: records]"),
    flag(&["tokenizer"], "NAME|DIR", "Directory with a tokenizer.json, a model in the Hugging Face cache, or builtin [default: the model's]"),
    flag(&["concurrency"], "N[,N…]", "Streams; a list is a sweep"),
    flag(&["request-rate"], "R[,R…]", "Starts a second; a list is a sweep"),
    flag(&["arrival-pattern", "request-rate-mode"], "LAW", "constant, poisson or gamma [default: poisson]"),
    flag(&["arrival-smoothness", "vllm-burstiness"], "SHAPE", "Shape of gamma gaps"),
    flag(&["request-count", "num-requests"], "N", "Measured requests [default: max(10, 2 x concurrency)]"),
    flag(&["benchmark-duration"], "S", "Length of the measured part"),
    flag(&["benchmark-grace-period"], "S", "How long attempts in flight may take after the duration [default: 30]"),
    flag(&["concurrency-ramp-duration"], "S", "Linear ramp of the concurrency"),
    flag(&["request-rate-ramp-duration"], "S", "Linear ramp of the rate"),
    flag(&["warmup-request-count", "num-warmup-requests"], "N", "Requests of the warm-up phase"),
    flag(&["warmup-duration"], "S", "Length of the warm-up phase"),
    flag(&["synthetic-input-tokens-mean", "isl", "prompt-input-tokens-mean"], "N", "Mean input length [default: 550]"),
    flag(&["synthetic-input-tokens-stddev", "isl-stddev", "prompt-input-tokens-stddev"], "N", "Its standard deviation [default: 0]"),
    flag(&["output-tokens-mean", "osl"], "N", "Mean output length to ask for [default: none is asked]"),
    flag(&["output-tokens-stddev", "osl-stddev"], "N", "Its standard deviation [default: 0]"),
    flag(&["prefix-prompt-length"], "N", "Length of a shared prefix, tokens"),
    flag(&["num-prefix-prompts", "prefix-prompt-pool-size"], "N", "How many shared prefixes there are"),
    flag(&["num-dataset-entries", "num-prompts"], "N", "Distinct prompts [default: 100]"),
    flag(&["ui", "ui-type"], "KIND", "Taken and not needed: the live line adapts itself"),
    flag(&["log-level"], "LEVEL", "Taken and not needed"),
    flag(&["stats-interval"], "S", "Taken and not needed"),
    flag(&["no-server-metrics"], "", "Taken and not needed: no server metrics are read"),
    flag(&["no-gpu-telemetry"], "", "Taken and not needed: no GPU telemetry is read"),
];

/// `tokmark aiperf profile`: what was typed, by the first name of each flag.
#[derive(Clone, Debug, Default)]
pub struct ProfileArgs {
    typed: Vec<(&'static Flag, Vec<String>)>,
    /// Known to AIPerf, not done here.
    pub unsupported: Vec<&'static str>,
    /// One JSON object on stdout.
    pub json: bool,
}

impl ProfileArgs {
    /// The values of a flag, by its first name; `None` if it was not typed.
    pub fn all(&self, name: &str) -> Option<&[String]> {
        self.typed.iter().find(|(flag, _)| flag.names[0] == name).map(|(_, values)| values.as_slice())
    }

    /// The last value of a flag.
    pub fn one(&self, name: &str) -> Option<&str> {
        self.all(name)?.last().map(String::as_str)
    }

    /// Whether a flag was typed.
    pub fn has(&self, name: &str) -> bool {
        self.all(name).is_some()
    }
}

impl FromArgMatches for ProfileArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut typed = Vec::new();
        for flag in FLAGS {
            let name = flag.names[0];
            if flag.value.is_empty() {
                if matches.get_flag(name) {
                    typed.push((flag, Vec::new()));
                }
            } else if let Some(values) = matches.get_many::<String>(name) {
                typed.push((flag, values.cloned().collect()));
            }
        }
        let given = |name: &&&str| matches.value_source(name) == Some(clap::parser::ValueSource::CommandLine);
        Ok(Self {
            typed,
            unsupported: unsupported::FLAGS.iter().chain(unsupported::OLD).filter(given).copied().collect(),
            json: matches.get_flag("json"),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for ProfileArgs {
    fn augment_args(command: Command) -> Command {
        let done = FLAGS.iter().map(|flag| {
            let switch = flag.value.is_empty();
            let arg = Arg::new(flag.names[0])
                .long(flag.names[0])
                .visible_aliases(flag.names.iter().skip(1).copied())
                .help(flag.help)
                .action(if switch { ArgAction::SetTrue } else { ArgAction::Append });
            let arg = if switch { arg } else { arg.value_name(flag.value) };
            match flag.short {
                Some(short) => arg.short(short),
                None => arg,
            }
        });
        // Several values after one flag are AIPerf's way for lists; whatever follows is swallowed, so that the answer is
        // "not supported" and not a complaint about the value.
        let known = unsupported::FLAGS.iter().chain(unsupported::OLD).map(|name| {
            let arg = Arg::new(*name).long(*name).hide(true).num_args(0..).action(ArgAction::Append);
            match unsupported::SHORT.iter().find(|(long, _)| long == name) {
                Some((_, short)) => arg.short(*short),
                None => arg,
            }
        });
        let verbose = Arg::new("verbose")
            .short('v')
            .long("verbose")
            .action(ArgAction::Count)
            .help("Taken and not needed");
        let json = Arg::new("json")
            .long("json")
            .action(ArgAction::SetTrue)
            .help("One JSON object on stdout (tokmark's own)");
        command.args(done).args(known).arg(verbose).arg(json)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
