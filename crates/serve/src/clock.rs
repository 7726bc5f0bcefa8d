//! Points in time on the wire.

use crate::access::whole_seconds;
use catena_protocol::Date;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds of a day; Unix time has no other days.
const DAY: u64 = 86_400;

/// Now, as RFC 3339 writes it, in UTC with nanoseconds.
pub(crate) fn now_rfc3339() -> String {
    rfc3339(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The second that is full after `wait`, as RFC 3339 writes it, in UTC.
pub(crate) fn rfc3339_in(wait: Duration) -> String {
    let then = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + wait;
    format!("{}Z", second(whole_seconds(then)))
}

/// The point in time `since` 1970 as RFC 3339 writes it, in UTC with nanoseconds.
pub(crate) fn rfc3339(since: Duration) -> String {
    format!("{}.{:09}Z", second(since.as_secs()), since.subsec_nanos())
}

/// A second since 1970, without its fraction and zone.
fn second(unix: u64) -> String {
    let (date, second) = (Date::of_unix_time(unix), unix % DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{date}T{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_around_leap_days() {
        let cases = [
            (0, "1970-01-01T00:00:00.000000007Z"),
            (951_782_400, "2000-02-29T00:00:00.000000007Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000000007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000007Z"),
            (1_700_000_000, "2023-11-14T22:13:20.000000007Z"),
        ];
        for (seconds, text) in cases {
            assert_eq!(rfc3339(Duration::new(seconds, 7)), text);
        }
    }
}
