//! The one place that knows how this machine compiles for wasm32-unknown-unknown. In this order:
//! the target is installed; rustup can add it; Debian's compiler builds the standard library from
//! its own sources. Everything else asks `Toolchain` for a configured command and must not care.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process::{self, find_on_path, output};
use crate::{apt, workspace};

const TRIPLE: &str = "wasm32-unknown-unknown";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];
/// Older compilers do not know the language edition's features that this workspace uses.
const OLDEST_RUSTC: u32 = 90;
/// From here on cargo takes a panic strategy that drops even the messages.
const KNOWS_IMMEDIATE_ABORT: u32 = 92;
const CURE: &str = "run `rustup target add wasm32-unknown-unknown`, then repeat";

/// Copies of small functions, and of what is computed on one way to a place and not on another, cost more after
/// compression than what they save before it.
const SMALLER: [&str; 2] = [
    "-Cllvm-args=-inline-threshold=15",
    "-Cllvm-args=-enable-pre=false",
];

/// What a compilation is for: it decides about optimisation and about what a panic may say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The module that users get: as small as this toolchain can make it.
    Ship,
    /// Tests, lints and documentation: quick to compile, and a panic tells its message.
    Check,
}

/// A compiler for wasm32 that was found or made.
pub(crate) struct Toolchain {
    kind: Kind,
}

enum Kind {
    /// Ordinary: cargo's own compiler has the target, and perhaps the sources of its library.
    Installed { sources: bool },
    /// Debian's compiler, which has the sources of the standard library and a linker beside it.
    Debian { linker: PathBuf },
}

impl Toolchain {
    /// Finds the target or makes it, and says in one line which it took.
    pub(crate) fn find() -> Result<Toolchain> {
        let stamp = workspace::state_dir()?.join("wasm-toolchain");
        // Where rustup's server cannot be reached, it is not asked for again each time.
        let settled = fs::read_to_string(&stamp).is_ok_and(|kind| kind == "debian");
        let toolchain = search(settled)?;
        fs::write(&stamp, toolchain.kind.name())
            .with_context(|| format!("cannot write {}", stamp.display()))?;
        Ok(toolchain)
    }

    /// `cargo <verb>` for wasm32, with every flag that this toolchain and `purpose` ask for.
    pub(crate) fn cargo(&self, verb: &str, purpose: Purpose) -> Result<Command> {
        let mut command = process::cargo(verb);
        self.configure(&mut command, verb, purpose)?;
        Ok(command)
    }

    /// `cargo clippy` for wasm32.
    pub(crate) fn clippy(&self) -> Result<Command> {
        let mut command = match self.kind {
            Kind::Installed { .. } => process::cargo("clippy"),
            Kind::Debian { .. } => {
                // Only the clippy of the same compiler can read what that compiler wrote.
                let program = Path::new("/usr/bin/cargo-clippy");
                if !program.is_file() {
                    apt::install(&["rust-web-clippy"], "lints for wasm32")?;
                }
                let mut command = Command::new(program);
                process::forget_outer_cargo(&mut command);
                command.arg("clippy").current_dir(workspace::root());
                command
            }
        };
        self.configure(&mut command, "check", Purpose::Check)?;
        Ok(command)
    }

    /// Where the standard library of what users get comes from: it decides how large that is.
    pub(crate) fn library(&self) -> &'static str {
        if self.builds_std(Purpose::Ship) {
            "built from source"
        } else {
            "prebuilt"
        }
    }

    /// Where `cargo` leaves the modules of this purpose.
    pub(crate) fn artifacts(&self, purpose: Purpose) -> PathBuf {
        workspace::wasm_target_dir()
            .join(TRIPLE)
            .join(match purpose {
                Purpose::Ship => "release",
                Purpose::Check => "debug",
            })
    }

    /// Debian's compiler has no library for wasm32 but this; with rustup's it is worth the wait only
    /// for what users download.
    fn builds_std(&self, purpose: Purpose) -> bool {
        match self.kind {
            Kind::Installed { sources } => sources && purpose == Purpose::Ship,
            Kind::Debian { .. } => true,
        }
    }

    fn configure(&self, command: &mut Command, verb: &str, purpose: Purpose) -> Result<()> {
        let mut flags = remapped_paths()?;
        command
            .args(["--target", TRIPLE])
            .arg("--target-dir")
            .arg(workspace::wasm_target_dir());
        if purpose == Purpose::Ship {
            command.arg("--release");
            flags.extend(SMALLER.map(Into::into));
        } else {
            // Line tables would double the time that linking and reading a test module takes.
            command.env("CARGO_PROFILE_DEV_DEBUG", "false");
        }
        if let Kind::Debian { linker } = &self.kind {
            command
                .env("RUSTC", DEBIAN_RUSTC)
                .env("RUSTDOC", "/usr/bin/rustdoc")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                // `cargo run` puts the libraries of its own compiler in front of this one's.
                .env_remove("LD_LIBRARY_PATH");
        }
        if self.builds_std(purpose) {
            let tests = if verb == "test" { ",test" } else { "" };
            command
                // The sources are those of this very compiler, but building them is still gated.
                .env("RUSTC_BOOTSTRAP", "1")
                .arg(format!("-Zbuild-std=std,panic_abort{tests}"))
                .arg("-Zbuild-std-features=optimize_for_size");
            if purpose == Purpose::Ship {
                flags.push("-Zlocation-detail=none".into());
                flags.push("-Zfmt-debug=none".into());
                if cargo_minor()? >= KNOWS_IMMEDIATE_ABORT {
                    command
                        .arg("-Zpanic-immediate-abort")
                        .args(["--config", "profile.release.panic='immediate-abort'"]);
                }
            }
        }
        command.env_remove("RUSTFLAGS");
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join(OsStr::new("\u{1f}")));
        Ok(())
    }
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Kind::Installed { .. } => "installed",
            Kind::Debian { .. } => "debian",
        }
    }
}

fn search(debian_first: bool) -> Result<Toolchain> {
    if let Some(toolchain) = installed("installed")? {
        return Ok(toolchain);
    }
    if debian_first && let Some(toolchain) = debian()? {
        return Ok(toolchain);
    }
    if rustup_adds_it()
        && let Some(toolchain) = installed("added by rustup")?
    {
        return Ok(toolchain);
    }
    if let Some(toolchain) = debian()? {
        return Ok(toolchain);
    }
    if !apt::is_available() {
        bail!("the wasm32-unknown-unknown target is missing: {CURE}");
    }
    apt::install(&DEBIAN_PACKAGES, "the wasm32 target")
        .with_context(|| format!("rustup could not add the wasm32 target ({CURE})"))?;
    let linker = format!("lld-{}", debian_llvm()?);
    apt::install(&[&linker], "the wasm32 target")?;
    debian()?.with_context(|| format!("Debian's packages did not bring the wasm32 target: {CURE}"))
}

/// Cargo's own compiler, if it has the target.
fn installed(how: &str) -> Result<Option<Toolchain>> {
    let sysroot = output(Command::new(rustc()).args(["--print", "sysroot"]))
        .context("Rust is needed: install it from https://rustup.rs")?;
    let lib = Path::new(&sysroot).join("lib/rustlib");
    let target = lib.join(TRIPLE).join("lib").read_dir();
    if !target.is_ok_and(|mut entries| entries.next().is_some()) {
        return Ok(None);
    }
    let sources = lib.join("src/rust/library/std/Cargo.toml").is_file();
    if sources {
        eprintln!("wasm32 target: {how}; the package gets a standard library built from source");
    } else {
        eprintln!(
            "wasm32 target: {how} (the package gets a thirtieth smaller after `rustup component add rust-src`)"
        );
    }
    let kind = Kind::Installed { sources };
    Ok(Some(Toolchain { kind }))
}

fn rustc() -> OsString {
    env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

/// Asks rustup for the target. Bounded in time and quiet about failure: many machines have no way
/// to rustup's server, and there is another way.
fn rustup_adds_it() -> bool {
    if find_on_path("rustup").is_none() || !rustup_server_answers() {
        return false;
    }
    eprintln!("Adding the wasm32 target with rustup");
    let child = Command::new("rustup")
        .args(["target", "add", TRIPLE])
        .env("RUSTUP_MAX_RETRIES", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return false };
    // Some 20 MB: on a line that needs longer than this the other way is no worse.
    let deadline = Instant::now() + Duration::from_secs(180);
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => thread::sleep(Duration::from_millis(100)),
            Err(_) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// Whether a connection to rustup's server opens within a few seconds. Behind a proxy this cannot
/// be known from here, and rustup itself has to try.
fn rustup_server_answers() -> bool {
    let proxied = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    if proxied
        .iter()
        .any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
    {
        return true;
    }
    let server = env::var("RUSTUP_DIST_SERVER")
        .unwrap_or_else(|_| "https://static.rust-lang.org".to_owned());
    let port = if server.starts_with("http://") {
        80
    } else {
        443
    };
    let host = server.split("://").last().unwrap_or_default();
    let host = host.split('/').next().unwrap_or_default().to_owned();
    let address = if host.contains(':') {
        host
    } else {
        format!("{host}:{port}")
    };
    let (answer, answered) = mpsc::channel();
    // Name resolution knows no time limit, so it gets a thread that may be left behind.
    thread::spawn(move || {
        let open = address.to_socket_addrs().is_ok_and(|mut addresses| {
            addresses.any(|to| TcpStream::connect_timeout(&to, Duration::from_secs(3)).is_ok())
        });
        let _ = answer.send(open);
    });
    answered
        .recv_timeout(Duration::from_secs(6))
        .unwrap_or(false)
}

/// Debian's compiler, if it, its sources and a linker of the same LLVM are all here.
fn debian() -> Result<Option<Toolchain>> {
    if !Path::new(DEBIAN_RUSTC).is_file() {
        return Ok(None);
    }
    let Ok(sysroot) = output(Command::new(DEBIAN_RUSTC).args(["--print", "sysroot"])) else {
        return Ok(None);
    };
    let std = Path::new(&sysroot).join("lib/rustlib/src/rust/library/std/Cargo.toml");
    let linker = PathBuf::from(format!("/usr/bin/wasm-ld-{}", debian_llvm()?));
    if !std.is_file() || !linker.is_file() || debian_version("release: 1.")? < OLDEST_RUSTC {
        return Ok(None);
    }
    let release = output(Command::new(DEBIAN_RUSTC).arg("--version"))?;
    eprintln!("wasm32 target: {release} from Debian, with the standard library built from source");
    Ok(Some(Toolchain {
        kind: Kind::Debian { linker },
    }))
}

/// The major version of the LLVM inside Debian's compiler, by which the linker's package is named.
fn debian_llvm() -> Result<u32> {
    debian_version("LLVM version: ")
}

/// The minor version of the cargo that drives all this, whichever compiler it calls.
fn cargo_minor() -> Result<u32> {
    let text = output(&mut process::cargo("--version"))?;
    text.strip_prefix("cargo 1.")
        .and_then(|rest| rest.split('.').next()?.parse().ok())
        .with_context(|| format!("`cargo --version` says `{text}`: {CURE}"))
}

fn debian_version(label: &str) -> Result<u32> {
    let text = output(Command::new(DEBIAN_RUSTC).arg("-vV"))?;
    text.lines()
        .find_map(|line| line.strip_prefix(label)?.split('.').next()?.parse().ok())
        .with_context(|| format!("{DEBIAN_RUSTC} -vV does not say `{label}`: {CURE}"))
}

/// Flags that keep the paths of this machine out of the binary. The last match wins, so the wider
/// folders come first.
fn remapped_paths() -> Result<Vec<OsString>> {
    let mut flags = Vec::new();
    let mut remap = |from: &Path, to: &str| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(from);
        flag.push("=");
        flag.push(to);
        flags.push(flag);
    };
    for (path, name) in build_machine_paths()? {
        remap(&path, name);
    }
    Ok(flags)
}

/// The folders of this machine that the compiler sees, and what to call them instead.
pub(crate) fn build_machine_paths() -> Result<Vec<(PathBuf, &'static str)>> {
    let mut paths = Vec::new();
    if let Some(home) = env::home_dir()
        && home.parent().is_some()
    {
        // rustup sets CARGO_HOME for what it starts, so the list is the same with and without it.
        let cargo = env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
        paths.push((home, "home"));
        paths.push((cargo, "cargo"));
    }
    paths.push((PathBuf::from("/usr/lib/rustlib/src/rust"), "rust"));
    paths.push((workspace::root(), "iacrea-video"));
    Ok(paths)
}
