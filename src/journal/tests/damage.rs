//! Cut tails and damaged insides.

use std::fs;

use proptest::prelude::*;

use super::{
    super::{
        format::{FRAME_HEADER, FrameWriter, Mark, SEGMENT_HEADER, SegmentHeader, VERSION},
        recovery::segment_path,
    },
    *,
};

/// A segment with these commits, and where each begins and ends.
fn segment(commits: &[&[&str]]) -> (Vec<u8>, Vec<std::ops::Range<usize>>) {
    let mark = Mark(*b"testmark");
    let mut bytes = SegmentHeader { version: VERSION, segment: 1, mark }.encode();
    let mut ranges = Vec::new();
    let mut frame = Vec::new();
    for commit in commits {
        let mut writer = FrameWriter::begin(&mut frame, bytes.len() as u64, mark);
        for record in *commit {
            writer.push(record.as_bytes()).unwrap();
        }
        writer.finish();
        ranges.push(bytes.len()..bytes.len() + frame.len());
        bytes.extend_from_slice(&frame);
    }
    (bytes, ranges)
}

const COMMITS: [&[&str]; 4] =
    [&["ana", "bo"], &["", "cy writes a longer record"], &["dee"], &["ed", "flo", "gil"]];

fn scanned(bytes: &[u8], tail: Tail) -> (Scanned, Vec<String>) {
    let mut records = Vec::new();
    let scanned = scan_segment(bytes, tail, &mut |_, record| {
        records.push(String::from_utf8_lossy(record).into_owned());
    });
    (scanned, records)
}

#[test]
fn a_last_segment_cut_at_any_byte_gives_its_whole_commits_and_takes_more() {
    let (bytes, ranges) = segment(&COMMITS);
    for cut in 0..=bytes.len() {
        let whole = ranges.iter().filter(|range| range.end <= cut).count();
        let mut expected = COMMITS[..whole].concat();
        let dir = tempfile::tempdir().unwrap();
        fs::write(segment_path(dir.path(), 1), &bytes[..cut]).unwrap();

        let mut found = Vec::new();
        let (journal, recovery) =
            Journal::open(Options::new(dir.path()), &mut |at, record| found.push((at, record.to_vec())))
                .unwrap();
        assert_eq!(texts(&found), expected, "cut at {cut}");
        let kept = ranges[..whole].last().map_or(SEGMENT_HEADER, |range| range.end);
        let torn = if cut < SEGMENT_HEADER { 0 } else { cut - kept };
        assert_eq!((recovery.truncated_bytes, recovery.damaged), (torn as u64, Vec::new()), "cut at {cut}");

        journal.append(b"after".to_vec()).wait().unwrap();
        drop(journal);
        expected.push("after");
        let (found, recovery) = reopened(dir.path());
        assert_eq!(
            (texts(&found), recovery.damaged),
            (expected.iter().map(ToString::to_string).collect(), vec![])
        );
    }
}

#[test]
fn a_flipped_bit_anywhere_but_in_the_last_commit_is_found_and_costs_its_own_record_at_most() {
    let (bytes, ranges) = segment(&COMMITS);
    let all = COMMITS.concat();
    for bit in 0..ranges[3].start * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let (scanned, records) = scanned(&flipped, Tail::MayBeTorn);
        assert_eq!(scanned.bad.len(), 1, "bit {bit}");
        assert_eq!(scanned.end, bytes.len() as u64, "bit {bit}");
        let bad = &scanned.bad[0];
        assert!(bad.range.contains(&(bit as u64 / 8)), "bit {bit}");
        let hit = ranges.iter().position(|range| range.contains(&(bit / 8)));
        let others: Vec<&str> = match hit {
            None => all.clone(),
            Some(hit) => [COMMITS[..hit].concat(), COMMITS[hit + 1..].concat()].concat(),
        };
        let mut served = records.iter();
        for text in others {
            assert!(served.any(|record| record == text), "bit {bit}: `{text}` is lost");
        }
        assert!(records.iter().all(|record| all.contains(&record.as_str())), "bit {bit}: {records:?}");
        // A flip in a frame's header, or in a record's bytes, loses no other record.
        let lost = all.len() - records.len();
        assert!(lost <= 2 && bad.lost.is_none_or(|n| n == lost as u64), "bit {bit}: {bad:?} lost {lost}");
    }
}

#[test]
fn a_flipped_bit_in_the_last_commit_is_damage_once_the_journal_was_closed() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), 1 << 20);
    let at = journal.append(b"the last one".to_vec()).wait().unwrap();
    drop(journal);
    let path = segment_path(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[usize::try_from(at.offset).unwrap()] ^= 1;
    fs::write(&path, bytes).unwrap();

    let (found, recovery) = reopened(dir.path());
    assert_eq!(texts(&found), [""; 0]);
    assert_eq!(recovery.truncated_bytes, 0);
    assert_eq!((recovery.damaged[0].segment, recovery.damaged[0].lost), (1, Some(1)));
}

#[test]
fn damage_is_named_copied_aside_and_reported_until_the_segment_is_removed() {
    let (mut bytes, ranges) = segment(&COMMITS);
    bytes[ranges[1].end - 1] ^= 0x40;
    let dir = tempfile::tempdir().unwrap();
    fs::write(segment_path(dir.path(), 1), &bytes).unwrap();

    let mut found = Vec::new();
    let (journal, recovery) =
        Journal::open(Options::new(dir.path()), &mut |at, record| found.push((at, record.to_vec()))).unwrap();
    assert_eq!(texts(&found), ["ana", "bo", "", "dee", "ed", "flo", "gil"]);
    let file = dir.path().join(format!("damaged/00000000000000000001-{}.bin", ranges[1].start));
    let damage = Damage {
        segment: 1,
        offset: ranges[1].start as u64,
        bytes: ranges[1].len() as u64,
        salvaged: 1,
        lost: Some(1),
        file: Some(file.clone()),
    };
    assert_eq!(recovery.damaged, std::slice::from_ref(&damage));
    assert_eq!(fs::read(file).unwrap(), bytes[ranges[1].clone()]);

    let after = journal.append(b"after".to_vec()).wait().unwrap();
    assert_eq!(after.segment, 2, "a damaged segment is not written to again");
    drop(journal);
    let (found, recovery) = reopened(dir.path());
    assert_eq!(texts(&found).last().unwrap(), "after");
    assert_eq!(recovery.damaged, [damage]);

    let journal = open(dir.path(), 1000);
    journal.remove_through(1).unwrap();
    drop(journal);
    assert_eq!(reopened(dir.path()).1.damaged, []);
}

#[test]
fn damage_under_a_running_journal_is_noticed_by_the_read() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), 1 << 20);
    let at = journal.append(b"soon damaged".to_vec()).wait().unwrap();
    let path = segment_path(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[usize::try_from(at.offset).unwrap() + 3] ^= 8;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(journal.read(at), Err(ReadError::Damaged(p)) if p == at));
}

#[test]
fn a_missing_segment_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), 100);
    for n in 0..5 {
        journal.append(vec![n; 90]).wait().unwrap();
    }
    drop(journal);
    fs::remove_file(segment_path(dir.path(), 3)).unwrap();
    let (found, recovery) = reopened(dir.path());
    assert_eq!(found.len(), 4);
    assert_eq!((recovery.damaged[0].segment, recovery.damaged[0].bytes), (3, 0));
}

#[test]
fn a_destroyed_header_costs_no_record() {
    let (mut bytes, _) = segment(&COMMITS);
    bytes[..SEGMENT_HEADER].fill(0);
    let (scanned, records) = scanned(&bytes, Tail::MayBeTorn);
    assert_eq!(records, COMMITS.concat());
    assert_eq!(scanned.bad, [Bad { range: 0..SEGMENT_HEADER as u64, salvaged: 0, lost: Some(0) }]);
}

#[test]
fn a_segment_of_which_nothing_can_be_read_is_kept_aside_whole() {
    let (mut bytes, ranges) = segment(&COMMITS);
    bytes[..ranges[0].start + FRAME_HEADER].fill(0);
    let dir = tempfile::tempdir().unwrap();
    fs::write(segment_path(dir.path(), 1), &bytes).unwrap();
    let (found, recovery) = reopened(dir.path());
    assert_eq!(found, []);
    assert_eq!((recovery.damaged[0].bytes, recovery.damaged[0].lost), (bytes.len() as u64, None));
    assert_eq!(fs::read(recovery.damaged[0].file.as_ref().unwrap()).unwrap(), bytes);
}

#[test]
fn bytes_inside_a_record_are_never_taken_for_a_frame() {
    // A stranger sends a whole frame of another segment as a record; the frame around it is damaged.
    let (foreign, ranges) = segment(&[&["forged"]]);
    let record = &foreign[ranges[0].clone()];
    let mark = Mark(*b"unguesse");
    let mut bytes = SegmentHeader { version: VERSION, segment: 1, mark }.encode();
    let mut frame = Vec::new();
    for _ in 0..2 {
        let mut writer = FrameWriter::begin(&mut frame, bytes.len() as u64, mark);
        writer.push(record).unwrap();
        writer.finish();
        bytes.extend_from_slice(&frame);
    }
    for at in SEGMENT_HEADER..SEGMENT_HEADER + frame.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        scan_segment(&damaged, Tail::MayBeTorn, &mut |_, found| assert_eq!(found, record));
    }
}

#[test]
fn a_frame_in_another_frames_place_is_not_believed() {
    let (mut bytes, ranges) = segment(&[&["one"], &["two"], &["six"], &["end"]]);
    let second = bytes[ranges[1].clone()].to_vec();
    bytes[ranges[2].clone()].copy_from_slice(&second);
    let (scanned, records) = scanned(&bytes, Tail::MayBeTorn);
    assert_eq!(records, ["one", "two", "end"]);
    assert_eq!(scanned.bad.len(), 1);
}

#[test]
fn another_version_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let header = SegmentHeader { version: 2, segment: 1, mark: Mark([1; 8]) }.encode();
    fs::write(segment_path(dir.path(), 1), &header).unwrap();
    let error = Journal::open(Options::new(dir.path()), &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, OpenError::Version { found: 2, .. }), "{error}");
    assert_eq!(fs::read(segment_path(dir.path(), 1)).unwrap(), header);
}

#[test]
fn a_file_under_another_segments_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(segment_path(dir.path(), 7), segment(&COMMITS).0).unwrap();
    let error = Journal::open(Options::new(dir.path()), &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_overwritten_no_changed_record_is_served(
        commits in prop::collection::vec(prop::collection::vec("[a-z]{0,40}", 1..5), 1..8),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..64)), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let commits: Vec<Vec<&str>> = commits.iter().map(|c| c.iter().map(String::as_str).collect()).collect();
        let commits: Vec<&[&str]> = commits.iter().map(Vec::as_slice).collect();
        let (mut bytes, _) = segment(&commits);
        let mut originals = Vec::new();
        scan_segment(&bytes, Tail::Sealed, &mut |at, record| originals.push((at, record.to_vec())));
        prop_assert_eq!(originals.len(), commits.iter().map(|c| c.len()).sum::<usize>());
        for (at, with) in &damage {
            let at = at.index(bytes.len());
            for (to, from) in bytes[at..].iter_mut().zip(with) {
                *to = *from;
            }
        }
        bytes.truncate(cut.index(bytes.len() * 2));
        fuzzing::scan(&bytes);
        scan_segment(&bytes, Tail::MayBeTorn, &mut |at, record| {
            assert!(originals.contains(&(at, record.to_vec())));
        });
    }
}

#[test]
fn what_is_left_of_a_damaged_record_can_still_be_looked_at() {
    let (mut bytes, _) = segment(&COMMITS);
    let dir = tempfile::tempdir().unwrap();
    let path = segment_path(dir.path(), 1);
    fs::write(&path, &bytes).unwrap();
    let mut found = Vec::new();
    let (journal, _) =
        Journal::open(Options::new(dir.path()), &mut |at, record| found.push((at, record.to_vec()))).unwrap();
    let (at, _) = found.iter().find(|(_, record)| record == b"dee").unwrap();
    bytes[usize::try_from(at.offset).unwrap()] = b'D';
    fs::write(&path, &bytes).unwrap();

    let damaged = journal.read(*at).unwrap_err();
    assert!(matches!(damaged, ReadError::Damaged(_)) && !damaged.is_passing(), "{damaged:?}");
    assert_eq!(journal.read_damaged(*at).unwrap(), b"Dee");
    fs::remove_file(&path).unwrap();
    assert!(matches!(journal.read_damaged(*at), Err(ReadError::Missing(_))));
}

#[test]
fn a_want_of_file_descriptors_says_nothing_of_the_disk() {
    let of = |errno: rustix::io::Errno| ReadError::Io(errno.into());
    assert!(of(rustix::io::Errno::MFILE).is_passing());
    assert!(!of(rustix::io::Errno::IO).is_passing());
}
