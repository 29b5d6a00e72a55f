//! `cargo xtask soak`: the core's random tests for as long as there is time. The plans of the native
//! tests take half of it, with a new seed in each round; libFuzzer takes the rest. Every line that
//! fails to hold comes with what repeats it.

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

/// The binaries of tests/fuzz, each with a corpus of its name.
const TARGETS: [&str; 2] = ["answer", "snapshot"];
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
    for (target, fuzzer) in TARGETS.iter().zip(fuzzers) {
        fuzz(target, fuzzer, time / 4, first)?;
    }
    let minutes = started.elapsed().as_secs() / 60;
    println!(
        "soak: {rounds} rounds of plans from seed {first} and two fuzzers held for {minutes} min"
    );
    Ok(())
}

fn tests() -> Command {
    let mut tests = cargo("test");
    tests.args(["--package", "iacrea-video-tests", "--test", "native"]);
    tests
}

fn build_fuzzers() -> Result<Vec<PathBuf>> {
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
    Ok(TARGETS.map(|target| folder.join(target)).to_vec())
}

fn host() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let told = output(Command::new(rustc).arg("-vV"))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc names no host")
}

fn fuzz(target: &str, fuzzer: PathBuf, time: Duration, seed: u64) -> Result<()> {
    // libFuzzer takes 32 bits, and 0 for none.
    let seed = (seed as u32).max(1);
    eprintln!("\n=== libFuzzer: {target}, seed {seed}");
    let known = workspace::root().join("tests/fuzz/corpus").join(target);
    let work = workspace::target_dir().join("fuzz/corpus").join(target);
    let found = workspace::target_dir().join("fuzz/found");
    for folder in [&work, &found] {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    // It writes what is new into the first folder; the second is the repository's.
    let mut run = Command::new(&fuzzer);
    run.arg(&work)
        .arg(&known)
        .arg(format!("-max_total_time={}", time.as_secs()))
        .args(["-max_len=8192", "-timeout=10", "-rss_limit_mb=1024"])
        .args(["-print_final_stats=1", "-verbosity=0"])
        .arg(format!("-seed={seed}"))
        .arg(format!("-artifact_prefix={}/{target}-", found.display()));
    let status = run
        .status()
        .with_context(|| format!("cannot start {}", fuzzer.display()))?;
    if !status.success() {
        bail!(
            "{target} does not hold: repeat with `{} FILE`, where FILE is the one named above; \
             once mended, keep it in {}",
            fuzzer.display(),
            known.display()
        );
    }
    Ok(())
}
