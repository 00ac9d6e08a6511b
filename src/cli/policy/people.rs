//! A tenant's policy with its people as actors.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use super::{Unanswered, Where};
use crate::{
    clock::{Clock as _, SystemClock},
    config::{Env, nearest, rights::Rights},
    directory::{Casting, Member, Tree},
    ids::{TeamId, Timestamp, UserId},
    policy::{ActionNo, Actor, Grants, Keys, Policy, ResourceNo, RoleNo, TooManyRoles, words::Lexicon},
};

/// A tenant's policy with its people.
#[derive(Debug)]
pub(super) struct People {
    pub(super) rights: Rights,
    pub(super) policy: Arc<Policy>,
    keys: Keys,
    tree: Tree,
    now: Timestamp,
}

/// Who is asked about: a user, or whoever has a role and nothing else.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) actor: Actor,
    /// The subject's teams and all below them.
    pub(super) teams: BTreeSet<TeamId>,
}

impl People {
    /// Reads a tenant's files.
    pub(super) fn read(place: &Where, env: Env<'_>) -> Result<Self, Unanswered> {
        Self::of(&place.config, place.tenant.as_deref(), env, Keys::default())
    }

    /// The same, with keys that two policies may share.
    pub(super) fn of(
        folder: &Path,
        tenant: Option<&str>,
        env: Env<'_>,
        keys: Keys,
    ) -> Result<Self, Unanswered> {
        let rights = Rights::read(folder, tenant, env)?;
        let policy = Policy::compile(&rights.policy, &rights.tenant, &keys)
            .map_err(|_problems| Unanswered::Policy { tenant: rights.tenant.to_string() })?;
        let tree = rights.directory.tree();
        Ok(Self { rights, policy: Arc::new(policy), keys, tree, now: SystemClock::new().now() })
    }

    pub(super) fn lexicon(&self) -> Lexicon<'_> {
        Lexicon { tenant: &self.rights.tenant, policy: &self.policy, keys: &self.keys }
    }

    /// Fails, with what to do instead, if the users are not those of `directory.toml`.
    pub(super) fn are_here(&self, instead: &'static str) -> Result<(), Unanswered> {
        let tenant = self.rights.tenant.to_string();
        if self.rights.people_elsewhere {
            Err(Unanswered::PeopleElsewhere { tenant, instead })
        } else {
            Ok(())
        }
    }

    /// Every user of `directory.toml`, by name.
    pub(super) fn users(&self) -> Result<Vec<Subject>, Unanswered> {
        self.rights.directory.users.keys().map(|user| self.user(user.as_str())).collect()
    }

    /// A user of `directory.toml`.
    pub(super) fn user(&self, name: &str) -> Result<Subject, Unanswered> {
        let known = &self.rights.directory;
        let member = known.member(&UserId::new(name)).ok_or_else(|| Unanswered::Unknown {
            what: "user",
            name: name.to_owned(),
            nearest: nearest(name, known.users.keys().map(UserId::as_str)),
        })?;
        self.subject(name, &member)
    }

    /// Somebody with these roles and teams, whatever a directory says of those.
    pub(super) fn user_with(
        &self,
        name: &str,
        roles: &[String],
        teams: &[String],
    ) -> Result<Subject, Unanswered> {
        for role in roles {
            self.role(role)?;
        }
        let teams = teams.iter().map(|team| TeamId::new(team.as_str())).collect();
        let known = self.rights.directory.member(&UserId::new(name));
        let known = known.unwrap_or_else(|| Member { active: true, ..Member::default() });
        self.subject(name, &Member { roles: roles.to_vec(), teams, ..known })
    }

    /// Whoever has one of the roles in force and nothing else, by the role's name.
    pub(super) fn roles(&self, team: &str, below: &str) -> Result<Vec<Subject>, Unanswered> {
        let (team, below) = (TeamId::new(team), TeamId::new(below));
        let tree = Tree::new([(team.clone(), None), (below, Some(team.clone()))]);
        // Whoever has a role may be in a queue: what that opens is the role's.
        let queues = BTreeSet::from([team.clone()]);
        let casting = Casting { tree: &tree, queues: &queues, ..self.casting() };
        // What a role was before a later file changed it goes on under a name with a space.
        let named = self.policy.roles().map(|role| (self.policy.role_name(role), role));
        let named: BTreeMap<&str, RoleNo> =
            named.filter(|(name, role)| !name.contains(' ') && !self.policy.is_draft(*role)).collect();
        let subjects = named.into_iter().map(|(name, role)| {
            let member = Member {
                active: true,
                teams: vec![team.clone()],
                roles: vec![name.to_owned()],
                ..Member::default()
            };
            // What is assigned to everyone is not the role's.
            let alone = |_roles: &[RoleNo]| self.grants(&[role]);
            let subject = self.cast(&casting, &format!("who has {name}"), &member, alone)?;
            Ok(Subject { name: name.to_owned(), ..subject })
        });
        subjects.collect()
    }

    fn casting(&self) -> Casting<'_> {
        Casting {
            tenant: &self.rights.tenant,
            policy: &self.policy,
            keys: &self.keys,
            tree: &self.tree,
            queues: &self.rights.queues,
        }
    }

    fn subject(&self, name: &str, member: &Member) -> Result<Subject, Unanswered> {
        self.cast(&self.casting(), name, member, |roles| self.grants(roles))
    }

    fn cast(
        &self,
        casting: &Casting<'_>,
        name: &str,
        member: &Member,
        grants: impl FnOnce(&[RoleNo]) -> Result<Arc<Grants>, TooManyRoles>,
    ) -> Result<Subject, Unanswered> {
        let user = name.to_owned();
        let actor = casting.actor(&UserId::new(name), member, self.now, grants);
        let (actor, _until) = actor.map_err(|source| Unanswered::Uncast { user, source })?;
        Ok(Subject { name: name.to_owned(), actor, teams: casting.tree.below(&member.teams) })
    }

    fn grants(&self, roles: &[RoleNo]) -> Result<Arc<Grants>, TooManyRoles> {
        self.policy.grants(roles).map(Arc::new)
    }

    pub(super) fn role(&self, name: &str) -> Result<RoleNo, Unanswered> {
        let names = self.policy.roles().map(|role| self.policy.role_name(role));
        self.policy.role(name).ok_or_else(|| unknown("role", name, names))
    }

    /// Fails if the directory is here and has no such user.
    pub(super) fn somebody(&self, name: &str) -> Result<(), Unanswered> {
        let rights = &self.rights;
        let known = rights.people_elsewhere || rights.directory.users.contains_key(&UserId::new(name));
        let names = rights.directory.users.keys().map(UserId::as_str);
        if known { Ok(()) } else { Err(unknown("user", name, names)) }
    }

    /// Fails if the directory is here and has no such team.
    pub(super) fn team(&self, name: &str) -> Result<(), Unanswered> {
        let rights = &self.rights;
        let known = rights.people_elsewhere || rights.directory.teams.contains_key(&TeamId::new(name));
        let names = rights.directory.teams.keys().map(TeamId::as_str);
        if known { Ok(()) } else { Err(unknown("team", name, names)) }
    }

    pub(super) fn resource(&self, name: &str) -> Result<ResourceNo, Unanswered> {
        let names = self.policy.resources().map(|of| self.policy.resource_name(of));
        self.policy.resource(name).ok_or_else(|| unknown("resource", name, names))
    }

    /// The numbers of a right that is asked about by name.
    pub(super) fn right(&self, resource: &str, action: &str) -> Result<(ResourceNo, ActionNo), Unanswered> {
        let policy = &self.policy;
        let resource = self.resource(resource)?;
        let mut actions = policy.actions_of(resource);
        let found = actions.find(|of| policy.action_name(*of) == action);
        let names = policy.actions_of(resource).map(|of| policy.action_name(of));
        Ok((resource, found.ok_or_else(|| unknown("action", action, names))?))
    }
}

fn unknown<'n>(what: &'static str, name: &str, known: impl IntoIterator<Item = &'n str>) -> Unanswered {
    Unanswered::Unknown { what, name: name.to_owned(), nearest: nearest(name, known) }
}
