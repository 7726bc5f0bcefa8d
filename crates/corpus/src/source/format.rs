//! Which format a file has, by its ending or else by its first bytes.

/// How a file holds rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// One JSON object a line.
    JsonLines,
    /// A list of JSON objects, or objects one after the other.
    Json,
    /// A table separated by commas, with a header line.
    Csv,
    /// A table separated by tabs, with a header line.
    Tsv,
    /// Parquet.
    Parquet,
    /// Arrow IPC, as a file or as a stream.
    Arrow,
    /// Plain text.
    Text,
    /// Markdown.
    Markdown,
    /// HTML.
    Html,
    /// PDF.
    Pdf,
    /// A text document of Office Open XML.
    Docx,
    /// A workbook of Office Open XML.
    Xlsx,
    /// A presentation of Office Open XML.
    Pptx,
    /// An electronic book.
    Epub,
    /// A web archive.
    Warc,
    /// None of these: the file yields one bad row.
    Unknown,
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// One or more gzip members.
    Gzip,
    /// One or more Zstandard frames.
    Zstd,
}

/// One line for each ending.
const ENDINGS: [(&str, Format); 22] = [
    ("jsonl", Format::JsonLines),
    ("ndjson", Format::JsonLines),
    ("json", Format::Json),
    ("csv", Format::Csv),
    ("tsv", Format::Tsv),
    ("parquet", Format::Parquet),
    ("arrow", Format::Arrow),
    ("feather", Format::Arrow),
    ("ipc", Format::Arrow),
    ("txt", Format::Text),
    ("text", Format::Text),
    ("md", Format::Markdown),
    ("markdown", Format::Markdown),
    ("html", Format::Html),
    ("htm", Format::Html),
    ("xhtml", Format::Html),
    ("pdf", Format::Pdf),
    ("docx", Format::Docx),
    ("xlsx", Format::Xlsx),
    ("pptx", Format::Pptx),
    ("epub", Format::Epub),
    ("warc", Format::Warc),
];

/// The endings that are read, as errors name them.
pub(super) const KNOWN: &str = ".jsonl, .ndjson, .json, .csv, .tsv, .parquet, .arrow, .txt, .md, \
    .html, .pdf, .docx, .xlsx, .pptx, .epub, .warc, each also with .gz or .zst";

impl Format {
    /// The format and the compression of a file named `name`, by its ending.
    pub fn of_name(name: &str) -> (Self, Compression) {
        let name = name.to_ascii_lowercase();
        let (plain, compression) = match name.rsplit_once('.') {
            Some((plain, "gz" | "gzip")) => (plain, Compression::Gzip),
            Some((plain, "zst" | "zstd")) => (plain, Compression::Zstd),
            _ => (name.as_str(), Compression::None),
        };
        let ending = plain.rsplit_once('.').map(|(_, ending)| ending);
        let known = ENDINGS.iter().find(|(known, _)| Some(*known) == ending);
        // Common Crawl names its extracted texts `.warc.wet.gz` and its metadata `.warc.wat.gz`.
        let warc = matches!(ending, Some("wet" | "wat")) && plain.contains(".warc.");
        let format = if warc { Self::Warc } else { known.map_or(Self::Unknown, |one| one.1) };
        (format, compression)
    }

    /// The format of a file that begins with `head`, where that is certain.
    pub(super) fn of_head(head: &[u8]) -> (Self, Compression) {
        let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
        let starts = |start: &str| {
            text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
        };
        let format = match head {
            [b'%', b'P', b'D', b'F', b'-', ..] => Self::Pdf,
            [b'P', b'A', b'R', b'1', ..] => Self::Parquet,
            [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Self::Arrow,
            [b'W', b'A', b'R', b'C', b'/', ..] => Self::Warc,
            _ if starts("<!doctype html") || starts("<html") => Self::Html,
            _ if starts("{") => Self::JsonLines,
            _ if starts("[{") => Self::Json,
            _ => Self::Unknown,
        };
        (format, Compression::None)
    }

    /// Whether a file of this format is one text and nothing else.
    pub(super) fn is_one_text(self) -> bool {
        match self {
            Self::Text
            | Self::Markdown
            | Self::Html
            | Self::Pdf
            | Self::Docx
            | Self::Pptx
            | Self::Epub => true,
            Self::JsonLines
            | Self::Json
            | Self::Csv
            | Self::Tsv
            | Self::Parquet
            | Self::Arrow
            | Self::Xlsx
            | Self::Warc
            | Self::Unknown => false,
        }
    }

    /// Its name in metadata and errors.
    pub fn name(self) -> &'static str {
        match self {
            Self::JsonLines => "JSON Lines",
            Self::Json => "JSON",
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::Parquet => "Parquet",
            Self::Arrow => "Arrow",
            Self::Text => "text",
            Self::Markdown => "Markdown",
            Self::Html => "HTML",
            Self::Pdf => "PDF",
            Self::Docx => "docx",
            Self::Xlsx => "xlsx",
            Self::Pptx => "pptx",
            Self::Epub => "EPUB",
            Self::Warc => "WARC",
            Self::Unknown => "an unknown format",
        }
    }
}
