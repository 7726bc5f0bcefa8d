//! QQ numbers.

use super::PiiRule;
use super::rules::Spec;
use super::site::{Kind, Site};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::Qq,
    name: "qq",
    placeholder: "[QQ]",
    description: "QQ numbers of people and groups with a label",
    kinds: &[Kind::Word],
    find,
};

const LABELS: &[&str] =
    &["qq", "扣扣", "企鹅号", "企鹅", "qq群", "群号", "q群", "q号", "qq号", "球球", "抠抠"];

/// Five to eleven digits, the first not zero.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    let shape =
        site.is_number() && (5..=11).contains(&site.digits) && site.byte(site.start) != Some(b'0');
    let told = shape && site.window(site.start).is_labelled(LABELS);
    (told && site.stands_alone(&site.range())).then_some(site.range())
}
