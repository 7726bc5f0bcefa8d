//! Every family and head against `transformers` and `sentence-transformers`, and the page that
//! lists them.

use super::gguf::whole_gguf;
use super::goldens::{Golden, TOLERANCE, goldens, inputs};
use crate::encoder::{EncoderConfig, EncoderTask, encoder_families};
use crate::test_support::golden;
use camino::Utf8Path;
use std::collections::BTreeMap;
use std::fmt::Write;

#[test]
fn every_family_and_head_agrees_with_transformers() {
    for golden in goldens(false) {
        let error = golden.error();
        assert!(error < TOLERANCE, "{}: {error:e}", golden.dir);
    }
}

#[test]
fn embeddings_agree_with_sentence_transformers() {
    for golden in goldens(true) {
        let error = golden.embedding_error();
        assert!(error < TOLERANCE, "{}: {error:e}", golden.dir);
    }
}

#[test]
fn texts_and_pairs_are_encoded_as_transformers_does() {
    for golden in goldens(false) {
        let expected = golden.typed_tokens();
        let texts = golden.texts();
        assert_eq!(texts.len() + 1, expected.len());
        let max_tokens = Some(golden.config.max_tokens);
        for ((first, second), expected) in texts.into_iter().zip(&expected) {
            let found = golden.tokenizer.encode_typed(first, second, max_tokens).unwrap();
            assert_eq!(&found, expected, "{}: {first:?} {second:?}", golden.dir);
        }
    }
}

#[test]
fn results_do_not_depend_on_the_batch_or_the_threads() {
    for golden in goldens(false) {
        let typed = golden.typed_tokens();
        let inputs = inputs(&typed);
        let together = golden.found(2, &inputs);
        let many: Vec<_> = inputs.iter().rev().cycle().take(40 * inputs.len()).copied().collect();
        let many = golden.found(3, &many);
        for (i, (input, found)) in inputs.iter().zip(&together).enumerate() {
            let alone = golden.found(1, &[*input]);
            assert_eq!(&alone[0], found, "{}: input {i} alone", golden.dir);
            for repeated in many.chunks_exact(inputs.len()) {
                assert_eq!(&repeated[inputs.len() - 1 - i], found, "{}: {i} of many", golden.dir);
            }
        }
    }
}

#[test]
fn labels_are_those_of_the_file() {
    let open = |name: &str| EncoderConfig::open(&golden("encoders").join(name)).unwrap().head;
    assert_eq!(open("bert_sequence").labels, ["refund", "card", "transfer"]);
    assert_eq!(open("roberta_tokens").labels, ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]);
    assert_eq!(open("modernbert_cross_encoder").labels, ["LABEL_0"]);
    // transformers leaves out two labels without names of their own.
    assert_eq!(open("bert").labels, ["LABEL_0", "LABEL_1"]);
}

/// The row of a checkpoint: family, its name in the file, what was compared.
type Row = (usize, String, &'static str);

/// Number of checkpoints and their largest error: of folders and of GGUF files.
type Errors = [(usize, f64); 2];

fn rows() -> BTreeMap<Row, Errors> {
    let mut rows: BTreeMap<Row, Errors> = BTreeMap::new();
    let mut add = |golden: &Golden, what, errors: [Option<f64>; 2]| {
        let model_type = golden.config.model_type.clone();
        let family = encoder_families().position(|(_, types)| types.contains(&&*model_type));
        let row = rows.entry((family.unwrap(), model_type, what)).or_default();
        for ((count, largest), error) in row.iter_mut().zip(errors) {
            *count += usize::from(error.is_some());
            *largest = f64::max(*largest, error.unwrap_or_default());
        }
    };
    for golden in goldens(false) {
        let what = match golden.config.head.task {
            EncoderTask::Hidden => "hidden states",
            EncoderTask::SequenceClassification if golden.config.head.labels.len() == 1 => {
                "cross-encoder"
            }
            EncoderTask::SequenceClassification => "sequence classification",
            EncoderTask::TokenClassification => "token classification",
        };
        let gguf = whole_gguf(&golden).map(|golden| golden.error());
        add(&golden, what, [Some(golden.error()), gguf]);
    }
    for golden in goldens(true) {
        let gguf = whole_gguf(&golden).map(|golden| golden.embedding_error());
        add(&golden, "text embeddings", [Some(golden.embedding_error()), gguf]);
    }
    rows
}

/// The page, and the same without the measured errors, which differ between instruction sets.
fn page() -> String {
    let mut page = String::from(
        "# Encoders\n\n\
         Families of encoders that Catena runs, and the largest error of each head against \
         `transformers` (text\nembeddings: `sentence-transformers`) in f32, over the largest value, \
         on tiny random checkpoints: folders as\n`save_pretrained` writes them, and GGUF files that \
         llama.cpp's converter makes of these. This page is generated\nby the tests that compare \
         them: `UPDATE_DOCS=1 cargo test -p catena-model encoder`.\n\n\
         | family | `model_type` | head | folders | error | GGUF files | error |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for ((family, model_type, what), [folders, files]) in rows() {
        let (name, _) = encoder_families().nth(family).unwrap();
        write!(page, "| {name} | `{model_type}` | {what} ").unwrap();
        for (count, error) in [folders, files] {
            match count {
                0 => write!(page, "| no | "),
                _ => write!(page, "| {count} | {error:.0e} "),
            }
            .unwrap();
        }
        page.push_str("|\n");
    }
    page.push_str(GGUF_NOTES);
    page
}

const GGUF_NOTES: &str = "
## GGUF files

Read are llama.cpp's architectures `bert` (the vocabulary tells BERT and DistilBERT from RoBERTa and
XLM-RoBERTa) and `modern-bert`, in any of the types that decoders are read in. They hold less than a folder:

- What stands in the MLP of BERT and RoBERTa is not in them; it is taken to be GELU, exact as in
  `transformers` (llama.cpp computes it by tanh).
- Scaling to unit length is not in them either. Vectors of texts are scaled, as llama.cpp's tools do
  unless they are told otherwise. Pooling is `pooling_type`: mean, cls or last, and mean where there is none.
- Nor is the limit on tokens of `sentence_bert_config.json`; the limit is the encoder's.
- BERT's classifiers are refused, their encoders are not: the converter leaves out the pooler before the
  last layer. Classifiers of RoBERTa and ModernBERT are read; of the latter, the activation before the
  last layer is taken to be GELU. llama.cpp has no classifiers of tokens.
- Which layers of ModernBERT see a window is in them as a period, three where there is none; a list in
  `layer_types` that says otherwise is lost when the file is made.
- A WordPiece file with one token type is refused: CamemBERT is converted to such files, with another
  vocabulary and other positions than they claim.
";

fn without_errors(page: &str) -> String {
    let cell = |cell: &str| match cell.trim().parse::<f64>() {
        Ok(_) if cell.contains('e') => "error".to_owned(),
        _ => cell.to_owned(),
    };
    let line = |line: &str| line.split('|').map(cell).collect::<Vec<_>>().join("|");
    page.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_page_of_encoders_is_up_to_date() {
    let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/encoders.md");
    let wanted = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        without_errors(&found) == without_errors(&wanted),
        "{path} is stale: UPDATE_DOCS=1 cargo test -p catena-model encoder"
    );
    for (model_type, types) in encoder_families().flat_map(|(_, types)| types).map(|t| (t, &found))
    {
        assert!(types.contains(&format!("`{model_type}`")), "{model_type} has no golden");
    }
}
