//! What a model's files go through before and while the model runs.

use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::{BLOCK_TOKENS, KvCache, KvType, Pool};
use catena_model::gguf::GgufFile;
use catena_model::{
    Checkpoint, Decoder, EncoderInput, ExportSource, LoadOptions, LogitsFor, PeftAdapter, SeqInput,
    SequenceClassifier, TextEmbedder, TokenClassifier,
};
use catena_text::Tokenizer;
use std::sync::{Arc, LazyLock};

static POOL: LazyLock<Arc<Pool>> = LazyLock::new(|| Arc::new(Pool::new(1)));

const TOKENS: [u32; 5] = [1, 7, 3, 3, 9];
/// Widest cache of one token that is still run, in bytes.
const MAX_BLOCK_BYTES: u64 = 64 << 20;

/// Opens, loads and runs a language model, and reads its tokenizer and template if it has them.
pub(crate) fn decoder(path: &Utf8Path) -> bool {
    let Ok(checkpoint) = Checkpoint::open(path) else { return false };
    if let Ok(tokenizer) = checkpoint.tokenizer() {
        try_tokenizer(&tokenizer);
        let _ = checkpoint.chat_template(&tokenizer);
    }
    let Ok(decoder) = Decoder::load(&checkpoint, POOL.clone()) else { return false };
    run(&decoder)
}

fn run(decoder: &Decoder) -> bool {
    let groups = decoder.kv_groups();
    if groups.iter().any(|group| group.shape.block_bytes(KvType::Bf16) > MAX_BLOCK_BYTES) {
        return true;
    }
    let num_blocks = TOKENS.len().div_ceil(BLOCK_TOKENS);
    let cache = |group: &catena_model::KvGroup| KvCache::new(group.shape, KvType::Bf16, num_blocks);
    let Ok(mut kv) = groups.iter().map(cache).collect::<Result<Vec<_>, _>>() else { return false };
    let vocab_size = decoder.config().vocab_size;
    let tokens: Vec<u32> = TOKENS.into_iter().filter(|&t| (t as usize) < vocab_size).collect();
    let tables = vec![vec![0]; groups.len()];
    let seq = SeqInput {
        tokens: &tokens,
        start_pos: 0,
        block_tables: &tables,
        logits: LogitsFor::Last,
        adapter: None,
    };
    let mut scratch = decoder.new_scratch(TOKENS.len());
    decoder.forward(&[seq], &mut kv, &mut scratch).is_ok()
}

/// Opens an encoder's folder or file as everything that it may be, and runs it.
pub(crate) fn encoder(path: &Utf8Path) -> bool {
    let json = std::fs::read(path.join("tokenizer.json")).unwrap_or_default();
    let tokenizer = if path.is_dir() {
        Tokenizer::from_json_bytes(&json).ok()
    } else {
        let vocab = GgufFile::open(path).and_then(|file| file.vocab());
        vocab.ok().and_then(|vocab| Tokenizer::from_gguf(&vocab).ok())
    };
    if let Some(tokenizer) = &tokenizer {
        try_tokenizer(tokenizer);
    }
    let options = LoadOptions::default();
    let mut accepted = false;
    let input = EncoderInput::single(&TOKENS);
    if let Ok(embedder) = TextEmbedder::load(path, POOL.clone()) {
        let mut tokens = TOKENS.to_vec();
        embedder.truncate(&mut tokens);
        accepted |= embedder.embed(&[tokens]).is_ok();
    }
    if let Ok(classifier) = SequenceClassifier::load_with(path, POOL.clone(), options) {
        accepted |= classifier.logits(&[input]).is_ok();
    }
    if let Ok(classifier) = TokenClassifier::load_with(path, POOL.clone(), options) {
        accepted |= classifier.logits(&[input]).is_ok();
    }
    accepted
}

/// Reads a PEFT folder and packs it for a model that it may fit.
pub(crate) fn adapter(folder: &Utf8Path) -> bool {
    let Ok(adapter) = PeftAdapter::read(folder) else { return false };
    let golden = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let families = [
        "gpt_neox",
        "phi3",
        "gpt2",
        "glm",
        "starcoder2",
        "qwen3",
        "mixtral",
        "qwen3_moe",
        "deepseek_v2",
        "deepseek_v2_lite",
    ];
    let bases: Vec<String> = families.iter().map(|family| format!("families/{family}")).collect();
    let bases = bases.iter().map(String::as_str).chain(["tiny_llama"]);
    let fits = bases.filter(|base| {
        let checkpoint = Checkpoint::open(&golden.join(base)).expect("goldens open");
        let merged = ExportSource::new(&checkpoint).with_adapter(&adapter);
        let merges = merged
            .is_ok_and(|merged| checkpoint.tensor_names().all(|name| merged.values(name).is_ok()));
        let decoder = Decoder::load(&checkpoint, POOL.clone()).expect("goldens load");
        decoder.pack_adapter(&adapter).is_ok() || merges
    });
    fits.count() > 0
}

/// Opens a GGUF file without tensors and makes its tokenizer.
pub(crate) fn vocabulary(file: &Utf8Path) -> bool {
    let vocabulary = GgufFile::open(file).and_then(|file| file.vocab());
    let tokenizer = vocabulary.ok().and_then(|vocab| Tokenizer::from_gguf(&vocab).ok());
    if let Some(tokenizer) = &tokenizer {
        try_tokenizer(tokenizer);
    }
    tokenizer.is_some()
}

fn try_tokenizer(tokenizer: &Tokenizer) {
    for text in ["", "a word, 两个字 and\u{0} 🦀\r\n  <s>", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
    {
        if let Ok(ids) = tokenizer.encode(text, true, true) {
            let _ = tokenizer.decode(&ids, false);
        }
    }
}
