//! Training samples before they are encoded, one shape for each way of training.
//!
//! The shapes are those of public data sets: `prompt` and `completion`, `chosen` and `rejected`,
//! `anchor` and `positive`. Where a conversation may stand in place of text, [`Content`] holds
//! either.

use crate::chat_message::ChatMessage;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A text or the messages of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// Plain text, used as it stands.
    Text(String),
    /// Messages, which the model's chat template turns into text.
    Messages(Vec<ChatMessage>),
}

impl Content {
    /// The messages; none for plain text.
    pub fn messages(&self) -> &[ChatMessage] {
        match self {
            Self::Text(_) => &[],
            Self::Messages(messages) => messages,
        }
    }
}

/// What a chat template is given beside the messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatExtras {
    /// Tools that the model may call, as JSON schemas in OpenAI's shape.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Value>,
    /// Further variables of the template, such as `enable_thinking`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub chat_template_kwargs: Map<String, Value>,
}

/// Plain text to learn word for word (pre-training).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextSample {
    /// The text.
    pub text: String,
}

/// A conversation whose assistant turns are learned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatSample {
    /// The turns.
    pub messages: Vec<ChatMessage>,
    /// Tools and further variables.
    #[serde(flatten)]
    pub extras: ChatExtras,
}

/// A completion to learn after its prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletionSample {
    /// What is given.
    pub prompt: Content,
    /// What is learned.
    pub completion: Content,
    /// Tools and further variables.
    #[serde(flatten)]
    pub extras: ChatExtras,
}

/// Two completions of one prompt, the better one named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreferenceSample {
    /// What is given.
    pub prompt: Content,
    /// The better completion.
    pub chosen: Content,
    /// The worse one.
    pub rejected: Content,
    /// By how much a reward model should score the better one higher, if somebody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// Tools and further variables.
    #[serde(flatten)]
    pub extras: ChatExtras,
}

impl PreferenceSample {
    /// The two completions as judged ones, the better first.
    pub fn unpair(self) -> [UnpairedSample; 2] {
        let (prompt, extras) = (self.prompt.clone(), self.extras.clone());
        let chosen = UnpairedSample { prompt, completion: self.chosen, label: true, extras };
        let (prompt, extras) = (self.prompt, self.extras);
        [chosen, UnpairedSample { prompt, completion: self.rejected, label: false, extras }]
    }
}

/// One completion of a prompt with a judgement (KTO).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnpairedSample {
    /// What is given.
    pub prompt: Content,
    /// The completion.
    pub completion: Content,
    /// Whether it is wanted.
    pub label: bool,
    /// Tools and further variables.
    #[serde(flatten)]
    pub extras: ChatExtras,
}

/// The answer of a classifier or a regression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Label {
    /// A number: a score, or the number of a class.
    Number(f64),
    /// The name of a class.
    Name(String),
}

/// A text, or two, with its class or score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassificationSample {
    /// The text.
    pub text: String,
    /// A second text that is judged together with the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_pair: Option<String>,
    /// Its class or score.
    pub label: Label,
}

/// Words, each with its class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenLabelSample {
    /// The words.
    pub tokens: Vec<String>,
    /// One class for each word.
    pub labels: Vec<Label>,
}

/// Texts that an embedding should bring together or keep apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingSample {
    /// The text that is searched with.
    pub anchor: String,
    /// A text that belongs to it.
    pub positive: String,
    /// Texts that look alike and do not belong to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub negatives: Vec<String>,
    /// How much anchor and positive belong together, where the data set measures it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

/// A query and a document with how well they match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RerankSample {
    /// The query.
    pub query: String,
    /// The document.
    pub document: String,
    /// How well it answers: 0 or 1, or a grade.
    pub score: f64,
}

/// A sample of any shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TrainingSample {
    /// Plain text.
    Text(TextSample),
    /// A conversation.
    Chat(ChatSample),
    /// Prompt and completion.
    Completion(CompletionSample),
    /// Two completions of one prompt.
    Preference(PreferenceSample),
    /// One judged completion.
    Unpaired(UnpairedSample),
    /// A classified text.
    Classification(ClassificationSample),
    /// Classified words.
    TokenLabels(TokenLabelSample),
    /// Texts for an embedding.
    Embedding(EmbeddingSample),
    /// Query and document.
    Rerank(RerankSample),
}

impl TrainingSample {
    /// The name of its shape, as in the JSON's `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Chat(_) => "chat",
            Self::Completion(_) => "completion",
            Self::Preference(_) => "preference",
            Self::Unpaired(_) => "unpaired",
            Self::Classification(_) => "classification",
            Self::TokenLabels(_) => "token_labels",
            Self::Embedding(_) => "embedding",
            Self::Rerank(_) => "rerank",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(json: &Value, kind: &str) {
        let sample: TrainingSample = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(sample.kind(), kind);
        assert_eq!(&serde_json::to_value(&sample).unwrap(), json);
    }

    #[test]
    fn the_shapes_are_those_of_the_data_sets() {
        let user = json!([{"role": "user", "content": "q"}]);
        check(&json!({"kind": "text", "text": "t"}), "text");
        check(&json!({"kind": "chat", "messages": user, "tools": [{"type": "function"}]}), "chat");
        check(&json!({"kind": "completion", "prompt": "p", "completion": "c"}), "completion");
        check(
            &json!({"kind": "preference", "prompt": user, "chosen": "a", "rejected": "b",
                "chat_template_kwargs": {"enable_thinking": false}}),
            "preference",
        );
        check(
            &json!({"kind": "preference", "prompt": "p", "chosen": "a", "rejected": "b",
                "margin": 0.5}),
            "preference",
        );
        check(
            &json!({"kind": "unpaired", "prompt": "p", "completion": "c", "label": true}),
            "unpaired",
        );
        check(&json!({"kind": "classification", "text": "t", "label": "card"}), "classification");
        check(
            &json!({"kind": "classification", "text": "t", "text_pair": "u", "label": 0.5}),
            "classification",
        );
        check(&json!({"kind": "token_labels", "tokens": ["a"], "labels": ["O"]}), "token_labels");
        check(
            &json!({"kind": "embedding", "anchor": "a", "positive": "b", "negatives": ["c"]}),
            "embedding",
        );
        check(&json!({"kind": "rerank", "query": "q", "document": "d", "score": 1.0}), "rerank");
    }

    #[test]
    fn a_preference_gives_two_judged_completions() {
        let text = |text: &str| Content::Text(text.to_owned());
        let extras = ChatExtras::default();
        let (prompt, chosen, rejected) = (text("p"), text("a"), text("b"));
        let pair = PreferenceSample { prompt, chosen, rejected, margin: None, extras };
        let [good, bad] = pair.unpair();
        assert_eq!((good.completion, good.label), (text("a"), true));
        assert_eq!((bad.prompt, bad.completion, bad.label), (text("p"), text("b"), false));
    }
}
