//! The cache of actors, with a directory that a test directs and a clock that it moves.

mod hanging;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::{super::Rules, *};
use crate::{
    clock::ManualClock,
    ids::TeamId,
    policy::{Keys, Policy, Source as Roles},
    spool::Later,
};

const RULES: Rules = Rules {
    refresh: Duration::from_secs(30),
    ttl: Duration::from_secs(60),
    negative_ttl: Duration::from_secs(5),
    max_stale: Duration::from_secs(600),
};

/// A directory that says what a test made it say.
#[derive(Debug, Default)]
struct Scripted {
    members: Mutex<HashMap<String, Member>>,
    calls: AtomicUsize,
    tree_calls: AtomicUsize,
    down: std::sync::atomic::AtomicBool,
    /// Told of everybody's change during each call.
    flooded: Mutex<Option<Arc<Actors>>>,
    /// Calls wait here while a test holds them.
    held: Mutex<Option<Arc<Notify>>>,
    arrived: Notify,
}

impl Scripted {
    fn say(&self, user: &str, roles: &[&str]) {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        let member = Member { active: true, roles, teams: vec![TeamId::new("sales")], ..Member::default() };
        self.members.lock().unwrap().insert(user.to_owned(), member);
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn hold(&self) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        *self.held.lock().unwrap() = Some(Arc::clone(&notify));
        notify
    }
}

impl super::super::Source for Scripted {
    fn is_fixed(&self) -> bool {
        false
    }

    fn member<'a>(
        &'a self,
        _tenant: &'a TenantId,
        user: &'a UserId,
        _known: Option<&'a Validator>,
    ) -> Later<'a, Result<Answer<Option<Member>>, SourceError>> {
        Box::pin(async move {
            self.calls.fetch_add(1, Ordering::SeqCst);
            let said = self.members.lock().unwrap().get(user.as_str()).cloned();
            let held = self.held.lock().unwrap().take();
            if let Some(held) = held {
                self.arrived.notify_one();
                held.notified().await;
            }
            if let Some(actors) = &*self.flooded.lock().unwrap() {
                for _ in 0..1000 {
                    actors.invalidate(Scope::All);
                }
            }
            if self.down.load(Ordering::SeqCst) {
                return Err(SourceError::Status(http::StatusCode::BAD_GATEWAY));
            }
            Ok(Answer::Is(said, None))
        })
    }

    fn teams<'a>(
        &'a self,
        _tenant: &'a TenantId,
        _known: Option<&'a Validator>,
    ) -> Later<'a, Result<Answer<Tree>, SourceError>> {
        Box::pin(async {
            self.tree_calls.fetch_add(1, Ordering::SeqCst);
            Ok(Answer::Is(Tree::default(), None))
        })
    }
}

/// One tenant, whose directory is `source`.
fn world_of(source: Arc<dyn super::super::Source>) -> Arc<World> {
    let mut roles = Roles::default();
    roles.resources.insert("lead".into(), vec!["view".into()]);
    for name in ["seller", "boss"] {
        roles.roles.insert(name.into(), crate::policy::source::Role::default());
    }
    let (tenant, keys) = (TenantId::new("acme"), Keys::default());
    let policy = Arc::new(Policy::compile(&roles, &tenant, &keys).unwrap());
    let tenant = TenantWorld::new(tenant, policy, (source, 1), RULES, BTreeSet::new(), keys);
    Arc::new(World::new([tenant]))
}

/// The names of the roles that rights come from.
fn role_names(world: &World, granted: &Granted) -> Vec<String> {
    let policy = &world.tenant(&TenantId::new("acme")).unwrap().policy;
    let roles = granted.actor.grants.roles().iter();
    roles.map(|role| policy.role_name(*role).to_owned()).collect()
}

struct Setup {
    actors: Arc<Actors>,
    world: Arc<World>,
    source: Arc<Scripted>,
    clock: Arc<ManualClock>,
    registry: Registry,
}

impl Setup {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_000)));
        let source = Arc::new(Scripted::default());
        let world = world_of(source.clone());
        let mut registry = Registry::default();
        let limits = Limits::new(&mut registry);
        let metrics = Metrics::new(&mut registry, &limits);
        let actors = Actors::new(100, clock.clone(), metrics);
        Self { actors, world, source, clock, registry }
    }

    async fn find(&self, user: &str, min: Option<Version>) -> Result<Arc<Granted>, NoActor> {
        self.actors.actor(&self.world, &TenantId::new("acme"), &UserId::new(user), min).await
    }

    /// The names of a user's roles, or why there are none.
    async fn roles(&self, user: &str) -> Result<Vec<String>, NoActor> {
        let granted = self.find(user, None).await?;
        Ok(role_names(&self.world, &granted))
    }

    fn metrics(&self) -> String {
        let mut metrics = String::new();
        prometheus_client::encoding::text::encode(&mut metrics, &self.registry).unwrap();
        metrics
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

#[tokio::test]
async fn an_answer_is_used_until_its_ttl_counted_from_the_start_of_the_call() {
    let setup = Setup::new();
    setup.source.say("ana", &["seller"]);
    let release = setup.source.hold();
    let asked = async {
        setup.source.arrived.notified().await;
        setup.pass(20);
        release.notify_one();
    };
    let (found, ()) = tokio::join!(setup.roles("ana"), asked);
    assert_eq!(found.unwrap(), ["seller"]);
    setup.source.say("ana", &["boss"]);
    setup.pass(9);
    assert_eq!(setup.roles("ana").await.unwrap(), ["seller"]);
    setup.pass(31);
    assert_eq!(setup.roles("ana").await.unwrap(), ["boss"], "60 s after the question");
    assert_eq!(setup.source.calls(), 2);
}

#[tokio::test]
async fn what_is_known_is_told_without_asking_as_long_as_nobody_need_be_asked() {
    let setup = Setup::new();
    let known = |user: &str| {
        let known = setup.actors.known(&setup.world, &TenantId::new("acme"), &UserId::new(user))?;
        Some(known.map(|granted| role_names(&setup.world, &granted)))
    };
    setup.source.say("ana", &["seller"]);
    assert_eq!(known("ana"), None, "nobody asked before");
    assert_eq!(known(&"x".repeat(10_000)), Some(Err(NoActor::Unknown)), "nobody has such a name");
    setup.roles("ana").await.unwrap();
    assert_eq!(setup.roles("ben").await, Err(NoActor::Unknown));
    let seller = Some(Ok(vec!["seller".to_owned()]));
    assert_eq!((known("ana"), known("ben")), (seller.clone(), Some(Err(NoActor::Unknown))));

    setup.source.say("ana", &["boss"]);
    setup.actors.invalidate(Scope::User(TenantId::new("acme"), UserId::new("ana")));
    assert_eq!(known("ana"), None, "invalidated");
    setup.roles("ana").await.unwrap();
    let boss = Some(Ok(vec!["boss".to_owned()]));
    assert_eq!(known("ana"), boss);

    // What is old is told, and renewed in the background.
    let calls = setup.source.calls();
    setup.source.say("ana", &["seller"]);
    let release = setup.source.hold();
    setup.pass(31);
    assert_eq!((known("ana"), setup.source.calls()), (boss, calls));
    setup.source.arrived.notified().await;
    release.notify_one();
    setup.actors.tasks.close();
    setup.actors.tasks.wait().await;
    assert_eq!((known("ana"), setup.source.calls()), (seller.clone(), calls + 1));

    setup.pass(61);
    assert_eq!(known("ana"), None, "too old");
    setup.source.down.store(true, Ordering::SeqCst);
    assert_eq!(setup.roles("ana").await.unwrap(), ["seller"]);
    assert_eq!(known("ana"), seller, "the directory is down");
}

#[tokio::test]
async fn a_thousand_at_once_ask_once_and_a_failure_grants_nothing() {
    let setup = Setup::new();
    setup.source.say("ana", &["seller"]);
    let all = all_of((0..1000).map(|_| setup.roles("ana"))).await;
    assert!(all.iter().all(|one| one.as_deref() == Ok(&["seller".to_owned()][..])));
    assert_eq!(setup.source.calls(), 1);

    setup.source.down.store(true, Ordering::SeqCst);
    let all = all_of((0..1000).map(|_| setup.roles("ben"))).await;
    assert!(all.iter().all(|one| *one == Err(NoActor::Unavailable)));
    assert_eq!(setup.source.calls(), 2, "each of those who waited asked again");
}

#[tokio::test]
async fn an_invalidation_counts_from_the_next_request_on() {
    let setup = Setup::new();
    let tenant = TenantId::new("acme");
    for scope in [
        Scope::User(tenant.clone(), UserId::new("ana")),
        Scope::Role(tenant.clone(), "seller".into()),
        Scope::Team(tenant.clone(), TeamId::new("sales")),
        Scope::Tenant(tenant.clone()),
        Scope::All,
    ] {
        setup.source.say("ana", &["seller"]);
        setup.actors.invalidate(Scope::All);
        assert_eq!(setup.roles("ana").await.unwrap(), ["seller"]);
        setup.source.say("ana", &[]);
        assert_eq!(setup.roles("ana").await.unwrap(), ["seller"], "nobody told");
        setup.actors.invalidate(scope.clone());
        assert_eq!(setup.roles("ana").await.unwrap(), [""; 0], "{scope:?}");
    }
}

#[tokio::test]
async fn who_joins_a_role_or_team_is_asked_about_again_when_it_is_pushed() {
    let setup = Setup::new();
    let tenant = TenantId::new("acme");
    for scope in
        [Scope::Role(tenant.clone(), "boss".into()), Scope::Team(tenant.clone(), TeamId::new("legal"))]
    {
        setup.source.say("ana", &["seller"]);
        setup.source.members.lock().unwrap().remove("new");
        setup.actors.invalidate(Scope::All);
        assert_eq!(setup.roles("ana").await.unwrap(), ["seller"]);
        assert_eq!(setup.roles("new").await, Err(NoActor::Unknown));
        for user in ["ana", "new"] {
            setup.source.say(user, &["boss"]);
        }
        setup.actors.invalidate(scope.clone());
        let calls = setup.source.calls();
        let all = all_of((0..100).map(|_| setup.roles("ana"))).await;
        assert!(all.iter().all(|one| one.as_deref() == Ok(&["boss".to_owned()][..])), "{scope:?}: {all:?}");
        assert_eq!(setup.roles("new").await.unwrap(), ["boss"], "{scope:?}");
        assert_eq!(setup.source.calls(), calls + 2, "{scope:?}: each is asked about once");
    }
    let other = TenantId::new("globex");
    let calls = setup.source.calls();
    setup.actors.invalidate(Scope::Role(other.clone(), "boss".into()));
    setup.actors.invalidate(Scope::Team(other, TeamId::new("legal")));
    assert_eq!(setup.roles("ana").await.unwrap(), ["boss"]);
    assert_eq!(setup.source.calls(), calls, "of another tenant");
}

#[tokio::test]
async fn who_joins_during_a_call_is_known_by_its_answer() {
    let setup = Setup::new();
    setup.source.say("ana", &["seller"]);
    let release = setup.source.hold();
    let joins = async {
        setup.source.arrived.notified().await;
        setup.source.say("ana", &["boss"]);
        setup.actors.invalidate(Scope::Role(TenantId::new("acme"), "boss".into()));
        release.notify_one();
    };
    let (found, ()) = tokio::join!(setup.roles("ana"), joins);
    assert_eq!(found.unwrap(), ["boss"]);
}

#[tokio::test]
async fn who_is_not_known_to_have_a_role_that_is_pushed_is_served_while_the_directory_is_down() {
    let setup = Setup::new();
    setup.source.say("ana", &["seller"]);
    setup.source.say("ben", &["boss"]);
    for user in ["ana", "ben"] {
        setup.roles(user).await.unwrap();
    }
    setup.source.down.store(true, Ordering::SeqCst);
    setup.actors.invalidate(Scope::Role(TenantId::new("acme"), "boss".into()));
    assert_eq!(setup.roles("ana").await.unwrap(), ["seller"]);
    assert_eq!(setup.roles("ben").await, Err(NoActor::Unavailable), "it may have been taken from him");
    setup.pass(600);
    assert_eq!(setup.roles("ana").await, Err(NoActor::Unavailable), "no longer than ever");
}

#[tokio::test]
async fn an_invalidation_during_a_call_wins_over_its_answer() {
    let setup = Setup::new();
    setup.source.say("ana", &["seller"]);
    let release = setup.source.hold();
    let revoked = async {
        setup.source.arrived.notified().await;
        setup.source.say("ana", &[]);
        setup.actors.invalidate(Scope::User(TenantId::new("acme"), UserId::new("ana")));
        release.notify_one();
    };
    let (found, ()) = tokio::join!(setup.roles("ana"), revoked);
    assert_eq!(found.unwrap(), [""; 0]);
    assert_eq!(setup.source.calls(), 2);
}

#[tokio::test]
async fn while_the_directory_is_down_what_is_known_serves_until_max_stale_but_never_what_was_invalidated() {
    let setup = Setup::new();
    setup.source.say("ana", &["seller"]);
    setup.source.say("ben", &["seller"]);
    for user in ["ana", "ben"] {
        setup.roles(user).await.unwrap();
    }
    setup.source.down.store(true, Ordering::SeqCst);
    setup.pass(599);
    assert_eq!(setup.roles("ana").await.unwrap(), ["seller"]);
    setup.actors.invalidate(Scope::User(TenantId::new("acme"), UserId::new("ben")));
    assert_eq!(setup.roles("ben").await, Err(NoActor::Unavailable));
    setup.pass(1);
    assert_eq!(setup.roles("ana").await, Err(NoActor::Unavailable));
    setup.source.down.store(false, Ordering::SeqCst);
    setup.pass(1);
    assert_eq!(setup.roles("ana").await.unwrap(), ["seller"]);
}

#[tokio::test]
async fn an_unknown_user_is_asked_for_again_soon() {
    let setup = Setup::new();
    assert_eq!(setup.roles("new").await, Err(NoActor::Unknown));
    setup.source.say("new", &["seller"]);
    setup.pass(4);
    assert_eq!(setup.roles("new").await, Err(NoActor::Unknown));
    setup.pass(1);
    assert_eq!(setup.roles("new").await.unwrap(), ["seller"]);
}

#[tokio::test]
async fn what_is_asked_to_be_fresher_is_asked_for_again() {
    let setup = Setup::new();
    setup.source.say("ana", &["seller"]);
    let first = setup.find("ana", None).await.unwrap();
    setup.pass(10);
    let same = setup.find("ana", Some(first.version)).await.unwrap();
    assert!(Arc::ptr_eq(&first, &same));
    let fresher = setup.find("ana", Some(Version(first.version.0 + 1))).await.unwrap();
    assert!(fresher.version > first.version);
    let future = setup.find("ana", Some(Version(fresher.version.0 + 60_000))).await;
    assert_eq!(future.err(), Some(NoActor::NotThatFresh));
}

#[tokio::test]
async fn who_asks_for_ever_fresher_rights_causes_one_call_a_second_and_one_after_each_push() {
    let setup = Setup::new();
    setup.source.say("ana", &["seller"]);
    setup.roles("ana").await.unwrap();
    let mut refused = 0;
    for _ in 0..1000 {
        setup.clock.advance(Duration::from_millis(10));
        match setup.find("ana", Some(setup.actors.version())).await {
            Ok(granted) => assert_eq!(granted.version, setup.actors.version()),
            Err(why) => {
                assert_eq!(why, NoActor::NotThatFresh);
                refused += 1;
            }
        }
    }
    let calls = || (setup.source.calls(), setup.source.tree_calls.load(Ordering::SeqCst));
    assert_eq!(calls(), (1 + 10, 1 + 10), "in ten seconds");
    assert_eq!(refused, 990);
    assert!(setup.metrics().contains("headgate_limit_reached_total{limit=\"grants_forced_max\"} 990\n"));

    setup.clock.advance(Duration::from_millis(10));
    let pushed = setup.actors.invalidate(Scope::User(TenantId::new("acme"), UserId::new("ben")));
    assert_eq!(setup.find("ana", Some(pushed)).await.unwrap().version, pushed, "who pushed need not wait");
    assert_eq!(calls(), (12, 12));
}

#[tokio::test]
async fn rights_are_no_fresher_than_the_teams_they_come_from() {
    let setup = Setup::new();
    setup.source.say("ana", &["seller"]);
    let first = setup.find("ana", None).await.unwrap();
    setup.pass(10);
    let pushed = setup.actors.invalidate(Scope::User(TenantId::new("acme"), UserId::new("ana")));
    let again = setup.find("ana", None).await.unwrap();
    assert_eq!((setup.source.calls(), again.version), (2, first.version), "the teams are as they were");
    assert_eq!(setup.find("ana", Some(pushed)).await.unwrap().version, pushed);
}

#[tokio::test]
async fn a_failure_of_long_ago_or_before_a_push_is_no_reason_to_use_what_is_stale() {
    for is_pushed in [true, false] {
        let setup = Setup::new();
        setup.source.say("ana", &["seller"]);
        setup.roles("ana").await.unwrap();
        setup.source.down.store(true, Ordering::SeqCst);
        setup.pass(60);
        assert_eq!(setup.roles("ana").await.unwrap(), ["seller"], "stale");
        setup.source.down.store(false, Ordering::SeqCst);
        setup.source.say("ana", &["boss"]);
        if is_pushed {
            setup.actors.invalidate(Scope::Role(TenantId::new("acme"), "boss".into()));
            setup.pass(1);
        } else {
            setup.pass(30);
        }
        assert_eq!(setup.roles("ana").await.unwrap(), ["boss"], "pushed: {is_pushed}");
    }
}

#[tokio::test]
async fn an_old_answer_is_renewed_in_the_background_and_a_wall_clock_that_jumps_changes_nothing() {
    let setup = Setup::new();
    setup.source.say("ana", &["seller"]);
    setup.roles("ana").await.unwrap();
    setup.clock.jump(Timestamp(1_699_996_400_000));
    setup.source.say("ana", &["boss"]);
    setup.pass(31);
    assert_eq!(setup.roles("ana").await.unwrap(), ["seller"], "used as it is");
    setup.actors.tasks.close();
    setup.actors.tasks.wait().await;
    assert_eq!(setup.roles("ana").await.unwrap(), ["boss"]);
    assert_eq!(setup.source.calls(), 2);
}

#[tokio::test]
async fn a_configuration_that_is_gone_is_not_kept_by_who_stays_away() {
    let Setup { actors, world, source, .. } = Setup::new();
    let tenant = TenantId::new("acme");
    for user in ["ana", "ben"] {
        source.say(user, &["seller"]);
        drop(actors.actor(&world, &tenant, &UserId::new(user), None).await.unwrap());
    }
    let policy = Arc::downgrade(&world.tenant(&tenant).unwrap().policy);
    drop(world);
    actors.forget_configuration();
    assert_eq!(policy.strong_count(), 0, "somebody's rights still hold it");
    assert_eq!(source.calls(), 2);
}

#[tokio::test]
async fn i07_a_flood_of_invalidations_lets_nobody_through_on_what_was_known_and_makes_few_calls() {
    let setup = Setup::new();
    setup.source.say("ana", &["seller"]);
    setup.roles("ana").await.unwrap();
    *setup.source.flooded.lock().unwrap() = Some(Arc::clone(&setup.actors));
    setup.actors.invalidate(Scope::All);
    let all = all_of((0..1000).map(|_| setup.roles("ana"))).await;
    assert!(all.iter().all(|one| *one == Err(NoActor::Unavailable)));
    assert_eq!(setup.source.calls(), 1 + 4, "each of those who waited asked again");
    *setup.source.flooded.lock().unwrap() = None;
    setup.pass(1);
    assert_eq!(setup.roles("ana").await.unwrap(), ["seller"]);
}

#[tokio::test]
async fn i18_a_flood_of_users_takes_bounded_room_and_forgets_nobody_who_is_there() {
    let setup = Setup::new();
    setup.source.say("ana", &["seller"]);
    for n in 0..20_000 {
        let user = format!("user{n}");
        setup.source.say(&user, &["seller"]);
        assert_eq!(setup.roles(&user).await.unwrap(), ["seller"]);
        setup.source.members.lock().unwrap().remove(&user);
        assert_eq!(setup.roles("ana").await.unwrap(), ["seller"]);
    }
    assert!(setup.actors.users.len() <= 100);
    assert_eq!(setup.source.calls(), 20_001, "somebody who was there all the time was asked about again");
    let metrics = setup.metrics();
    let forgotten = 20_001 - setup.actors.users.len();
    let counted = format!("headgate_limit_reached_total{{limit=\"actors_max\"}} {forgotten}\n");
    assert!(metrics.contains(&counted), "{metrics}");
    let labels = metrics.lines().filter(|line| line.starts_with("headgate_grants_lookups_total{"));
    assert_eq!(labels.count(), 2, "labels name outcomes, and no users: {metrics}");
}

#[tokio::test]
async fn what_can_be_no_users_name_takes_no_room_and_no_call() {
    let setup = Setup::new();
    for name in ["", "a,b", "a\nb", "b\u{fc}ro", &"a".repeat(100_000)] {
        setup.source.say(name, &["boss"]);
        assert_eq!(setup.roles(name).await, Err(NoActor::Unknown), "{name:?}");
    }
    assert_eq!((setup.source.calls(), setup.actors.users.len()), (0, 0));
}

async fn all_of<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        for (one, done) in &mut all {
            if done.is_none()
                && let std::task::Poll::Ready(value) = one.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if all.iter().all(|(_, done)| done.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    all.into_iter().filter_map(|(_, done)| done).collect()
}
