use super::*;
use crate::error::CorpusError;
use camino::{Utf8Path, Utf8PathBuf};
use proptest::prelude::*;

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    (folder, path)
}

fn write(format: &str, path: &Utf8Path, width: TokenWidth, documents: &[Vec<u32>]) -> ShardInfo {
    let mut writer = shard_writer(format, path, "letters", width).unwrap();
    for (number, tokens) in documents.iter().enumerate() {
        writer.write(&format!("doc{number}"), tokens).unwrap();
    }
    writer.finish().unwrap()
}

fn read(mut shard: TokenShard) -> Vec<Vec<u32>> {
    let count = shard.documents();
    let mut tokens = Vec::new();
    let read = |document| {
        shard.read(document, &mut tokens).unwrap();
        tokens.clone()
    };
    (0..count).map(read).collect()
}

fn check(width: TokenWidth, documents: &[Vec<u32>]) {
    let (_folder, path) = folder();
    let expected = ShardInfo {
        documents: documents.len() as u64,
        tokens: documents.iter().map(Vec::len).sum::<usize>() as u64,
    };
    assert_eq!(write("datatrove", &path.join("a"), width, documents), expected);
    assert_eq!(write("megatron", &path.join("b"), width, documents), expected);
    assert_eq!(read(open_datatrove(&path.join("a.ds")).unwrap()), documents);
    let shard = open_megatron(&path.join("b")).unwrap();
    assert_eq!((shard.tokens(), shard.width()), (expected.tokens, width));
    assert_eq!(read(shard), documents);
}

#[test]
fn what_was_written_is_read() {
    check(TokenWidth::U16, &[vec![1, 2, 65_535], vec![], vec![7]]);
    check(TokenWidth::U32, &[vec![70_000], vec![1, 2, 3]]);
    check(TokenWidth::U16, &[]);
}

#[test]
fn a_numpy_file_has_a_header_and_a_dolma_file_has_none() {
    let (_folder, path) = folder();
    write("numpy", &path.join("n"), TokenWidth::U16, &[vec![258, 2]]);
    let bytes = std::fs::read(path.join("n.npy")).unwrap();
    assert_eq!(bytes[..10], *b"\x93NUMPY\x01\x00\x76\x00");
    assert_eq!(bytes[128..], [2, 1, 2, 0]);
    let text = String::from_utf8_lossy(&bytes[10..128]).trim_end().to_owned();
    assert_eq!(text, "{'descr': '<u2', 'fortran_order': False, 'shape': (2,), }");
    write("dolma", &path.join("d"), TokenWidth::U16, &[vec![258], vec![2]]);
    assert_eq!(std::fs::read(path.join("d.npy")).unwrap(), [2, 1, 2, 0]);
    let table = std::fs::File::open(path.join("d.csv.gz")).unwrap();
    let table = std::io::read_to_string(flate2::read::GzDecoder::new(table)).unwrap();
    assert_eq!(table, "0,1,doc0,letters,1\n1,2,doc1,letters,2\n");
}

#[test]
fn a_shard_that_is_not_finished_leaves_nothing() {
    let (_folder, path) = folder();
    let mut writer = shard_writer("megatron", &path.join("a"), "", TokenWidth::U16).unwrap();
    let error = writer.write("a", &[1, 70_000]).unwrap_err();
    insta::assert_snapshot!(error, @"token 70000 does not fit: the shard holds tokens up to 65535");
    drop(writer);
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
}

#[test]
fn damaged_shards_are_refused() {
    let (_folder, path) = folder();
    write("datatrove", &path.join("a"), TokenWidth::U16, &[vec![1, 2, 3]]);
    std::fs::write(path.join("a.ds"), [0; 5]).unwrap();
    let error = open_datatrove(&path.join("a.ds")).unwrap_err();
    assert!(matches!(error, CorpusError::Shard { found: 5, expected: 6, .. }), "{error}");
    let error = shard_writer("megatorn", &path, "", TokenWidth::U16).err().unwrap();
    insta::assert_snapshot!(error, @"no shard format is called `megatorn`, perhaps `megatron`; known: datatrove, megatron, numpy, dolma");
}

#[test]
fn metadata_are_rounded_for_people() {
    let rounded = [(0, "0.00 T"), (999, "999 T"), (1234, "1.23 kT"), (12_345, "12.3 kT")];
    for (count, expected) in rounded.into_iter().chain([(999_999, "1.00 MT")]) {
        assert_eq!(datatrove::rounded(count), expected);
    }
}

#[test]
fn ends_are_put_once() {
    let bytes = |text: &str, tokens: &mut Vec<u32>| tokens.extend(text.bytes().map(u32::from));
    let ends = DocumentEnds { start: Some(1), end: Some(u32::from(b'.')) };
    let found = ["x", "", "y."].map(|text| document_tokens(text, bytes, ends));
    assert_eq!(found, [Some(vec![1, 120, 46]), None, Some(vec![1, 121, 46])]);
}

#[test]
fn the_fullest_sequence_that_fits_is_taken() {
    let plan = best_fit(&[3, 25, 7, 6, 4, 10], 10).unwrap();
    let documents: Vec<Vec<usize>> = plan
        .sequences
        .iter()
        .map(|pieces| pieces.iter().map(|piece| piece.document).collect())
        .collect();
    assert_eq!(documents, [vec![1], vec![1], vec![5], vec![2, 0], vec![3, 4], vec![1]]);
    insta::assert_snapshot!(plan.report(), @"55 tokens in 6 sequences, 5 places empty (8.33%), 1 documents cut");
}

/// Sequences of `documents`, and what became of these.
fn sequences(documents: &[Vec<u32>], options: SequenceOptions) -> (Vec<Vec<u32>>, SequenceReport) {
    let documents = documents.iter().cloned().map(Ok::<_, CorpusError>);
    let mut sequences = Sequences::new(documents, options).unwrap();
    let all = sequences.by_ref().map(Result::unwrap).collect();
    (all, sequences.report())
}

#[test]
fn documents_become_sequences() {
    let documents = [vec![1, 1, 1], vec![2; 5], vec![3, 3], vec![4]];
    let (found, report) = sequences(&documents, SequenceOptions::new(4));
    assert_eq!(found, [[1, 1, 1, 2], [2, 2, 2, 2]]);
    let concat =
        SequenceReport { documents: 4, tokens: 11, sequences: 2, padding: 0, cut: 1, left_over: 3 };
    assert_eq!(report, concat);
    let options = SequenceOptions { packing: Packing::BestFit, pad: 9, ..SequenceOptions::new(4) };
    let (found, report) = sequences(&documents, options);
    assert_eq!(found, [[2, 2, 2, 2], [1, 1, 1, 2], [3, 3, 4, 9]]);
    let fitted = SequenceReport { sequences: 3, padding: 1, cut: 1, left_over: 0, ..concat };
    assert_eq!(report, fitted);
    // In windows of one document nothing is fitted together.
    let (found, report) = sequences(&documents, SequenceOptions { window_tokens: 1, ..options });
    assert_eq!((found.len(), report.padding), (5, 9));
    let none = Sequences::new(
        std::iter::empty::<Result<Vec<u32>, CorpusError>>(),
        SequenceOptions::new(0),
    );
    insta::assert_snapshot!(none.unwrap_err(), @"`length` is 0, expected at least 1");
}

#[test]
fn shards_are_cut_by_tokens() {
    let (_folder, path) = folder();
    let create = |format: &str, shard_tokens| {
        let (format, label) = (format.to_owned(), String::new());
        let (path, width) = (path.join(&format), TokenWidth::U16);
        ShardSet::create(ShardOptions { format, path, label, width, shard_tokens })
    };
    let documents: Vec<Vec<u32>> = (0..7).map(|n| vec![n; 3]).collect();
    for format in SHARD_FORMATS {
        let mut set = create(format.name, Some(5)).unwrap();
        for (number, tokens) in documents.iter().enumerate() {
            set.write(&number.to_string(), tokens).unwrap();
        }
        let written = set.finish().unwrap();
        let tokens: Vec<u64> = written.iter().map(|shard| shard.info.tokens).collect();
        assert_eq!(tokens, [6, 6, 6, 3], "{}", format.name);
        let files = || written.iter().flat_map(|shard| &shard.files);
        assert!(files().all(|file| file.exists()), "{written:?}");
        assert_eq!(files().count(), 4 * format.endings.len());
    }
    let parts =
        (0..4).map(|n| read(open_datatrove(&path.join(format!("datatrove-{n:05}.ds"))).unwrap()));
    assert_eq!(parts.collect::<Vec<_>>().concat(), documents);
    let written = create("megatron", None).unwrap().finish().unwrap();
    assert_eq!(written[0].files, [path.join("megatron.bin"), path.join("megatron.idx")]);
    assert!(create("megatorn", None).is_err());
}

proptest! {
    #[test]
    fn sequences_hold_every_token(
        documents in proptest::collection::vec(
            proptest::collection::vec(0u32..9, 0..30), 0..20),
        length in 1usize..12, window_tokens in 1usize..60, fit: bool,
    ) {
        let packing = if fit { Packing::BestFit } else { Packing::Concat };
        let options = SequenceOptions { length, packing, pad: 9, window_tokens };
        let (found, report) = sequences(&documents, options);
        prop_assert!(found.iter().all(|sequence| sequence.len() == length));
        let all = documents.concat();
        prop_assert_eq!((report.documents, report.tokens), (documents.len() as u64, all.len() as u64));
        let places = report.sequences * length as u64;
        prop_assert_eq!(places + report.left_over, report.tokens + report.padding);
        let count = |tokens: &[u32]| {
            let mut counts = [0; 9];
            tokens.iter().filter(|&&one| one < 9).for_each(|&one| counts[one as usize] += 1);
            counts
        };
        if fit {
            prop_assert_eq!(count(&found.concat()), count(&all));
        } else {
            prop_assert_eq!(found.concat(), &all[..found.len() * length]);
        }
    }

    #[test]
    fn packing_loses_nothing_and_cuts_only_what_is_too_long(
        lengths in proptest::collection::vec(0usize..60, 0..80), capacity in 1usize..40,
    ) {
        let plan = best_fit(&lengths, capacity).unwrap();
        let mut found = vec![Vec::new(); lengths.len()];
        for pieces in &plan.sequences {
            prop_assert!(!pieces.is_empty());
            prop_assert!(pieces.iter().map(|piece| piece.len).sum::<usize>() <= capacity);
            for piece in pieces {
                found[piece.document].push((piece.start, piece.len));
            }
        }
        for (length, mut pieces) in lengths.iter().zip(found) {
            pieces.sort_unstable();
            let mut end = 0;
            for (start, len) in &pieces {
                prop_assert_eq!(*start, end);
                end += len;
            }
            prop_assert_eq!(end, *length);
            prop_assert!(pieces.len() <= length.div_ceil(capacity));
        }
        let cut = lengths.iter().filter(|&&length| length > capacity).count();
        prop_assert_eq!(plan.report().cut, cut);
    }

    #[test]
    fn concatenation_keeps_every_token_in_order(
        documents in proptest::collection::vec(
            proptest::collection::vec(0u32..9, 0..30), 0..20), length in 1usize..12,
    ) {
        let mut packer = ConcatPacker::new(length);
        let mut row = Vec::new();
        for document in &documents {
            packer.push(document, |sequence| {
                assert_eq!(sequence.len(), length);
                row.extend_from_slice(sequence);
            });
        }
        let rest = packer.rest();
        prop_assert!(rest.len() < length);
        row.extend(rest);
        prop_assert_eq!(row, documents.concat());
    }

    #[test]
    fn windows_are_shuffled_each_for_itself(
        count in 0usize..50, window in 1usize..12, seed: u64,
    ) {
        let shuffled: Vec<usize> = shuffle_windows(0..count, window, seed).collect();
        prop_assert_eq!(shuffled.len(), count);
        for (number, part) in shuffled.chunks(window).enumerate() {
            let mut part = part.to_vec();
            part.sort_unstable();
            let start = number * window;
            prop_assert_eq!(part, (start..(start + window).min(count)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn any_index_is_read_or_refused(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200), header: bool,
    ) {
        let (_folder, path) = folder();
        if header && bytes.len() > 34 {
            bytes[..18].copy_from_slice(b"MMIDIDX\0\0\x01\0\0\0\0\0\0\0\x08");
            bytes[19..26].fill(0);
            bytes[27..34].fill(0);
        }
        std::fs::write(path.join("a.idx"), &bytes).unwrap();
        std::fs::write(path.join("a.bin"), [0; 64]).unwrap();
        std::fs::write(path.join("b.ds.index"), &bytes).unwrap();
        std::fs::write(path.join("b.ds"), [0; 64]).unwrap();
        let opened = [open_megatron(&path.join("a")), open_datatrove(&path.join("b.ds"))];
        for shard in opened.into_iter().flatten() {
            read(shard);
        }
    }
}
