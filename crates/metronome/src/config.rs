//! What a metronome is asked to do, as a value and as command-line words (it runs as a child process).

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::schedule::Schedule;

/// What a server remembers of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: memory stays flat over a million requests.
    Nothing,
    /// A [`crate::Truth`] with its first send only.
    Truth,
    /// A truth with a stamp of every send.
    Sends,
}

/// What a metronome is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Timing of a reply, unless a request asks for another (headers `x-metronome-ttft-us`, `x-metronome-itl-us`,
    /// `x-metronome-events`, or `max_tokens` in the body for the number of events).
    pub schedule: Schedule,
    /// Send the assistant's role as an event of its own right before the first content, as vLLM does. Otherwise it rides
    /// in the first content event.
    pub role_apart: bool,
    /// Poll without sleeping for this long before a send is due, nanoseconds. Zero sleeps to the due time. The default is
    /// what a virtual machine needs: there a timer wakes a sleeping core 70 to 160 µs late.
    pub spin_ns: u64,
    /// What to remember of each request.
    pub keep: Keep,
    /// Where to write the truths when the server stops.
    pub truth_file: Option<PathBuf>,
    /// Core to run on.
    pub core: Option<usize>,
    /// Stop when standard input ends, so that the server never outlives the process that started it.
    pub stop_with_stdin: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            schedule: Schedule::from_micros(100_000, 10_000, 64),
            role_apart: false,
            spin_ns: 200_000,
            keep: Keep::Truth,
            truth_file: None,
            core: None,
            stop_with_stdin: false,
        }
    }
}

impl Config {
    /// The words [`Config::from_args`] reads back into the same value.
    pub fn to_args(&self) -> Vec<String> {
        let mut args = vec![
            format!("--listen={}", self.listen),
            format!("--ttft-us={}", self.schedule.ttft_ns / 1_000),
            format!("--itl-us={}", self.schedule.itl_ns / 1_000),
            format!("--events={}", self.schedule.events),
            format!("--spin-us={}", self.spin_ns / 1_000),
        ];
        let mut flag = |on: bool, word: &str| {
            if on {
                args.push(word.to_owned());
            }
        };
        flag(self.role_apart, "--role-apart");
        flag(self.keep == Keep::Nothing, "--no-truth");
        flag(self.keep == Keep::Sends, "--sends");
        flag(self.stop_with_stdin, "--stop-with-stdin");
        args.extend(self.core.map(|core| format!("--core={core}")));
        args.extend(self.truth_file.as_ref().map(|path| format!("--truth={}", path.display())));
        args
    }

    /// Reads `--key=value` words; the error names the word that was not understood.
    pub fn from_args<S: AsRef<str>>(args: &[S]) -> Result<Self, String> {
        let mut config = Self::default();
        let (mut ttft_us, mut itl_us, mut events) = (100_000, 10_000, 64);
        for word in args {
            let word = word.as_ref();
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let number = || {
                value.parse::<u64>().map_err(|_| {
                    format!("`{word}`: `{value}` is not a whole number\nhint: write it as in {key}=1000")
                })
            };
            match key {
                "--listen" => {
                    config.listen = value.parse().map_err(|_| {
                        format!("`{word}`: not an address\nhint: write it as in --listen=127.0.0.1:0")
                    })?;
                }
                "--ttft-us" => ttft_us = number()?,
                "--itl-us" => itl_us = number()?,
                "--events" => events = number()?,
                "--spin-us" => config.spin_ns = number()? * 1_000,
                "--core" => config.core = Some(number()? as usize),
                "--truth" => config.truth_file = Some(PathBuf::from(value)),
                "--role-apart" => config.role_apart = true,
                "--no-truth" => config.keep = Keep::Nothing,
                "--sends" => config.keep = Keep::Sends,
                "--stop-with-stdin" => config.stop_with_stdin = true,
                _ => {
                    return Err(format!(
                        "`{word}` is not a flag of the metronome\nhint: {}",
                        Self::default().to_args().join(" ")
                    ));
                }
            }
        }
        config.schedule = Schedule::from_micros(ttft_us, itl_us, u32::try_from(events).unwrap_or(u32::MAX));
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        let all = Config {
            listen: "127.0.0.2:81".parse().unwrap(),
            schedule: Schedule::from_micros(7, 8, 9),
            role_apart: true,
            spin_ns: 1_000,
            keep: Keep::Sends,
            truth_file: Some("/tmp/t".into()),
            core: Some(1),
            stop_with_stdin: true,
        };
        for config in [Config::default(), all] {
            assert_eq!(Config::from_args(&config.to_args()), Ok(config));
        }
    }

    #[test]
    fn a_wrong_word_is_named() {
        for word in ["--ttft-us=soon", "--speed=1", "--listen=here"] {
            let error = Config::from_args(&[word]).unwrap_err();
            assert!(error.contains(word) && error.contains("hint:"), "{error}");
        }
    }
}
