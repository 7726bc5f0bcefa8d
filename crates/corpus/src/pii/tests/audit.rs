//! Audits: counts add up, samples are bounded, hidden, and the same in any order.

use super::*;

fn audit_of(texts: &[&str], size: usize) -> PiiAudit {
    let mut audit = PiiAudit::new(size);
    for text in texts {
        audit.add(text, &find_pii(text, &PiiRule::ALL));
    }
    audit
}

const TEXTS: [&str; 6] = [
    "mail jane@example.com or 13812345678 now",
    "nothing here",
    "手机13912345678，邮箱li@163.com",
    "call 13700001111",
    "at 203.0.113.7 on 2024-01-02, then bob@example.org",
    "mail jane@example.com or 13812345678 now",
];

#[test]
fn counts_and_samples() {
    let audit = audit_of(&TEXTS[..1], 5);
    assert_eq!((audit.texts, audit.texts_with_matches, audit.total()), (1, 1, 2));
    let sample = &audit.samples[&PiiRule::Phone][0];
    assert_eq!(sample.value, "1*********8");
    assert_eq!((sample.before.as_str(), sample.after.as_str()), (" or ", " now"));
    assert_eq!(audit.samples[&PiiRule::Email][0].value, "j**************m");
}

#[test]
fn the_order_of_texts_and_parts_does_not_matter() {
    let whole = audit_of(&TEXTS, 2);
    let mut reversed = TEXTS;
    reversed.reverse();
    assert_eq!(audit_of(&reversed, 2), whole);
    for cut in 0..=TEXTS.len() {
        let mut merged = audit_of(&TEXTS[..cut], 2);
        merged.merge(audit_of(&TEXTS[cut..], 2));
        assert_eq!(merged, whole, "cut at {cut}");
    }
    assert_eq!((whole.texts, whole.texts_with_matches), (6, 5));
    assert_eq!(whole.counts[&PiiRule::Phone], 4);
    assert!(whole.samples.values().all(|samples| samples.len() <= 2));
}

#[test]
fn samples_show_no_value_and_no_digit() {
    let audit = audit_of(&TEXTS, 9);
    let shown = serde_json::to_string(&audit.samples).unwrap();
    for hidden in ["jane", "1381234", "163", "2024", "203", "bob"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
    let back: PiiAudit = serde_json::from_str(&serde_json::to_string(&audit).unwrap()).unwrap();
    assert_eq!(back, audit);
}

#[test]
fn without_samples_only_counts_are_kept() {
    let audit = audit_of(&TEXTS, 0);
    assert!(audit.samples.is_empty());
    assert_eq!(audit.counts[&PiiRule::Email], 4);
}

#[test]
fn a_document_counts_once_with_all_its_texts() {
    let mut audit = PiiAudit::new(2);
    audit.add_document(&["nothing", "a@b.io", "c@d.io and 13812345678"], &PiiRule::ALL);
    audit.add_document(&["nothing"], &PiiRule::ALL);
    assert_eq!((audit.texts, audit.texts_with_matches), (2, 1));
    let counts: Vec<_> = audit.counts.into_iter().collect();
    assert_eq!(counts, [(PiiRule::Email, 2), (PiiRule::Phone, 1)]);
}
