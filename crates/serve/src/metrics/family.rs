//! What is measured, before anybody writes it down.

use super::histogram::Histogram;

/// Names of one family: ours, or OpenTelemetry's, which has dots, and vLLM's; an empty one is left out.
pub(super) type Names = [&'static str; 2];

/// Names and values of labels, in the order in which they are written.
pub(super) type Labels = Vec<(&'static str, String)>;

/// What the values of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What has come together since the start.
    Counter,
    /// What is so now.
    Gauge,
    /// What has come together since the start, by size.
    Histogram,
}

/// Values of one meaning.
pub(super) struct Family {
    names: Names,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    pub(super) points: Vec<Point>,
}

impl Family {
    /// The names under which it is written.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.names.into_iter().filter(|name| !name.is_empty())
    }
}

/// One of its values.
pub(super) struct Point {
    pub(super) labels: Labels,
    pub(super) value: Reading,
}

/// A value.
pub(super) enum Reading {
    Number(f64),
    Sizes(Histogram),
}

/// All that is measured, in the order in which it is written.
#[derive(Default)]
pub(super) struct Families(pub(super) Vec<Family>);

impl Families {
    /// Adds a family with what `read` puts into it.
    pub(super) fn add(
        &mut self,
        names: Names,
        kind: Kind,
        help: &'static str,
        read: impl FnOnce(&mut Points),
    ) {
        let mut points = Points(Vec::new());
        read(&mut points);
        self.0.push(Family { names, kind, help, points: points.0 });
    }
}

/// The values of a family in the making.
pub(super) struct Points(Vec<Point>);

impl Points {
    /// A value of one model; `labels` follow the model's.
    pub(super) fn of_model(&mut self, model: &str, labels: &[(&'static str, &str)], value: f64) {
        let labels: Vec<_> = [("model_name", model)].iter().chain(labels).copied().collect();
        self.number(&labels, value);
    }

    /// A number.
    pub(super) fn number(&mut self, labels: &[(&'static str, &str)], value: f64) {
        self.point(labels, Reading::Number(value));
    }

    /// Counts by size.
    pub(super) fn sizes(&mut self, labels: &[(&'static str, &str)], histogram: Histogram) {
        self.point(labels, Reading::Sizes(histogram));
    }

    fn point(&mut self, labels: &[(&'static str, &str)], value: Reading) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.0.push(Point { labels, value });
    }
}
