/**
 * Dates as HTTP writes them (RFC 9110, section 5.6.7), and what `Retry-After` makes of them, for what has to do without the
 * module. The module's own reader is `src/core/date.rs`; `tests/vectors/retry-after.json` holds both to the same results, and
 * no host's `Date.parse` has a say, for each takes other texts for dates.
 */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MONTH = `(?<month>${MONTHS.join("|")})`;
const TIME = "(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)";
/** The forms of today, of RFC 850 and of C's `asctime`. Which day of the week they name is not held against the date. */
const FORMS = [
  `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT`,
  `(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT`,
  `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})`,
].map((form) => new RegExp(`^${form}$`));

/** The Unix time in milliseconds; undefined if the text is no date of HTTP, or one before 1970. */
export function httpDate(text: string): number | undefined {
  const { year = "", month = "", ...parts } = FORMS.map((form) => form.exec(text)).find(Boolean)?.groups ?? {};
  const [day, hour, minute, second] = [parts.day, parts.hour, parts.minute, parts.second].map(Number) as [number, number, number, number];
  // Of the years with two digits, those up to 69 of the last century are no Unix time.
  const fullYear = Number(year) + (year.length > 2 ? 0 : Number(year) < 70 ? 2_000 : 1_900);
  // A minute may have a leap second.
  if (!(hour <= 23 && minute <= 59 && second <= 60 && fullYear >= 1970)) return undefined;
  const midnight = new Date(Date.UTC(fullYear, MONTHS.indexOf(month), day));
  return midnight.getUTCDate() === day ? midnight.getTime() + ((hour * 60 + minute) * 60 + second) * 1_000 : undefined;
}

/** A server whose clock differs by less has the same time: its header has whole seconds, and was on its way for a while. */
const SAME_TIME_MS = 2_000;

/**
 * What of a `Retry-After` is passed on at this time; undefined where it asks for nothing that is understood. Callers learn from
 * our own `Date` what time it is here, and never what time it is for the server: where that is another, a date is turned into
 * seconds.
 */
export function passedOn(retryAfter: string | null | undefined, date: string | null | undefined, nowMs: number): string | undefined {
  const text = (retryAfter ?? "").trim();
  // More digits than these mean nothing that anybody could wait for.
  if (/^\d{1,20}(?:\.\d{1,20})?$/.test(text)) return text;
  const until = httpDate(text);
  if (until === undefined) return undefined;
  const sent = httpDate((date ?? "").trim()) ?? nowMs;
  return Math.abs(sent - nowMs) < SAME_TIME_MS ? text : String(Math.max((until - sent) / 1_000, 0));
}
