//! The text of `/metrics`: the exposition format, version 0.0.4.

use super::histogram::Histogram;
use std::fmt::Write;

/// Names of one family: ours and vLLM's; an empty one is left out.
pub(super) type Names = [&'static str; 2];

pub(super) struct Page(pub(super) String);

impl Page {
    /// Writes one family under each of its names.
    pub(super) fn family(
        &mut self,
        names: Names,
        kind: &str,
        help: &str,
        mut samples: impl FnMut(&mut Page, &str),
    ) {
        for name in names.into_iter().filter(|name| !name.is_empty()) {
            self.line(format_args!("# HELP {name} {help}"));
            self.line(format_args!("# TYPE {name} {kind}"));
            samples(self, name);
        }
    }

    /// One family of what is known of each of `all`, by name.
    pub(super) fn each<T>(
        &mut self,
        all: &[(String, T)],
        (names, kind, help): (Names, &str, &str),
        mut samples: impl FnMut(&mut Page, &str, &str, &T),
    ) {
        self.family(names, kind, help, |page, name| {
            for (of, what) in all {
                samples(page, name, of, what);
            }
        });
    }

    /// A value of one model; `labels` follow the model's, each with a comma before it.
    pub(super) fn sample(&mut self, name: &str, model: &str, labels: &str, value: f64) {
        let model = escape(model);
        self.line(format_args!("{name}{{model_name=\"{model}\"{labels}}} {value}"));
    }

    /// A value that belongs to no model.
    pub(super) fn plain(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.line(format_args!("{name}{{{}}} {value}", join(labels)));
    }

    pub(super) fn histogram(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let labels = join(labels);
        let mut total = 0;
        for (idx, count) in histogram.counts.iter().enumerate() {
            total += count;
            let edge =
                histogram.edges.get(idx).map_or_else(|| "+Inf".to_owned(), ToString::to_string);
            self.line(format_args!("{name}_bucket{{{labels},le=\"{edge}\"}} {total}"));
        }
        self.line(format_args!("{name}_sum{{{labels}}} {}", histogram.sum));
        self.line(format_args!("{name}_count{{{labels}}} {total}"));
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{text}").expect("writing to a string cannot fail");
    }
}

fn join(labels: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{name}=\"{}\"", escape(value));
    labels.iter().map(pair).collect::<Vec<_>>().join(",")
}

/// A label value's text.
pub(super) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
