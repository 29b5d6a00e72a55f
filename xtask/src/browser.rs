//! The browsers that tests run in, and what drives them. Those of the system are used, or those that
//! environment variables name; on Debian missing ones are installed. No npm package downloads a
//! browser here, and none opens a window on anybody's screen.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

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
    let chrome = program(
        "CHROME",
        &[
            "chromium",
            "chromium-browser",
            "google-chrome",
            "google-chrome-stable",
        ],
        &["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"],
    )?;
    let driver = program("CHROMEDRIVER", &["chromedriver"], &[])?;
    Ok(chrome
        .zip(driver)
        .map(|(chrome, driver)| Browser { chrome, driver }))
}

/// Firefox; it speaks WebDriver BiDi itself and needs no driver.
pub(crate) fn firefox() -> Result<PathBuf> {
    let present = || {
        program(
            "FIREFOX",
            &["firefox", "firefox-esr"],
            &["/Applications/Firefox.app/Contents/MacOS/firefox"],
        )
    };
    if let Some(firefox) = present()? {
        return Ok(firefox);
    }
    if !apt::is_available() {
        bail!("Firefox is needed: install it, or set FIREFOX to its program");
    }
    apt::install(&["firefox-esr"], "the tests in Firefox")?;
    present()?.context("Debian's package brought no firefox-esr: set FIREFOX")
}

/// WebKitGTK's smallest browser, its WebDriver, and the display without a screen that both run on:
/// this browser has no mode without a window.
pub(crate) struct WebKit {
    pub(crate) driver: PathBuf,
    pub(crate) browser: PathBuf,
    pub(crate) xvfb: PathBuf,
}

impl WebKit {
    /// Finds all three, or installs what is missing.
    pub(crate) fn find() -> Result<WebKit> {
        let mut missing = Vec::new();
        if webkit()?.is_none() {
            missing.push("webkit2gtk-driver");
        }
        if xvfb()?.is_none() {
            missing.push("xvfb");
        }
        if !missing.is_empty() {
            if !apt::is_available() {
                bail!(
                    "WebKitGTK and Xvfb are needed: install WebKitWebDriver, MiniBrowser and Xvfb, \
                     or set WEBKIT_DRIVER, WEBKIT_BROWSER and XVFB to these programs"
                );
            }
            apt::install(&missing, "the tests in WebKitGTK")?;
        }
        let (driver, browser) = webkit()?.context(
            "Debian's package brought no WebKitWebDriver with MiniBrowser: \
             set WEBKIT_DRIVER and WEBKIT_BROWSER",
        )?;
        let xvfb = xvfb()?.context("Debian's package brought no Xvfb: set XVFB")?;
        Ok(WebKit {
            driver,
            browser,
            xvfb,
        })
    }
}

fn webkit() -> Result<Option<(PathBuf, PathBuf)>> {
    let driver = program("WEBKIT_DRIVER", &["WebKitWebDriver"], &[])?;
    let browser = match program("WEBKIT_BROWSER", &["MiniBrowser"], &[])? {
        Some(browser) => Some(browser),
        None => mini_browser(),
    };
    Ok(driver.zip(browser))
}

/// It is no program for users, so distributions keep it off PATH, each where its libraries keep theirs.
fn mini_browser() -> Option<PathBuf> {
    let architecture = env::consts::ARCH;
    let folders = [
        format!("/usr/lib/{architecture}-linux-gnu"),
        "/usr/libexec".to_owned(),
        "/usr/lib".to_owned(),
        "/usr/lib64".to_owned(),
    ];
    // The driver is of one version of the library; newer ones first.
    let versions = ["webkitgtk-6.0", "webkit2gtk-4.1", "webkit2gtk-4.0"];
    versions
        .iter()
        .flat_map(|version| {
            folders
                .iter()
                .map(move |folder| Path::new(folder).join(version).join("MiniBrowser"))
        })
        .find(|path| path.is_file())
}

fn xvfb() -> Result<Option<PathBuf>> {
    program("XVFB", &["Xvfb"], &[])
}

/// What the environment names, else the first of `names` on PATH, else the first of `places`.
fn program(variable: &str, names: &[&str], places: &[&str]) -> Result<Option<PathBuf>> {
    if let Some(path) = from_environment(variable)? {
        return Ok(Some(path));
    }
    let on_path = names
        .iter()
        .find_map(|name| find_on_path(&format!("{name}{}", env::consts::EXE_SUFFIX)));
    Ok(on_path.or_else(|| {
        let mut places = places.iter().map(PathBuf::from);
        places.find(|path| path.is_file())
    }))
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
