//! A tenant's policy with its people as actors.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    slice,
    sync::Arc,
};

use super::{Unanswered, Where};
use crate::{
    clock::{Clock as _, SystemClock},
    config::{Env, nearest, rights::Rights},
    directory::{Member, Tree},
    ids::{TeamId, Timestamp, UserId},
    policy::{
        self, ActionNo, Actor, Apps, Grants, Keys, Policy, ResourceNo, RoleNo, TeamKey, words::Lexicon,
    },
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

    /// The teams of a user, as far as they are known here.
    pub(super) fn teams_of(&self, user: &str) -> Vec<String> {
        let member = self.rights.directory.member(&UserId::new(user));
        member.into_iter().flat_map(|member| member.teams).map(|team| team.to_string()).collect()
    }

    /// Whoever has one of the roles in force and nothing else, by the role's name.
    pub(super) fn roles(&self, team: &str, below: &str) -> Result<Vec<Subject>, Unanswered> {
        let (team, below) = (TeamId::new(team), TeamId::new(below));
        // What a role was before a later file changed it goes on under a name with a space.
        let named = self.policy.roles().map(|role| (self.policy.role_name(role), role));
        let named: BTreeMap<&str, RoleNo> =
            named.filter(|(name, role)| !name.contains(' ') && !self.policy.is_draft(*role)).collect();
        let subjects = named.into_iter().map(|(name, role)| {
            let grants = self.grants(name, &[role])?;
            let teams = [team.clone(), below.clone()];
            let user = format!("who has {name}");
            let who = policy::Member {
                user: &user,
                teams: &[team.as_str()],
                ancestors: &[],
                traits: &[],
                direct: &[name],
            };
            let held = (self.policy.apps_of(&who), grants);
            self.actor(&user, slice::from_ref(&team), &teams, true, held).map(|actor| Subject {
                name: name.to_owned(),
                actor,
                teams: teams.into(),
            })
        });
        subjects.collect()
    }

    fn subject(&self, name: &str, member: &Member) -> Result<Subject, Unanswered> {
        let above = self.tree.above(&member.teams);
        let who = policy::Member {
            user: name,
            teams: &member.teams.iter().map(TeamId::as_str).collect::<Vec<_>>(),
            ancestors: &above.iter().map(TeamId::as_str).collect::<Vec<_>>(),
            traits: &member.traits.iter().map(String::as_str).collect::<Vec<_>>(),
            direct: &member.roles.iter().map(String::as_str).collect::<Vec<_>>(),
        };
        let (roles, _until) = self.policy.roles_of(&who, self.now);
        let held = (self.policy.apps_of(&who), self.grants(name, &roles)?);
        let teams = self.tree.below(&member.teams);
        let tree: Vec<TeamId> = teams.iter().cloned().collect();
        let mut actor = self.actor(name, &member.teams, &tree, member.active, held)?;
        let queues = member.teams.iter().filter(|team| !member.away && self.rights.queues.contains(*team));
        actor.queue_keys = self.team_keys(queues);
        Ok(Subject { name: name.to_owned(), actor, teams })
    }

    fn actor(
        &self,
        user: &str,
        teams: &[TeamId],
        tree: &[TeamId],
        active: bool,
        (apps, grants): (Apps, Grants),
    ) -> Result<Actor, Unanswered> {
        let tenant = self.rights.tenant.clone();
        let unknown = || Unanswered::Unknown { what: "user", name: user.to_owned(), nearest: None };
        Ok(Actor {
            user: UserId::new(user),
            teams: teams.into(),
            team_keys: self.team_keys(teams),
            tree_keys: self.team_keys(tree),
            queue_keys: Box::default(),
            user_key: self.keys.user(&tenant, user).ok_or_else(unknown)?,
            tenant_key: self.keys.tenant(&tenant),
            apps,
            active,
            grants: Arc::new(grants),
            tenant,
        })
    }

    fn grants(&self, user: &str, roles: &[RoleNo]) -> Result<Grants, Unanswered> {
        let too_many = |source| Unanswered::TooManyRoles { user: user.to_owned(), source };
        self.policy.grants(roles).map_err(too_many)
    }

    fn team_keys<'a>(&self, teams: impl IntoIterator<Item = &'a TeamId>) -> Box<[TeamKey]> {
        let keys = teams.into_iter().filter_map(|team| self.keys.team(&self.rights.tenant, team.as_str()));
        let sorted: BTreeSet<_> = keys.collect();
        sorted.into_iter().collect()
    }

    pub(super) fn role(&self, name: &str) -> Result<RoleNo, Unanswered> {
        let names = self.policy.roles().map(|role| self.policy.role_name(role));
        self.policy.role(name).ok_or_else(|| unknown("role", name, names))
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
