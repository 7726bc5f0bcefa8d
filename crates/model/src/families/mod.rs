//! The families of decoders that we run, one file each.
//!
//! A [`Family`] says what its `model_type`s and llama.cpp's architectures are called, how a
//! [`ModelConfig`](crate::ModelConfig) follows from the keys of either kind of file, and by
//! [`Rule`]s how tensors of either kind become those of the decoder. Everything else is driven by
//! the configuration. A new family is a file here, its line in [`FAMILIES`], and a golden.
//!
//! A folder of a model that also sees pictures is read as the decoder in it: `composite` says which keys
//! and tensors are that part's.
//!
//! Where a file of llama.cpp says less than `config.json` (no window of Mistral), it is taken at its
//! word, as llama.cpp does.

mod chatglm;
mod common;
mod composite;
mod deepseek_v2;
mod ends;
mod family;
mod gemma;
mod gemma2;
mod gemma3;
mod gguf_keys;
mod glm;
mod gpt2;
mod gpt_neox;
mod granite;
mod list;
mod llama;
mod mistral;
mod mixtral;
mod olmo2;
mod phi3;
mod qwen2;
mod qwen3;
mod qwen3_moe;
mod rules;
mod smollm3;
mod starcoder2;

pub(crate) use composite::{decoder_keys, decoder_name};
pub(crate) use ends::is_end;
pub(crate) use family::Family;
pub(crate) use gguf_keys::{architecture, gguf_keys, rope_tensors};
pub(crate) use list::FAMILIES;
pub(crate) use rules::{Form, Rule};
use rules::{GATE_UP, GGUF, GGUF_QKV, GGUF_ROTARY, QKV, layer};
