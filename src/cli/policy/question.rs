//! The object of a question, from flags.

use clap::Args;
use serde::Serialize;

use super::{Unanswered, people::People};
use crate::policy::words::Object;

/// The question of an answer for programs.
#[derive(Serialize)]
pub(super) struct Asked<'a> {
    pub(super) resource: &'a str,
    pub(super) action: &'a str,
    pub(super) id: Option<&'a str>,
    /// What is known of the object, in words; `None`: the resource as such.
    pub(super) object: Option<String>,
}

/// What is known of the object. What is not said is not known, and matches nothing.
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
    /// The team whose queue serves it.
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
    /// The object through which it is reached: `lead:responsible=ana,participant=ben`, with the words of these flags.
    /// Repeated: the next is the one through which that is reached.
    #[arg(long, value_name = "RESOURCE:PART,..")]
    via: Vec<String>,
}

impl ObjectFlags {
    /// The object; `None` if nothing is said of it and `named` is false, so that the resource as such is meant.
    pub(super) fn object(&self, named: bool, people: &People) -> Result<Option<Object>, Unanswered> {
        let mut object = Object {
            responsible: self.responsible.clone(),
            unassigned: self.unassigned,
            teams: self.team.clone(),
            own_team: !self.team.is_empty(),
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
            via: None,
        };
        if let Some(role) = &self.on_role {
            people.role(role)?;
        }
        object.via = via(&self.via, people)?;
        let said = named || object != Object::default();
        Ok(said.then(|| with_teams(object, people)))
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
        let object = with_teams(Object::read(parts)?, people);
        reached = Some(Box::new((resource.to_owned(), Object { via: reached, ..object })));
    }
    Ok(reached)
}

/// The teams of the responsible user count beside the object's own (`G3`), unless they are said.
fn with_teams(object: Object, people: &People) -> Object {
    match &object.responsible {
        Some(user) if object.own_team || object.teams.is_empty() => {
            let teams = object.teams.iter().cloned().chain(people.teams_of(user));
            Object { teams: teams.collect(), ..object }
        }
        _ => object,
    }
}
