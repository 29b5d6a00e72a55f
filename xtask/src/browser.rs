//! The browser that tests run in, and its driver. Those of the system are used, or CHROME and
//! CHROMEDRIVER; on Debian missing ones are installed. No npm package downloads a browser here.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::process::find_on_path;
use crate::{apt, workspace};

/// A Chromium or Chrome and the chromedriver that fits it.
pub(crate) struct Browser {
    pub(crate) chrome: PathBuf,
    pub(crate) driver: PathBuf,
}

impl Browser {
    /// Finds both, or installs both.
    pub(crate) fn find() -> Result<Browser> {
        if let Some(browser) = present()? {
            return Ok(browser);
        }
        if !apt::is_available() {
            bail!(
                "Chrome and chromedriver are needed: install both, or set CHROME and CHROMEDRIVER"
            );
        }
        apt::install(&["chromium", "chromium-driver"], "the tests in a browser")?;
        present()?.context("Debian's packages brought no chromium: set CHROME and CHROMEDRIVER")
    }

    /// Command line switches: no window, no talk with servers of its maker.
    pub(crate) fn switches() -> Vec<&'static str> {
        let mut switches = vec![
            "--headless=new",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ];
        // Chromium refuses to run its sandbox as root.
        if apt::is_root() {
            switches.push("--no-sandbox");
        }
        switches
    }

    /// The capabilities file that wasm-bindgen's test runner hands to the driver.
    pub(crate) fn capabilities(&self) -> Result<PathBuf> {
        let path = workspace::state_dir()?.join("webdriver.json");
        let options = serde_json::json!({
            "goog:chromeOptions": { "binary": self.chrome, "args": Browser::switches() },
        });
        fs::write(&path, options.to_string())
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

fn present() -> Result<Option<Browser>> {
    let chrome = match from_environment("CHROME")? {
        Some(path) => Some(path),
        None => [
            "chromium",
            "chromium-browser",
            "google-chrome",
            "google-chrome-stable",
        ]
        .into_iter()
        .find_map(find_on_path)
        .or_else(|| {
            let path =
                PathBuf::from("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
            path.is_file().then_some(path)
        }),
    };
    let driver = match from_environment("CHROMEDRIVER")? {
        Some(path) => Some(path),
        None => find_on_path(if cfg!(windows) {
            "chromedriver.exe"
        } else {
            "chromedriver"
        }),
    };
    Ok(chrome
        .zip(driver)
        .map(|(chrome, driver)| Browser { chrome, driver }))
}

fn from_environment(name: &str) -> Result<Option<PathBuf>> {
    let Some(path) = env::var_os(name).filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let path = PathBuf::from(path);
    if !path.is_file() {
        bail!(
            "{name} names {}, which does not exist: correct or unset it",
            path.display()
        );
    }
    Ok(Some(path))
}
