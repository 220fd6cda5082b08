//! Where a value came from.

use std::fmt;

use crate::spec::yaml::Place;

/// Where a value came from, weakest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A preset.
    Preset(&'static str),
    /// A file.
    File {
        /// Its name.
        name: String,
        /// Where in it.
        place: Place,
    },
    /// An environment variable.
    Env(String),
    /// `--set`.
    Set,
    /// A flag, as typed.
    Flag(String),
    /// Worked out from other values.
    Derived(&'static str),
}

impl Origin {
    /// Which layer wins: a higher one over a lower one.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Default | Self::Derived(_) => 0,
            Self::Preset(_) => 1,
            Self::File { .. } => 2,
            Self::Env(_) => 3,
            Self::Set => 4,
            Self::Flag(_) => 5,
        }
    }

    /// The word written into `run.json`: `default`, `preset`, `file`, `env`, `flag` or `derived`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Preset(_) => "preset",
            Self::File { .. } => "file",
            Self::Env(_) => "env",
            Self::Set | Self::Flag(_) => "flag",
            Self::Derived(_) => "derived",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Preset(name) => write!(f, "preset {name}"),
            Self::File { name, place } if place.line == 0 => write!(f, "file {name}"),
            Self::File { name, place } => write!(f, "file {name}:{}:{}", place.line, place.column),
            Self::Env(name) => write!(f, "env {name}"),
            Self::Set => f.write_str("flag --set"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Derived(why) => write!(f, "derived: {why}"),
        }
    }
}
