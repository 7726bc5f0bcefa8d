use super::*;
use crate::error::CorpusError;
use crate::seeded::Seeded;
use catena_protocol::{Cancel, NoProgress};
use proptest::prelude::*;

/// `per` rows near each of some directions.
fn blobs(directions: usize, per: usize, dims: usize, seed: u64) -> Vec<f32> {
    let mut stream = Seeded::new(seed);
    #[expect(clippy::cast_possible_truncation, reason = "any spread will do")]
    let mut gauss = move || (0..12).map(|_| stream.open_unit()).sum::<f64>() as f32 - 6.0;
    let mut values = Vec::new();
    for _ in 0..directions {
        let center: Vec<f32> = (0..dims).map(|_| gauss()).collect();
        for _ in 0..per {
            values.extend(center.iter().map(|value| value + 0.1 * gauss()));
        }
    }
    values
}

fn cluster(values: &[f32], dims: usize, options: &KMeansOptions) -> Clustering {
    let rows = Embeddings::new(values, dims).unwrap();
    spherical_kmeans(rows, options, &NoProgress, &Cancel::new()).unwrap()
}

#[test]
fn rows_near_one_direction_make_one_cluster() {
    let values = blobs(8, 50, 24, 1);
    for batch_rows in [None, Some(100)] {
        let options = KMeansOptions { clusters: 8, batch_rows, seed: 3, max_rounds: 50 };
        let found = cluster(&values, 24, &options);
        let mut names: Vec<u32> = Vec::new();
        for rows in found.clusters.chunks(50) {
            assert!(rows.iter().all(|cluster| *cluster == rows[0]), "{rows:?}");
            names.push(rows[0]);
        }
        names.sort_unstable();
        assert_eq!(names, (0..8).collect::<Vec<u32>>());
        assert!(found.distortion < 400.0 * 0.02, "{}", found.distortion);
    }
}

#[test]
fn any_number_of_threads_gives_the_same() {
    let values = blobs(5, 300, 19, 2);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let options = KMeansOptions { clusters: 12, seed: 1, ..Default::default() };
            let clustering = cluster(&values, 19, &options);
            let rows = Embeddings::new(&values, 19).unwrap();
            let cancel = Cancel::new();
            let near = semantic_pairs(rows, &clustering, 0.9, KeepRule::Farthest, &cancel).unwrap();
            (clustering, near, cosine_pairs(rows, 0.9, &cancel).unwrap())
        })
    };
    assert_eq!(with(1), with(3));
}

/// Rows in the plane at these angles in degrees.
fn angles(degrees: &[f32]) -> Vec<f32> {
    degrees.iter().flat_map(|angle| [angle.to_radians().cos(), angle.to_radians().sin()]).collect()
}

fn check(judge: Judge, threshold: f32, expected: &[Option<usize>]) {
    let values = angles(&[0.0, 8.0, 16.0, 90.0]);
    let rows = Embeddings::new(&values, 2).unwrap();
    let pairs = cosine_pairs(rows, 0.9, &Cancel::new()).unwrap();
    let found = pairs.duplicates(threshold, judge).unwrap();
    let of: Vec<Option<usize>> = found.iter().map(|one| one.map(|one| one.of)).collect();
    assert_eq!(of, expected, "{judge:?} at {threshold}");
}

#[test]
fn pairs_may_be_ruled_out() {
    let values = angles(&[0.0, 8.0, 16.0, 90.0]);
    let rows = Embeddings::new(&values, 2).unwrap();
    let mut pairs = cosine_pairs(rows, 0.9, &Cancel::new()).unwrap();
    pairs.retain(|stays, other| (stays, other) != (0, 1));
    let found = pairs.duplicates(0.95, Judge::Kept).unwrap();
    let of: Vec<Option<usize>> = found.iter().map(|one| one.map(|one| one.of)).collect();
    // The third is more like the second than like the first.
    assert_eq!(of, [None, None, Some(1), None]);
}

#[test]
fn a_chain_is_dropped_only_where_all_rows_judge() {
    // The cosine of 8 degrees is 0.990, that of 16 degrees 0.961.
    check(Judge::Kept, 0.98, &[None, Some(0), None, None]);
    check(Judge::All, 0.98, &[None, Some(0), Some(1), None]);
    check(Judge::Kept, 0.95, &[None, Some(0), Some(0), None]);
    check(Judge::Kept, 0.999, &[None, None, None, None]);
}

#[test]
fn the_rule_says_which_of_two_stays() {
    let values = angles(&[0.0, 8.0, 20.0]);
    let rows = Embeddings::new(&values, 2).unwrap();
    let options = KMeansOptions { clusters: 1, ..Default::default() };
    let clustering = cluster(&values, 2, &options);
    let kept = |keep| {
        let pairs = semantic_pairs(rows, &clustering, 0.9, keep, &Cancel::new()).unwrap();
        let found = pairs.duplicates(0.9, Judge::Kept).unwrap();
        found.iter().position(Option::is_none)
    };
    assert_eq!(kept(KeepRule::First), Some(0));
    assert_eq!(kept(KeepRule::Farthest), Some(2));
    assert_eq!(kept(KeepRule::Nearest), Some(1));
}

#[test]
fn what_makes_no_sense_is_refused() {
    insta::assert_snapshot!(Embeddings::new(&[1.0, f32::NAN], 2).unwrap_err(), @"embedding value of row 1 is NaN");
    insta::assert_snapshot!(Embeddings::new(&[1.0; 5], 2).unwrap_err(), @"5 embedding values for 2 rows");
    let rows = Embeddings::new(&[1.0, 0.0], 2).unwrap();
    let pairs = cosine_pairs(rows, 0.9, &Cancel::new()).unwrap();
    insta::assert_snapshot!(pairs.duplicates(0.8, Judge::Kept).unwrap_err(), @"pairs are known from similarity 0.9 on, 0.8 was asked");
    let cancel = Cancel::new();
    cancel.cancel();
    assert!(matches!(cosine_pairs(rows, 0.9, &cancel), Err(CorpusError::Interrupted)));
}

proptest! {
    #[test]
    fn a_tile_is_dot_for_dot_bit_for_bit(
        values in proptest::collection::vec(-2.0f32..2.0, 6 * 37), dims in 1usize..38,
    ) {
        let rows: Vec<&[f32]> = values.chunks(37).map(|row| &row[..dims]).collect();
        let a = [rows[0], rows[1], rows[2], rows[3]];
        let tile = dot::dot_tile(a, [rows[4], rows[5]]);
        for (row, a) in a.iter().enumerate() {
            for column in 0..2 {
                prop_assert_eq!(tile[row][column].to_bits(), dot(a, rows[4 + column]).to_bits());
            }
            let exact: f64 =
                a.iter().zip(rows[4]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            prop_assert!((exact - f64::from(tile[row][0])).abs() < 1e-4);
        }
    }

    #[test]
    fn whatever_is_dropped_has_a_kept_row_that_is_alike(
        degrees in proptest::collection::vec(0.0f32..360.0, 0..40), threshold in 0.5f32..1.0,
    ) {
        let values = angles(&degrees);
        let rows = Embeddings::new(&values, 2).unwrap();
        let pairs = cosine_pairs(rows, 0.5, &Cancel::new()).unwrap();
        let again = cosine_pairs(rows, threshold, &Cancel::new()).unwrap();
        let found = pairs.duplicates(threshold, Judge::Kept).unwrap();
        prop_assert_eq!(&found, &again.duplicates(threshold, Judge::Kept).unwrap());
        for (row, duplicate) in found.iter().enumerate() {
            if let Some(duplicate) = duplicate {
                prop_assert!(found[duplicate.of].is_none() && duplicate.of < row);
                prop_assert!(duplicate.similarity >= f64::from(threshold));
            }
        }
    }
}
