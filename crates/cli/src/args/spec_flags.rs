//! The flags that are keys of the spec, made from the table in `spec/keys.rs`, so that none can lack a key or help.

use clap::builder::{PossibleValuesParser, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use serde_json::Value;

use crate::spec::SpecError;
use crate::spec::defaults::Defaults;
use crate::spec::keys::{KEYS, Key, Kind};
use crate::spec::layers::{Setting, of_words};
use crate::spec::origin::Origin;

/// What was typed, flag by flag, in the order of the table.
#[derive(Clone, Debug, Default)]
pub struct SpecFlags {
    typed: Vec<(&'static Key, Vec<String>, String)>,
}

impl SpecFlags {
    /// The flags as settings of the strongest layer.
    pub fn settings(&self) -> Result<Vec<Setting>, SpecError> {
        let mut settings = Vec::new();
        for (key, texts, flag) in &self.typed {
            let origin = Origin::Flag(flag.clone());
            if key.kind == Kind::Texts {
                settings.extend(of_words(key, &texts.join(","), &origin)?);
                continue;
            }
            if key.kind == Kind::Objects {
                settings.push(objects(key, texts, &origin)?);
                continue;
            }
            for text in texts {
                settings.extend(of_words(key, text, &origin)?);
            }
        }
        Ok(settings)
    }
}

/// One list of all that was given.
fn objects(key: &Key, texts: &[String], origin: &Origin) -> Result<Setting, SpecError> {
    let mut list = Vec::new();
    for text in texts {
        for setting in of_words(key, text, origin)? {
            match setting.value {
                Value::Array(objects) => list.extend(objects),
                other => list.push(other),
            }
        }
    }
    Ok(Setting { path: key.parts(), value: list.into(), origin: origin.clone() })
}

impl FromArgMatches for SpecFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut typed = Vec::new();
        for key in KEYS {
            let flag = format!("--{}", key.flag);
            if let Kind::Switch(off) = key.kind {
                for (id, text, flag) in [(key.flag, "true", flag), (off, "false", format!("--{off}"))] {
                    if !id.is_empty() && matches.get_flag(id) {
                        typed.push((key, vec![text.to_owned()], flag));
                    }
                }
            } else if let Some(texts) = matches.get_many::<String>(key.flag) {
                typed.push((key, texts.cloned().collect(), flag));
            }
        }
        Ok(Self { typed })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for SpecFlags {
    fn augment_args(command: Command) -> Command {
        let defaults = Defaults::of_the_spec();
        KEYS.iter().fold(command, |command, key| match key.kind {
            Kind::Switch(off) => switch(command, key, off),
            _ => command.arg(valued(key, &defaults)),
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Below zero it is judged as a quantity; anything else behind a hyphen is the next flag, and the value is missing.
fn quantity(text: &str) -> Result<String, String> {
    match text.strip_prefix('-') {
        Some(rest) if !rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            Err(format!("a value is missing before {text}"))
        }
        _ => Ok(text.to_owned()),
    }
}

fn valued(key: &'static Key, defaults: &Defaults) -> Arg {
    // Words only: a default value of clap's own would be an answer that nobody gave.
    let help = match defaults.shown(key) {
        Some(default) => format!("{} [default: {default}]", key.help),
        None => key.help.to_owned(),
    };
    let many = matches!(key.kind, Kind::Headers | Kind::Fields | Kind::Texts | Kind::Objects);
    let parser: ValueParser = match key.kind {
        Kind::Word(words) => PossibleValuesParser::new(words).into(),
        Kind::Quantity => ValueParser::from(quantity),
        _ => ValueParser::string(),
    };
    let arg = Arg::new(key.flag)
        .long(key.flag)
        .value_name(key.value_name)
        .value_parser(parser)
        .action(if many { ArgAction::Append } else { ArgAction::Set })
        .allow_hyphen_values(matches!(key.kind, Kind::Quantity | Kind::Number | Kind::Count | Kind::Levels))
        .help(help)
        .help_heading(key.group);
    match key.short {
        Some(short) => arg.short(short),
        None => arg,
    }
}

fn switch(command: Command, key: &'static Key, off: &'static str) -> Command {
    let on =
        Arg::new(key.flag).long(key.flag).action(ArgAction::SetTrue).help(key.help).help_heading(key.group);
    if off.is_empty() {
        return command.arg(on);
    }
    let off_arg = Arg::new(off)
        .long(off)
        .action(ArgAction::SetTrue)
        .help(format!("Turns --{} off", key.flag))
        .help_heading(key.group)
        .conflicts_with(key.flag);
    command.arg(on).arg(off_arg)
}
