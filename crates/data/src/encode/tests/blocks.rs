//! Packed text.

use crate::encode::{EncodeOptions, EncodedBlock, Encoder};
use crate::test_support::tokenizer;
use proptest::prelude::*;

fn pack(texts: &[&str], max_tokens: usize) -> Vec<EncodedBlock> {
    pack_with(texts, EncodeOptions::new(max_tokens))
}

fn pack_with(texts: &[&str], options: EncodeOptions) -> Vec<EncodedBlock> {
    let tokenizer = tokenizer();
    let encoder = Encoder::new(&tokenizer, None, options);
    encoder.pack_texts(texts.iter().copied()).unwrap()
}

#[test]
fn documents_are_framed_and_cut_into_rows() {
    let tokenizer = tokenizer();
    let (begin, end) = (tokenizer.bos_token_id().unwrap(), tokenizer.eos_token_id().unwrap());
    let texts = ["What is the fee?", "5", ""];
    let whole: Vec<u32> = texts
        .iter()
        .flat_map(|text| {
            [vec![begin], tokenizer.encode(text, false, false).unwrap(), vec![end]].concat()
        })
        .collect();
    let blocks = pack(&texts, 4);
    let tokens: Vec<u32> = blocks.iter().flat_map(|block| block.row.tokens.clone()).collect();
    assert_eq!(tokens, whole);
    let lengths: Vec<usize> = blocks.iter().map(|block| block.row.tokens.len()).collect();
    assert!(lengths[..lengths.len() - 1].iter().all(|&len| len == 4), "{lengths:?}");
    assert_eq!(blocks[0].starts, [0]);
    let one = pack(&texts, 256);
    let first = 2 + tokenizer.encode(texts[0], false, false).unwrap().len();
    assert_eq!(one[0].starts, [0, first, first + 3]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    /// Nothing is lost, nothing is predicted across a border, everything else is, once.
    #[test]
    fn packing_loses_nothing(texts in prop::collection::vec("[a-z 金]{0,24}", 0..8), max in 1usize..40) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let tokenizer = tokenizer();
        let blocks = pack(&texts, max);
        let tokens: Vec<u32> = blocks.iter().flat_map(|block| block.row.tokens.clone()).collect();
        let words: String = texts.concat();
        prop_assert_eq!(tokenizer.decode(&tokens, true), words);
        let mut expected = Vec::new();
        for text in &texts {
            let whole = pack(&[text], usize::MAX).remove(0).row.tokens;
            expected.extend(whole.iter().skip(1).copied().map(Some).chain([None]));
        }
        let labels: Vec<_> = blocks.iter().flat_map(|block| block.row.labels.clone()).collect();
        prop_assert_eq!(labels, expected);
        for block in &blocks {
            prop_assert!(block.row.tokens.len() <= max && block.starts[0] == 0);
            // A border stands behind every position that predicts nothing, and nowhere else.
            for at in 1..block.row.tokens.len() {
                let border = block.row.labels[at - 1].is_none();
                prop_assert_eq!(block.starts.contains(&at), border);
            }
        }
        let joined = pack_with(&texts, EncodeOptions { join_texts: true, ..EncodeOptions::new(max) });
        let labels: Vec<_> = joined.iter().flat_map(|block| block.row.labels.clone()).collect();
        let next: Vec<_> = tokens.iter().skip(1).copied().map(Some).chain([None]).collect();
        prop_assert_eq!(labels, if tokens.is_empty() { Vec::new() } else { next });
        prop_assert!(joined.iter().all(|block| block.starts == [0]));
    }
}
