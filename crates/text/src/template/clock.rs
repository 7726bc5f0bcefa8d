//! `strftime_now`: the parts of a date that chat templates ask for, in UTC.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] =
    ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// `now` written by a C `strftime` format; a conversion we do not know is written as it stands.
pub(super) fn format(format: &str, now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let date = Date::of_day(seconds / 86_400);
    let mut text = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let Some(conversion) = rest.next() else {
            text.push('%');
            break;
        };
        push(&mut text, conversion, &date, seconds % 86_400);
    }
    text
}

fn push(text: &mut String, conversion: char, date: &Date, second: u64) {
    let month = MONTHS[date.month - 1];
    let weekday = WEEKDAYS[date.weekday];
    let written = match conversion {
        'Y' => write!(text, "{:04}", date.year),
        'y' => write!(text, "{:02}", date.year % 100),
        'm' => write!(text, "{:02}", date.month),
        'd' => write!(text, "{:02}", date.day),
        'B' => write!(text, "{month}"),
        'b' => write!(text, "{}", &month[..3]),
        'A' => write!(text, "{weekday}"),
        'a' => write!(text, "{}", &weekday[..3]),
        'H' => write!(text, "{:02}", second / 3600),
        'M' => write!(text, "{:02}", second / 60 % 60),
        'S' => write!(text, "{:02}", second % 60),
        'F' => write!(text, "{:04}-{:02}-{:02}", date.year, date.month, date.day),
        '%' => write!(text, "%"),
        other => write!(text, "%{other}"),
    };
    written.expect("writing to a string does not fail");
}

struct Date {
    year: u64,
    /// From 1.
    month: usize,
    /// From 1.
    day: u64,
    /// Days since a Thursday, modulo 7.
    weekday: usize,
}

impl Date {
    /// The date `days` after 1970-01-01.
    ///
    /// # Source
    /// Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`: years
    /// begin in March, so that the leap day is the last one.
    fn of_day(days: u64) -> Self {
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let month = usize::try_from(month).expect("a month is at most 12");
        let weekday = usize::try_from(days % 7).expect("a weekday is at most 6");
        Self { year, month, day, weekday }
    }
}
