//! The card as a page with charts. It loads nothing from elsewhere.

use super::card::{Card, InputSet, by_count, samples};
use std::fmt::Write;

/// Widest bar, in pixels.
const WIDTH: f64 = 420.0;
/// Bars of one chart.
const MAX_BARS: usize = 30;

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1f2430;--soft:#687083;--line:#dfe3ea;--bar:#3b6fd8;
--drop:#d0603f;--page:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9aa3b5;--line:#333b4a;
--bar:#6e9bf5;--drop:#e88562;--page:#14181f}}
body{font:15px/1.5 system-ui,'Noto Sans CJK SC',sans-serif;color:var(--ink);background:var(--page);
max-width:960px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}
.figures{display:flex;flex-wrap:wrap;gap:1rem}
.figures div{border:1px solid var(--line);border-radius:8px;padding:.7rem 1rem;min-width:8rem}
.figures b{display:block;font-size:1.3rem}.figures span{color:var(--soft)}
svg text{font-size:13px;fill:var(--ink)}svg .count{fill:var(--soft)}
svg rect{fill:var(--bar)}svg.drop rect{fill:var(--drop)}
table{border-collapse:collapse}td,th{border-bottom:1px solid var(--line);padding:.25rem .8rem;
text-align:left}pre{overflow:auto;border:1px solid var(--line);border-radius:8px;padding:1rem}
";

impl Card {
    /// The card as an HTML page.
    pub fn report(&self) -> String {
        let summary = &self.summary;
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <title>Data report</title><style>{STYLE}</style></head><body>\n<h1>Data report</h1>\n"
        );
        figures(&mut page, self);
        let dropped = summary.dropped.iter().flat_map(|(step, rules)| {
            rules.iter().map(move |(rule, count)| (format!("{step}: {rule}"), *count))
        });
        let mut dropped: Vec<_> = dropped.collect();
        dropped.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        chart(&mut page, "Why documents were dropped", "drop", &dropped);
        chart(&mut page, "Rows that could not be read", "drop", &by_count(&summary.rejected));
        chart(&mut page, "Languages kept", "", &by_count(&summary.languages_kept));
        chart(&mut page, "Documents changed", "", &by_count(&summary.changed));
        chart(&mut page, "Masked places", "", &by_count(&summary.masked));
        self.write_masked(&mut page);
        let lengths = |histogram: &super::Histogram| -> Vec<(String, u64)> {
            histogram.bars().map(|(edge, count)| (format!("from {edge} bytes"), count)).collect()
        };
        chart(&mut page, "Length of kept texts", "", &lengths(&summary.lengths));
        chart(&mut page, "Length of dropped texts", "drop", &lengths(&summary.lengths_dropped));
        chart(&mut page, "Sources kept", "", &by_count(&summary.sources));
        if !self.input_sets.is_empty() {
            page.push_str(
                "<h2>Licences of the inputs</h2><table><tr><th>set</th><th>licence</th>\
                <th>languages</th></tr>",
            );
            for InputSet { path, about } in &self.input_sets {
                let [path, license, language] =
                    [path, &about.license.join(", "), &about.language.join(", ")]
                        .map(|one| escape(one));
                let _ =
                    write!(page, "<tr><td>{path}</td><td>{license}</td><td>{language}</td></tr>");
            }
            page.push_str("</table>\n");
        }
        if let Some(report) = &self.split {
            let _ = write!(page, "<h2>Splits</h2><pre>{}</pre>", escape(&report.to_string()));
        }
        self.write_files(&mut page);
        let _ = write!(page, "<h2>Plan</h2><pre>{}</pre>", escape(&self.plan_text()));
        let _ = writeln!(
            page,
            "<p>catena {} · plan and inputs <code>{}</code></p></body></html>",
            escape(&self.version),
            escape(&self.fingerprint)
        );
        page
    }

    /// The samples of masked places.
    fn write_masked(&self, page: &mut String) {
        let Some(audit) = self.pii_audit.as_ref().filter(|audit| audit.total() > 0) else { return };
        let _ = write!(
            page,
            "<p>Personal data was masked in {} of {} documents. Of each kind up to {} places, with \
             all but the ends hidden:</p><table><tr><th>kind</th><th>place</th></tr>",
            audit.texts_with_matches, audit.texts, audit.sample_size
        );
        for (kind, sample) in samples(audit) {
            let _ = write!(
                page,
                "<tr><td>{kind}</td><td>{}<b>{}</b>{}</td></tr>",
                escape(&sample.before),
                escape(&sample.value),
                escape(&sample.after)
            );
        }
        page.push_str("</table>\n");
    }

    fn write_files(&self, page: &mut String) {
        page.push_str(
            "<h2>Files</h2><table><tr><th>file</th><th>documents</th><th>bytes</th></tr>",
        );
        for file in &self.files {
            let _ = write!(
                page,
                "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(&file.path),
                file.num_documents,
                file.bytes
            );
        }
        page.push_str("</table>\n");
    }
}

fn figures(page: &mut String, card: &Card) {
    let summary = &card.summary;
    let share = 100.0 * summary.num_kept as f64 / summary.num_read.max(1) as f64;
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    let figures = [
        (summary.num_read.to_string(), "documents read"),
        (format!("{} ({share:.1} %)", summary.num_kept), "documents kept"),
        (summary.num_rejected().to_string(), "rows not readable"),
        (megabytes(summary.bytes_read), "of text read"),
        (megabytes(summary.bytes_kept), "of text kept"),
    ];
    page.push_str("<div class=\"figures\">");
    for (value, what) in figures {
        let _ = write!(page, "<div><b>{value}</b><span>{what}</span></div>");
    }
    page.push_str("</div>\n");
}

/// Horizontal bars; nothing for an empty list.
fn chart(page: &mut String, title: &str, class: &str, rows: &[(String, u64)]) {
    let rows: Vec<_> = rows.iter().filter(|(_, count)| *count > 0).take(MAX_BARS).collect();
    let Some(most) = rows.iter().map(|(_, count)| *count).max() else { return };
    let height = rows.len() * 24 + 4;
    let _ = write!(
        page,
        "<h2>{}</h2><svg class=\"{class}\" width=\"860\" height=\"{height}\" role=\"img\">",
        escape(title)
    );
    for (at, (name, count)) in rows.iter().enumerate() {
        let (y, width) = (at * 24, (WIDTH * *count as f64 / most as f64).max(1.0));
        let short: String = name.chars().take(44).collect();
        let _ = write!(
            page,
            "<g><title>{}</title><text x=\"0\" y=\"{}\">{}</text>\
             <rect x=\"330\" y=\"{}\" width=\"{width:.1}\" height=\"16\" rx=\"3\"/>\
             <text class=\"count\" x=\"{:.1}\" y=\"{}\">{count}</text></g>",
            escape(name),
            y + 17,
            escape(&short),
            y + 4,
            336.0 + width,
            y + 17,
        );
    }
    page.push_str("</svg>\n");
}

/// Text for a page.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
