//! What users of other trainers complain about, each as a test that fails if we do it too.
//!
//! The numbers are those of the list that this project keeps of such complaints.

use super::*;
use crate::encode::{EncodedSample, Encoder};
use crate::preview::{preview, preview_text};
use crate::test_support::chat;
use catena_protocol::{Message, Role};
use catena_text::ChatInput;

/// Trained without an error on rows of which nothing is trained: answers cut off whole (trl #6668),
/// or templates without `{% generation %}` marks (trl #4879, transformers #34172).
#[test]
fn complaint_2_silent_all_masked_loss() {
    let long = chat_sample(&[("user", &"word ".repeat(90)), ("assistant", "short")]);
    let report = check_with(&[long], &tokenizer(), Some(&template(CHATML)), EncodeOptions::new(32));
    let found: Vec<&Finding> = report.of("nothing-trained").collect();
    assert!(report.has_errors() && found.len() == 1);
    assert!(found[0].message.contains("beyond the limit of 32"), "{}", found[0].message);
    // A template without marks is no reason to train on nothing, or on what the person says.
    let (tokenizer, sample) = (tokenizer(), chat(&[("user", "a"), ("assistant", "b")]));
    let (plain, marked) = (template(CHATML), template(CHATML_MARKED));
    let trained = |template| {
        let encoder = Encoder::new(&tokenizer, Some(template), EncodeOptions::new(64));
        let row = encoder.encode_chat("sample", &sample).unwrap();
        row.labels.iter().flatten().copied().collect::<Vec<u32>>()
    };
    assert!(!plain.marks_generation() && marked.marks_generation());
    assert_eq!(trained(&plain), trained(&marked));
    assert_eq!(tokenizer.decode(&trained(&plain), false), "b<|im_end|>");
}

/// Trained with another template than served, or without the end of the turn: the model never
/// stops (LLaMA-Factory #5145, #589, FastChat #3055).
#[test]
fn complaint_3_template_mismatch_never_stops() {
    let tokenizer = tokenizer();
    let endless = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}\
                   {% if add_generation_prompt %}assistant: {% endif %}";
    let report = check(&[good(1)], endless);
    assert!(report.has_errors());
    assert_eq!(report.of("no-end-of-turn").count(), 1, "{:?}", findings(&report));
    // What is trained begins with the very tokens that serving prompts with, and its last token is
    // the one at which serving stops.
    let template = template(CHATML);
    let turns =
        [("system", "be"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")];
    let encoder = Encoder::new(
        &tokenizer,
        Some(&template),
        EncodeOptions { train_on: TrainOn::LastTurn, ..EncodeOptions::new(128) },
    );
    let row = encoder.encode_chat("sample", &chat(&turns)).unwrap();
    let message = |(role, content): &(&str, &str)| {
        let role: Role = serde_json::from_value((*role).into()).unwrap();
        Message::new(role, *content)
    };
    let asked: Vec<Message> = turns[..4].iter().map(message).collect();
    let serving = template.render(&asked, true).unwrap();
    let serving = tokenizer.encode(&serving, false, true).unwrap();
    assert_eq!(row.tokens[..row.prompt_tokens], serving);
    assert_eq!(row.tokens.last().copied(), tokenizer.eos_token_id());
    let with_tools = template.render_chat(&ChatInput {
        messages: &chat(&turns[..4]).messages,
        add_generation_prompt: true,
        ..ChatInput::default()
    });
    assert_eq!(tokenizer.encode(&with_tools.unwrap(), false, true).unwrap(), serving);
}

/// The padding token is the end token, and masking the one masks the other (unsloth #416, ludwig
/// #3945).
#[test]
fn complaint_4_pad_is_eos_and_masked() {
    let plain = tokenizer();
    let special = SpecialTokens {
        pad: plain.eos_token_id(),
        eos: plain.eos_token_id(),
        ..Default::default()
    };
    let tokenizer = plain.with_special_tokens(special).unwrap();
    let report =
        check_with(&[good(1)], &tokenizer, Some(&template(CHATML)), EncodeOptions::new(64));
    assert_eq!(report.of("pad-is-eos").count(), 1);
    assert!(!report.has_errors(), "no end is masked here");
    // Our rows still train the end: labels are made of positions, never of token ids.
    let template = template(CHATML);
    let encoder = Encoder::new(&tokenizer, Some(&template), EncodeOptions::new(64));
    let row = encoder.encode_chat("s", &chat(&[("user", "a"), ("assistant", "b")])).unwrap();
    let ends = row.labels.iter().flatten().filter(|id| Some(**id) == tokenizer.pad_token_id());
    assert_eq!(ends.count(), 1, "{}", preview_text(&preview(&tokenizer, &row)));
}

/// Packed samples learn from each other (functionary #265, trl #1230).
#[test]
fn complaint_10_packing_contaminates() {
    let tokenizer = tokenizer();
    let encoder = Encoder::new(&tokenizer, None, EncodeOptions::new(256));
    let texts = ["What is the fee?", "The fee is 5 dollars.", "Thanks"];
    let blocks = encoder.pack_texts(texts).unwrap();
    assert_eq!(blocks.len(), 1);
    let block = &blocks[0];
    let ends = block.starts.iter().skip(1).copied().chain([block.row.tokens.len()]);
    let alone = |text: &&str| encoder.encode_text("text", text).unwrap();
    for ((start, end), alone) in block.starts.iter().copied().zip(ends).zip(texts.iter().map(alone))
    {
        let EncodedSample { tokens, labels, .. } = alone;
        assert_eq!(block.row.tokens[start..end], tokens);
        // Each part predicts what it predicts alone, and its last token nothing.
        assert_eq!(block.row.labels[start..end], labels);
        assert_eq!(labels.last(), Some(&None));
    }
}
