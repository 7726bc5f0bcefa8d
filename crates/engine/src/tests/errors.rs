//! Every error's text.

use crate::{AdapterId, EngineError};

#[test]
fn every_error_reads_well() {
    let io = std::io::Error::new(std::io::ErrorKind::WouldBlock, "no more threads");
    let all = [
        EngineError::EmptyPrompt,
        EngineError::ContextExceeded {
            prompt_tokens: 9000,
            max_new_tokens: 256,
            context_tokens: 8192,
        },
        EngineError::TokenOutOfRange { token: 50000, position: 3, vocab_size: 49152 },
        EngineError::ParameterOutOfRange { name: "top_p", value: 1.5, allowed: "0 to 1" },
        EngineError::ScoreOutOfRange { start: 0, prompt_tokens: 12 },
        EngineError::ConstraintTooLarge {
            kind: "regex",
            unit: "bytes",
            actual: 70000,
            limit: 65536,
        },
        EngineError::ConstraintInvalid {
            kind: "JSON schema",
            reason: "unknown type `colour`".to_owned(),
        },
        EngineError::Text(catena_text::TextError::EmptyVocab),
        EngineError::NoChatTemplate,
        EngineError::UnknownAdapter { id: AdapterId(7) },
        EngineError::Adapter("the adapter was packed for another model".into()),
        EngineError::TooManyAdapters { limit: 64 },
        EngineError::AdapterBytes { bytes: 2000, loaded_bytes: 9000, limit: 10000 },
        EngineError::BatchRequest { index: 7, source: Box::new(EngineError::EmptyPrompt) },
        EngineError::KvCacheTooSmall { budget_bytes: 1000, block_bytes: 368_640 },
        EngineError::KvCache(catena_kernels::KernelError::OddHeadDim { found: 3 }),
        EngineError::Thread(io),
        EngineError::QueueFull { in_flight: 320, limit: 320 },
        EngineError::Stopped,
        EngineError::Interrupted { completed: 3, total: 40 },
        EngineError::Runner("position 9000 is beyond the table".into()),
        EngineError::Failed { reason: "the model cannot run the batch".to_owned() },
        EngineError::ConstraintLost { reason: "no token may follow".to_owned() },
    ];
    let text: Vec<String> = all.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(text.join("\n"));
}
