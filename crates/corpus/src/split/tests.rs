use super::*;
use proptest::prelude::*;

const PARTS: [(&str, f64); 3] = [("train", 0.8), ("validation", 0.1), ("test", 0.1)];

fn items<'a>(keys: &'a [String], label: impl Fn(usize) -> Option<&'a str>) -> Vec<SplitItem<'a>> {
    let item = |(row, key): (usize, &'a String)| SplitItem { key, label: label(row), group: None };
    keys.iter().enumerate().map(item).collect()
}

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("doc{n}")).collect()
}

#[test]
fn sizes_and_labels_are_exact() {
    let keys = keys(1000);
    let items = items(&keys, |row| Some(if row % 4 == 0 { "code" } else { "text" }));
    let options = SplitOptions::new(&PARTS, 1);
    let report = SplitReport::new(&items, &split(&items, &options).unwrap(), &options);
    insta::assert_snapshot!(report, @r"
    part        documents   share   groups  labels
    train             800  80.00%        0  code 200, text 600
    validation        100  10.00%        0  code 25, text 75
    test              100  10.00%        0  code 25, text 75
    ");
}

#[test]
fn what_cannot_be_met_is_refused_with_both_numbers() {
    let keys = keys(4);
    let options = SplitOptions::new(&[("train", 0.5), ("test", 0.5)], 1);
    let mut grouped = items(&keys, |_| None);
    grouped.iter_mut().take(3).for_each(|item| item.group = Some("author"));
    insta::assert_snapshot!(split(&grouped, &options).unwrap_err(), @"part `train` gets 3 of 4 documents, 2 are wanted");
    let three = SplitOptions::new(&PARTS, 1);
    insta::assert_snapshot!(split(&items(&keys[..2], |_| None), &three).unwrap_err(), @"part `validation` gets 0 of 2 documents, 1 are wanted");
}

#[test]
fn a_stable_split_never_moves_a_document() {
    let keys = keys(2000);
    let options = SplitOptions::new(&PARTS, 3);
    let all = stable_split(keys.iter().map(String::as_str), &options).unwrap();
    let some = stable_split(keys[..700].iter().map(String::as_str), &options).unwrap();
    assert_eq!(all[..700], some);
    let train = all.iter().filter(|&&part| part == 0).count();
    // Five standard deviations of a binomial with n 2000 and p 0.8.
    assert!(train.abs_diff(1600) < 90, "{train}");
}

proptest! {
    #[test]
    fn parts_have_their_share_of_every_label(
        labels in proptest::collection::vec(0usize..4, 30..200),
        shares in proptest::collection::vec(1u32..10, 1..5),
        seed: u64,
    ) {
        let names = ["a", "b", "c", "d"];
        let keys = keys(labels.len());
        let items = items(&keys, |row| Some(names[labels[row]]));
        let named: Vec<(&str, f64)> = shares.iter().map(|&s| ("part", f64::from(s))).collect();
        let options = SplitOptions::new(&named, seed);
        let sum: f64 = named.iter().map(|part| part.1).sum();
        let Ok(parts) = split(&items, &options) else {
            return Err(TestCaseError::reject("a part would be empty"));
        };
        let report = SplitReport::new(&items, &parts, &options);
        for (number, row) in report.rows.iter().enumerate() {
            let share = named[number].1 / sum;
            prop_assert!((row.documents as f64 - share * items.len() as f64).abs() < 1.0);
            for (label, name) in names.iter().enumerate() {
                let of_label = labels.iter().filter(|&&one| one == label).count() as f64;
                let found = row.labels.get(*name).copied().unwrap_or(0) as f64;
                let slack = 1.0 + named.len() as f64;
                prop_assert!((found - share * of_label).abs() <= slack, "{report}");
            }
        }
        let mut turned: Vec<SplitItem> = items.clone();
        turned.reverse();
        let mut again = split(&turned, &options).unwrap();
        again.reverse();
        prop_assert_eq!(again, parts);
    }

    #[test]
    fn no_group_is_divided(
        groups in proptest::collection::vec(0usize..30, 20..200), seed: u64,
    ) {
        let names: Vec<String> = (0..30).map(|n| format!("group{n}")).collect();
        let keys = keys(groups.len());
        let mut items = items(&keys, |row| Some(if row % 3 == 0 { "x" } else { "y" }));
        for (item, &group) in items.iter_mut().zip(&groups) {
            item.group = (group > 3).then_some(names[group].as_str());
        }
        let options = SplitOptions { tolerance: 1.0, ..SplitOptions::new(&PARTS[..2], seed) };
        if let Ok(parts) = split(&items, &options) {
            for (a, one) in items.iter().enumerate() {
                let together = |b: &usize| one.group.is_some() && items[*b].group == one.group;
                for b in (0..a).filter(together) {
                    prop_assert_eq!(parts[a], parts[b]);
                }
            }
        }
    }
}
