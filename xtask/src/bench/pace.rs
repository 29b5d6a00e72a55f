//! `cargo xtask bench pace`: pauses between questions, ours and others', on a model of ten thousand videos.

use std::fmt::Write as _;

use anyhow::{Context, Result, anyhow};
use iacrea_bench::ideal::ideal;
use iacrea_bench::pace::{Figures, Policy, Wait, estimate, figures, jumps, wait};
use iacrea_simulator::course::{Assumptions, Course};
use iacrea_video::core::durations::Durations;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{BLUE_INK, INK, OCHRE};
use crate::workspace;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// How many videos; fewer are printed and not written
    #[arg(long, default_value_t = VIDEOS)]
    videos: u64,
}

const VIDEOS: u64 = 10_000;
/// Seeds that nothing was tuned on.
const OTHER_SEEDS: u64 = 1 << 44;
const OURS: Policy = Policy::Ours(2_000, 5_000);
const PATIENT: Policy = Policy::Ours(2_000, 8_000);
const WIDE: Policy = Policy::Ours(1_000, 8_000);
const POLICIES: [Policy; 8] = [
    OURS,
    PATIENT,
    WIDE,
    Policy::Fixed(2_000),
    Policy::Fixed(5_000),
    Policy::Fixed(6_000),
    Policy::Smithy,
    Policy::Gax,
];

/// What else could be true of the service.
fn others() -> Vec<(&'static str, Assumptions)> {
    let usual = Assumptions::default;
    vec![
        (
            "clips three times as fast",
            Assumptions {
                clip: (7_000, 60_000),
                ..usual()
            },
        ),
        (
            "clips three times as slow",
            Assumptions {
                clip: (60_000, 540_000),
                ..usual()
            },
        ),
        (
            "clips of any time from 20 to 180 s, all as likely",
            Assumptions {
                heavy_tail: false,
                ..usual()
            },
        ),
        (
            "15 % of the clips fail",
            Assumptions {
                failures: 15,
                ..usual()
            },
        ),
        (
            "renders three times as long, in steps of 1 %",
            Assumptions {
                render: (9_000, 24_000),
                steps: 100,
                ..usual()
            },
        ),
        (
            "a render that begins when it is asked about",
            Assumptions {
                asks_to_render: true,
                ..usual()
            },
        ),
        (
            "a network that takes 0.5 to 6 s and loses 5 %",
            Assumptions {
                network: (500, 6_000),
                loss: 5,
                ..usual()
            },
        ),
        (
            "a single clip or two",
            Assumptions {
                clips: (1, 2),
                ..usual()
            },
        ),
        (
            "30 to 50 clips of 10 to 300 s",
            Assumptions {
                clips: (30, 50),
                clip: (10_000, 300_000),
                ..usual()
            },
        ),
    ]
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let videos = arguments.videos;
    // Each by itself, as if it were the first.
    let all = |assumptions: &Assumptions, policy, first: u64| -> Vec<Wait> {
        let one = |seed| {
            wait(
                &Course::draw(assumptions, seed),
                policy,
                seed,
                &mut Durations::default(),
            )
        };
        (first..first + videos).map(one).collect()
    };
    // One after the other, on one client.
    let in_a_row = |assumptions: &Assumptions| -> Vec<Wait> {
        let mut durations = Durations::default();
        let one = |seed| wait(&Course::draw(assumptions, seed), OURS, seed, &mut durations);
        (OTHER_SEEDS..OTHER_SEEDS + videos).map(one).collect()
    };
    let usual = Assumptions::default();
    let mut page = String::from(include_str!("pace.md"));
    let mut fill =
        |name: &str, table: String| page = page.replace(&format!("{{{name}}}"), table.trim_end());

    let mut table = String::from(
        "| | longer than it had to be, mean | 95th percentile | requests for a video |\n|---|---|---|---|\n",
    );
    let mut points = Vec::new();
    for policy in POLICIES {
        let sum = figures(&all(&usual, policy, OTHER_SEEDS));
        writeln!(
            table,
            "| {} | {:.2} s | {} | {:.1} |",
            policy.name(),
            sum.mean_delay / 1_000.0,
            seconds(sum.p95_delay as f64),
            sum.requests
        )?;
        points.push((policy, sum));
    }
    fill("policies", table);

    fill("ideal", against_the_ideal(videos)?);

    let mut table = String::from(
        "| assumed | iacrea-video | 2 to 8 s | 1 to 8 s | fixed 2 s | fixed 5 s |\n|---|---|---|---|---|---|\n",
    );
    let on_others = [
        ("as tuned on, its own seeds", usual.clone(), 0),
        ("as tuned on, other seeds", usual.clone(), OTHER_SEEDS),
    ]
    .into_iter()
    .chain(
        others()
            .into_iter()
            .map(|(name, assumptions)| (name, assumptions, OTHER_SEEDS)),
    );
    for (name, assumptions, first) in on_others {
        write!(table, "| {name} ")?;
        for policy in [
            OURS,
            PATIENT,
            WIDE,
            Policy::Fixed(2_000),
            Policy::Fixed(5_000),
        ] {
            let sum = figures(&all(&assumptions, policy, first));
            write!(table, "| {}, {:.1} ", seconds(sum.mean_delay), sum.requests)?;
        }
        table.push_str("|\n");
    }
    fill("others", table);

    let mut table = String::from(
        "| assumed | at 25 % | at 50 % | at 75 % | at 90 % | went up by more than a quarter |\n|---|---|---|---|---|---|\n",
    );
    for (name, assumptions) in [("as tuned on, other seeds", usual.clone())]
        .into_iter()
        .chain(others())
    {
        for (how, waits) in [
            ("first video", all(&assumptions, OURS, OTHER_SEEDS)),
            ("later ones", in_a_row(&assumptions)),
        ] {
            write!(table, "| {name}: {how} ")?;
            for part in [0.25, 0.5, 0.75, 0.9] {
                let at = estimate(&waits, part);
                let [error, naive, share] = [at.error, at.naive, at.share].map(percent);
                write!(table, "| {error} for {naive} ({share}) ")?;
            }
            writeln!(table, "| in {} of the jobs |", percent(jumps(&waits)))?;
        }
    }
    fill("estimate", table);

    println!("{page}");
    if videos != VIDEOS {
        return Ok(());
    }
    let docs = workspace::root().join("docs");
    std::fs::write(docs.join("pace.md"), page).context("cannot write docs/pace.md")?;
    let line = |policies: &[Policy]| -> Vec<Figures> {
        policies
            .iter()
            .map(|policy| figures(&all(&usual, *policy, OTHER_SEEDS)))
            .collect()
    };
    let fixed: Vec<Policy> = (2..=20).map(|halves| Policy::Fixed(halves * 500)).collect();
    let ours = |min| -> Vec<Policy> {
        [
            2_000, 3_000, 4_000, 5_000, 6_000, 8_000, 9_000, 10_000, 12_000, 15_000,
        ]
        .map(|max| Policy::Ours(min, max))
        .into()
    };
    let lines = [fixed, ours(1_000), ours(2_000)].map(|policies| line(&policies));
    draw(&docs.join("pace.svg"), &lines, &points)
        .map_err(|error| anyhow!("cannot draw docs/pace.svg: {error}"))?;
    eprintln!("docs/pace.md and docs/pace.svg are written");
    Ok(())
}

/// The worth of a question in the core, in ms.
const WORTH: f64 = 45.0;

/// While clips are made: ours, beside somebody who knows the model. Nothing fails or is lost, as it is for them.
fn against_the_ideal(videos: u64) -> Result<String> {
    let network = 400;
    let model = Assumptions {
        failures: 0,
        loss: 0,
        network: (network, network),
        ..Assumptions::default()
    };
    let mut table =
        String::from("| | last clip found late, mean | requests until then |\n|---|---|---|\n");
    let mut row = |name: &str, delay: f64, requests: f64| {
        writeln!(
            table,
            "| {name} | {:.2} s | {requests:.1} |",
            delay / 1_000.0
        )
    };
    let measured = |policy| {
        let (mut delay, mut requests) = (0, 0);
        for seed in OTHER_SEEDS..OTHER_SEEDS + videos {
            let course = Course::draw(&model, seed);
            let (found, after) = wait(&course, policy, seed, &mut Durations::default()).found;
            delay += found - network - course.clips_take();
            requests += u64::from(after);
        }
        let mean = |sum: u64| sum as f64 / videos as f64;
        (mean(delay), mean(requests))
    };
    for (name, policy, bounds) in [
        ("2 to 5 s", OURS, (2_000, 5_000)),
        ("1 to 8 s", WIDE, (1_000, 8_000)),
    ] {
        let (delay, requests) = measured(policy);
        row(&format!("iacrea-video, {name}"), delay, requests)?;
        let best = ideal(&model, bounds, WORTH, network);
        row(
            &format!("who knows the model, {name}"),
            best.delay,
            best.requests,
        )?;
    }
    for policy in [Policy::Fixed(2_000), Policy::Fixed(5_000)] {
        let (delay, requests) = measured(policy);
        row(&policy.name(), delay, requests)?;
    }
    Ok(table)
}

fn seconds(ms: f64) -> String {
    format!("{:.1} s", ms / 1_000.0)
}

fn percent(part: f64) -> String {
    // Where there is no progress yet, the naive way has nothing to divide by.
    if part.is_infinite() {
        return "nothing".to_owned();
    }
    format!("{:.0} %", part * 100.0)
}

fn draw(
    to: &std::path::Path,
    [fixed, ours, slower]: &[Vec<Figures>; 3],
    points: &[(Policy, Figures)],
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::new(to, (880, 520)).into_drawing_area();
    let text = |size: u32| ("sans-serif", size).into_font().color(&INK);
    let place = |sum: &Figures| (sum.requests, sum.mean_delay / 1_000.0);
    let mut chart = ChartBuilder::on(&area)
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..110.0, (2.0..128.0).log_scale().base(2.0))?;
    chart
        .configure_mesh()
        .axis_style(INK)
        .bold_line_style(INK.mix(0.25))
        .light_line_style(TRANSPARENT)
        .x_desc("requests for a video")
        .y_desc("seconds longer than it had to be")
        .axis_desc_style(text(16))
        .label_style(text(14))
        .x_label_formatter(&|value| format!("{value:.0}"))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .y_labels(8)
        .draw()?;
    chart.draw_series(DashedLineSeries::new(
        slower.iter().map(place),
        2,
        4,
        BLUE_INK.stroke_width(2),
    ))?;
    for (line, ink) in [(fixed, OCHRE), (ours, BLUE_INK)] {
        chart.draw_series(LineSeries::new(line.iter().map(place), ink.stroke_width(2)))?;
        chart.draw_series(
            line.iter()
                .map(|sum| Circle::new(place(sum), 3, ink.filled())),
        )?;
    }
    for (policy, sum) in points {
        let (ink, to_the_right) = match policy {
            // Around each other, for they are close.
            Policy::Ours(2_000, 5_000) => (BLUE_INK, (8, -16)),
            Policy::Ours(2_000, _) => (BLUE_INK, (-8, -30)),
            Policy::Ours(..) => (BLUE_INK, (-8, 6)),
            Policy::Fixed(_) => (OCHRE, (8, -16)),
            Policy::Smithy | Policy::Gax => (INK, (10, -8)),
        };
        let anchor = if to_the_right.0 < 0 {
            HPos::Right
        } else {
            HPos::Left
        };
        let style = text(14).pos(Pos::new(anchor, VPos::Top)).color(&ink);
        let label = EmptyElement::at(place(sum))
            + Circle::new((0, 0), 6, ink.filled())
            + Text::new(policy.name(), to_the_right, style);
        chart.draw_series(std::iter::once(label))?;
    }
    area.present()?;
    Ok(())
}
