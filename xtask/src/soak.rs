//! `cargo xtask soak`: the core's random tests for as long as there is time. The plans of the native
//! tests take half of it, with a new seed in each round; libFuzzer takes the rest. Every line that
//! fails to hold comes with what repeats it. `cargo xtask test` lets libFuzzer run for a moment.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs};

use anyhow::{Context, Result, bail};

use crate::process::{cargo, find_on_path, output, run as run_program};
use crate::{apt, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long, all in all, once everything is compiled
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The first seed, to repeat an earlier run; else the time of day chooses
    #[arg(long)]
    seed: Option<u64>,
}

/// The binaries of tests/fuzz, each with a corpus of its name; and the inputs of a brief run, which
/// takes some seconds.
const TARGETS: [(&str, u32); 2] = [("answer", 50_000), ("snapshot", 300_000)];
/// Plans of one round: some minutes, so that the time is kept well enough.
const CASES: u32 = 50_000;
/// What makes the compiler tell libFuzzer which ways were taken; stable words all.
const COVERAGE: [&str; 6] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Runs until the time is over or something fails.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let first = arguments
        .seed
        .unwrap_or_else(|| now.unwrap_or_default().as_secs());
    let fuzzers = build_fuzzers()?;
    run_program(
        tests().arg("--no-run"),
        "the native tests have to compile first",
    )?;
    let time = Duration::from_secs(60 * arguments.minutes.max(1));
    let started = Instant::now();
    let mut rounds = 0;
    while rounds == 0 || started.elapsed() < time / 2 {
        let seed = first.wrapping_add(rounds);
        eprintln!("\n=== plans, seed {seed}");
        let repeat = format!(
            "repeat with `PROPTEST_RNG_SEED={seed} PROPTEST_CASES={CASES} cargo test \
             --package iacrea-video-tests --test native -- promises:: fuzz::`"
        );
        let mut round = tests();
        round
            .args(["--", "promises::", "fuzz::"])
            .env("PROPTEST_RNG_SEED", seed.to_string())
            .env("PROPTEST_CASES", CASES.to_string());
        run_program(&mut round, &repeat)?;
        rounds += 1;
    }
    let limit = format!("-max_total_time={}", (time / 4).as_secs());
    for ((target, _), fuzzer) in TARGETS.iter().zip(fuzzers) {
        fuzz(target, fuzzer, &limit, first)?;
    }
    let minutes = started.elapsed().as_secs() / 60;
    println!(
        "soak: {rounds} rounds of plans from seed {first} and two fuzzers held for {minutes} min"
    );
    Ok(())
}

/// The same number of inputs each time, from the repository's corpus on.
pub(crate) fn briefly() -> Result<()> {
    let fuzzers = build_fuzzers()?;
    for ((target, runs), fuzzer) in TARGETS.iter().zip(fuzzers) {
        let work = found(target);
        if work.exists() {
            fs::remove_dir_all(&work)
                .with_context(|| format!("cannot empty {}", work.display()))?;
        }
        fuzz(target, fuzzer, &format!("-runs={runs}"), 1)?;
    }
    Ok(())
}

/// Where libFuzzer keeps what leads it to new ways through the code.
fn found(target: &str) -> PathBuf {
    workspace::target_dir().join("fuzz/corpus").join(target)
}

fn tests() -> Command {
    let mut tests = cargo("test");
    tests.args(["--package", "iacrea-video-tests", "--test", "native"]);
    tests
}

fn build_fuzzers() -> Result<Vec<PathBuf>> {
    eprintln!("Compiling the fuzzers");
    if find_on_path("c++").is_none() {
        apt::install(&["g++"], "libFuzzer, which is C++")?;
    }
    let target_dir = workspace::target_dir().join("fuzz");
    // Named, so that build scripts and macros are compiled as always.
    let host = host()?;
    let mut build = cargo("build");
    build
        .args(["--manifest-path", "tests/fuzz/Cargo.toml", "--locked"])
        .args(["--profile", "fuzz", "--target", &host])
        .arg("--target-dir")
        .arg(&target_dir)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", COVERAGE.join(" "));
    run_program(&mut build, "see its messages above")?;
    let folder = target_dir.join(host).join("fuzz");
    Ok(TARGETS.map(|(target, _)| folder.join(target)).to_vec())
}

fn host() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let told = output(Command::new(rustc).arg("-vV"))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc names no host")
}

fn fuzz(target: &str, fuzzer: PathBuf, limit: &str, seed: u64) -> Result<()> {
    // libFuzzer takes 32 bits, and 0 for none.
    let seed = (seed as u32).max(1);
    eprintln!("\n=== libFuzzer: {target}, seed {seed}");
    let known = workspace::root().join("tests/fuzz/corpus").join(target);
    let work = found(target);
    let failed = workspace::target_dir().join("fuzz/failed");
    for folder in [&work, &failed] {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    // It writes what is new into the first folder; the second is the repository's.
    let mut run = Command::new(&fuzzer);
    run.arg(&work)
        .arg(&known)
        .arg(limit)
        .args(["-max_len=8192", "-timeout=10", "-rss_limit_mb=1024"])
        .args(["-print_final_stats=1", "-verbosity=0"])
        .arg(format!("-seed={seed}"))
        .arg(format!("-artifact_prefix={}/{target}-", failed.display()));
    let output = run
        .output()
        .with_context(|| format!("cannot start {}", fuzzer.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        eprintln!("{said}");
        bail!(
            "{target} does not hold: repeat with `{} FILE`, where FILE is the one named above; \
             once mended, keep it in {}",
            fuzzer.display(),
            known.display()
        );
    }
    // It also recommends words for a dictionary, by the hundred.
    let figures = said.lines().filter(|line| line.starts_with("stat::"));
    figures.for_each(|line| eprintln!("{line}"));
    Ok(())
}
