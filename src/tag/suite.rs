//! What every tag store does: each store's tests call these with an empty store.

use super::{Found, NewTag, Tag, TagError, TagStore};
use crate::{
    channel::event::Join,
    ids::{AccountId, ConversationId, ConversationKey, TeamId, TenantId, Timestamp, UserId},
    spool::Thread,
};

/// Runs the whole suite as tests; `$open` is an async expression that gives an empty store.
macro_rules! tag_store_suite {
    ($open:expr) => {
        $crate::tag::suite::tag_store_suite! { $open;
            a_new_name_makes_a_conversation_and_a_known_one_finds_it,
            names_that_mean_one_conversation_merge_into_the_older_one,
            a_merge_keeps_what_only_the_younger_one_knew,
            a_passing_name_changes_hands,
            a_passing_name_follows_a_lasting_one_that_has_none_yet,
            a_retired_name_means_nothing_any_more,
            a_conversation_that_begins_with_a_name_given_up_by_another_has_its_own_id,
            the_first_known_reference_wins_and_merges_nothing,
            a_reference_from_another_domain_is_weak,
            a_token_lets_in_from_any_domain_but_is_not_learnt_from_a_stranger,
            a_change_of_an_outdated_tag_is_refused_with_the_current_one,
            a_put_changes_neither_names_nor_owner,
            an_alias_means_the_conversation_that_was_given_it_last,
            load_counts_open_conversations,
            the_last_assigned_is_whom_a_strategy_chose_last,
            the_oldest_names_of_a_long_thread_stay,
        }
    };
    ($open:expr; $($test:ident,)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                let (store, _guard) = $open.await;
                $crate::tag::suite::$test(&store).await;
            }
        )*
    };
}
pub(crate) use tag_store_suite;

pub(crate) fn tenant() -> TenantId {
    TenantId::new("t")
}

pub(crate) fn account() -> AccountId {
    AccountId::new("a")
}

pub(crate) fn key(name: &str) -> ConversationKey {
    ConversationKey::derive(&tenant(), "test", "a", name)
}

/// Names in words: a capital begins a lasting name, `-` a retired one.
pub(crate) fn thread(names: &str, join: Join, domain: Option<&str>) -> Thread {
    let (retired, kept): (Vec<_>, Vec<_>) = names.split_whitespace().partition(|name| name.starts_with('-'));
    Thread {
        keys: kept.iter().map(|name| (key(name), name.starts_with(char::is_uppercase))).collect(),
        join,
        retired: retired.iter().map(|name| key(name.trim_start_matches('-'))).collect(),
        domain: domain.map(Into::into),
    }
}

pub(crate) fn at(now: i64) -> NewTag {
    NewTag { tenant: tenant(), account: account(), now: Timestamp(now) }
}

async fn resolve(store: &dyn TagStore, names: &str, now: i64) -> Tag {
    let found = store.resolve(&thread(names, Join::Merge, None), at(now)).await.unwrap();
    assert!(!found.weak);
    Tag::clone(&found.tag)
}

async fn mail(store: &dyn TagStore, names: &str, domain: Option<&str>) -> Found {
    store.resolve(&thread(names, Join::FirstKnown, domain), at(1)).await.unwrap()
}

async fn put(store: &dyn TagStore, tag: Tag) -> Tag {
    Tag::clone(&store.put(tag).await.unwrap())
}

fn meaning(store: &dyn TagStore, name: &str) -> Option<ConversationId> {
    store.conversation(key(name))
}

pub(crate) async fn a_new_name_makes_a_conversation_and_a_known_one_finds_it(store: &dyn TagStore) {
    assert!(store.is_empty());
    let tag = resolve(store, "Ana phone", 7).await;
    assert_eq!((tag.conversation, tag.version), (ConversationId::from(key("Ana")), 1));
    assert_eq!((tag.created, tag.responsible.as_ref(), tag.team.as_ref()), (Timestamp(7), None, None));
    assert_eq!(tag.keys, [(key("Ana"), true), (key("phone"), false)]);
    for names in ["Ana", "phone", "phone Ana"] {
        assert_eq!(resolve(store, names, 9).await, tag, "{names}");
    }
    assert_eq!(store.tag(tag.conversation).as_deref(), Some(&tag));
    assert_eq!(meaning(store, "phone"), Some(tag.conversation));
    assert_eq!(meaning(store, "Bo"), None);
    assert_eq!(store.len(), 1);
}

pub(crate) async fn names_that_mean_one_conversation_merge_into_the_older_one(store: &dyn TagStore) {
    let young = resolve(store, "Young", 20).await;
    let old = resolve(store, "Old", 10).await;
    let merged = resolve(store, "Young Old new", 30).await;
    assert_eq!((merged.conversation, merged.version), (old.conversation, 2));
    for name in ["Young", "Old", "new"] {
        assert_eq!(meaning(store, name), Some(old.conversation), "{name}");
    }
    assert_eq!(store.tag(young.conversation).as_deref(), Some(&merged), "the other id keeps leading to it");
    assert_eq!(store.len(), 1);
    let oldest = resolve(store, "Oldest", 5).await;
    let all = resolve(store, "Oldest Young", 40).await;
    assert_eq!(all.conversation, oldest.conversation);
    assert_eq!(store.tag(young.conversation).as_deref(), Some(&all));
    assert!(matches!(store.put(young).await, Err(TagError::Conflict(now)) if *now == all));
}

pub(crate) async fn a_merge_keeps_what_only_the_younger_one_knew(store: &dyn TagStore) {
    let old = resolve(store, "Old", 10).await;
    let old = put(store, Tag { alias: Some("1".into()), participants: vec![UserId::new("cy")], ..old }).await;
    let young = resolve(store, "Young", 20).await;
    let young = Tag {
        responsible: Some(UserId::new("ana")),
        team: Some(TeamId::new("blue")),
        stage: Some("sales/won".into()),
        alias: Some("2".into()),
        participants: vec![UserId::new("bo")],
        ..young
    };
    put(store, young).await;
    let merged = resolve(store, "Old Young", 30).await;
    assert_eq!(merged.conversation, old.conversation);
    assert_eq!((merged.responsible, merged.team), (Some(UserId::new("ana")), Some(TeamId::new("blue"))));
    assert_eq!((merged.stage.as_deref(), merged.alias.as_deref()), (Some("sales/won"), Some("1")));
    assert_eq!(merged.participants, [UserId::new("bo"), UserId::new("cy")]);
    for alias in ["1", "2"] {
        let found = store.by_alias(&tenant(), &account(), alias).unwrap();
        assert_eq!(found.conversation, old.conversation, "the backend's id {alias} leads to it");
    }
    assert_eq!(store.load(&tenant(), &[UserId::new("ana")], &[]), [1]);
}

pub(crate) async fn a_passing_name_changes_hands(store: &dyn TagStore) {
    let ana = resolve(store, "Ana phone", 1).await;
    let bo = resolve(store, "Bo phone", 2).await;
    assert_ne!(ana.conversation, bo.conversation);
    assert_eq!(meaning(store, "phone"), Some(bo.conversation));
    assert_eq!(meaning(store, "Ana"), Some(ana.conversation));
    let left = store.tag(ana.conversation).unwrap();
    assert_eq!((left.keys.as_slice(), left.version), (&[(key("Ana"), true)][..], 2));
}

pub(crate) async fn a_passing_name_follows_a_lasting_one_that_has_none_yet(store: &dyn TagStore) {
    let before = resolve(store, "phone", 1).await;
    let now = resolve(store, "Ana phone", 2).await;
    assert_eq!((now.conversation, now.version), (before.conversation, 2));
    assert_eq!(meaning(store, "Ana"), Some(before.conversation));
}

pub(crate) async fn a_retired_name_means_nothing_any_more(store: &dyn TagStore) {
    let before = resolve(store, "old", 1).await;
    let after = resolve(store, "old new -old", 2).await;
    assert_eq!(after.conversation, before.conversation);
    assert_eq!((meaning(store, "old"), meaning(store, "new")), (None, Some(before.conversation)));
    let other = resolve(store, "Other", 3).await;
    resolve(store, "new -Other", 4).await;
    assert_eq!(meaning(store, "Other"), Some(other.conversation), "a name of another conversation stays");
}

pub(crate) async fn a_conversation_that_begins_with_a_name_given_up_by_another_has_its_own_id(
    store: &dyn TagStore,
) {
    let first = resolve(store, "phone", 1).await;
    resolve(store, "phone Ana -phone", 2).await;
    let second = resolve(store, "phone", 3).await;
    assert_ne!(first.conversation, second.conversation);
    resolve(store, "phone Bo -phone", 4).await;
    let third = resolve(store, "phone", 5).await;
    assert_ne!(third.conversation, first.conversation);
    assert_ne!(third.conversation, second.conversation);
    assert_eq!(store.len(), 3);
}

pub(crate) async fn the_first_known_reference_wins_and_merges_nothing(store: &dyn TagStore) {
    let one = mail(store, "Mail1", Some("a.example")).await;
    let two = mail(store, "Mail2", Some("a.example")).await;
    let reply = mail(store, "Mail2 Mail1 Mail3", Some("a.example")).await;
    assert_eq!(reply.tag.conversation, two.tag.conversation);
    assert_eq!(meaning(store, "Mail1"), Some(one.tag.conversation));
    assert_eq!(meaning(store, "Mail3"), Some(two.tag.conversation));
    assert_eq!(store.len(), 2);
}

pub(crate) async fn a_reference_from_another_domain_is_weak(store: &dyn TagStore) {
    let first = mail(store, "Mail1", Some("a.example")).await;
    assert_eq!((first.weak, first.tag.domain.as_deref()), (false, Some("a.example")));
    for (domain, weak) in [(Some("a.example"), false), (Some("b.example"), true), (None, true)] {
        let reply = mail(store, "Mail1", domain).await;
        assert_eq!((reply.tag.conversation, reply.weak), (first.tag.conversation, weak), "{domain:?}");
    }
    assert!(!mail(store, "Mail9", Some("b.example")).await.weak);
}

pub(crate) async fn a_token_lets_in_from_any_domain_but_is_not_learnt_from_a_stranger(store: &dyn TagStore) {
    let with_token = async |names: &str, domain| {
        store.resolve(&thread(names, Join::TokenFirst, Some(domain)), at(1)).await.unwrap()
    };
    let ours = with_token("Token1 Mail1", "a.example").await.tag.conversation;
    for (names, domain, weak) in [
        ("Token1 Mail2", "b.example", false),
        // A made-up token beside a reference changes nothing, however often it comes.
        ("Token9 Mail1", "b.example", true),
        ("Token9 Mail1", "b.example", true),
        ("Token2 Mail1", "a.example", false),
        ("Token2 Mail3", "b.example", false),
    ] {
        let found = with_token(names, domain).await;
        assert_eq!((found.tag.conversation, found.weak), (ours, weak), "{names} {domain}");
    }
    assert_eq!(meaning(store, "Token9"), None);
}

pub(crate) async fn a_change_of_an_outdated_tag_is_refused_with_the_current_one(store: &dyn TagStore) {
    let tag = resolve(store, "Ana", 1).await;
    let ana = Tag { responsible: Some(UserId::new("ana")), ..tag.clone() };
    let now = put(store, ana).await;
    assert_eq!(now.version, 2);
    let late = Tag { responsible: Some(UserId::new("bo")), ..tag.clone() };
    assert!(matches!(store.put(late).await, Err(TagError::Conflict(current)) if *current == now));
    assert_eq!(store.tag(tag.conversation).as_deref(), Some(&now));
    let unknown = Tag { conversation: ConversationId(1), ..tag };
    assert!(matches!(store.put(unknown).await, Err(TagError::Missing)));
}

pub(crate) async fn a_put_changes_neither_names_nor_owner(store: &dyn TagStore) {
    let tag = resolve(store, "Ana", 1).await;
    let changed = Tag {
        tenant: TenantId::new("other"),
        account: AccountId::new("other"),
        keys: vec![(key("Bo"), true)],
        created: Timestamp(9),
        domain: Some("x".into()),
        participants: vec![UserId::new("cy"), UserId::new("bo"), UserId::new("cy")],
        ..tag.clone()
    };
    let now = put(store, changed).await;
    let participants = vec![UserId::new("bo"), UserId::new("cy")];
    assert_eq!(now, Tag { version: 2, participants, ..tag });
    assert_eq!(meaning(store, "Bo"), None);
}

pub(crate) async fn an_alias_means_the_conversation_that_was_given_it_last(store: &dyn TagStore) {
    let ana = put(store, Tag { alias: Some("4711".into()), ..resolve(store, "Ana", 1).await }).await;
    let by_alias = |alias: &str| store.by_alias(&tenant(), &account(), alias).map(|tag| tag.conversation);
    assert_eq!(by_alias("4711"), Some(ana.conversation));
    let bo = put(store, Tag { alias: Some("4711".into()), ..resolve(store, "Bo", 2).await }).await;
    assert_eq!(by_alias("4711"), Some(bo.conversation));
    let deprived = store.tag(ana.conversation).unwrap();
    assert_eq!((deprived.alias.as_deref(), deprived.version), (None, 3));
    put(store, Tag { alias: Some("4712".into()), ..bo.clone() }).await;
    assert_eq!((by_alias("4711"), by_alias("4712")), (None, Some(bo.conversation)));
    assert!(store.by_alias(&TenantId::new("other"), &account(), "4712").is_none());
    assert!(store.by_alias(&tenant(), &AccountId::new("other"), "4712").is_none());
}

pub(crate) async fn load_counts_open_conversations(store: &dyn TagStore) {
    for (name, user, stage) in [
        ("A", "ana", None),
        ("B", "ana", Some("sales/won")),
        ("C", "ana", Some("sales/new")),
        ("D", "bo", Some("sales/won")),
    ] {
        let tag = resolve(store, name, 1).await;
        put(store, Tag { responsible: Some(UserId::new(user)), stage: stage.map(str::to_owned), ..tag })
            .await;
    }
    let users = [UserId::new("bo"), UserId::new("ana"), UserId::new("cy")];
    assert_eq!(store.load(&tenant(), &users, &[]), [1, 3, 0]);
    assert_eq!(store.load(&tenant(), &users, &["sales/won".to_owned()]), [0, 2, 0]);
    assert_eq!(store.load(&TenantId::new("other"), &users, &[]), [0, 0, 0]);
    let tag = resolve(store, "A", 1).await;
    put(store, Tag { responsible: Some(UserId::new("bo")), ..tag }).await;
    assert_eq!(store.load(&tenant(), &users, &[]), [2, 2, 0]);
}

pub(crate) async fn the_last_assigned_is_whom_a_strategy_chose_last(store: &dyn TagStore) {
    let blue = TeamId::new("blue");
    let last = || store.last_assigned(&tenant(), &blue).map(|user| user.to_string());
    assert_eq!(last(), None);
    let mut tags = Vec::new();
    for (name, user, assigned) in [("A", "ana", Some(5)), ("B", "bo", Some(6)), ("C", "cy", None)] {
        let tag = resolve(store, name, 1).await;
        let (responsible, team) = (Some(UserId::new(user)), Some(blue.clone()));
        tags.push(put(store, Tag { responsible, team, assigned: assigned.map(Timestamp), ..tag }).await);
    }
    assert_eq!(last().as_deref(), Some("bo"), "a user who took a conversation was not chosen");
    put(store, Tag { responsible: Some(UserId::new("dee")), ..tags[1].clone() }).await;
    assert_eq!(last().as_deref(), Some("bo"), "handing a conversation on is not a turn");
    assert_eq!(store.last_assigned(&tenant(), &TeamId::new("red")), None);
}

pub(crate) async fn the_oldest_names_of_a_long_thread_stay(store: &dyn TagStore) {
    const MAX: usize = super::embedded::TAG_KEYS_MAX;
    for n in 0..MAX + 10 {
        mail(store, &format!("Root Mail{n}"), None).await;
    }
    let tag = store.tag(meaning(store, "Root").unwrap()).unwrap();
    assert_eq!(tag.keys.len(), MAX);
    assert!(meaning(store, "Mail0").is_some());
    assert!(meaning(store, &format!("Mail{}", MAX + 9)).is_some());
    assert_eq!(meaning(store, &format!("Mail{}", MAX / 2)), None);
}
