//! The Worker of examples/cloudflare-worker on this machine: that very file and the package as built, on
//! the workerd that the tests run. What wrangler would send to Cloudflare is written down for workerd
//! here, but for the key and the address that it is for: those are in the Worker's environment alone,
//! in no file and on no command line.

use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use iacrea_simulator::Options;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::live::Upstream;
use crate::node::NodePackage;
use crate::process::KEY;
use crate::workspace;

const BASE: &str = "IACREA_BASE_URL";
const WORKER: &str = "examples/cloudflare-worker/worker.js";
const SETTINGS: &str = "examples/cloudflare-worker/wrangler.jsonc";
/// The package's watcher takes no shorter one.
const SHORTEST_KEY: usize = 8;
/// How the control messages of workerd begin to say that it serves.
const LISTENS: &str = r#"{"event":"listen""#;

/// What the Worker asks about videos, and with which key.
pub(crate) struct Service {
    base: String,
    key: String,
    /// The service in the configuration through which the Worker reaches it.
    outbound: &'static str,
}

impl Service {
    pub(crate) fn real(upstream: &Upstream) -> Result<Service> {
        let key = upstream.key()?;
        if key.len() < SHORTEST_KEY {
            bail!("IACREA_API_KEY has fewer than {SHORTEST_KEY} characters: copy it again");
        }
        Ok(Service {
            base: upstream.base().to_owned(),
            key: key.to_owned(),
            outbound: "internet",
        })
    }

    /// The simulator behind the page at `address`. All that the Worker asks goes there, so that the
    /// simulator sees itself asked at the page's address, and links its films there.
    pub(crate) fn simulated(address: &str, options: &Options) -> Service {
        Service {
            base: format!("{address}sim"),
            key: options.api_key.clone(),
            outbound: "behind",
        }
    }
}

/// The folder that the Worker's objects live in, held for one Worker.
pub(crate) struct Storage {
    folder: PathBuf,
    _lock: File,
}

impl Storage {
    /// By default what is real and what is simulated are kept apart: neither service knows the other's videos.
    pub(crate) fn open(folder: Option<&Path>, is_real: bool) -> Result<Storage> {
        let folder = match folder {
            Some(folder) => folder.to_owned(),
            None => workspace::state_dir()?.join("edge").join(if is_real {
                "real"
            } else {
                "simulated"
            }),
        };
        let cannot = || format!("cannot keep videos in {}", folder.display());
        fs::create_dir_all(folder.join("objects")).with_context(cannot)?;
        let folder = folder.canonicalize().with_context(cannot)?;
        let lock = File::create(folder.join("lock")).with_context(cannot)?;
        if lock.try_lock().is_err() {
            bail!(
                "another demo keeps its videos in {}: stop it, or name another folder with `--storage`",
                folder.display()
            );
        }
        Ok(Storage {
            folder,
            _lock: lock,
        })
    }
}

/// The Worker with all it needs to run.
pub(crate) struct Worker {
    program: PathBuf,
    storage: Storage,
}

impl Worker {
    /// Installs workerd where it is missing.
    pub(crate) fn new(storage: Storage) -> Result<Worker> {
        let program = NodePackage::install("tests")?.program("workerd")?;
        Ok(Worker { program, storage })
    }

    pub(crate) fn storage(&self) -> &Path {
        &self.storage.folder
    }

    /// Serves on `socket`, with the page, which is served at `behind`. It is ready when this returns.
    pub(crate) async fn start(
        self,
        socket: SocketAddr,
        behind: SocketAddr,
        service: &Service,
    ) -> Result<Running> {
        let file = self.storage.folder.join("workerd.capnp");
        let config = configuration(&self.storage.folder, socket, behind, service.outbound)?;
        fs::write(&file, config).with_context(|| format!("cannot write {}", file.display()))?;
        let mut command = Command::new(&self.program);
        command
            .args(["serve", "--control-fd=1", "--import-path"])
            .arg(workspace::root())
            .arg(&file)
            .env(BASE, &service.base)
            .env(KEY, &service.key)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        // Ctrl-C is for this program alone, which ends the other when it is done with it.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
            .spawn()
            .context("cannot start workerd: remove tests/node_modules, then repeat")?;
        let said = child.stdout.take().context("workerd has no output")?;
        let mut lines = BufReader::new(said).lines();
        while let Some(line) = lines.next_line().await.context("cannot read workerd")? {
            if line.starts_with(LISTENS) {
                tokio::spawn(async move {
                    while let Ok(Some(line)) = lines.next_line().await {
                        eprintln!("{line}");
                    }
                });
                return Ok(Running {
                    child,
                    _storage: self.storage,
                });
            }
            eprintln!("{line}");
        }
        let status = child.wait().await.context("cannot wait for workerd")?;
        bail!("workerd did not start ({status}): see its messages above");
    }
}

/// The Worker while it serves. It ends with this at the latest.
pub(crate) struct Running {
    child: Child,
    _storage: Storage,
}

impl Running {
    /// When it ends by itself something is wrong.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        let status = self.child.wait().await.context("cannot wait for workerd")?;
        bail!("workerd ended ({status}): see its messages above, then repeat");
    }

    /// At once: whatever the Worker has told anybody of is on the disk.
    pub(crate) async fn stop(mut self) {
        let _ = self.child.kill().await;
    }
}

pub(crate) fn any_seed() -> u64 {
    RandomState::new().hash_one(0)
}

fn configuration(
    folder: &Path,
    socket: SocketAddr,
    behind: SocketAddr,
    outbound: &str,
) -> Result<String> {
    let objects = folder.join("objects");
    let objects = quoted(objects.to_str().context("the storage's path is no text")?);
    let date = quoted(&compatibility_date()?);
    let modules = modules()?.join(", ");
    Ok(format!(
        r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "behind", external = (address = "{behind}", http = ())),
    (name = "internet", network = (allow = ["public", "private", "local"], tlsOptions = (trustBrowserCas = true))),
    (name = "objects", disk = (path = {objects}, writable = true)),
  ],
  sockets = [(name = "worker", address = "{socket}", http = (), service = "worker")],
);
const worker :Workerd.Worker = (
  modules = [{modules}],
  compatibilityDate = {date},
  durableObjectNamespaces = [(className = "Watcher", uniqueKey = "iacrea-video-watcher", enableSql = true)],
  durableObjectStorage = (localDisk = "objects"),
  globalOutbound = "{outbound}",
  bindings = [
    (name = "WATCHER", durableObjectNamespace = "Watcher"),
    (name = "ASSETS", service = "behind"),
    (name = "{KEY}", fromEnvironment = "{KEY}"),
    (name = "{BASE}", fromEnvironment = "{BASE}"),
  ],
);
"#
    ))
}

/// The example, and the package under the names that the example and the package itself import.
fn modules() -> Result<Vec<String>> {
    let dist = workspace::root().join("pkg/dist");
    let mut files = vec![
        ("worker.js".to_owned(), WORKER.to_owned()),
        (
            "iacrea-video/cloudflare".to_owned(),
            "pkg/dist/cloudflare.js".to_owned(),
        ),
        (
            "iacrea-video/iacrea-video.wasm".to_owned(),
            "pkg/dist/iacrea-video.wasm".to_owned(),
        ),
    ];
    let entries = fs::read_dir(&dist).context("pkg/dist is not built: run `cargo xtask build`")?;
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("shared-") && name.ends_with(".js") {
            files.push((format!("iacrea-video/{name}"), format!("pkg/dist/{name}")));
        }
    }
    Ok(files
        .iter()
        .map(|(name, file)| {
            let kind = if name.ends_with(".wasm") {
                "wasm"
            } else {
                "esModule"
            };
            let path = format!("/{file}");
            format!(
                "(name = {}, {kind} = embed {})",
                quoted(name),
                quoted(&path)
            )
        })
        .collect())
}

/// The one that the Worker is deployed with.
fn compatibility_date() -> Result<String> {
    let file = workspace::root().join(SETTINGS);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {SETTINGS}"))?;
    let is_comment = |line: &&str| line.trim_start().starts_with("//");
    let json: String = text.lines().filter(|line| !is_comment(line)).collect();
    let settings: Value =
        serde_json::from_str(&json).with_context(|| format!("cannot read {SETTINGS}"))?;
    let date = settings.get("compatibility_date").and_then(Value::as_str);
    date.map(str::to_owned)
        .with_context(|| format!("{SETTINGS} has no compatibility_date"))
}

/// A text as Cap'n Proto writes it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_runs_as_of_the_date_that_it_is_deployed_with() {
        let date = compatibility_date().unwrap();
        assert!(
            date.len() == 10 && date.starts_with("20"),
            "{date} is no date"
        );
    }

    #[test]
    fn one_storage_serves_one_worker() {
        let folder = std::env::temp_dir().join(format!("iacrea-storage-{:x}", any_seed()));
        let first = Storage::open(Some(&folder), false).unwrap();
        let refusal = Storage::open(Some(&folder), false).err().unwrap();
        assert!(refusal.to_string().contains("`--storage`"), "{refusal}");
        drop(first);
        assert!(Storage::open(Some(&folder), false).is_ok());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_key_that_no_watcher_takes_is_refused_before_anything_runs() {
        let real = |key| Service::real(&Upstream::new("https://iacrea.com/below/", key).unwrap());
        assert!(real("1234567").is_err());
        let service = real("12345678").unwrap();
        assert_eq!(service.base, "https://iacrea.com/below/");
        assert_eq!(service.outbound, "internet");
    }
}
