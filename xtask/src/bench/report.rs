//! docs/benchmarks.md and its charts, from the figures of a run. What a part has not measured is a dash.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, anyhow};
use serde_json::{Map, Value};

use super::charts::{self, Bar, Line, Whose};
use crate::workspace;

const LOOP: &str = "hand-written";
const DEFAULT: &str = "iacrea-video";
const SLIM: &str = "iacrea-video-slim";
/// A few lines around the loop, and no client of a service.
const HELPER: &str = "p-wait-for";

/// One client of the field.
struct Client<'a> {
    file: &'a str,
    label: &'a str,
    version: Option<&'a str>,
    whose: Whose,
}

struct Figures<'a> {
    all: &'a Map<String, Value>,
    field: Vec<Client<'a>>,
}

impl<'a> Figures<'a> {
    fn of(all: &'a Map<String, Value>) -> Result<Self> {
        let field = all
            .get("machine")
            .and_then(|machine| machine.get("field")?.as_array())
            .context("the figures name no field")?;
        let field = field.iter().filter_map(|client| {
            let text = |name: &str| client.get(name).and_then(Value::as_str);
            let file = text("file")?;
            Some(Client {
                file,
                label: text("label")?,
                version: text("version"),
                whose: if file == LOOP {
                    Whose::Loop
                } else if client.get("ours").is_some() {
                    Whose::Ours
                } else {
                    Whose::Peer
                },
            })
        });
        Ok(Self {
            all,
            field: field.collect(),
        })
    }

    fn text(&self, name: &str) -> &'a str {
        let machine = self.all.get("machine");
        machine
            .and_then(|machine| machine.get(name)?.as_str())
            .unwrap_or("–")
    }

    /// The figures of one client in a part.
    fn row(&self, part: &str, file: &str) -> Option<&'a Value> {
        let part = self.all.get(part)?;
        let rows = part.as_array().or_else(|| part.get("rows")?.as_array())?;
        rows.iter()
            .find(|row| row.get("file").and_then(Value::as_str) == Some(file))
    }

    fn number(&self, part: &str, file: &str, pointer: &str) -> Option<f64> {
        self.row(part, file)?.pointer(pointer)?.as_f64()
    }

    /// The sum of a list of `[name, number]`.
    fn sum(&self, part: &str, file: &str, pointer: &str) -> Option<f64> {
        let pairs = self.row(part, file)?.pointer(pointer)?.as_array()?;
        Some(pairs.iter().filter_map(|pair| pair.get(1)?.as_f64()).sum())
    }

    /// A row for each client, with these columns.
    fn table(&self, head: &[&str], cells: impl Fn(&Client) -> Vec<String>) -> Result<String> {
        let mut table = format!("| | {} |\n|---|", head.join(" | "));
        table.push_str(&"---:|".repeat(head.len()));
        for client in &self.field {
            let emphasis = if client.whose == Whose::Ours {
                "**"
            } else {
                ""
            };
            write!(
                table,
                "\n| {emphasis}{}{emphasis} | {} |",
                client.label,
                cells(client).join(" | ")
            )?;
        }
        Ok(table)
    }

    /// A bar for each client that has this figure.
    fn bars(
        &self,
        value: impl Fn(&Client) -> Option<f64>,
        text: impl Fn(f64) -> String,
    ) -> Vec<Bar> {
        let bar = |client: &Client| {
            let value = value(client)?;
            Some(Bar {
                label: client.label.to_owned(),
                value,
                text: text(value),
                whose: client.whose,
            })
        };
        self.field.iter().filter_map(bar).collect()
    }

    /// The least of all clients of services.
    fn least_peer(&self, part: &str, pointer: &str) -> Option<(f64, &'a str)> {
        self.field
            .iter()
            .filter(|client| client.whose == Whose::Peer && client.file != HELPER)
            .filter_map(|client| Some((self.number(part, client.file, pointer)?, client.label)))
            .min_by(|(a, _), (b, _)| a.total_cmp(b))
    }
}

fn or_dash(value: Option<f64>, text: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), text)
}

/// What rounds to nothing has no sign.
fn unsigned_zero(value: f64, unit: f64) -> f64 {
    if value.abs() < unit / 2.0 { 0.0 } else { value }
}

fn whole(value: f64) -> String {
    let digits = format!("{:.0}", unsigned_zero(value, 1.0));
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 && digit != '-' && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn kilobytes(bytes: f64) -> String {
    format!("{:.1} KB", bytes / 1_000.0)
}

fn ms(value: f64) -> String {
    if value < 100.0 {
        format!("{:.1} ms", unsigned_zero(value, 0.1))
    } else {
        format!("{} ms", whole(value))
    }
}

fn us(value: f64) -> String {
    if value < 1_000.0 {
        format!("{value:.0} µs")
    } else {
        format!("{:.1} ms", value / 1_000.0)
    }
}

fn times(ratio: f64) -> String {
    format!("{ratio:.2}")
}

/// The page. `build` tells which build of the package is there now.
pub(super) fn page(all: &Map<String, Value>, build: u64) -> Result<String> {
    let figures = Figures::of(all)?;
    let mut page = String::from(include_str!("field.md"));
    let mut fill = |name: &str, text: &str| page = page.replace(&format!("{{{name}}}"), text);
    for name in ["machine", "node", "workerd", "esbuild", "switches"] {
        fill(name, figures.text(name));
    }
    let chromium = all
        .get("chromium")
        .and_then(|chromium| chromium.get("version")?.as_str());
    fill("chromium", chromium.unwrap_or("no Chromium"));
    let versions: Vec<_> = figures
        .field
        .iter()
        .filter_map(|client| Some(format!("{} {}", client.label, client.version?)))
        .collect();
    fill("versions", &versions.join(", "));
    let stale: Vec<_> = all
        .iter()
        .filter(|(_, of)| of.as_u64().is_some_and(|of| of != build))
        .filter_map(|(name, _)| name.strip_suffix(" of"))
        .collect();
    let note = if stale.is_empty() {
        String::new()
    } else {
        format!(
            "\n\nNot measured again since the package was last built: {}.",
            stale.join(", ")
        )
    };
    fill("stale", &note);
    fill("asked", &asked(&figures)?);
    fill("bytes", &bytes(&figures)?);
    fill("start", &start(&figures)?);
    fill("pages", &pages(&figures)?);
    fill("cpu", &cpu(&figures)?);
    fill("instructions", &instructions(&figures)?);
    fill("clips", &clips(&figures)?);
    fill("crossings", &crossings(&figures)?);
    fill("names", &names(&figures));
    fill("memory", &memory(&figures)?);
    Ok(page)
}

/// What the package is to reach, and whether it does.
fn asked(figures: &Figures) -> Result<String> {
    let mut table = String::from("| | iacrea-video | to be under | |\n|---|---:|---:|---|");
    let mut row =
        |what: &str, own: Option<f64>, bound: Option<(f64, &str)>, text: fn(f64) -> String| {
            let verdict = match (own, bound) {
                (Some(own), Some((bound, _))) if own <= bound => "yes",
                (Some(_), Some(_)) => "not yet",
                _ => "not measured",
            };
            let bound = bound.map_or_else(
                || "–".to_owned(),
                |(bound, whose)| format!("{} ({whose})", text(bound)),
            );
            write!(
                table,
                "\n| {what} | {} | {bound} | {verdict} |",
                or_dash(own, text)
            )
        };
    let number = |part: &str, file: &str, pointer: &str| figures.number(part, file, pointer);
    let of = |part: &str, file: &'static str, pointer: &str| {
        let label = figures
            .field
            .iter()
            .find(|client| client.file == file)?
            .label;
        Some((figures.number(part, file, pointer)?, label))
    };
    row(
        "bytes of the default entry, brotli",
        number("bytes", DEFAULT, "/all/brotli"),
        of("bytes", "fal", "/all/brotli"),
        kilobytes,
    )?;
    row(
        "bytes of the slim entry with its module, brotli",
        number("bytes", SLIM, "/all/brotli"),
        of("bytes", "runwayml", "/all/brotli"),
        kilobytes,
    )?;
    let beyond = Some((5.0, "beyond the loop"));
    for (what, part, file) in [
        ("start in Node, default entry", "node", DEFAULT),
        ("start in Node, slim entry", "node", SLIM),
        ("start in workerd", "workerd", DEFAULT),
    ] {
        row(what, number(part, file, "/cold/beyond"), beyond, ms)?;
    }
    row(
        "longest task in Chromium, default entry",
        number("chromium", DEFAULT, "/fast/longest/median"),
        Some((50.0, "what is long")),
        ms,
    )?;
    let poll = "/changing/poll/median";
    row(
        "processor time of a poll",
        number("cpu", DEFAULT, poll),
        figures.least_peer("cpu", poll),
        us,
    )?;
    row(
        "the same, times the loop's",
        number("cpu", DEFAULT, "/changing/poll/ratio"),
        Some((2.0, "the loop")),
        times,
    )?;
    let each = "/jobs/3/bytes";
    row(
        "memory of a job, 10,000 waiting",
        number("memory", DEFAULT, each),
        figures.least_peer("memory", each),
        kilobytes,
    )?;
    Ok(table)
}

fn bytes(figures: &Figures) -> Result<String> {
    figures.table(
        &[
            "program, brotli",
            "module, brotli",
            "both raw",
            "both gzip",
            "both brotli",
        ],
        |client| {
            let size = |pointer| or_dash(figures.number("bytes", client.file, pointer), whole);
            [
                "/js/brotli",
                "/wasm/brotli",
                "/all/raw",
                "/all/gzip",
                "/all/brotli",
            ]
            .map(size)
            .into()
        },
    )
}

fn start(figures: &Figures) -> Result<String> {
    figures.table(
        &[
            "Node, cold",
            "beyond the loop",
            "Node, warm",
            "workerd, cold",
            "beyond the loop",
            "workerd, warm",
        ],
        |client| {
            let time = |part, pointer| or_dash(figures.number(part, client.file, pointer), ms);
            let mut cells = Vec::new();
            for part in ["node", "workerd"] {
                cells.push(time(part, "/cold/median"));
                cells.push(time(part, "/cold/beyond"));
                cells.push(time(part, "/warm/median"));
            }
            cells
        },
    )
}

fn pages(figures: &Figures) -> Result<String> {
    figures.table(
        &[
            "cold",
            "beyond the loop",
            "warm",
            "longest task",
            "slow 4G, cold",
            "beyond the loop",
            "longest task",
        ],
        |client| {
            let time = |pointer| or_dash(figures.number("chromium", client.file, pointer), ms);
            let task = |pointer| {
                let longest = figures.number("chromium", client.file, pointer);
                or_dash(longest, |longest| {
                    if longest > 0.0 {
                        ms(longest)
                    } else {
                        "none".to_owned()
                    }
                })
            };
            vec![
                time("/fast/cold/median"),
                time("/fast/cold/beyond"),
                time("/fast/warm/median"),
                task("/fast/longest/median"),
                time("/slow/cold/median"),
                time("/slow/cold/beyond"),
                task("/slow/longest/median"),
            ]
        },
    )
}

fn cpu(figures: &Figures) -> Result<String> {
    figures.table(
        &[
            "a poll",
            "times the loop",
            "middle half",
            "same answer again",
            "times the loop",
            "against a server",
            "times the loop",
            "a job done at once",
        ],
        |client| {
            let time = |pointer| or_dash(figures.number("cpu", client.file, pointer), us);
            let ratio = |pointer| or_dash(figures.number("cpu", client.file, pointer), times);
            vec![
                time("/changing/poll/median"),
                ratio("/changing/poll/ratio"),
                format!(
                    "± {}",
                    or_dash(
                        figures
                            .number("cpu", client.file, "/changing/poll/spread")
                            .map(|spread| spread / 2.0),
                        times
                    )
                ),
                time("/same/poll/median"),
                ratio("/same/poll/ratio"),
                time("/server/poll/median"),
                ratio("/server/poll/ratio"),
                time("/changing/job/median"),
            ]
        },
    )
}

fn instructions(figures: &Figures) -> Result<String> {
    let of = |file: &str| figures.number("instructions", file, "/instructions");
    if of(LOOP).is_none() {
        return Ok("They were not measured here.".to_owned());
    }
    figures.table(&["instructions of a poll", "times the loop"], |client| {
        let own = of(client.file);
        let ratio = own.zip(of(LOOP)).map(|(own, of_loop)| own / of_loop);
        vec![or_dash(own, whole), or_dash(ratio, times)]
    })
}

fn clips(figures: &Figures) -> Result<String> {
    figures.table(
        &[
            "a poll, 10 clips",
            "100 clips",
            "1,000 clips",
            "a job asleep, 10 clips",
            "100 clips",
            "1,000 clips",
        ],
        |client| {
            let time = |at| {
                or_dash(
                    figures.number("cpu", client.file, &format!("/clips/{at}/poll/median")),
                    us,
                )
            };
            let size = |at| {
                or_dash(
                    figures.number("memory", client.file, &format!("/clips/{at}/bytes")),
                    kilobytes,
                )
            };
            vec![time(0), time(1), time(2), size(0), size(1), size(2)]
        },
    )
}

fn crossings(figures: &Figures) -> Result<String> {
    figures.table(
        &[
            "crossings of a poll",
            "into the module",
            "of which to copy",
            "out of it",
            "same answer again",
            "heap of JavaScript",
        ],
        |client| {
            let sum = |pointer: &str| figures.sum("crossings", client.file, pointer);
            let both = |kind: &str| {
                let ways = ["into", "out"].map(|way| sum(&format!("/{kind}/{way}")));
                ways.into_iter().sum::<Option<f64>>()
            };
            vec![
                or_dash(both("changing"), whole),
                or_dash(sum("/changing/into"), whole),
                or_dash(figures.number("crossings", client.file, "/copies"), whole),
                or_dash(sum("/changing/out"), whole),
                or_dash(both("same"), whole),
                or_dash(
                    figures.number("crossings", client.file, "/changing/heap"),
                    kilobytes,
                ),
            ]
        },
    )
}

/// What the crossings of a poll are, the most frequent first.
fn names(figures: &Figures) -> String {
    let Some(row) = figures.row("crossings", DEFAULT) else {
        return "–".to_owned();
    };
    let named = |pair: &Value| -> Option<String> {
        let short = pair.get(0)?.as_str()?;
        let count = pair.get(1)?.as_f64().filter(|count| *count >= 0.5)?;
        let name = row
            .pointer("/names")
            .and_then(|names| names.get(short)?.as_str());
        Some(format!("{count:.0} × `{}`", name.unwrap_or(short)))
    };
    let pairs = row.pointer("/changing/out").and_then(Value::as_array);
    let all: Vec<_> = pairs.into_iter().flatten().filter_map(named).collect();
    all.join(", ")
}

fn memory(figures: &Figures) -> Result<String> {
    figures.table(
        &[
            "1 job",
            "100 jobs",
            "1,000 jobs",
            "10,000 jobs",
            "of which in the module",
        ],
        |client| {
            let size = |pointer: String| {
                or_dash(figures.number("memory", client.file, &pointer), kilobytes)
            };
            let mut cells: Vec<_> = (0..4).map(|at| size(format!("/jobs/{at}/bytes"))).collect();
            cells.push(size("/jobs/3/wasm".to_owned()));
            cells
        },
    )
}

/// Writes the page, and draws what it shows.
pub(super) fn write(page: &str, all: &Map<String, Value>) -> Result<()> {
    let docs = workspace::root().join("docs");
    let folder = docs.join("benchmarks");
    fs::create_dir_all(&folder).context("cannot make docs/benchmarks")?;
    fs::write(docs.join("benchmarks.md"), page).context("cannot write docs/benchmarks.md")?;
    let figures = Figures::of(all)?;
    let number = |part: &'static str, pointer: &'static str| {
        let figures = &figures;
        move |client: &Client| figures.number(part, client.file, pointer)
    };
    for (name, title, bars) in [
        (
            "bytes",
            "Bytes before the first request, module included, after brotli",
            figures.bars(number("bytes", "/all/brotli"), kilobytes),
        ),
        (
            "start-node",
            "From import to the first request in Node, cold",
            figures.bars(number("node", "/cold/median"), ms),
        ),
        (
            "start-chromium",
            "From import to the first request in Chromium, processor four times slower, slow 4G",
            figures.bars(number("chromium", "/slow/cold/median"), ms),
        ),
        (
            "cpu",
            "Processor time of a poll, answers from memory",
            figures.bars(number("cpu", "/changing/poll/median"), us),
        ),
        (
            "memory",
            "Memory of a waiting job, 10,000 of them",
            figures.bars(number("memory", "/jobs/3/bytes"), kilobytes),
        ),
    ] {
        if bars.is_empty() {
            continue; // not measured
        }
        charts::bars(&folder.join(format!("{name}.svg")), title, bars)
            .map_err(|error| anyhow!("cannot draw docs/benchmarks/{name}.svg: {error}"))?;
    }
    let growth: Vec<_> = figures
        .field
        .iter()
        .map(|client| Line {
            label: client.label.to_owned(),
            points: (0..3)
                .filter_map(|at| {
                    let of = |name: &str| {
                        figures.number("cpu", client.file, &format!("/clips/{at}/{name}"))
                    };
                    Some((of("clips")?, of("poll/median")?))
                })
                .collect(),
            whose: client.whose,
        })
        .filter(|line| !line.points.is_empty())
        .collect();
    if growth.is_empty() {
        return Ok(());
    }
    charts::lines(
        &folder.join("clips.svg"),
        ("clips in an answer", "processor time of a poll, µs"),
        &growth,
    )
    .map_err(|error| anyhow!("cannot draw docs/benchmarks/clips.svg: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (999.4, "999"),
            (1_000.0, "1,000"),
            (-1_000.0, "-1,000"),
            (-999.0, "-999"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(whole(value), text);
        }
    }

    #[test]
    fn what_is_not_reached_or_not_measured_is_said() {
        let all = json!({
            "machine": { "field": [
                { "file": LOOP, "label": "loop" },
                { "file": DEFAULT, "label": "ours", "ours": true },
                { "file": "fal", "label": "fal" },
            ] },
            "bytes": [
                { "file": DEFAULT, "all": { "brotli": 2_000 } },
                { "file": "fal", "all": { "brotli": 1_000 } },
            ],
            "cpu": [
                { "file": DEFAULT, "changing": { "poll": { "median": 10.0, "ratio": 1.5 } } },
                { "file": "fal", "changing": { "poll": { "median": 11.0 } } },
            ],
        });
        let all = all.as_object().unwrap();
        let table = asked(&Figures::of(all).unwrap()).unwrap();
        for row in [
            "| bytes of the default entry, brotli | 2.0 KB | 1.0 KB (fal) | not yet |",
            "| processor time of a poll | 10 µs | 11 µs (fal) | yes |",
            "| the same, times the loop's | 1.50 | 2.00 (the loop) | yes |",
            "| memory of a job, 10,000 waiting | – | – | not measured |",
        ] {
            assert!(table.contains(row), "{table}");
        }
    }
}
