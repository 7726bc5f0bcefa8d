//! Days of the calendar, as files and the wire write them.

use std::fmt;

/// A day of the Gregorian calendar; written as `yyyy-mm-dd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// The year.
    pub year: i64,
    /// The month, from 1.
    pub month: u32,
    /// The day of the month, from 1.
    pub day: u32,
}

impl Date {
    /// The day of a Unix time in seconds, in UTC.
    pub fn of_unix_time(seconds: u64) -> Self {
        Self::after_1970((seconds / 86_400).cast_signed())
    }

    /// The day that is `days` after 1970-01-01.
    ///
    /// # Source
    /// Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`: years
    /// begin in March, so that the leap day is the last one; 400 years have 146,097 days.
    pub fn after_1970(days: i64) -> Self {
        let shifted = days.saturating_add(719_468);
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        let small = |number: i64| u32::try_from(number).expect("months and days are at most 31");
        Self { year, month: small(month), day: small(day) }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::Date;

    #[test]
    fn days_are_those_of_the_calendar() {
        let cases = [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_798_675_199, "2026-12-30"),
            (4_107_542_400, "2100-03-01"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(Date::of_unix_time(seconds).to_string(), expected, "{seconds}");
        }
        for (days, expected) in [(-1, "1969-12-31"), (-25_509, "1900-02-28")] {
            assert_eq!(Date::after_1970(days).to_string(), expected, "{days}");
        }
    }
}
