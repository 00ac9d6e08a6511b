//! A request as its bytes.

use super::plan::{Listed, Plan, Shown};
use crate::secret::Secret;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Actor {
    Restricted,
    AllSeeing,
    Teamless,
    /// The restricted one, in another tenant.
    Elsewhere,
    Nobody,
}

/// A request, and those that follow it on its connection.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) actor: Actor,
    pub(super) method: String,
    /// As it is sent, well-formed or not.
    pub(super) target: Vec<u8>,
    version: &'static str,
    /// Other credentials than the actor's, with what they are.
    credentials: Option<(String, Shown)>,
    /// Sent behind the target, and not shown.
    secret_query: Option<Secret>,
    /// Header lines as they are sent, each with its end.
    fields: Vec<u8>,
    body: Vec<u8>,
    /// The connection is to stay open.
    kept: bool,
    next: Option<Box<Request>>,
}

impl Request {
    /// `GET`, of the restricted actor.
    pub(super) fn get(target: impl Into<Vec<u8>>) -> Self {
        Self {
            actor: Actor::Restricted,
            method: "GET".to_owned(),
            target: target.into(),
            version: "HTTP/1.1",
            credentials: None,
            secret_query: None,
            fields: Vec::new(),
            body: Vec::new(),
            kept: false,
            next: None,
        }
    }

    pub(super) fn of(method: &str, target: impl Into<Vec<u8>>) -> Self {
        Self { method: method.to_owned(), ..Self::get(target) }
    }

    pub(super) fn by(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }

    /// With these credentials in place of the actor's, which are not shown; `what` they are is.
    pub(super) fn showing(self, what: impl Into<String>, shown: Shown) -> Self {
        Self { credentials: Some((what.into(), shown)), ..self }
    }

    /// With these parameters in its query, which are not shown.
    pub(super) fn asking_secretly(self, query: Secret) -> Self {
        Self { secret_query: Some(query), ..self }
    }

    pub(super) fn version(self, version: &'static str) -> Self {
        Self { version, ..self }
    }

    /// With a header line.
    pub(super) fn with(self, line: &str) -> Self {
        self.raw(format!("{line}\r\n"))
    }

    /// With these bytes among the header lines.
    pub(super) fn raw(mut self, lines: impl AsRef<[u8]>) -> Self {
        self.fields.extend_from_slice(lines.as_ref());
        self
    }

    /// With a body of this type and its length.
    pub(super) fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let typed =
            if content_type.is_empty() { self } else { self.with(&format!("Content-Type: {content_type}")) };
        typed.with(&format!("Content-Length: {}", body.len())).unframed(body)
    }

    /// With these bytes behind the head, of which the head says nothing.
    pub(super) fn unframed(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// With another behind it on the same connection.
    pub(super) fn then(self, next: Self) -> Self {
        Self { next: Some(Box::new(next)), ..self.kept_open() }
    }

    /// On a connection that may go on.
    pub(super) fn kept_open(self) -> Self {
        Self { kept: true, ..self }
    }

    /// Who asked the answers, in their order.
    pub(super) fn actors(&self) -> Vec<Actor> {
        let mut actors = vec![self.actor];
        let mut next = &self.next;
        while let Some(request) = next {
            actors.push(request.actor);
            next = &request.next;
        }
        actors
    }

    /// What goes over the wire.
    pub(super) fn bytes(&self, plan: &Plan) -> Vec<u8> {
        let mut bytes = self.method.as_bytes().to_vec();
        bytes.push(b' ');
        bytes.extend_from_slice(&self.target);
        if let Some(query) = &self.secret_query {
            bytes.push(if self.target.contains(&b'?') { b'&' } else { b'?' });
            bytes.extend_from_slice(query.expose());
        }
        bytes.extend_from_slice(format!(" {}\r\nHost: {}\r\n", self.version, plan.target.host).as_bytes());
        let shown = match (&self.credentials, self.actor) {
            (Some((_, shown)), _) => Some(shown),
            (None, Actor::Restricted) => Some(&plan.restricted),
            (None, Actor::AllSeeing) => plan.all_seeing.as_ref(),
            (None, Actor::Teamless) => plan.teamless.as_ref(),
            (None, Actor::Elsewhere) => plan.elsewhere.as_ref().map(|elsewhere| &elsewhere.shown),
            (None, Actor::Nobody) => None,
        };
        for (name, value) in shown.into_iter().flat_map(|Shown(headers)| headers) {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.expose());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(&self.fields);
        if !self.kept {
            bytes.extend_from_slice(b"Connection: close\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        if let Some(next) = &self.next {
            bytes.extend_from_slice(&next.bytes(plan));
        }
        bytes
    }

    /// What was sent, for people: without the actor's credentials, printable, shortened.
    pub(super) fn shown(&self) -> String {
        const CHARS_MAX: usize = 150;
        let part = |bytes: &[u8]| bytes.escape_ascii().to_string().replace("\\r\\n", " | ");
        let mut text = format!("{} {}", shortened(&self.method, 24), shortened(&part(&self.target), 90));
        if self.version != "HTTP/1.1" {
            text.push(' ');
            text.push_str(self.version);
        }
        for (what, bytes) in [("", &self.fields), ("body ", &self.body)] {
            if !bytes.is_empty() {
                text.push_str(&format!(
                    " [{what}{}]",
                    shortened(part(bytes).trim_end_matches([' ', '|']), 60)
                ));
            }
        }
        if self.secret_query.is_some() {
            text.push_str(" [credentials in the query]");
        }
        let text = shortened(&text, CHARS_MAX);
        if let Some(next) = &self.next {
            return format!("{text}, then {}", next.shown());
        }
        match (&self.credentials, self.actor) {
            (Some((what, _)), _) => format!("{text} ({what})"),
            (None, Actor::Restricted) => text,
            (None, Actor::AllSeeing) => format!("{text} (all-seeing)"),
            (None, Actor::Teamless) => format!("{text} (teamless)"),
            (None, Actor::Elsewhere) => format!("{text} (elsewhere)"),
            (None, Actor::Nobody) => format!("{text} (nobody)"),
        }
    }
}

impl Listed {
    /// The question for it, with this query.
    pub(super) fn asked(&self, query: &str) -> Request {
        let path = if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) };
        match &self.question {
            None => Request::get(path),
            Some(question) => Request::of("POST", path).body("application/json", question.as_str()),
        }
    }
}

/// At most so many characters.
pub(super) fn shortened(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}
