//! The embedded tag store: the shared suite, a plain model, and crashes between any two steps.

mod crash;
mod model;

use std::{fs, time::Duration};

use super::*;
use crate::{
    channel::event::Join,
    ids::Timestamp,
    journal::faults::FaultyDisk,
    tag::suite::{at, key, tag_store_suite, tenant, thread},
};

const SEGMENT_BYTES: u64 = 64 << 20;

fn open(dir: &Path) -> EmbeddedTags {
    let limits = Limits::default();
    EmbeddedTags::open(dir, SEGMENT_BYTES, &limits).unwrap().0
}

/// A store on these files, with small segments and a log that is rewritten from this size on.
fn open_on(files: Arc<dyn Files>, dir: &Path, compaction_bytes_min: u64) -> Result<EmbeddedTags, OpenError> {
    let options = journal::Options { segment_bytes: 2000, ..journal::Options::new(dir) };
    let (store, recovery) = EmbeddedTags::open_on(files, options, compaction_bytes_min, &Limits::default())?;
    assert_eq!(recovery.damaged, []);
    Ok(store)
}

tag_store_suite!(async {
    let dir = tempfile::tempdir().unwrap();
    (open(dir.path()), dir)
});

fn log_bytes(dir: &Path) -> u64 {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

#[tokio::test]
async fn a_second_opening_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open(dir.path());
    let error = EmbeddedTags::open(dir.path(), SEGMENT_BYTES, &Limits::default()).unwrap_err();
    assert!(matches!(error, OpenError::Journal(journal::OpenError::Locked { .. })), "{error}");
}

#[tokio::test]
async fn a_change_is_seen_when_it_is_durable_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::sound(dir.path());
    let store = Arc::new(open_on(disk.clone(), dir.path(), u64::MAX).unwrap());
    disk.hold();
    let changing = tokio::spawn({
        let store = store.clone();
        async move { store.resolve(&thread("Ana", Join::Merge, None), at(1)).await.unwrap() }
    });
    tokio::task::spawn_blocking({
        let disk = disk.clone();
        move || disk.await_sync()
    })
    .await
    .unwrap();
    assert_eq!(store.conversation(key("Ana")), None);
    assert!(!changing.is_finished());
    disk.release();
    let found = changing.await.unwrap();
    assert_eq!(store.conversation(key("Ana")), Some(found.tag.conversation));
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_part_memory_from_disk() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::sound(dir.path());
    let store = open_on(disk.clone(), dir.path(), u64::MAX).unwrap();
    disk.hold();
    let given_up =
        tokio::time::timeout(Duration::ZERO, store.resolve(&thread("Ana", Join::Merge, None), at(1))).await;
    assert!(given_up.is_err());
    disk.release();
    store.close().await;
    assert!(store.conversation(key("Ana")).is_some());
    drop(store);
    assert!(open(dir.path()).conversation(key("Ana")).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_make_one_conversation_and_lose_no_change() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open_on(Arc::new(Disk), dir.path(), 20_000).unwrap());
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                // Names in different orders, so that locks taken in the order of names would dead-lock.
                let names = if n % 2 == 0 { "A B c" } else { "B A c" };
                let found = store.resolve(&thread(names, Join::Merge, None), at(n)).await.unwrap();
                let mut tag = Tag::clone(&found.tag);
                loop {
                    tag.participants.push(UserId::new(format!("user{n}")));
                    match store.put(tag).await {
                        Ok(_) => break,
                        Err(TagError::Conflict(now)) => tag = Tag::clone(&now),
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let tag = store.tag(store.conversation(key("A")).unwrap()).unwrap();
    assert_eq!((store.len(), tag.participants.len(), tag.version), (1, 100, 101));
    store.close().await;
    drop(store);
    assert_eq!(open(dir.path()).tag(tag.conversation), Some(tag));
}

#[tokio::test]
async fn the_log_is_rewritten_when_most_of_it_is_garbage() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_on(Arc::new(Disk), dir.path(), 10_000).unwrap();
    for n in 0..20 {
        store.resolve(&thread(&format!("Name{n}"), Join::Merge, None), at(n)).await.unwrap();
    }
    let mut last = None;
    for round in 0..500 {
        let id = store.conversation(key(&format!("Name{}", round % 20))).unwrap();
        let tag = Tag::clone(&store.tag(id).unwrap());
        last = Some(store.put(Tag { stage: Some(format!("sales/{round}")), ..tag }).await.unwrap());
    }
    store.close().await;
    assert!(log_bytes(dir.path()) < 25_000, "{} bytes", log_bytes(dir.path()));
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.len(), 20);
    let last = last.unwrap();
    assert_eq!(store.tag(last.conversation), Some(last));
}

#[tokio::test]
async fn after_closing_a_change_is_refused_and_tags_can_still_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let found = store.resolve(&thread("Ana", Join::Merge, None), at(1)).await.unwrap();
    store.close().await;
    let refused = store.put(Tag::clone(&found.tag)).await;
    assert!(matches!(refused, Err(TagError::Store(_))));
    assert_eq!(store.tag(found.tag.conversation), Some(found.tag));
}

#[tokio::test]
async fn a_full_disk_refuses_a_change_which_readers_never_see() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::sound(dir.path());
    let store = open_on(disk.clone(), dir.path(), u64::MAX).unwrap();
    disk.set_full(true);
    let refused = store.resolve(&thread("Ana", Join::Merge, None), at(1)).await.unwrap_err();
    let TagError::Store(source) = refused else { panic!("{refused}") };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    assert_eq!(store.conversation(key("Ana")), None);
    disk.set_full(false);
    store.resolve(&thread("Ana", Join::Merge, None), at(1)).await.unwrap();
    assert!(store.conversation(key("Ana")).is_some());
}

#[tokio::test]
async fn a_failed_sync_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::sound(dir.path());
    let store = open_on(disk.clone(), dir.path(), u64::MAX).unwrap();
    disk.fail_next_sync();
    store.resolve(&thread("Ana", Join::Merge, None), at(1)).await.unwrap_err();
    tokio::time::timeout(Duration::from_secs(20), store.failed()).await.expect("nobody was told");
}

#[tokio::test]
async fn a_record_of_a_later_version_is_not_guessed_at() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = Journal::open(journal::Options::new(dir.path()), &mut |_, _| {}).unwrap();
    log.append(vec![2, 0]).await.unwrap();
    log.close();
    drop(log);
    let error = EmbeddedTags::open(dir.path(), SEGMENT_BYTES, &Limits::default()).unwrap_err();
    assert!(matches!(error, OpenError::Record { segment: 1, .. }), "{error}");
}
