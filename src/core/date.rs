//! Reads dates as HTTP writes them, in each of the three forms of RFC 9110, section 5.6.7. No parser
//! of the host does it: each takes other texts for dates, and the same header has to mean the same
//! everywhere. `tests/vectors/retry-after.json` holds the package's own reader (`pkg/src/date.ts`),
//! which has to do without the module, to the same results.

use super::Millis;

const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

/// What follows the name of the day: each digit stands for one of the number in that place of
/// [`Fields`]. So are dates written in RFC 850 (after whole names), today, and by C's `asctime`.
const FORMS: [&str; 3] = [
    ", 11-222-00 33:44:55 GMT",
    ", 11 222 0000 33:44:55 GMT",
    " 222 61 33:44:55 0000",
];
/// The first digit of a day, which may be a blank.
const PADDED: u8 = 6;

/// Year, day, month (as its letters), hour, minute, second.
type Fields = [Millis; 6];

/// The Unix time in milliseconds; nothing if the text is no date of HTTP, or one before 1970. Which day
/// of the week it names is not held against the date.
pub(super) fn read(text: &str) -> Option<Millis> {
    let is_whole = |name: &&&str| text.starts_with(**name);
    let is_short = |name: &&&str| name.get(..3).is_some_and(|name| text.starts_with(name));
    let (name, forms) = match DAYS.iter().find(is_whole) {
        Some(name) => (name.len(), &FORMS[..1]),
        None => (DAYS.iter().find(is_short).map(|_| 3)?, &FORMS[1..]),
    };
    let rest = text.as_bytes().get(name..)?;
    let form = forms.iter().find(|form| form.len() == rest.len())?;
    let [year, day, month, hour, minute, second] = fields(form.as_bytes(), rest)?;
    // Of the years with two digits, those up to 69 of the last century are no Unix time.
    let year = match year {
        0..70 if name > 3 => year + 2_000,
        70..100 if name > 3 => year + 1_900,
        _ => year,
    };
    let letters = |name: &[u8]| {
        name.iter()
            .fold(0, |all, one| all << 8 | Millis::from(*one))
    };
    let month = MONTHS
        .chunks_exact(3)
        .position(|name| letters(name) == month)? as Millis
        + 1;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + Millis::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    // A minute may have a leap second.
    if year < 1970 || day == 0 || day > days || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Counted from a March, so that the leap day is the last of its year.
    let (years, months) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * years + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + day;
    // From the last of February of the year 0 to January 1970.
    let days = days - 719_469;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000)
}

/// The parts of a text of this form.
fn fields(form: &[u8], text: &[u8]) -> Option<Fields> {
    let mut fields = [0; 6];
    for (wanted, byte) in form.iter().zip(text) {
        let place = wanted.wrapping_sub(b'0');
        let (place, value, base) = match (place, *byte) {
            (2, letter) => (2, letter, 256),
            (PADDED, b' ') => (1, 0, 10),
            (PADDED, digit @ b'0'..=b'9') => (1, digit - b'0', 10),
            (0..6, digit @ b'0'..=b'9') => (place, digit - b'0', 10),
            (0..6, _) => return None,
            _ if wanted == byte => continue,
            _ => return None,
        };
        let field: &mut Millis = fields.get_mut(usize::from(place))?;
        *field = base * *field + Millis::from(value);
    }
    Some(fields)
}
