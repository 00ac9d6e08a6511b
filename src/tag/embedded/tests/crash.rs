//! The disk fails, is full or loses power at any step: nothing that was answered is lost.

use super::*;
use crate::journal::faults::{self, Fault};

/// Changes, a rewritten log, more changes; every step may fail. The last answer for each conversation.
async fn scenario(store: &EmbeddedTags) -> Vec<Arc<Tag>> {
    let mut kept: Vec<Arc<Tag>> = Vec::new();
    let mut note = |tag: Arc<Tag>| {
        kept.retain(|known| known.conversation != tag.conversation);
        kept.push(tag);
    };
    for (now, names) in [(1, "A p"), (2, "B p"), (3, "C"), (4, "D q"), (5, "C D")] {
        if let Ok(found) = store.resolve(&thread(names, Join::Merge, None), at(now)).await {
            note(found.tag.clone());
            let responsible = Some(UserId::new(format!("user{now}")));
            let team = Some(TeamId::new("blue"));
            let alias = Some(names.to_owned());
            let assigned = Some(Timestamp(now));
            let tag = Tag { responsible, team, alias, assigned, ..Tag::clone(&found.tag) };
            if let Ok(tag) = store.put(tag).await {
                note(tag);
            }
        }
        if now == 2 || now == 5 {
            // It is refused on a disk that fails, and then has changed nothing.
            let _ = store.0.compact().await;
        }
    }
    if let Ok(found) = store.resolve(&thread("E B", Join::Merge, None), at(6)).await {
        note(found.tag);
    }
    kept
}

/// What was answered is there, in this or a later version that was being written.
fn assert_kept(kept: &[Arc<Tag>], dir: &Path, context: &str) {
    let store = open_on(Arc::new(Disk), dir, u64::MAX).unwrap();
    for tag in kept {
        let found = store.tag(tag.conversation).unwrap_or_else(|| panic!("{context}: {tag:?} is lost"));
        if found.conversation == tag.conversation {
            assert!(found.version >= tag.version, "{context}: {found:?} is older than {tag:?}");
            assert!(found.version > tag.version || found == *tag, "{context}: {found:?} is not {tag:?}");
        }
        for (key, _) in &tag.keys {
            assert!(store.conversation(*key).is_some(), "{context}: a name of {tag:?} is lost");
        }
        for (key, _) in &found.keys {
            assert_eq!(store.conversation(*key), Some(found.conversation), "{context}: {found:?}");
        }
        let replaced = found.conversation == tag.conversation && found.version > tag.version;
        if let Some(alias) = tag.alias.as_ref().filter(|_| !replaced) {
            let by_alias = store.by_alias(&tag.tenant, &tag.account, alias);
            let leads_to = by_alias.map(|tag| tag.conversation);
            assert_eq!(leads_to, Some(found.conversation), "{context}: {alias}");
        }
    }
}

#[tokio::test]
async fn whatever_step_fails_nothing_that_was_answered_is_lost() {
    for fault in [Fault::Error, Fault::Full, Fault::PowerCut] {
        for n in 1.. {
            let dir = faults::folder();
            let disk = FaultyDisk::nth(dir.path(), n, fault);
            let mut kept = Vec::new();
            if let Ok(store) = open_on(disk.clone(), dir.path(), u64::MAX) {
                kept = scenario(&store).await;
                store.close().await;
            }
            let context = format!("{fault:?} at step {n}");
            let stable = faults::folder();
            disk.leave_behind(stable.path());
            assert_kept(&kept, stable.path(), &format!("{context}, then a power cut"));
            assert_kept(&kept, dir.path(), &format!("{context}, then a kill"));
            if !disk.was_hit() {
                assert!(n > 50, "the scenario has only {n} steps");
                assert_eq!(kept.len(), 4, "{kept:#?}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_copy_of_the_folder_at_any_moment_holds_all_that_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::sound(dir.path());
    let store = open_on(disk.clone(), dir.path(), u64::MAX).unwrap();
    let mut kept: Vec<Arc<Tag>> = Vec::new();
    for n in 0..30 {
        let found =
            store.resolve(&thread(&format!("Name{n} shared{}", n % 3), Join::Merge, None), at(n)).await;
        let tag = found.unwrap().tag;
        kept.retain(|known| known.conversation != tag.conversation);
        kept.push(tag);
        if n % 7 == 6 {
            store.0.compact().await.unwrap();
        }
        let copy = tempfile::tempdir().unwrap();
        disk.leave_behind(copy.path());
        let copied = open(copy.path());
        assert_eq!(copied.len(), store.len());
        for tag in &kept {
            assert_eq!(copied.tag(tag.conversation), store.tag(tag.conversation));
        }
    }
}
