//! What the directory's cache keeps of a user: the directory's answer, the actor made of it, and the place of both.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use headgate::{
    clock::SystemClock,
    directory::{
        Actors, Answer, Member, Metrics, Rules, Source, SourceError, TenantWorld, Tree, Validator, World,
    },
    ids::{TeamId, TenantId, UserId},
    metrics::Limits,
    policy::{Keys, Policy},
    spool::Later,
};
use prometheus_client::registry::Registry;

use super::{MANY_USERS, resident_kib, world};

/// A directory of so many users that nobody's names are shared, with the teams and roles of the company's.
struct Company(Arc<world::World>);

impl fmt::Debug for Company {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Company")
    }
}

impl Source for Company {
    fn is_fixed(&self) -> bool {
        false
    }

    fn member<'a>(
        &'a self,
        _tenant: &'a TenantId,
        user: &'a UserId,
        _known: Option<&'a Validator>,
    ) -> Later<'a, Result<Answer<Option<Member>>, SourceError>> {
        let number: usize = user.as_str().trim_start_matches('u').parse().unwrap();
        let user = &self.0.users[number % self.0.users.len()];
        let member = Member {
            active: true,
            away: false,
            teams: user.teams.iter().map(|team| TeamId::new(format!("t{team}"))).collect(),
            roles: user.roles.iter().map(|role| format!("r{role}")).collect(),
            traits: Vec::new(),
        };
        Box::pin(async { Ok(Answer::Is(Some(member), None)) })
    }

    fn teams<'a>(
        &'a self,
        _tenant: &'a TenantId,
        _known: Option<&'a Validator>,
    ) -> Later<'a, Result<Answer<Tree>, SourceError>> {
        let teams = (0..world::TEAMS).map(|team| (TeamId::new(format!("t{team}")), None));
        Box::pin(async { Ok(Answer::Is(Tree::new(teams), None)) })
    }
}

/// Resident bytes of a cached user, among [`MANY_USERS`] who share what the sets of their roles grant.
pub(super) fn bytes_of_a_user(company: Arc<world::World>, policy: Arc<Policy>, tenant: &TenantId) -> usize {
    let mut registry = Registry::default();
    let limits = Limits::new(&mut registry);
    let actors = Actors::new(
        MANY_USERS + MANY_USERS / 4,
        Arc::new(SystemClock::default()),
        Metrics::new(&mut registry, &limits),
    );
    let day = Duration::from_secs(86_400);
    let world = World::new([TenantWorld::new(
        tenant.clone(),
        policy,
        (Arc::new(Company(company)), 1),
        Rules { refresh: day, ttl: day, negative_ttl: day, max_stale: day },
        BTreeSet::new(),
        Keys::default(),
    )]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ask = async |number: usize| {
        actors.actor(&world, tenant, &UserId::new(format!("u{number}")), None).await.unwrap();
    };
    runtime.block_on(async {
        // The first of each set of roles makes the tables.
        let first = world::USERS;
        for number in 0..first {
            ask(number).await;
        }
        let before = resident_kib();
        for number in first..MANY_USERS {
            ask(number).await;
        }
        resident_kib().saturating_sub(before) * 1024 / (MANY_USERS - first)
    })
}
