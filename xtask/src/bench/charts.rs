//! Charts that can be read on white and on black: bars, one for each client, and lines of growth.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{BLUE_INK, INK, OCHRE};

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Whose figure it is.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Whose {
    Ours,
    Loop,
    Peer,
}

impl Whose {
    fn ink(self) -> RGBColor {
        match self {
            Whose::Ours => BLUE_INK,
            Whose::Loop => OCHRE,
            Whose::Peer => INK,
        }
    }
}

pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: f64,
    /// The value in words.
    pub(super) text: String,
    pub(super) whose: Whose,
}

fn text(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

/// One below the other, the least first.
pub(super) fn bars(to: &Path, title: &str, mut bars: Vec<Bar>) -> Drawn {
    const ROW: u32 = 30;
    bars.sort_by(|a, b| a.value.total_cmp(&b.value));
    if bars.is_empty() {
        return Err("there is nothing to compare".into());
    }
    let height = 72 + ROW * bars.len() as u32;
    let area = SVGBackend::new(to, (880, height)).into_drawing_area();
    let most = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    area.draw(&Text::new(title.to_owned(), (16, 18), text(17)))?;
    let (left, width) = (190, 560);
    for (at, bar) in bars.iter().enumerate() {
        let top = 56 + ROW as i32 * at as i32;
        let length = ((bar.value / most) * f64::from(width)).max(1.0) as i32;
        let ink = bar.whose.ink();
        let right = text(15)
            .pos(Pos::new(HPos::Right, VPos::Center))
            .color(&ink);
        let left_of = text(15).pos(Pos::new(HPos::Left, VPos::Center)).color(&ink);
        let middle = top + ROW as i32 / 2 - 4;
        area.draw(&Text::new(bar.label.clone(), (left - 10, middle), right))?;
        area.draw(&Rectangle::new(
            [(left, top), (left + length, top + ROW as i32 - 9)],
            ink.filled(),
        ))?;
        let beside = (left + length + 8, middle);
        area.draw(&Text::new(bar.text.clone(), beside, left_of))?;
    }
    area.present()?;
    Ok(())
}

pub(super) struct Line {
    pub(super) label: String,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) whose: Whose,
}

/// What grows with what, both by powers.
pub(super) fn lines(to: &Path, (across, up): (&str, &str), lines: &[Line]) -> Drawn {
    let values = |pick: fn(&(f64, f64)) -> f64| {
        lines
            .iter()
            .flat_map(move |line| line.points.iter().map(pick))
    };
    let bounds = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, 0.0_f64), |(least, most), value| {
            (least.min(value), most.max(value))
        })
    };
    let (left, right) = bounds(&mut values(|point| point.0));
    let (low, high) = bounds(&mut values(|point| point.1));
    // A scale of powers that has no end, or begins at nothing, would be drawn for ever.
    if !(0.0 < left && left < right && right.is_finite() && 0.0 < low && high.is_finite()) {
        return Err("there is nothing that grows".into());
    }
    let area = SVGBackend::new(to, (880, 480)).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(16)
        .margin_right(170)
        .x_label_area_size(48)
        .y_label_area_size(76)
        .build_cartesian_2d(
            (left..right).log_scale(),
            (low * 0.8..high * 1.2).log_scale(),
        )?;
    let number = |value: &f64| format!("{value}");
    chart
        .configure_mesh()
        .axis_style(INK)
        .bold_line_style(INK.mix(0.25))
        .light_line_style(TRANSPARENT)
        .x_desc(across)
        .y_desc(up)
        .axis_desc_style(text(16))
        .label_style(text(14))
        .x_label_formatter(&number)
        .y_label_formatter(&number)
        .draw()?;
    for line in lines {
        let ink = line.whose.ink();
        let width = if line.whose == Whose::Peer { 1 } else { 2 };
        let points = || line.points.iter().copied();
        chart.draw_series(LineSeries::new(points(), ink.stroke_width(width)))?;
        chart.draw_series(points().map(|point| Circle::new(point, 3, ink.filled())))?;
    }
    // Names beside the ends of the lines, as far apart as letters need.
    let mut ends: Vec<_> = lines
        .iter()
        .filter_map(|line| Some((chart.backend_coord(line.points.last()?), line)))
        .collect();
    ends.sort_by_key(|((_, y), _)| *y);
    let mut lowest = i32::MIN;
    for ((x, y), line) in ends {
        lowest = y.max(lowest.saturating_add(16));
        let ink = line.whose.ink();
        let style = text(14).pos(Pos::new(HPos::Left, VPos::Center)).color(&ink);
        area.draw(&Text::new(line.label.clone(), (x + 10, lowest), style))?;
    }
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_figures_is_refused_and_not_drawn_for_ever() {
        let to = std::env::temp_dir().join("iacrea-video-no-chart.svg");
        assert!(bars(&to, "", Vec::new()).is_err());
        for points in [
            vec![],
            vec![(10.0, 1.0)],
            vec![(0.0, 1.0), (10.0, 2.0)],
            vec![(1.0, 0.0), (2.0, 1.0)],
        ] {
            let line = Line {
                label: String::new(),
                points,
                whose: Whose::Ours,
            };
            assert!(lines(&to, ("", ""), &[line]).is_err());
        }
        assert!(!to.exists());
    }
}
