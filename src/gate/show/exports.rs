//! Exports that a backend makes meanwhile: the result belongs to who asked for it.
//!
//! A route that starts an export answers with its id, which is remembered with the user and the user's rights; a
//! route with `object = "export"` is answered to that user alone, and only while those rights are the same. What is
//! not remembered does not exist: after a restart, after a day, or when too many were started since, the user starts
//! the export anew.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use prometheus_client::metrics::counter::Counter;

use crate::{
    clock::SharedClock,
    config::text::steps,
    filter::Raw,
    ids::{TenantId, UserId},
    policy::{Actor, Policy, RoleNo, TeamKey},
};

/// Exports that are remembered of each tenant: no tenant makes another's be forgotten. A memory is some 500 bytes.
const EXPORTS_MAX: usize = 16_384;

/// How long an export is remembered: no backend keeps its results longer than its users want them.
const EXPORT_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes of an export's id, since they stay in memory.
const EXPORT_ID_BYTES_MAX: usize = 256;

/// Who started which export.
#[derive(Debug)]
pub(in crate::gate) struct Exports {
    started: Mutex<HashMap<TenantId, Started>>,
    clock: SharedClock,
    /// Counts those that are forgotten for want of room.
    forgotten: Counter,
}

/// A user's export, among those of a tenant. Two users may have one: a backend may make one result for two who ask for the same.
type Key = (UserId, String, String);

#[derive(Debug, Default)]
struct Started {
    by_key: HashMap<Key, Export>,
    /// From the oldest on; one that was started again is not at its old place.
    order: VecDeque<(Duration, Key)>,
}

#[derive(Debug)]
struct Export {
    at: Duration,
    rights: RightsStamp,
}

/// What a user may, as far as two moments can be compared: a policy, and the user's roles and teams under it.
#[derive(Debug)]
struct RightsStamp {
    policy: Weak<Policy>,
    roles: Box<[RoleNo]>,
    teams: [Box<[TeamKey]>; 3],
}

impl RightsStamp {
    fn of(actor: &Actor) -> Self {
        let teams = [&actor.team_keys, &actor.tree_keys, &actor.queue_keys];
        Self {
            policy: Arc::downgrade(actor.grants.policy()),
            roles: actor.grants.roles().into(),
            teams: teams.map(Clone::clone),
        }
    }

    fn are_those_of(&self, actor: &Actor) -> bool {
        let Self { policy, roles, teams: [team, tree, queue] } = self;
        Weak::as_ptr(policy) == Arc::as_ptr(actor.grants.policy())
            && **roles == *actor.grants.roles()
            && (team, tree, queue) == (&actor.team_keys, &actor.tree_keys, &actor.queue_keys)
    }
}

impl Exports {
    pub(in crate::gate) fn new(clock: SharedClock, forgotten: Counter) -> Self {
        Self { started: Mutex::default(), clock, forgotten }
    }

    /// Remembers that a user started an export of those that are called `of`.
    pub(in crate::gate) fn remember(&self, actor: &Actor, of: &str, id: &str) {
        if id.is_empty() || id.len() > EXPORT_ID_BYTES_MAX {
            return;
        }
        let (now, key) = (self.clock.elapsed(), key(actor, of, id));
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let started = started.entry(actor.tenant.clone()).or_default();
        started.forget_those_before(now.saturating_sub(EXPORT_AGE_MAX));
        started.order.push_back((now, key.clone()));
        started.by_key.insert(key, Export { at: now, rights: RightsStamp::of(actor) });
        while started.order.len() > EXPORTS_MAX {
            started.forget_the_oldest();
            self.forgotten.inc();
        }
    }

    /// Whether a user started an export, with the rights that they have now.
    pub(in crate::gate) fn belongs_to(&self, actor: &Actor, of: &str, id: &str) -> bool {
        let now = self.clock.elapsed();
        let started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let export = started.get(&actor.tenant).and_then(|own| own.by_key.get(&key(actor, of, id)));
        export.is_some_and(|export| {
            now.saturating_sub(export.at) < EXPORT_AGE_MAX && export.rights.are_those_of(actor)
        })
    }
}

impl Started {
    fn forget_those_before(&mut self, time: Duration) {
        while self.order.front().is_some_and(|(at, _)| *at < time) {
            self.forget_the_oldest();
        }
    }

    fn forget_the_oldest(&mut self) {
        if let Some((at, key)) = self.order.pop_front()
            && self.by_key.get(&key).is_some_and(|export| export.at == at)
        {
            self.by_key.remove(&key);
        }
    }
}

fn key(actor: &Actor, of: &str, id: &str) -> Key {
    (actor.user.clone(), of.to_owned(), id.to_owned())
}

/// The id that stands at a pointer of an answer that may be shown.
pub(in crate::gate) fn id(shown: &[u8], at: &str) -> Option<String> {
    let found = steps(at).try_fold(Raw(shown), |raw, step| raw.member(&step))?;
    found.name().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::ManualClock,
        ids::{TeamId, Timestamp},
        policy::{
            Keys, Member,
            source::{Assignment, Principal, Role, Source},
        },
    };

    struct World {
        exports: Exports,
        clock: Arc<ManualClock>,
        forgotten: Counter,
        keys: Keys,
        policy: Arc<Policy>,
    }

    impl World {
        fn new() -> Self {
            let (clock, keys, forgotten) =
                (Arc::new(ManualClock::new(Timestamp(0))), Keys::default(), Counter::default());
            let policy = policy(&keys);
            let exports = Exports::new(clock.clone(), forgotten.clone());
            Self { exports, clock, forgotten, keys, policy }
        }

        fn actor(&self, tenant: &str, user: &str, teams: &[&str]) -> Actor {
            let tenant = TenantId::new(tenant);
            let member = Member { user, teams, ..Member::default() };
            let (roles, _) = self.policy.roles_of(&member, Timestamp(0));
            let team_keys: Box<[_]> =
                teams.iter().map(|team| self.keys.team(&tenant, team).unwrap()).collect();
            Actor {
                user: UserId::new(user),
                teams: teams.iter().map(|team| TeamId::new(*team)).collect(),
                tree_keys: team_keys.clone(),
                team_keys,
                queue_keys: [].into(),
                user_key: self.keys.user(&tenant, user).unwrap(),
                tenant_key: self.keys.tenant(&tenant),
                tenant,
                apps: self.policy.apps_of(&member),
                active: true,
                grants: Arc::new(self.policy.grants(&roles).unwrap()),
            }
        }
    }

    fn policy(keys: &Keys) -> Arc<Policy> {
        let to = |user: &str| Assignment {
            role: "exporter".to_owned(),
            to: Principal::User(user.to_owned()),
            until: None,
            draft: false,
        };
        let source = Source {
            roles: [("exporter".to_owned(), Role::default())].into(),
            assignments: vec![to("ana")],
            ..Source::default()
        };
        Arc::new(Policy::compile(&source, &TenantId::new("acme"), keys).unwrap())
    }

    #[test]
    fn an_export_belongs_to_who_started_it() {
        let world = World::new();
        let ana = world.actor("acme", "ana", &["sales"]);
        world.exports.remember(&ana, "contacts", "7");
        let belongs = |actor: &Actor, of: &str, id: &str| world.exports.belongs_to(actor, of, id);
        assert!(belongs(&ana, "contacts", "7"));
        assert!(!belongs(&ana, "contacts", "8"));
        assert!(!belongs(&ana, "conversations", "7"));
        assert!(!belongs(&world.actor("acme", "ben", &["sales"]), "contacts", "7"));
        assert!(!belongs(&world.actor("globex", "ana", &["sales"]), "contacts", "7"));
    }

    #[test]
    fn it_belongs_to_nobody_after_their_rights_changed() {
        let mut world = World::new();
        world.exports.remember(&world.actor("acme", "ana", &["sales"]), "contacts", "7");
        let again = world.actor("acme", "ana", &["sales"]);
        assert!(world.exports.belongs_to(&again, "contacts", "7"), "the same rights, known anew");
        let elsewhere = world.actor("acme", "ana", &["support"]);
        assert!(!world.exports.belongs_to(&elsewhere, "contacts", "7"));
        world.policy = policy(&world.keys);
        let ruled_anew = world.actor("acme", "ana", &["sales"]);
        assert!(!world.exports.belongs_to(&ruled_anew, "contacts", "7"));
    }

    #[test]
    fn it_is_forgotten_after_a_day() {
        let world = World::new();
        let ana = world.actor("acme", "ana", &["sales"]);
        world.exports.remember(&ana, "contacts", "7");
        world.clock.advance(EXPORT_AGE_MAX / 2);
        world.exports.remember(&ana, "contacts", "8");
        world.clock.advance(EXPORT_AGE_MAX / 2);
        assert!(!world.exports.belongs_to(&ana, "contacts", "7"));
        assert!(world.exports.belongs_to(&ana, "contacts", "8"));
        world.clock.advance(Duration::from_secs(1));
        world.exports.remember(&ana, "contacts", "9");
        let started = world.exports.started.lock().unwrap();
        assert_eq!(started[&ana.tenant].by_key.len(), 2, "and takes no room");
    }

    #[test]
    fn the_oldest_are_forgotten_for_want_of_room() {
        let world = World::new();
        let ana = world.actor("acme", "ana", &["sales"]);
        let elsewhere = world.actor("globex", "ana", &["sales"]);
        world.exports.remember(&elsewhere, "contacts", "0");
        for id in 0..=EXPORTS_MAX {
            world.exports.remember(&ana, "contacts", &id.to_string());
        }
        assert_eq!(world.forgotten.get(), 1);
        assert!(!world.exports.belongs_to(&ana, "contacts", "0"));
        assert!(world.exports.belongs_to(&ana, "contacts", "1"));
        assert!(world.exports.belongs_to(&elsewhere, "contacts", "0"), "another tenant's stays");
        world.exports.remember(&ana, "contacts", &"x".repeat(EXPORT_ID_BYTES_MAX + 1));
        assert_eq!(world.forgotten.get(), 1, "an id that is no id is not remembered");
    }

    #[test]
    fn an_id_is_a_name_or_a_whole_number() {
        for (answer, found) in [
            (r#"{"job":{"id":7}}"#, Some("7")),
            (r#"{"job":{"id":"a-7"}}"#, Some("a-7")),
            (r#"{"job":{"id":7.5}}"#, None),
            (r#"{"job":{"id":null}}"#, None),
            (r#"{"id":7}"#, None),
            ("{", None),
        ] {
            assert_eq!(id(answer.as_bytes(), "/job/id").as_deref(), found, "{answer}");
        }
    }
}
