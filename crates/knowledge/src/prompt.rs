//! The wording of a grounded question.

use catena_protocol::{Message, Passage, Role};

/// The instruction every grounded conversation starts with.
const SYSTEM: &str = "You are a support assistant. Answer the question with a sentence from the \
     passages and end it with the number of its passage, like [1].";

/// Words `question` and its `passages`, numbered `[1]` to `[k]` in the order given, as a prompt.
///
/// Synthesis, training, evaluation and serving all call this, so a model is always asked in the
/// words it was trained on. The prompt is one system and one user message; the instruction costs
/// about 30 tokens and each passage about 8 beside its text.
pub fn build_prompt(question: &str, passages: &[Passage]) -> Vec<Message> {
    let mut user = String::new();
    for (index, passage) in passages.iter().enumerate() {
        let number = index + 1;
        let (title, text) = (passage.chunk.title.trim(), passage.chunk.text.trim());
        user.push_str(&format!("[{number}] {title}\n{text}\n\n"));
    }
    user.push_str("Question: ");
    user.push_str(question.trim());
    vec![Message::new(Role::System, SYSTEM), Message::new(Role::User, user)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use catena_protocol::{Chunk, Span};

    #[test]
    fn the_prompt_is_frozen_because_models_are_trained_on_it() {
        let passage = |title: &str, text: &str| Passage {
            chunk: Chunk {
                id: "d#0".into(),
                document_id: "d".into(),
                title: title.into(),
                text: text.into(),
                span: Span { start: 0, end: text.len() },
            },
            score: 1.0,
        };
        let passages = [passage("Fees", "The fee is $5.\n"), passage("Rates", "2% a year.")];
        let messages = build_prompt(" What is the fee? ", &passages);
        let text: Vec<String> =
            messages.iter().map(|one| format!("{:?}: {}", one.role, one.content)).collect();
        insta::assert_snapshot!(text.join("\n---\n"));
    }
}
