//! `strftime_now`: the parts of a date that chat templates ask for, in UTC.

use catena_protocol::Date;
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
/// From that of 1970-01-01.
const WEEKDAYS: [&str; 7] =
    ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// `now` written by a C `strftime` format; a conversion we do not know is written as it stands.
pub(super) fn format(format: &str, now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
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
        push(&mut text, conversion, seconds);
    }
    text
}

fn push(text: &mut String, conversion: char, seconds: u64) {
    let (date, second) = (Date::of_unix_time(seconds), seconds % 86_400);
    let month = MONTHS[date.month as usize - 1];
    let weekday = usize::try_from(seconds / 86_400 % 7).expect("a weekday is at most 6");
    let weekday = WEEKDAYS[weekday];
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
        'F' => write!(text, "{date}"),
        '%' => write!(text, "%"),
        other => write!(text, "%{other}"),
    };
    written.expect("writing to a string does not fail");
}
