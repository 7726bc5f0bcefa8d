//! `thinking` as Anthropic and Cohere have it.

use super::switch::Thinking;
use schemars::JsonSchema;
use serde::Deserialize;

/// Whether the model thinks before it answers. A budget of tokens has no effect.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Thinking")]
pub(crate) struct WireThinking {
    #[serde(rename = "type")]
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ThinkingKind")]
enum Kind {
    Enabled,
    /// As the model does by itself.
    Adaptive,
    Disabled,
}

impl WireThinking {
    /// Whether no thoughts are wanted.
    pub(crate) fn is_off(self) -> bool {
        self.kind == Kind::Disabled
    }

    /// What it wishes.
    pub(crate) fn read(self) -> Option<Thinking> {
        match self.kind {
            Kind::Enabled => Some(Thinking::switched("thinking", true)),
            Kind::Adaptive => None,
            Kind::Disabled => Some(Thinking::switched("thinking", false)),
        }
    }
}
