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
