//! Whether an answer points at the right passage.

use catena_protocol::marks;

/// Whether the first citation mark of `answer` is `citation`. An answer without a mark is wrong.
pub fn cites_correctly(answer: &str, citation: usize) -> bool {
    marks(answer).first().is_some_and(|mark| mark.number == citation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_mark_decides() {
        assert!(cites_correctly("The fee is $5 [2]. See [1].", 2));
        assert!(!cites_correctly("The fee is $5 [2]. See [1].", 1));
        assert!(!cites_correctly("The fee is $5.", 1));
    }
}
