//! Other programs, run in one way everywhere: their output streams through, and a failure or a
//! missing program becomes one line that says what to do. Never through a shell.

use std::env;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The key of the demo's real service is for this program alone, not for compilers, npm packages and
/// whatever else it starts.
pub(crate) const KEY: &str = "IACREA_API_KEY";

/// Runs `command` to its end with its output passed through; `cure` completes the message when it
/// fails or is not installed.
pub(crate) fn run(command: &mut Command, cure: &str) -> Result<()> {
    let name = describe(command);
    let status = match command.env_remove(KEY).status() {
        Ok(status) => status,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("`{name}` not found: {cure}"),
        Err(error) => bail!("cannot start `{name}`: {error}"),
    };
    if !status.success() {
        bail!("`{name}` failed ({status}): {cure}");
    }
    Ok(())
}

/// Runs `command` and returns what it printed, without the last line break.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = describe(command);
    let output = command
        .env_remove(KEY)
        .output()
        .with_context(|| format!("cannot start `{name}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{name}` failed ({}): {}", output.status, said.trim());
    }
    let text = String::from_utf8(output.stdout).with_context(|| format!("output of `{name}`"))?;
    Ok(text.trim_end().to_owned())
}

/// Cargo itself, freed of what an outer `cargo run` left in the environment: some build scripts
/// watch those variables and would run again on every change between the two.
pub(crate) fn cargo(verb: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    forget_outer_cargo(&mut command);
    command.arg(verb).current_dir(crate::workspace::root());
    command
}

pub(crate) fn forget_outer_cargo(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let outer = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ];
        if outer.iter().any(|prefix| text.starts_with(prefix))
            || ["CARGO_PRIMARY_PACKAGE", "OUT_DIR"].contains(&text)
        {
            command.env_remove(&name);
        }
    }
}

/// The first program of this name on PATH.
pub(crate) fn find_on_path(name: &str) -> Option<PathBuf> {
    let paths = env::var_os("PATH")?;
    env::split_paths(&paths)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}

fn describe(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let name = program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned();
    let first = command.get_args().next().map(OsStr::to_string_lossy);
    match first {
        Some(argument) if !argument.starts_with('-') && argument.len() < 40 => {
            format!("{name} {argument}")
        }
        _ => name,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn no_other_program_is_given_the_key() {
        let mut node = Command::new("node");
        node.args(["--print", "process.env.IACREA_API_KEY + process.env.OTHER"]);
        node.env(KEY, "sk-live").env("OTHER", "-passed");
        assert_eq!(output(&mut node).unwrap(), "undefined-passed");
    }
}
