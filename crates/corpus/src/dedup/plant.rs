//! Near copies of texts, to measure with.

use super::hash::Sequence;

/// A copy of `text` that shares about `similarity` of its runs of five words with it.
///
/// By turns of `seed` words are replaced one by one, a block is replaced, or the end is replaced;
/// the new words are made up. Of `n` runs, `m` broken ones leave `(n - m) / (n + m)`, so that `m`
/// is `n (1 - s) / (1 + s)`. White space between words becomes one space. Short texts come less
/// close to `similarity`; the true one is for the measurer to compute.
pub fn near_copy(text: &str, similarity: f64, seed: u64) -> String {
    const RUN: usize = 5;
    let mut words: Vec<String> = text.split_whitespace().map(ToOwned::to_owned).collect();
    let count = words.len();
    let runs = count.saturating_sub(RUN - 1);
    let share = (1.0 - similarity) / (1.0 + similarity);
    let broken = (1..=runs).take_while(|&m| m as f64 <= runs as f64 * share).count();
    let mut random = Sequence::new(seed);
    let mut below =
        |limit: usize| usize::try_from(random.next() % limit.max(1) as u64).expect("below a usize");
    let mut replaced = Vec::new();
    match below(3) {
        0 => {
            // Words apart from each other break five runs each.
            let changes = broken / RUN;
            let stride = count / changes.max(1);
            replaced.extend((0..changes).map(|at| at * stride + below(stride)));
        }
        1 if broken >= RUN => {
            let len = broken - (RUN - 1);
            let start = below(count - len);
            replaced.extend(start..start + len);
        }
        _ => replaced.extend(count - broken..count),
    }
    for at in replaced {
        let letters = (0..3 + below(6)).map(|_| b'a' + u8::try_from(below(26)).expect("a letter"));
        words[at] = letters.map(char::from).collect();
    }
    words.join(" ")
}
