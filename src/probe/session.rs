//! A probe under way: it sends requests at their pace, looks at every answer for canaries, and notes what it finds.

use serde_json::Value;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{
    answer::{Answer, Decoded},
    canary::texts_of,
    plan::{Listed, Objects, Plan},
    report::{Finding, Report, Verdict},
    request::{Actor, Request},
    wire::{End, Heard, NoConnection, Wire},
};

/// Why nothing can be found out.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// There is no way to the deployment.
    #[error(transparent)]
    Connection(#[from] NoConnection),
    /// The restricted actor does not see its own.
    #[error(
        "the restricted actor does not see `{path}`, which the plan says it may: {seen}. No refusal would prove anything"
    )]
    Blind {
        /// The object.
        path: String,
        /// What was seen.
        seen: String,
    },
}

pub(super) struct Session<'p> {
    pub(super) plan: &'p Plan,
    wire: Wire,
    pace: Interval,
    findings: Vec<Finding>,
}

/// What is expected of an answer, apart from that it holds no canary.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    /// It refuses: 4xx, or the connection is closed. A success is a bypass.
    Refused,
    /// It refuses, and does not send to where it would be had: neither a success nor a redirect.
    RefusedHere,
    /// It refuses without asking for the body first.
    RefusedAtOnce,
    /// It refuses, and nothing that follows on the connection is read as a request.
    RefusedAlone,
    /// It may be anything, and nothing that follows on the connection is read as a request.
    Alone,
    /// It refuses. A success that shows nothing hidden is odd.
    RefusedAtBest,
    /// It may be any answer.
    NothingHidden,
    /// It is a success; what is refused shows nothing, and proves nothing.
    Shown,
    /// It may be any answer, in the protocol that was spoken before.
    NotSwitched,
    /// There is one to each of two requests.
    Both,
    /// It is a success, and the protocol is not switched.
    Plain,
}

impl Expected {
    fn words(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::RefusedHere => "refused, and not sent elsewhere",
            Self::RefusedAtOnce => "refused, without asking for the body",
            Self::RefusedAlone => "refused, and nothing after it answered",
            Self::Alone => "nothing after it answered",
            Self::RefusedAtBest => "refused, or at least nothing hidden",
            Self::NothingHidden | Self::Shown => "nothing hidden",
            Self::NotSwitched => "the protocol not switched, and nothing hidden",
            Self::Both => "both answered, each with nothing hidden from who asked",
            Self::Plain => "answered plainly",
        }
    }
}

impl<'p> Session<'p> {
    pub(super) fn new(plan: &'p Plan) -> Result<Self, ProbeError> {
        let mut pace = interval(std::time::Duration::from_secs(1) / plan.pace.per_second.max(1));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { plan, wire: Wire::new(plan)?, pace, findings: Vec::new() })
    }

    /// Makes sure that a refusal proves something: that the restricted actor sees its own.
    pub(super) async fn sees_its_own(&mut self) -> Result<(), ProbeError> {
        for object in &self.plan.objects {
            let request = Request::get(object.visible.as_str());
            let heard = self.exchange(&request).await?;
            if !heard.answer().is_some_and(Answer::is_success) {
                return Err(ProbeError::Blind { path: object.visible.clone(), seen: heard.shown() });
            }
        }
        Ok(())
    }

    pub(super) fn report(mut self) -> Report {
        self.findings.sort_by_key(|finding| finding.row);
        Report { findings: self.findings }
    }

    /// The first object, on which requests are tried that are the same for all.
    pub(super) fn object(&self) -> Option<&'p Objects> {
        self.plan.objects.first()
    }

    /// Sends it; `None` if there is no connection any more, which is noted.
    pub(super) async fn ask(&mut self, row: &'static str, request: &Request) -> Option<Heard> {
        match self.exchange(request).await {
            Ok(heard) => Some(heard),
            Err(error) => {
                self.note(row, request, "an answer", error.to_string(), Verdict::Odd);
                None
            }
        }
    }

    async fn exchange(&mut self, request: &Request) -> Result<Heard, NoConnection> {
        self.pace.tick().await;
        self.wire.exchange(&request.bytes(self.plan), request.method == "HEAD").await
    }

    pub(super) fn note(
        &mut self,
        row: &'static str,
        request: &Request,
        expected: &str,
        seen: String,
        verdict: Verdict,
    ) {
        self.findings.push(Finding {
            row,
            sent: request.shown(),
            expected: expected.to_owned(),
            seen,
            verdict,
        });
    }

    pub(super) fn not_tried(&mut self, row: &'static str, why: &str) {
        let (sent, expected) = ("-".to_owned(), "-".to_owned());
        self.findings.push(Finding { row, sent, expected, seen: why.to_owned(), verdict: Verdict::NotTried });
    }

    /// Sends it and notes whether it is answered as expected.
    pub(super) async fn expect(&mut self, row: &'static str, request: Request, expected: Expected) {
        let Some(heard) = self.ask(row, &request).await else { return };
        let (verdict, seen) = self.judged(&request, &heard, |heard| answered(heard, expected));
        self.note(row, &request, expected.words(), seen, verdict);
    }

    /// Sends it and notes what `look` says of the answer.
    pub(super) async fn look(
        &mut self,
        row: &'static str,
        request: Request,
        expected: &str,
        look: impl FnOnce(&Answer) -> Result<(), String>,
    ) {
        let Some(heard) = self.ask(row, &request).await else { return };
        let (verdict, seen) = self.judged(&request, &heard, |heard| looked_at(heard, look));
        self.note(row, &request, expected, seen, verdict);
    }

    /// As [`Session::look`], for what only an answer that shows something can prove.
    pub(super) async fn look_into(
        &mut self,
        row: &'static str,
        request: Request,
        expected: &str,
        look: impl FnOnce(&Answer) -> Result<(), String>,
    ) {
        let Some(heard) = self.ask(row, &request).await else { return };
        let (verdict, seen) = self.judged(&request, &heard, |heard| match looked_at(heard, look) {
            (Verdict::Held, seen) if !heard.answer().is_some_and(Answer::is_success) => {
                (Verdict::NotTried, nothing_in(&seen))
            }
            looked_at => looked_at,
        });
        self.note(row, &request, expected, seen, verdict);
    }

    /// Asks for a list and notes whether a hidden row is in it. `refused`: what it means if there is none.
    pub(super) async fn rows_of(
        &mut self,
        row: &'static str,
        list: &Listed,
        request: Request,
        refused: Verdict,
    ) {
        let Some(heard) = self.ask(row, &request).await else { return };
        let (verdict, seen) = self.judged(&request, &heard, |heard| {
            let seen = heard.shown();
            let Some(answer) = heard.answer() else { return (Verdict::Odd, seen) };
            match self.hidden_rows(list, answer) {
                Err(seen) => (Verdict::Bypass, seen),
                Ok(()) if (400..500).contains(&answer.status) => match refused {
                    Verdict::NotTried => (refused, nothing_in(&seen)),
                    _ => (refused, seen),
                },
                Ok(()) if !answer.is_success() => (Verdict::Odd, seen),
                Ok(()) if self.rows(list, answer).is_none() => {
                    (Verdict::Odd, format!("{seen}, without the list"))
                }
                Ok(()) => (Verdict::Held, seen),
            }
        });
        self.note(row, &request, "no hidden row", seen, verdict);
    }

    /// Sends both and notes whether their answers tell them apart: what is hidden must look like what does not exist.
    pub(super) async fn alike(&mut self, row: &'static str, hidden: Request, missing: Request) {
        let Some(of_hidden) = self.ask(row, &hidden).await else { return };
        let Some(of_missing) = self.ask(row, &missing).await else { return };
        let (verdict, seen) = self.judged(&hidden, &of_hidden, |of_hidden| {
            let seen = format!("{}, and {} for the missing one", of_hidden.shown(), of_missing.shown());
            match told_apart((&hidden, of_hidden), (&missing, &of_missing), &self.plan.volatile_headers) {
                Some(by) => (Verdict::Bypass, format!("{seen}; they differ in {by}")),
                // Alike and no refusal, a fault of the backend's would tell nothing.
                None => (answered(of_hidden, Expected::Refused).0, seen),
            }
        });
        self.note(row, &hidden, "answered like what does not exist", seen, verdict);
    }

    /// What is hidden in the answers, or else what `otherwise` says; `Odd` if not all of them can be read.
    pub(super) fn judged(
        &self,
        request: &Request,
        heard: &Heard,
        otherwise: impl FnOnce(&Heard) -> (Verdict, String),
    ) -> (Verdict, String) {
        if let Some(place) = self.leak(request, heard) {
            return (Verdict::Leak, format!("{}: shows {place}", heard.shown()));
        }
        let (verdict, seen) = otherwise(heard);
        let max = self.plan.pace.answer_bytes_max;
        let unread = heard.answers.iter().find_map(|answer| match answer.decoded(max) {
            Decoded::Unread(coding) => Some(coding),
            Decoded::Body(_) => None,
        });
        let slowed = heard.answer().is_some_and(|answer| answer.status == 429);
        match unread {
            _ if verdict >= Verdict::Bypass => (verdict, seen),
            // Who is told to slow down is refused whatever was asked.
            _ if slowed => (Verdict::Odd, format!("{seen}; lower `per_second`, for this proves nothing")),
            Some(coding) => {
                (Verdict::Odd, format!("{seen}; a body in `{coding}` could not be looked through"))
            }
            None if matches!(heard.end, End::TimedOut | End::TooLarge) => (verdict.max(Verdict::Odd), seen),
            None => (verdict, seen),
        }
    }

    /// The universal oracle: where the word was planted that the actor sees and must not.
    fn leak(&self, request: &Request, heard: &Heard) -> Option<String> {
        let max = self.plan.pace.answer_bytes_max;
        let actors = request.actors();
        let bodies = heard.answers.iter().filter(|answer| answer.status >= 200).enumerate().flat_map(
            |(number, answer)| {
                let actor = actors.get(number).or_else(|| actors.last()).copied().unwrap_or(request.actor);
                texts_of(answer, max).map(|text| (actor, text))
            },
        );
        // The bytes as they came count too, where they are all one actor's.
        let one = actors.iter().all(|actor| *actor == request.actor);
        let bytes = one.then(|| (request.actor, heard.bytes.clone()));
        for (actor, text) in bodies.chain(bytes) {
            let hidden = |planted: &&super::plan::Planted| match actor {
                Actor::Restricted | Actor::Teamless => planted.from_restricted,
                // What nobody of this tenant may see is of the other one.
                Actor::Elsewhere => planted.from_restricted && !planted.from_all_seeing,
                Actor::AllSeeing => planted.from_all_seeing,
                Actor::Nobody => planted.from_nobody,
            };
            let mut planted = self.plan.canaries.iter().filter(hidden);
            if let Some(planted) = planted.find(|planted| planted.word.find(&text).is_some()) {
                return Some(planted.place.clone());
            }
        }
        None
    }

    /// Notes those of these rows that nothing is noted of: nothing came that they could have been tried on.
    pub(super) fn none_is_silent(&mut self, rows: &[&'static str]) {
        for row in rows {
            if self.findings.iter().all(|finding| finding.row != *row) {
                self.not_tried(row, "there was no answer to go by");
            }
        }
    }

    /// The rows of a list's answer.
    pub(super) fn rows(&self, list: &Listed, answer: &Answer) -> Option<Vec<Value>> {
        let body = answer.json(self.plan.pace.answer_bytes_max)?;
        body.pointer(&list.items)?.as_array().cloned()
    }

    /// The ids of the rows.
    pub(super) fn ids(&self, list: &Listed, answer: &Answer) -> Vec<String> {
        let rows = self.rows(list, answer).unwrap_or_default();
        rows.iter().filter_map(|row| name(row.pointer(&list.id)?)).collect()
    }

    /// The ids of hidden objects that are among the rows of a list's answer.
    pub(super) fn hidden_rows(&self, list: &Listed, answer: &Answer) -> Result<(), String> {
        let ids = self.ids(list, answer);
        for objects in self.plan.objects.iter().filter(|objects| list.has(objects)) {
            if let Some((_, id)) = objects.hidden.rsplit_once('/')
                && ids.iter().any(|known| known == id)
            {
                return Err(format!("a row has the id of {}", objects.hidden));
            }
        }
        Ok(())
    }
}

/// A name or number as text.
pub(super) fn name(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What is seen of an answer in which nothing could be looked for.
pub(super) fn nothing_in(seen: &str) -> String {
    format!("{seen}: it shows nothing that could be looked through")
}

fn looked_at(heard: &Heard, look: impl FnOnce(&Answer) -> Result<(), String>) -> (Verdict, String) {
    match heard.answer().map(look) {
        Some(Err(seen)) => (Verdict::Bypass, format!("{}: {seen}", heard.shown())),
        Some(Ok(())) => (Verdict::Held, heard.shown()),
        None => (Verdict::Odd, heard.shown()),
    }
}

fn answered(heard: &Heard, expected: Expected) -> (Verdict, String) {
    let seen = heard.shown();
    let answer = heard.answer();
    let status = answer.map_or(0, |answer| answer.status);
    let final_answers = heard.answers.iter().filter(|answer| answer.status >= 200).count();
    let refused = match answer {
        None => heard.end == End::Closed,
        Some(answer) => (400..500).contains(&answer.status),
    };
    let interim = |status| heard.answers.iter().any(|answer| answer.status == status);
    let (asked_for_body, switched) = (interim(100), interim(101));
    let success = answer.is_some_and(Answer::is_success) || switched;
    let verdict = match expected {
        Expected::NotSwitched | Expected::Plain if switched => Verdict::Bypass,
        Expected::Plain if success => Verdict::Held,
        Expected::Plain => Verdict::Odd,
        Expected::Both if final_answers < 2 => {
            return (
                Verdict::NotTried,
                format!("{seen}: the connection was closed before the second answer"),
            );
        }
        Expected::NothingHidden | Expected::NotSwitched | Expected::Shown if answer.is_none() => Verdict::Odd,
        Expected::Shown if !success => return (Verdict::NotTried, nothing_in(&seen)),
        Expected::NothingHidden | Expected::NotSwitched | Expected::Shown | Expected::Both => Verdict::Held,
        Expected::RefusedAlone | Expected::Alone if final_answers > 1 => Verdict::Bypass,
        Expected::Alone => Verdict::Held,
        Expected::RefusedHere if (300..400).contains(&status) => Verdict::Bypass,
        Expected::RefusedAtOnce if asked_for_body => Verdict::Bypass,
        Expected::RefusedAtBest if success => Verdict::Odd,
        _ if success => Verdict::Bypass,
        _ if refused => Verdict::Held,
        _ => Verdict::Odd,
    };
    (verdict, seen)
}

/// Headers that may differ between any two answers.
const OF_EACH: [&str; 6] =
    ["date", "headgate-decision", "x-request-id", "x-runtime", "x-correlation-id", "age"];

/// In what two answers differ, apart from what is in every answer and what repeats the request.
fn told_apart(
    (hidden, of_hidden): (&Request, &Heard),
    (missing, of_missing): (&Request, &Heard),
    volatile: &[String],
) -> Option<String> {
    let (one, other) = match (of_hidden.answer(), of_missing.answer()) {
        (Some(one), Some(other)) => (one, other),
        (None, None) => return None,
        _ => return Some("whether there is one".to_owned()),
    };
    if one.status != other.status {
        return Some("their status".to_owned());
    }
    let of_each = |name: &str| OF_EACH.contains(&name) || volatile.iter().any(|known| known == name);
    let plain = |request: &Request, answer: &Answer| {
        let mut body = String::from_utf8_lossy(&answer.body).into_owned();
        for (_, value) in answer.headers.iter().filter(|(name, value)| of_each(name) && value.len() >= 4) {
            body = body.replace(value, "");
        }
        let target = String::from_utf8_lossy(&request.target).into_owned();
        let path = target.split('?').next().unwrap_or_default();
        if path.len() > 1 { body.replace(path, "") } else { body }
    };
    let (body, other_body) = (plain(hidden, one), plain(missing, other));
    // An id that is repeated may be longer than the other.
    let repeated = body == other_body && one.body.len() != other.body.len();
    let headers = |answer: &Answer| {
        let counts = |name: &str| !(of_each(name) || repeated && name == "content-length");
        let mut headers: Vec<_> = answer.headers.iter().filter(|(name, _)| counts(name)).cloned().collect();
        headers.sort();
        headers
    };
    let (headers, other_headers) = (headers(one), headers(other));
    let differing = headers
        .iter()
        .find(|header| !other_headers.contains(header))
        .or_else(|| other_headers.iter().find(|header| !headers.contains(header)));
    match differing {
        Some((name, _)) => Some(format!("the header `{name}`")),
        None => (body != other_body).then(|| "their body".to_owned()),
    }
}
