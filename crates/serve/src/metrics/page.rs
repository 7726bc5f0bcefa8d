//! The text of `/metrics`: the exposition format, version 0.0.4.
//!
//! # Source
//! OpenTelemetry, "Prometheus and OpenMetrics compatibility", for names that are OpenTelemetry's.

use super::collect::collect;
use super::family::{Family, Kind, Reading};
use super::histogram::Histogram;
use crate::app::App;
use std::fmt::Write;

/// The text of `/metrics`.
pub(crate) fn render(app: &App) -> String {
    page(&collect(app))
}

/// The text of `families`, each under each of its names.
pub(super) fn page(families: &[Family]) -> String {
    let mut page = Page(String::new());
    for family in families {
        for name in family.names() {
            page.family(&plain(name), family);
        }
    }
    page.0
}

/// A name of OpenTelemetry's as Prometheus writes it: dots become underscores, and what has dots here is
/// measured in seconds, which comes last. Others stay.
fn plain(name: &str) -> String {
    if name.contains('.') { format!("{}_seconds", underscored(name)) } else { name.to_owned() }
}

fn underscored(name: &str) -> String {
    name.replace('.', "_")
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, family: &Family) {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.line(format_args!("# HELP {name} {}", family.help));
        self.line(format_args!("# TYPE {name} {kind}"));
        for point in &family.points {
            let labels = join(&point.labels);
            match &point.value {
                Reading::Number(value) => self.line(format_args!("{name}{{{labels}}} {value}")),
                Reading::Sizes(histogram) => self.histogram(name, &labels, histogram),
            }
        }
    }

    fn histogram(&mut self, name: &str, labels: &str, histogram: &Histogram) {
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

fn join(labels: &[(&'static str, String)]) -> String {
    let pair = |(name, value): &(&'static str, String)| {
        format!("{}=\"{}\"", underscored(name), escape(value))
    };
    labels.iter().map(pair).collect::<Vec<_>>().join(",")
}

/// A label value's text.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
