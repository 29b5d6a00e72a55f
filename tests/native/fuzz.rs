//! The corpus of `tests/fuzz`, changed at random by rules that shrink: whatever is near an answer, a
//! snapshot or a token is read as what it is or refused. `cargo xtask soak` lets libFuzzer start from
//! the same files and look for new ways through the code.

use super::oracle::{read_answer, read_snapshot, sealed};
use super::promises::{config, told};
use super::world::START;
use iacrea_video::core::machine::Machine;
use iacrea_video::core::options::RawOptions;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use std::fs;
use std::path::PathBuf;

/// A change to one of the corpus, small enough to leave most of it in place.
#[derive(Clone, Debug)]
enum Edit {
    Flip(Index, u8),
    Cut(Index, Index),
    Insert(Index, String),
    /// A piece of another one.
    Splice(Index, Index, Index, Index),
}

fn edits(words: &'static [&'static str]) -> impl Strategy<Value = (Index, Vec<Edit>)> {
    let index = any::<Index>;
    let edit = prop_oneof![
        2 => (index(), any::<u8>()).prop_map(|(at, mask)| Edit::Flip(at, mask)),
        1 => (index(), index()).prop_map(|(from, to)| Edit::Cut(from, to)),
        4 => (index(), select(words)).prop_map(|(at, word)| Edit::Insert(at, word.to_owned())),
        1 => (index(), "\\PC{0,4}").prop_map(|(at, text)| Edit::Insert(at, text)),
        2 => (index(), index(), index(), index())
            .prop_map(|(at, other, from, to)| Edit::Splice(at, other, from, to)),
    ];
    (index(), vec(edit, 0..6))
}

fn apply(corpus: &[Vec<u8>], pick: Index, edits: &[Edit]) -> Vec<u8> {
    let mut bytes = pick.get(corpus).clone();
    let between = |from: &Index, to: &Index, length: usize| {
        let (from, to) = (from.index(length + 1), to.index(length + 1));
        from.min(to)..from.max(to)
    };
    for edit in edits {
        let at = |index: &Index| index.index(bytes.len() + 1);
        match edit {
            Edit::Flip(index, mask) => {
                let at = at(index);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= mask;
                }
            }
            Edit::Cut(from, to) => {
                let range = between(from, to, bytes.len());
                bytes.drain(range);
            }
            Edit::Insert(index, text) => {
                let at = at(index);
                bytes.splice(at..at, text.bytes());
            }
            Edit::Splice(index, other, from, to) => {
                let at = at(index);
                let other = other.get(corpus);
                let piece = other[between(from, to, other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// The files that libFuzzer begins with, too.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let mut dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    dir.extend(["fuzz", "corpus", name]);
    let files = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 10, "{} is nearly empty", dir.display());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

const ANSWERS: &[&str] = &[
    "\"status\":",
    "\"DONE\"",
    "\"ERROR\"",
    "\"PENDING\"",
    "\"RENDERING_VIDEO\"",
    "\"progress\":",
    "\"url\":",
    "\"https://c.test/v\"",
    "\"generatedContent\":",
    "[",
    "]",
    "{",
    "}",
    "{}",
    "null",
    "true",
    ",",
    ":",
    "\"",
    "\\u0000",
    "\\ud83c\\udfac",
    "-0",
    "1e308",
    "1e999",
    "-1",
    "0.5",
    "100",
    "\"NaN\"",
    "\"Infinity\"",
    "\n",
    "429\n",
    "200\n",
    "0\n",
    "304\n",
    "\u{feff}",
    "\u{1f3ac}",
    "\"id\":",
    "\"message\":",
    "\"error\":",
];
const SNAPSHOTS: &[&str] = &[
    ",",
    ",,",
    "is1",
    "it1",
    "it1-new",
    "-",
    ",a,",
    ",s,",
    ",d,",
    ",f,",
    ",t,",
    ",c,",
    ",g,",
    ",p,",
    ",r,",
    ",u,",
    "0",
    "1",
    "1000000",
    "999999",
    "4294967295",
    "18446744073709551615",
    "9218868437227405312",
    "4607182418800017408",
    "%",
    "%00",
    "%C3%A9",
    "%ZZ",
    "+",
    "-1",
    "Infinity",
    "e",
    "spue",
];

#[test]
fn an_answer_near_any_known_one_is_understood_or_refused_within_the_limits() {
    let corpus = corpus("answer");
    corpus.iter().for_each(|bytes| read_answer(bytes));
    let outcome = TestRunner::new(config(20_000)).run(&edits(ANSWERS), |(pick, edits)| {
        read_answer(&apply(&corpus, pick, &edits));
        Ok(())
    });
    told(outcome);
}

#[test]
fn a_snapshot_near_any_known_one_is_the_machine_it_says_or_refused() {
    let corpus = corpus("snapshot");
    for bytes in &corpus {
        read_snapshot(bytes);
        // Written once, it is read for ever: the format has a version.
        let text = sealed(&String::from_utf8_lossy(bytes));
        let resumed = ["v", "a/b, é"]
            .map(|id| Machine::resume(&text, id, RawOptions::default(), START).is_ok());
        let is_read = resumed.contains(&true) || Machine::restore(&text).is_ok();
        assert!(is_read, "{text}");
    }
    let outcome = TestRunner::new(config(40_000)).run(&edits(SNAPSHOTS), |(pick, edits)| {
        read_snapshot(&apply(&corpus, pick, &edits));
        Ok(())
    });
    told(outcome);
}
