//! Writes a moment as an HTTP date (RFC 9110 "IMF-fixdate"), the second form of `Retry-After`.
//! It must never ask what time it is: the moment is given.

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// `unix_ms` as an HTTP date, rounded up to the second so that who waits for it never comes too early.
pub(crate) fn http_date(unix_ms: u64) -> String {
    let seconds = unix_ms.div_ceil(1000);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let weekday = DAYS.get((days % 7) as usize).unwrap_or(&"Thu");
    let month = MONTHS.get(month).unwrap_or(&"Jan");
    format!(
        "{weekday}, {day:02} {month} {year:04} {:02}:{:02}:{:02} GMT",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

/// Year, month (from 0) and day of the `days`th day after 1 January 1970, by the Gregorian 400-year cycle.
fn civil(days: u64) -> (u64, usize, u64) {
    let shifted = days + 719_468; // days since 1 March of year 0: the leap day comes last
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    (year, month as usize, day)
}

#[cfg(test)]
mod tests {
    use super::http_date;

    #[test]
    fn known_dates() {
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(951_782_400_000), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(
            http_date(1_798_761_599_001),
            "Fri, 01 Jan 2027 00:00:00 GMT"
        );
    }
}
