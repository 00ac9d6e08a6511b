//! Actors: what a user may do at this moment, cached.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use quick_cache::sync::Cache;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Answer, Member, SourceError, Tree, Validator, Version,
    cached::{Fetched, Question, Slot, Terms, Unavailable, Use},
    invalidation::{Invalidations, Last, Scope},
    is_name,
    world::{TenantWorld, World},
};
use crate::{
    causes::Causes,
    clock::SharedClock,
    ids::{TenantId, Timestamp, UserId},
    metrics::{Bounded, Limits, bounded},
    policy::Actor,
    spool::Later,
};

/// Tenants whose teams are kept at most.
const TENANTS_MAX: usize = 10_000;

/// A user's rights, and how fresh they are.
#[derive(Debug)]
pub struct Granted {
    /// The user.
    pub actor: Arc<Actor>,
    /// How fresh the rights are: the lesser version of what is known of the user and of the teams.
    pub version: Version,
}

/// Why a user has no rights. All of these refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoActor {
    /// The directory knows no such user: 401, whatever the credential.
    #[error("the user is not known")]
    Unknown,
    /// The directory cannot be asked, and what was known is too old or was invalidated: 503.
    #[error("what the user may is not known now")]
    Unavailable,
    /// The rights cannot be as fresh as `headgate-min-grants` asks for: 503.
    #[error("the user's rights are not yet as fresh as was asked for")]
    NotThatFresh,
    /// The user has more roles than can be decided on: an operator's mistake, 503.
    #[error("the user has too many roles")]
    TooManyRoles,
}

/// The cache of actors. Lives as long as its Headgate; each request brings the [`World`] it began with.
#[derive(Debug)]
pub struct Actors {
    clock: SharedClock,
    invalidations: Invalidations,
    users: Bounded<(TenantId, UserId), Arc<UserSlot>>,
    trees: Cache<TenantId, Arc<Slot<Arc<Tree>>>>,
    metrics: Metrics,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct UserSlot {
    member: Slot<Option<Arc<Member>>>,
    built: ArcSwapOption<Built>,
}

/// What is known, and how it may be used.
type Answered<T> = (Arc<Fetched<T>>, Use);

/// An actor, and what it was made from.
#[derive(Debug)]
struct Built {
    granted: Arc<Granted>,
    member: Arc<Fetched<Option<Arc<Member>>>>,
    tree: Arc<Fetched<Arc<Tree>>>,
    world: Arc<TenantWorld>,
    /// When a role of the user begins or ends.
    until: Option<Timestamp>,
}

/// Metrics of the directory.
#[derive(Clone, Debug)]
pub struct Metrics {
    lookups: Family<Lookup, Counter>,
    invalidations: Counter,
    forgotten: Counter,
    too_soon: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lookup {
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Outcome {
    Hit,
    Fetched,
    Stale,
    Unknown,
    Unavailable,
}

impl Metrics {
    /// Registers them.
    #[must_use]
    pub fn new(registry: &mut Registry, limits: &Limits) -> Self {
        let metrics = Self {
            lookups: Family::default(),
            invalidations: Counter::default(),
            forgotten: limits.of("actors_max"),
            too_soon: limits.of("grants_forced_max"),
        };
        registry.register(
            "headgate_grants_lookups",
            "Lookups of users' grants, by where the answer came from",
            metrics.lookups.clone(),
        );
        registry.register(
            "headgate_grants_invalidations",
            "Invalidations of cached grants",
            metrics.invalidations.clone(),
        );
        metrics
    }

    fn count(&self, outcome: Outcome) {
        self.lookups.get_or_create(&Lookup { outcome }).inc();
    }
}

impl Actors {
    /// An empty cache of `users_max` users at most; those that were not asked for longest go first.
    #[must_use]
    pub fn new(users_max: usize, clock: SharedClock, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self {
            clock,
            invalidations: Invalidations::default(),
            users: bounded(users_max, &metrics.forgotten),
            trees: Cache::new(TENANTS_MAX),
            metrics,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    /// What a user may do, by rights that are at least as fresh as `min`.
    ///
    /// # Errors
    /// [`NoActor`]; each of them refuses the request.
    pub async fn actor(
        self: &Arc<Self>,
        world: &World,
        tenant: &TenantId,
        user: &UserId,
        min: Option<Version>,
    ) -> Result<Arc<Granted>, NoActor> {
        let world = world.tenant(tenant).ok_or(NoActor::Unknown)?;
        // A backend's object may say anything of who is responsible for it: no memory and no call for that.
        if !is_name(user.as_str()) {
            return self.counted(Err(NoActor::Unknown));
        }
        let key = (tenant.clone(), user.clone());
        let slot = self.users.get_or_insert_with(&key, || Ok::<_, NoActor>(Arc::default()))?;
        self.counted(self.found(world, &slot, user, min).await)
    }

    /// The same, as long as nobody need be asked for it: `None` if somebody must be.
    pub fn known(
        self: &Arc<Self>,
        world: &World,
        tenant: &TenantId,
        user: &UserId,
    ) -> Option<Result<Arc<Granted>, NoActor>> {
        let world = world.tenant(tenant)?;
        if !is_name(user.as_str()) {
            return Some(self.counted(Err(NoActor::Unknown)));
        }
        let slot = self.users.get(&(tenant.clone(), user.clone()))?;
        let tree_slot = self.trees.get(tenant)?;
        let terms = || self.terms(world, None);
        let tree = tree_slot.known(&OfTree { terms: terms(), world })?;
        let member = slot.member.known(&OfMember { terms: terms(), world, user })?;
        Some(self.counted(self.built(world, &slot, user, (tree_slot, tree), member)))
    }

    /// From now on what was known of these users before is not used any more. Answers with the version from
    /// which on rights know of it.
    pub fn invalidate(&self, scope: Scope) -> Version {
        self.metrics.invalidations.inc();
        self.invalidations.note(scope);
        Version(self.clock.now().0)
    }

    /// The number of the last invalidation of anything of a tenant's.
    #[must_use]
    pub fn last_invalidation(&self, tenant: &TenantId) -> u64 {
        self.invalidations.of_anything(tenant)
    }

    /// The version of rights that are asked for now.
    #[must_use]
    pub fn version(&self) -> Version {
        Version(self.clock.now().0)
    }

    /// Forgets what was made of answers, and none of the answers: a configuration is no longer in use, and whoever
    /// stays away must not keep its policy in memory.
    pub fn forget_configuration(&self) {
        for (_, slot) in self.users.iter() {
            slot.built.store(None);
        }
    }

    /// Ends what is renewed in the background.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn found(
        self: &Arc<Self>,
        world: &Arc<TenantWorld>,
        slot: &Arc<UserSlot>,
        user: &UserId,
        min: Option<Version>,
    ) -> Result<Arc<Granted>, NoActor> {
        let key = &world.tenant;
        let tree_slot = self.trees.get_or_insert_with(key, || Ok::<_, NoActor>(Arc::default()))?;
        let of_tree = OfTree { terms: self.terms(world, min), world };
        let tree = tree_slot.get(&of_tree).await.map_err(|why| self.unavailable(&why))?;
        let of_member = OfMember { terms: self.terms(world, min), world, user };
        let member = slot.member.get(&of_member).await.map_err(|why| self.unavailable(&why))?;
        self.built(world, slot, user, (tree_slot, tree), member)
    }

    /// The actor that was made of what is known, or is made now. What is old is renewed in the background.
    fn built(
        self: &Arc<Self>,
        world: &Arc<TenantWorld>,
        slot: &Arc<UserSlot>,
        user: &UserId,
        (tree_slot, (tree, tree_use)): (Arc<Slot<Arc<Tree>>>, Answered<Arc<Tree>>),
        (member, member_use): Answered<Option<Arc<Member>>>,
    ) -> Result<Arc<Granted>, NoActor> {
        self.metrics.count(match member_use.max(tree_use) {
            Use::Fetched => Outcome::Fetched,
            Use::Fresh | Use::Renew => Outcome::Hit,
            Use::Stale | Use::No => Outcome::Stale,
        });
        let is_old = |how| matches!(how, Use::Renew | Use::Stale);
        if is_old(member_use) || is_old(tree_use) {
            self.renew(Arc::clone(world), Arc::clone(slot), tree_slot, user.clone());
        }
        let now = self.clock.now();
        if let Some(built) = slot.built.load_full()
            && Arc::ptr_eq(&built.member, &member)
            && Arc::ptr_eq(&built.tree, &tree)
            && Arc::ptr_eq(&built.world, world)
            && built.until.is_none_or(|until| now < until)
        {
            return Ok(Arc::clone(&built.granted));
        }
        let known = member.value.as_deref().ok_or(NoActor::Unknown)?;
        let (actor, until) = world.actor(user, known, &tree.value, now)?;
        let granted = Arc::new(Granted { actor: Arc::new(actor), version: member.version.min(tree.version) });
        let built = Built { granted: Arc::clone(&granted), member, tree, world: Arc::clone(world), until };
        slot.built.store(Some(Arc::new(built)));
        Ok(granted)
    }

    fn counted(&self, found: Result<Arc<Granted>, NoActor>) -> Result<Arc<Granted>, NoActor> {
        match &found {
            Ok(_) => {}
            Err(NoActor::Unknown) => self.metrics.count(Outcome::Unknown),
            Err(NoActor::Unavailable | NoActor::NotThatFresh | NoActor::TooManyRoles) => {
                self.metrics.count(Outcome::Unavailable);
            }
        }
        found
    }

    fn renew(
        self: &Arc<Self>,
        world: Arc<TenantWorld>,
        slot: Arc<UserSlot>,
        tree_slot: Arc<Slot<Arc<Tree>>>,
        user: UserId,
    ) {
        let (actors, stop) = (Arc::clone(self), self.stop.clone());
        self.tasks.spawn(stop.run_until_cancelled_owned(async move {
            tree_slot.renew(&OfTree { terms: actors.terms(&world, None), world: &world }).await;
            let of_member = OfMember { terms: actors.terms(&world, None), world: &world, user: &user };
            slot.member.renew(&of_member).await;
        }));
    }

    fn terms(&self, world: &TenantWorld, min: Option<Version>) -> Terms<'_> {
        Terms {
            clock: &self.clock,
            invalidations: &self.invalidations,
            rules: world.rules,
            is_fixed: world.source.is_fixed(),
            source_id: world.source_id,
            min,
        }
    }

    fn unavailable(&self, why: &Unavailable) -> NoActor {
        match why {
            Unavailable::NotThatFresh => NoActor::NotThatFresh,
            Unavailable::TooSoon => {
                self.metrics.too_soon.inc();
                NoActor::NotThatFresh
            }
            Unavailable::Failed(error) => {
                // At most once a second for each question.
                tracing::warn!(error = %Causes(error), "the directory could not be asked");
                NoActor::Unavailable
            }
            Unavailable::Waiting | Unavailable::Overtaken => NoActor::Unavailable,
        }
    }
}

/// What is known of a user?
struct OfMember<'a> {
    terms: Terms<'a>,
    world: &'a TenantWorld,
    user: &'a UserId,
}

/// Which teams are there?
struct OfTree<'a> {
    terms: Terms<'a>,
    world: &'a TenantWorld,
}

impl Question<Option<Arc<Member>>> for OfMember<'_> {
    fn ask<'a>(
        &'a self,
        known: Option<&'a Validator>,
    ) -> Later<'a, Result<Answer<Option<Arc<Member>>>, SourceError>> {
        Box::pin(async move {
            Ok(match self.world.source.member(&self.world.tenant, self.user, known).await? {
                Answer::Is(member, validator) => Answer::Is(member.map(Arc::new), validator),
                Answer::NotModified => Answer::NotModified,
            })
        })
    }

    fn terms(&self) -> &Terms<'_> {
        &self.terms
    }

    fn concerned(&self, member: &Option<Arc<Member>>) -> Last {
        self.terms.invalidations.of_member(&self.world.tenant, self.user, member.as_deref())
    }

    fn is_negative(&self, member: &Option<Arc<Member>>) -> bool {
        member.is_none()
    }
}

impl Question<Arc<Tree>> for OfTree<'_> {
    fn ask<'a>(&'a self, known: Option<&'a Validator>) -> Later<'a, Result<Answer<Arc<Tree>>, SourceError>> {
        Box::pin(async move {
            Ok(match self.world.source.teams(&self.world.tenant, known).await? {
                Answer::Is(tree, validator) => Answer::Is(Arc::new(tree), validator),
                Answer::NotModified => Answer::NotModified,
            })
        })
    }

    fn terms(&self) -> &Terms<'_> {
        &self.terms
    }

    fn concerned(&self, _tree: &Arc<Tree>) -> Last {
        self.terms.invalidations.of_tree(&self.world.tenant)
    }

    fn is_negative(&self, _tree: &Arc<Tree>) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
