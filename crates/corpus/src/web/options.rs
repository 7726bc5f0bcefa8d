//! What to take from a page, and what was.

/// How the text of a page is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PageFormat {
    /// Paragraphs with a blank line between; list items after a dash.
    #[default]
    Text,
    /// Markdown: headings, emphasis, lists, tables, code and quotes keep their form.
    Markdown,
}

/// How to extract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtractOptions {
    /// The form of the text.
    pub format: PageFormat,
    /// Where the page came from, for a page that does not say.
    pub url: Option<String>,
    /// Whether tables are part of the text.
    pub tables: bool,
    /// Longer pages are refused.
    pub max_bytes: usize,
}

impl Default for ExtractOptions {
    fn default() -> Self {
        Self { format: PageFormat::Text, url: None, tables: true, max_bytes: 32 << 20 }
    }
}

/// The main content of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// The title, without the name of the site where that can be told.
    pub title: Option<String>,
    /// The main content.
    pub text: String,
    /// The language the page says it is in (`en`, `zh-CN`): a hint, often wrong.
    pub language_hint: Option<String>,
    /// The day of publication, `YYYY-MM-DD`.
    pub date: Option<String>,
    /// The name of the site.
    pub site: Option<String>,
    /// The page's address by its own account, or the one from the options.
    pub url: Option<String>,
    /// The page's own summary.
    pub description: Option<String>,
}
