//! The object of a question, from flags.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use super::{
    Unanswered, named,
    people::{People, Subject},
};
use crate::policy::words::{Object, Part};

/// The question of an answer for programs.
#[derive(Serialize)]
pub(super) struct Asked<'a> {
    pub(super) resource: &'a str,
    pub(super) action: &'a str,
    pub(super) id: Option<&'a str>,
    /// What is known of the object, in words; `None`: the resource as such.
    pub(super) object: Option<String>,
}

/// What is known of the object. Whose it is, is not known unless it is said.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is known of the object")]
pub(super) struct ObjectFlags {
    /// The user responsible for it, whose teams in directory.toml count as well.
    #[arg(long, value_name = "USER", conflicts_with = "unassigned")]
    responsible: Option<String>,
    /// Nobody is responsible for it.
    #[arg(long)]
    unassigned: bool,
    /// Its own team: the one in which it waits while nobody is responsible. May be repeated.
    #[arg(long, value_name = "TEAM")]
    team: Vec<String>,
    /// The team whose queue serves it. That of a conversation which is known by its tag is its own team.
    #[arg(long, value_name = "TEAM")]
    queue: Option<String>,
    /// A user who takes part in it. May be repeated.
    #[arg(long, value_name = "USER")]
    participant: Vec<String>,
    /// The user who made it.
    #[arg(long, value_name = "USER")]
    creator: Option<String>,
    /// It is marked as available to everyone.
    #[arg(long)]
    open: bool,
    /// Its pipeline.
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Its stage.
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// Its channel.
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// Its account.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// A finer kind.
    #[arg(long, value_name = "NAME")]
    kind: Option<String>,
    /// The role that is acted on, where roles are administered.
    #[arg(long, value_name = "ROLE")]
    on_role: Option<String>,
    /// What cannot be told of it (pipeline, stage, channel, account, kind, role): it may be what a forbid, a condition or an
    /// override names. What is neither said nor unknown is known to be none.
    #[arg(long, value_name = "PART,..", value_delimiter = ',')]
    unknown: Vec<Part>,
    /// The object through which it is reached: `lead:responsible=ana,participant=ben`, with the words of these flags.
    /// Repeated: the next is the one through which that is reached.
    #[arg(long, value_name = "RESOURCE:PART,..")]
    via: Vec<String>,
}

impl ObjectFlags {
    /// The object of a question that `who` asks; `None` if nothing is said of it and `named` is false, so that the resource as such is meant. Names
    /// that nothing of the configuration mentions are told to `err`.
    pub(super) fn object(
        &self,
        named: bool,
        people: &People,
        who: Option<&Subject>,
        err: &mut dyn Write,
    ) -> Result<Option<Object>, Unanswered> {
        let own = |user: &str| who.filter(|who| who.name == user).map(|who| who.actor.teams.iter());
        let teams_of = |user: &str| match own(user) {
            Some(teams) => teams.map(ToString::to_string).collect(),
            None => people.rights.directory.teams_of(user),
        };
        let object = Object {
            responsible: self.responsible.clone(),
            unassigned: self.unassigned,
            own_teams: self.team.clone(),
            teams: None,
            participants: self.participant.clone(),
            creator: self.creator.clone(),
            queue: self.queue.clone(),
            open: self.open,
            pipeline: self.pipeline.clone(),
            stage: self.stage.clone(),
            channel: self.channel.clone(),
            account: self.account.clone(),
            kind: self.kind.clone(),
            role: self.on_role.clone(),
            unknown: self.unknown.iter().copied().collect(),
            via: via(&self.via, people)?,
        };
        let said = named || object != Object::default();
        if !said {
            return Ok(None);
        }
        named::check(&object, people, who.map(|who| who.name.as_str()), err)?;
        Ok(Some(object.with_teams_of(&teams_of)))
    }
}

fn via(texts: &[String], people: &People) -> Result<Option<Box<(String, Object)>>, Unanswered> {
    let mut reached = None;
    for text in texts.iter().rev() {
        let (resource, parts) = text.split_once(':').unwrap_or((text, ""));
        if resource.is_empty() {
            return Err(Unanswered::Via(text.clone()));
        }
        people.resource(resource)?;
        let object = Object { via: reached, ..Object::read(parts)? };
        reached = Some(Box::new((resource.to_owned(), object)));
    }
    Ok(reached)
}
