//! The ways of the vendor's command line, which Go's Cobra reads: a switch may be given `=false`, a flag may be repeated (the
//! last one counts), and a flag that is not known is refused in words that scripts look for.

use super::literals::WHOSE;
use crate::print::{self, Exit, Failure};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Command};
use std::process::ExitCode;

/// Makes a command and all below it read their words so. A switch that is on unless it is switched off has the default
/// value `true`.
pub fn like(command: Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    let command = command.args_override_self(true).before_help(WHOSE).mut_args(|argument| {
        if !matches!(argument.get_action(), ArgAction::SetTrue) {
            return argument;
        }
        let begins = if argument.get_default_values().is_empty() { "false" } else { "true" };
        let argument = argument.action(ArgAction::Set).num_args(0..=1).require_equals(true).hide_default_value(true);
        argument.default_value(begins).default_missing_value("true").value_parser(boolean).value_name("BOOL")
    });
    names.iter().fold(command, |command, name| command.mut_subcommand(name, like))
}

/// As Go's `strconv.ParseBool`.
fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("use true or false".to_owned()),
    }
}

/// What is wrong with a command line, in Cobra's words where scripts look for them.
pub fn usage(said: &clap::Error) -> ExitCode {
    let word = match said.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) => word.clone(),
        _ => String::new(),
    };
    let why = match said.kind() {
        ErrorKind::UnknownArgument if word.starts_with('-') => format!("unknown flag: {word}"),
        ErrorKind::UnknownArgument => format!("unexpected argument: {word}"),
        _ => said.render().to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    };
    let failure = Failure::new("read the command line", format!("Error: {why}"), "see the flags with --help");
    print::note(&failure.to_string());
    ExitCode::from(Exit::Usage as u8)
}

/// The help of `smctl` without a command, as Cobra has it: on standard output, status 0.
pub fn help() -> Result<(), Failure> {
    let mut all = crate::examples::command();
    let command = all.find_subcommand_mut("smctl").expect("it is there");
    print::line(command.render_help().to_string().trim_end());
    Ok(())
}

/// `NAME=VALUE`, one of a flag that Cobra calls `stringToString`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// A name of a filter, and what it compares with.
pub type Filter<T> = (&'static str, fn(&T) -> String);

/// Refuses a filter by a name that is not in the table: it would let everything through.
pub fn check_filters<T>(wanted: &[(String, String)], known: &[Filter<T>]) -> Result<(), Failure> {
    let Some((name, _)) = wanted.iter().find(|(name, _)| !known.iter().any(|(known, _)| known == name)) else {
        return Ok(());
    };
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let remedy = format!("filter by {}", names.join(", "));
    Err(Failure::new("read --filter", format!("'{name}' is not a known filter"), remedy).exit(Exit::Usage))
}

/// Whether all filters let it through. Aliases are compared as they are; of other values case and dashes do not count.
pub fn passes<T>(it: &T, wanted: &[(String, String)], known: &[Filter<T>]) -> bool {
    wanted.iter().all(|(name, value)| {
        known.iter().filter(|(known, _)| known == name).all(|(_, read)| match name.as_str() {
            "alias" => read(it) == *value,
            _ => read(it).replace('-', "").eq_ignore_ascii_case(&value.replace('-', "")),
        })
    })
}

/// Pages of a list. All of it is printed; which page would be meant by a number is not on record.
#[derive(clap::Args)]
pub struct Pages {
    /// -1: all pages
    #[arg(long, default_value = "-1", allow_negative_numbers = true, hide = true)]
    page: i64,
    /// Entries on a page
    #[arg(long, hide = true)]
    size: Option<u32>,
}

impl Pages {
    pub fn check(&self) -> Result<(), Failure> {
        if self.page == -1 {
            return Ok(());
        }
        let why = "stm-pkcs11 prints the whole list";
        Err(Failure::new("use --page", why, "leave --page out, and select lines with head, sed or --filter")
            .exit(Exit::Usage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, FromArgMatches};

    #[derive(Args)]
    struct Flags {
        #[arg(long, short)]
        verbose: bool,
        #[arg(long, default_value = "true")]
        timestamp: bool,
        #[arg(long, short)]
        input: Option<String>,
        words: Vec<String>,
    }

    fn read(line: &str) -> Result<Flags, clap::Error> {
        let command = like(Flags::augment_args(Command::new("x")));
        Flags::from_arg_matches(&command.try_get_matches_from(line.split(' '))?)
    }

    #[test]
    fn switches_have_values_after_an_equals_sign_only_and_the_last_one_counts() {
        for (line, verbose, timestamp) in [
            ("x", false, true),
            ("x -v --timestamp", true, true),
            ("x --verbose=true --timestamp=false", true, false),
            ("x -v=0 --timestamp=F", false, false),
            ("x -vvv -v --timestamp=false --timestamp=TRUE", true, true),
        ] {
            let flags = read(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!((flags.verbose, flags.timestamp), (verbose, timestamp), "{line}");
        }
        assert_eq!(read("x --timestamp false").unwrap().words, ["false"]);
        assert!(read("x --verbose=maybe").err().unwrap().to_string().contains("use true or false"));
    }

    #[test]
    fn values_follow_a_blank_or_an_equals_sign_and_words_stand_anywhere() {
        for line in ["x --input=f a b", "x a --input f b", "x -i f a b", "x a b -i=f", "x a -v b -i f"] {
            let flags = read(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!((flags.input.as_deref(), flags.words.join(" ").as_str()), (Some("f"), "a b"), "{line}");
        }
        assert_eq!(read("x --inputs f").err().unwrap().kind(), ErrorKind::UnknownArgument);
    }
}
