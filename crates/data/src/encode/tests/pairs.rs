//! Preference pairs and judged completions.

use crate::encode::{EncodeOptions, EncodedSample, Encoder, Truncation, mismatched};
use crate::test_support::{CHATML, message, template, tokenizer};
use catena_protocol::{ChatExtras, Content, PreferenceSample, UnpairedSample};

fn text(text: &str) -> Content {
    Content::Text(text.to_owned())
}

fn pair(prompt: Content, chosen: Content, rejected: Content) -> PreferenceSample {
    PreferenceSample { prompt, chosen, rejected, margin: None, extras: ChatExtras::default() }
}

fn chat_pair() -> PreferenceSample {
    let turn = |role: &str, words: &str| Content::Messages(vec![message(role, words)]);
    let (good, bad) = ("The fee is 5 dollars a month.", "no");
    pair(turn("user", "What is the fee?"), turn("assistant", good), turn("assistant", bad))
}

fn check(sample: &PreferenceSample, options: EncodeOptions) -> (EncodedSample, EncodedSample) {
    let (tokenizer, template) = (tokenizer(), template(CHATML));
    let max = options.max_tokens;
    let encoder = Encoder::new(&tokenizer, Some(&template), options);
    let pair = encoder.encode_preference("pair 0", sample).unwrap();
    let prompt = pair.chosen.prompt_tokens;
    assert_eq!(prompt, pair.rejected.prompt_tokens);
    assert_eq!(pair.chosen.tokens[..prompt], pair.rejected.tokens[..prompt]);
    for row in [&pair.chosen, &pair.rejected] {
        assert!(row.tokens.len() <= max && row.labels.len() == row.tokens.len());
    }
    (pair.chosen, pair.rejected)
}

#[test]
fn pairs_share_the_tokens_of_the_prompt() {
    let (chosen, rejected) = check(&chat_pair(), EncodeOptions::new(128));
    let tokenizer = tokenizer();
    let trained = |row: &EncodedSample| {
        let ids: Vec<u32> = row.labels.iter().flatten().copied().collect();
        tokenizer.decode(&ids, false)
    };
    assert_eq!(trained(&chosen), "The fee is 5 dollars a month.<|im_end|>");
    assert_eq!(trained(&rejected), "no<|im_end|>");
    let plain = pair(text("The sky is"), text(" blue."), text(" green."));
    let (chosen, rejected) = check(&plain, EncodeOptions::new(128));
    assert_eq!(chosen.tokens[0], tokenizer.bos_token_id().unwrap());
    assert_eq!(
        (trained(&chosen), trained(&rejected)),
        (" blue.<|im_end|>".into(), " green.<|im_end|>".into())
    );
}

#[test]
fn a_token_across_one_border_does_not_part_the_prompts() {
    // "the fe" and "e is" join in "fee"; "the fe" and " x" do not.
    let sample = pair(text("the fe"), text("e is"), text(" x"));
    let (chosen, _) = check(&sample, EncodeOptions::new(64));
    let alone = tokenizer().encode("the fe", true, false).unwrap();
    assert_eq!(chosen.tokens[..chosen.prompt_tokens], alone);
}

#[test]
fn pairs_that_are_too_long_lose_the_same_of_the_prompt() {
    let (chosen, rejected) = check(&chat_pair(), EncodeOptions::new(128));
    let (prompt, longest) = (chosen.prompt_tokens, chosen.tokens.len());
    for truncation in [Truncation::End, Truncation::Start, Truncation::Turns] {
        for max in [1, 4, longest / 2, longest - 1] {
            let (cut, other) =
                check(&chat_pair(), EncodeOptions { truncation, ..EncodeOptions::new(max) });
            assert_eq!(cut.lost_tokens, longest - cut.tokens.len(), "{truncation:?} {max}");
            assert_eq!(other.lost_tokens, rejected.tokens.len() - other.tokens.len());
        }
    }
    let end = check(&chat_pair(), EncodeOptions::new(longest - 1)).0;
    assert_eq!((end.prompt_tokens, end.lost_trained), (prompt, 1));
    let start = EncodeOptions { truncation: Truncation::Start, ..EncodeOptions::new(longest - 1) };
    let (start, other) = check(&chat_pair(), start);
    assert_eq!((start.prompt_tokens, start.lost_trained, other.lost_trained), (prompt - 1, 0, 0));
}

#[test]
fn judged_completions_are_rows_with_a_label() {
    let (tokenizer, template) = (tokenizer(), template(CHATML));
    let encoder = Encoder::new(&tokenizer, Some(&template), EncodeOptions::new(128));
    let [good, bad] = chat_pair().unpair();
    let pair = encoder.encode_preference("pair", &chat_pair()).unwrap();
    let good_row = encoder.encode_unpaired("good", &good).unwrap();
    let bad_row = encoder.encode_unpaired("bad", &bad).unwrap();
    assert_eq!((good_row.row, good_row.label), (pair.chosen, true));
    assert_eq!((bad_row.row, bad_row.label), (pair.rejected, false));
}

#[test]
fn completions_are_mismatched_by_one() {
    let sample = |prompt: &str, completion: &str| UnpairedSample {
        prompt: text(prompt),
        completion: text(completion),
        label: true,
        extras: ChatExtras::default(),
    };
    let shifted = mismatched(&[sample("a", "1"), sample("b", "2"), sample("c", "3")]);
    let pairs: Vec<_> =
        shifted.iter().map(|one| (one.prompt.clone(), one.completion.clone())).collect();
    assert_eq!(pairs, [(text("a"), text("3")), (text("b"), text("1")), (text("c"), text("2"))]);
    assert!(mismatched(&[]).is_empty());
}
