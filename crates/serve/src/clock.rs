//! Points in time on the wire.

use catena_protocol::Date;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, as RFC 3339 writes it, in UTC with nanoseconds.
pub(crate) fn now_rfc3339() -> String {
    rfc3339(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The point in time `since` 1970 as RFC 3339 writes it.
pub(crate) fn rfc3339(since: Duration) -> String {
    let (date, of_day) = (Date::of_unix_time(since.as_secs()), since.as_secs() % 86_400);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let nanos = since.subsec_nanos();
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
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
        ];
        for (seconds, text) in cases {
            assert_eq!(rfc3339(Duration::new(seconds, 7)), text);
        }
    }
}
