//! Where things lie in the repository, and where this program may leave its own.
//! Everything it generates goes below the target folder, pkg/ or www/dist; never elsewhere.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR")
        .unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
    let manifest = PathBuf::from(manifest);
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// Cargo's target folder for what runs on this machine.
pub(crate) fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if !dir.is_empty() => root().join(dir),
        _ => root().join("target"),
    }
}

/// Cargo's target folder for wasm32. It is one of its own because a second toolchain may fill it:
/// two compilers that share a folder throw away each other's work.
pub(crate) fn wasm_target_dir() -> PathBuf {
    target_dir().join("wasm")
}

/// What this program itself remembers between runs.
pub(crate) fn state_dir() -> Result<PathBuf> {
    let dir = target_dir().join("xtask");
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    Ok(dir)
}

/// Held while files shared by all commands are written, so that two runs at once do not tear them.
pub(crate) fn lock() -> Result<File> {
    let path = state_dir()?.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
    if file.try_lock().is_err() {
        eprintln!("Waiting for another `cargo xtask` to finish its build");
        file.lock()
            .with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

/// Writes `bytes` unless the file holds them already, so that nothing downstream looks changed.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Makes `to` hold exactly the files of `from`, save those that `skip` names by relative path.
pub(crate) fn mirror(from: &Path, to: &Path, skip: &dyn Fn(&Path) -> bool) -> Result<()> {
    let mut wanted = Vec::new();
    list_files(from, Path::new(""), skip, &mut wanted)?;
    for relative in &wanted {
        let source = from.join(relative);
        let bytes =
            fs::read(&source).with_context(|| format!("cannot read {}", source.display()))?;
        write_if_changed(&to.join(relative), &bytes)?;
    }
    let mut present = Vec::new();
    if to.is_dir() {
        list_files(to, Path::new(""), skip, &mut present)?;
    }
    for stale in present.iter().filter(|path| !wanted.contains(path)) {
        let path = to.join(stale);
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

fn list_files(
    base: &Path,
    relative: &Path,
    skip: &dyn Fn(&Path) -> bool,
    found: &mut Vec<PathBuf>,
) -> Result<()> {
    let dir = base.join(relative);
    let entries = fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", dir.display()))?;
        let path = relative.join(entry.file_name());
        if skip(&path) {
            continue;
        }
        let kind = entry
            .file_type()
            .with_context(|| format!("cannot read {}", path.display()))?;
        if kind.is_dir() {
            list_files(base, &path, skip, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}
