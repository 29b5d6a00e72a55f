//! Runs test files, each as a process of its own, and tells a broken one from an unsteady one: what
//! failed is run once more, alone. What an unsteady file printed when it failed stays on the screen.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::{process, workspace};

/// One file of tests and the command that runs it.
pub(super) struct TestFile {
    /// Its path in the repository, which `--only` takes.
    pub(super) name: String,
    pub(super) command: Command,
}

/// What became of the files of a section. All others passed at once.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Outcome {
    pub(super) failed: Vec<String>,
    /// Failed, and passed when run again alone.
    pub(super) unsteady: Vec<String>,
}

/// Runs all of them, `at_once` at a time, then those that failed once more, one after the other.
pub(super) fn run(files: Vec<TestFile>, at_once: usize) -> Result<Outcome> {
    let failed = Mutex::new(Vec::new());
    let waiting = Mutex::new(files.into_iter());
    let work = || -> Result<()> {
        loop {
            // In a statement of its own: in a `while let` it would stay locked for the whole body.
            let next = lock(&waiting).next();
            let Some(mut file) = next else { return Ok(()) };
            if !passes(&mut file)? {
                lock(&failed).push(file);
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| match worker.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
    })?;
    let mut outcome = Outcome::default();
    for mut file in failed
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
    {
        eprintln!("{} failed: once more, alone", file.name);
        let list = if passes(&mut file)? {
            &mut outcome.unsteady
        } else {
            &mut outcome.failed
        };
        list.push(file.name);
    }
    Ok(outcome)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Runs one file. Its output goes into a log, so that files that run at once do not mix theirs, and
/// onto the screen if it failed.
fn passes(file: &mut TestFile) -> Result<bool> {
    let path = log(&file.name)?;
    let log = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let started = Instant::now();
    let status = file
        .command
        .env_remove(process::KEY)
        .stdout(log.try_clone().context("cannot share a log")?)
        .stderr(log)
        .status()
        .with_context(|| format!("cannot start the tests of {}", file.name))?;
    let verdict = if status.success() { "ok" } else { "FAILED" };
    let seconds = started.elapsed().as_secs_f32();
    if !status.success() {
        let printed = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        eprint!("{}", String::from_utf8_lossy(&printed));
    }
    eprintln!("{verdict:<7}{seconds:>6.1} s  {}", file.name);
    Ok(status.success())
}

/// Where the output of a file is kept.
fn log(name: &str) -> Result<PathBuf> {
    let dir = workspace::state_dir()?.join("logs");
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    Ok(dir.join(format!("{}.log", name.replace('/', "-"))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A file whose test fails as often as `failures` says, and counts its runs in a file of its own.
    fn failing(name: &str, failures: u32) -> TestFile {
        let runs = workspace::state_dir()
            .unwrap()
            .join(format!("runs-of-{name}"));
        fs::remove_file(&runs).ok();
        let script = "
            const [path, failures] = process.argv.slice(1);
            const fs = require('node:fs');
            const runs = fs.existsSync(path) ? Number(fs.readFileSync(path, 'utf8')) : 0;
            fs.writeFileSync(path, String(runs + 1));
            process.exit(runs < failures ? 1 : 0);";
        let mut command = Command::new("node");
        command
            .args(["--eval", script])
            .arg(runs)
            .arg(failures.to_string());
        TestFile {
            name: name.to_owned(),
            command,
        }
    }

    #[test]
    fn what_fails_once_is_unsteady_and_what_fails_twice_has_failed() {
        let files = [("good", 0), ("once", 1), ("twice", 2), ("always", 9)];
        let files = files.map(|(name, failures)| failing(name, failures));
        let mut outcome = run(files.into(), 2).unwrap();
        outcome.failed.sort();
        assert_eq!(outcome.failed, ["always", "twice"]);
        assert_eq!(outcome.unsteady, ["once"]);
    }
}
