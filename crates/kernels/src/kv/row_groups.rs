//! Rows in groups that the registers hold.

/// Runs `$product` with the generic arguments `$generic` over `$rows` rows from the first on, in groups of
/// `$group` and then the `$rest`; each row is computed alike in any group.
macro_rules! for_row_groups {
    (
        $rows:expr, $group:literal: $($rest:literal)*,
        |$row:ident| $product:ident $generic:tt $args:tt
    ) => {
        let rows = $rows;
        let mut $row = 0;
        while $row < rows {
            match rows - $row {
                $($rest => for_row_groups!(@ $product $generic $rest $args),)*
                _ => for_row_groups!(@ $product $generic $group $args),
            }
            $row += $group;
        }
    };
    (@ $product:ident [$($generic:tt),*] $count:literal ($($arg:expr),* $(,)?)) => {
        $product::<_, $($generic,)* $count>($($arg),*)
    };
}
pub(super) use for_row_groups;
