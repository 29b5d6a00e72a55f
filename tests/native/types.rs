//! The public TypeScript types beside the Rust ones: neither side gains or loses a name alone.

use iacrea_video::core::error::ErrorCode;
use iacrea_video::core::messages::Reason;
use iacrea_video::core::status::{ContentStatus, Status};
use std::collections::BTreeSet;

const TYPES: &str = include_str!("../../pkg/src/types.ts");

/// The types without their comments.
fn code() -> String {
    let code = TYPES
        .lines()
        .filter(|line| !line.trim_start().starts_with(['/', '*']));
    code.collect::<Vec<_>>().join("\n")
}

/// The string literals in one declaration.
fn literals(declaration: &str) -> BTreeSet<String> {
    let code = code();
    let (_, rest) = code
        .split_once(declaration)
        .unwrap_or_else(|| panic!("no {declaration}"));
    let (body, _) = rest.split_once(';').unwrap();
    body.split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn named(names: impl IntoIterator<Item = &'static str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn every_error_code_is_on_both_sides() {
    let rust = named(ErrorCode::ALL.iter().map(|code| code.as_str()));
    assert_eq!(literals("export type VideoErrorCode ="), rust);
}

#[test]
fn every_clip_state_is_on_both_sides() {
    let rust = named(ContentStatus::ALL.iter().map(|state| state.as_str()));
    assert_eq!(literals("export type ContentStatus ="), rust);
}

#[test]
fn every_status_is_on_both_sides_and_in_the_union() {
    let arms: Vec<(&str, &str)> = TYPES
        .split("export interface ")
        .skip(1)
        .filter_map(|text| {
            let (name, rest) = text.split_once(" extends VideoBase {")?;
            let (_, tag) = rest.split_once("readonly status: \"")?;
            Some((name, tag.split_once('"')?.0))
        })
        .collect();
    let tags: BTreeSet<_> = arms.iter().map(|(_, tag)| *tag).collect();
    assert_eq!(tags, Status::NAMES.iter().copied().collect());
    let (_, rest) = TYPES.split_once("export type VideoStatus =").unwrap();
    let union: BTreeSet<_> = rest
        .split_once(';')
        .unwrap()
        .0
        .split('|')
        .map(str::trim)
        .filter(|arm| !arm.is_empty())
        .collect();
    assert_eq!(union, arms.iter().map(|(name, _)| *name).collect());
}

#[test]
fn every_reason_is_documented_with_its_message() {
    let docs = include_str!("../../docs/errors.md");
    let errors = include_str!("../../pkg/src/error.ts");
    let rows: Vec<Vec<&str>> = docs
        .lines()
        .filter(|line| line.starts_with("| `") && !line.starts_with("| `reason`"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let documented: BTreeSet<_> = rows
        .iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect();
    for reason in Reason::ALL {
        let row = rows
            .iter()
            .find(|row| row[0].trim_matches('`') == reason.as_str());
        let row = row.unwrap_or_else(|| panic!("docs/errors.md lacks {}", reason.as_str()));
        assert_eq!(row[1].trim_matches('`'), reason.code().as_str());
        let text = reason.text().replace('@', "*address*");
        assert!(row[2].starts_with(text.trim_end()), "{}", row[2]);
    }
    // What the package adds for what goes wrong outside the module.
    let (_, table) = errors.split_once("const MESSAGES = {").unwrap();
    let (table, _) = table.split_once("} as const").unwrap();
    let names = table.lines().filter_map(|line| line.trim().split_once(':'));
    let names: BTreeSet<_> = names
        .map(|(name, _)| name)
        .filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .map(str::to_owned)
        .collect();
    let own = named(Reason::ALL.iter().map(|reason| reason.as_str()));
    assert_eq!(
        documented
            .difference(&own)
            .cloned()
            .collect::<BTreeSet<_>>(),
        names
    );
}
