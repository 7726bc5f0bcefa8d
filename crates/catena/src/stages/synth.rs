//! Stage `synth`: the base model writes questions about the documents; what retrieval can answer
//! becomes training and held-out records.

use super::{Inputs, digest_setting, setting};
use crate::documents::read_clean_documents;
use crate::models::{BoxError, LanguageModel, LocalEmbedder, Numerics};
use camino::Utf8Path;
use catena_data::{
    Record, RecordPassage, Split, check_leaks, drop_leaks, split_documents, write_records,
};
use catena_engine::{Completion, Constraint, Request, SamplingParams};
use catena_knowledge::{Embedder, Grounding, Index, Method, build_prompt};
use catena_pipeline::{Settings, Stage, StageContext, Summary};
use catena_protocol::{Chunk, Document, Message, Passage, Role};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::Arc;

/// Questions generated between two writes to the disk.
const GROUP: usize = 32;
/// Most tokens of a generated JSON object.
const MAX_QUESTION_TOKENS: usize = 64;
/// A question is one sentence of 17 to 142 characters that ends with a question mark.
const QUESTION_PATTERN: &str = "^[A-Z][^?\"\\\\\\n]{15,140}\\?$";
/// Passages of one retrieval beyond those shown, so that a document may be found with two chunks.
const EXTRA_PASSAGES: usize = 3;

/// Name of the records trained on.
pub(crate) const TRAIN_FILE: &str = "train.jsonl";
/// Name of the records held out.
pub(crate) const HELDOUT_FILE: &str = "heldout.jsonl";

/// The stage.
pub(crate) struct Synth(pub(crate) Arc<Inputs>);

/// A question as it is kept while the stage runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Asked {
    chunk_id: String,
    ordinal: usize,
    /// `None` when the model's output held no usable question.
    question: Option<String>,
}

/// Why questions were not used.
#[derive(Default)]
struct Rejected {
    unusable: usize,
    repeated: usize,
    not_found: usize,
    ungrounded: usize,
}

impl Stage for Synth {
    fn name(&self) -> &'static str {
        "synth"
    }

    fn version(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [&'static str] {
        &["data", "index"]
    }

    fn settings(&self) -> Settings {
        let synth = &self.0.config.synth;
        Settings::from([
            digest_setting("base model", &self.0.base.digest),
            setting("synth.documents", synth.documents),
            setting("synth.questions_per_document", synth.questions_per_document),
            setting("synth.heldout_share", synth.heldout_share),
            setting("synth.passages", synth.passages),
            setting("synth.temperature", synth.temperature),
            setting("synth.seed", synth.seed),
        ])
    }

    fn run(&self, context: &StageContext<'_>) -> Result<Summary, BoxError> {
        let synth = &self.0.config.synth;
        let documents = read_clean_documents(context.input("data"))?;
        let index = Index::open(context.input("index"))?;
        let embedder = self.0.embedder()?;
        let embedder = embedder.as_ref();
        let chunks = chunks_by_document(index.chunks());
        let chosen = choose(&documents, &chunks, synth.documents, synth.seed);
        let asked = self.ask(context, &chosen, &chunks)?;
        let splits = split_documents(
            chosen.iter().map(|document| document.id.as_str()),
            synth.heldout_share,
            synth.seed,
        )?;
        let mut rejected = Rejected::default();
        let mut records =
            self.ground(context, &asked, &index, &chunks, &splits, embedder, &mut rejected)?;
        let leaks = drop_leaks(&mut records);
        check_leaks(&records)?;
        let (train, heldout): (Vec<Record>, Vec<Record>) =
            records.into_iter().partition(|record| record.split == Split::Train);
        if train.is_empty() || heldout.is_empty() {
            return Err(Box::new(NoRecords { train: train.len(), heldout: heldout.len() }));
        }
        write_records(&context.dir().join(TRAIN_FILE), &train)?;
        write_records(&context.dir().join(HELDOUT_FILE), &heldout)?;
        let summary = json!({
            "documents": chosen.len(),
            "questions": asked.len(),
            "train_records": train.len(),
            "heldout_records": heldout.len(),
            "rejected_unusable": rejected.unusable,
            "rejected_repeated": rejected.repeated,
            "rejected_not_found": rejected.not_found,
            "rejected_ungrounded": rejected.ungrounded,
            "rejected_leaking": leaks.documents + leaks.questions + leaks.answer_sentences,
        });
        Ok(super::summary(summary))
    }
}

/// The records of one side are missing.
#[derive(Debug, thiserror::Error)]
#[error("{train} training and {heldout} held-out records came out, both need at least one")]
pub(crate) struct NoRecords {
    train: usize,
    heldout: usize,
}

impl Synth {
    /// Has the base model write the questions, in groups that survive an interruption.
    fn ask(
        &self,
        context: &StageContext<'_>,
        chosen: &[&Document],
        chunks: &HashMap<&str, Vec<&Chunk>>,
    ) -> Result<Vec<Asked>, BoxError> {
        let synth = &self.0.config.synth;
        let mut wanted: Vec<(&Chunk, usize)> = Vec::new();
        for document in chosen {
            let of_document = &chunks[document.id.as_str()];
            for ordinal in 0..synth.questions_per_document {
                // Different chunks first; then again, with another seed.
                wanted.push((of_document[ordinal % of_document.len()], ordinal));
            }
        }
        let mut log = AskedLog::open(&context.dir().join("questions.jsonl"))?;
        log.done.truncate(wanted.len());
        let progress = context.progress();
        progress.begin("writing questions", Some(wanted.len() as u64), "questions");
        progress.update(log.done.len() as u64);
        if log.done.len() < wanted.len() {
            let model = LanguageModel::open(&self.0.base.path)?;
            let mut engine = model.batch_engine(self.0.pool.clone(), Numerics::default())?;
            for group in wanted[log.done.len()..].chunks(GROUP) {
                let first = log.done.len();
                let requests = group
                    .iter()
                    .enumerate()
                    .map(|(i, (chunk, _))| self.request(&model, chunk, (first + i) as u64))
                    .collect::<Result<Vec<Request>, BoxError>>()?;
                let done =
                    engine.run_all(requests, &catena_protocol::NoProgress, context.cancel())?;
                for ((chunk, ordinal), completion) in group.iter().zip(done) {
                    log.push(Asked {
                        chunk_id: chunk.id.clone(),
                        ordinal: *ordinal,
                        question: question_of(&completion),
                    })?;
                }
                log.flush()?;
                progress.update(log.done.len() as u64);
            }
        }
        progress.end();
        Ok(log.done)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a temperature is a small number")]
    fn request(
        &self,
        model: &LanguageModel,
        chunk: &Chunk,
        number: u64,
    ) -> Result<Request, BoxError> {
        let synth = &self.0.config.synth;
        let params = SamplingParams {
            max_new_tokens: MAX_QUESTION_TOKENS,
            temperature: synth.temperature as f32,
            top_p: 0.9,
            seed: synth.seed.wrapping_mul(1_000_003).wrapping_add(number),
            ..SamplingParams::default()
        };
        let schema = json!({
            "type": "object",
            "properties": {"question": {
                "type": "string",
                "pattern": QUESTION_PATTERN,
            }},
            "required": ["question"],
            "additionalProperties": false,
        });
        let prompt = model.codec.encode_messages(&question_prompt(chunk))?;
        Ok(Request::new(prompt, params).with_constraint(Constraint::JsonSchema(schema)))
    }

    /// Turns questions into records: retrieve, require the document, pick the answer, number.
    #[expect(clippy::too_many_arguments, reason = "each is a different thing the records need")]
    fn ground(
        &self,
        context: &StageContext<'_>,
        asked: &[Asked],
        index: &Index,
        chunks: &HashMap<&str, Vec<&Chunk>>,
        splits: &BTreeMap<String, Split>,
        embedder: &LocalEmbedder,
        rejected: &mut Rejected,
    ) -> Result<Vec<Record>, BoxError> {
        let progress = context.progress();
        progress.begin("grounding answers", Some(asked.len() as u64), "questions");
        let by_id: HashMap<&str, &Chunk> =
            index.chunks().iter().map(|chunk| (chunk.id.as_str(), chunk)).collect();
        let mut seen = HashSet::new();
        let mut records = Vec::new();
        for (number, one) in asked.iter().enumerate() {
            if context.cancel().is_cancelled() {
                return Err("interrupted".into());
            }
            progress.update(number as u64);
            let Some(question) = &one.question else {
                rejected.unusable += 1;
                continue;
            };
            if !seen.insert(question.to_lowercase()) {
                rejected.repeated += 1;
                continue;
            }
            let document_id = by_id[one.chunk_id.as_str()].document_id.as_str();
            let Some(passages) = self.retrieve(index, embedder, question, document_id)? else {
                rejected.not_found += 1;
                continue;
            };
            let of_document = &chunks[document_id];
            match self.record(number, question, passages, of_document, embedder)? {
                Some((answer_chunk, mut record)) => {
                    debug_assert_eq!(answer_chunk.document_id, document_id);
                    record.split = splits[document_id];
                    records.push(record);
                }
                None => rejected.ungrounded += 1,
            }
        }
        progress.end();
        Ok(records)
    }

    /// The passages to show, if retrieval finds the document among them.
    fn retrieve(
        &self,
        index: &Index,
        embedder: &LocalEmbedder,
        question: &str,
        document_id: &str,
    ) -> Result<Option<Vec<Passage>>, BoxError> {
        let shown = self.0.config.synth.passages;
        let found = index.search(question, Method::Hybrid, shown + EXTRA_PASSAGES, embedder)?;
        let passages: Vec<Passage> = found.into_iter().take(shown).collect();
        let hit = passages.iter().any(|passage| passage.chunk.document_id == document_id);
        Ok(hit.then_some(passages))
    }

    /// A record of `question`: the answer's sentence, its passage among the shown ones, all in an
    /// order drawn with the seed so that no position is favoured.
    fn record<'c>(
        &self,
        number: usize,
        question: &str,
        mut passages: Vec<Passage>,
        of_document: &[&'c Chunk],
        embedder: &LocalEmbedder,
    ) -> Result<Option<(&'c Chunk, Record)>, BoxError> {
        let owned: Vec<Chunk> = of_document.iter().map(|chunk| (*chunk).clone()).collect();
        let grounding = Grounding::new(&owned, embedder)?;
        let embedding = embedder.embed(&[question])?.remove(0);
        let Some(grounded) = grounding.answer(question, &embedding) else { return Ok(None) };
        let answer_chunk = of_document[grounded.chunk];
        if !passages.iter().any(|passage| passage.chunk.id == answer_chunk.id) {
            // The document was found by another of its chunks: the one with the answer is shown.
            let place = passages
                .iter()
                .position(|passage| passage.chunk.document_id == answer_chunk.document_id)
                .expect("retrieval found the document among the passages");
            passages[place].chunk = answer_chunk.clone();
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.0.config.synth.seed);
        rng.set_stream(number as u64);
        passages.shuffle(&mut rng);
        let place = passages
            .iter()
            .position(|passage| passage.chunk.id == answer_chunk.id)
            .expect("the answer's chunk was put among the passages");
        let citation = place + 1;
        let record = Record {
            id: format!("q{number:05}"),
            document_id: answer_chunk.document_id.clone(),
            split: Split::Train,
            question: question.to_owned(),
            messages: build_prompt(question, &passages),
            passages: passages.into_iter().enumerate().map(numbered).collect(),
            answer: format!("{} [{citation}]", grounded.text),
            citation,
        };
        Ok(Some((answer_chunk, record)))
    }
}

fn numbered((place, passage): (usize, Passage)) -> RecordPassage {
    RecordPassage {
        number: place + 1,
        document_id: passage.chunk.document_id,
        chunk_id: passage.chunk.id,
        title: passage.chunk.title,
        text: passage.chunk.text,
        span: passage.chunk.span,
    }
}

fn chunks_by_document(chunks: &[Chunk]) -> HashMap<&str, Vec<&Chunk>> {
    let mut by_document: HashMap<&str, Vec<&Chunk>> = HashMap::new();
    for chunk in chunks {
        by_document.entry(chunk.document_id.as_str()).or_default().push(chunk);
    }
    by_document
}

/// Draws `count` documents that have chunks, all when `count` is 0.
fn choose<'d>(
    documents: &'d [Document],
    chunks: &HashMap<&str, Vec<&Chunk>>,
    count: usize,
    seed: u64,
) -> Vec<&'d Document> {
    let mut usable: Vec<&Document> =
        documents.iter().filter(|document| chunks.contains_key(document.id.as_str())).collect();
    usable.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    if count > 0 {
        usable.truncate(count);
    }
    usable
}

/// The instruction, two worked examples as earlier turns, and the text to ask about. Small models
/// follow examples far better than instructions: with the instruction alone half of the questions
/// were about "this text".
fn question_prompt(chunk: &Chunk) -> Vec<Message> {
    let examples = [
        (
            "Harbor Travel Card",
            "The Harbor Travel Card has an annual fee of $95. Purchases abroad carry no foreign \
             transaction fee.",
            "Does the Harbor Travel Card charge a fee for purchases abroad?",
        ),
        (
            "Internal: Disputing a charge",
            "A dispute must be filed within 60 days of the statement date. Verify the customer \
             before filing.",
            "How many days do I have to dispute a charge on my statement?",
        ),
    ];
    let mut messages = vec![Message::new(
        Role::System,
        "You write one question that a customer asks and the text answers. Name the product or \
         topic in it.",
    )];
    for (title, text, question) in examples {
        messages.push(Message::new(Role::User, question_text(title, text)));
        let answer = json!({"question": question}).to_string();
        messages.push(Message::new(Role::Assistant, answer));
    }
    messages.push(Message::new(Role::User, question_text(&chunk.title, &chunk.text)));
    messages
}

fn question_text(title: &str, text: &str) -> String {
    format!("{}\n\n{}", title.trim(), text.trim())
}

/// The question in a constrained output, if the output is whole and reads like one.
fn question_of(completion: &Completion) -> Option<String> {
    #[derive(Deserialize)]
    struct Output {
        question: String,
    }
    let output: Output = serde_json::from_str(&completion.text).ok()?;
    let question = output.question.split_whitespace().collect::<Vec<_>>().join(" ");
    (!question.is_empty()).then_some(question)
}

/// The questions on disk, one a line; a torn last line is dropped on opening.
struct AskedLog {
    file: File,
    done: Vec<Asked>,
}

impl AskedLog {
    fn open(path: &Utf8Path) -> Result<Self, BoxError> {
        let text = if path.exists() { std::fs::read_to_string(path)? } else { String::new() };
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let done = whole.lines().map(serde_json::from_str).collect::<Result<Vec<Asked>, _>>()?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        file.set_len(whole.len() as u64)?;
        let mut this = Self { file, done };
        std::io::Seek::seek(&mut this.file, std::io::SeekFrom::End(0))?;
        Ok(this)
    }

    fn push(&mut self, asked: Asked) -> Result<(), BoxError> {
        let mut line = serde_json::to_string(&asked)?;
        line.push('\n');
        self.file.write_all(line.as_bytes())?;
        self.done.push(asked);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), BoxError> {
        Ok(self.file.sync_data()?)
    }
}
