//! Section D: objects that are hidden, or seen in part, for another reason than a role's scope.

use super::{RIGHTS, fields, split};
use crate::probe::{
    answer::Answer,
    plan::{HiddenBy, Objects},
    report::Verdict,
    request::{Actor, Request},
    session::{Expected, Session, nothing_in},
};

pub(super) async fn tried(session: &mut Session<'_>) {
    let plan = session.plan;
    taking_part(session).await;
    session.not_tried("D13", RIGHTS);
    for (row, by, word) in [
        ("D15", HiddenBy::Tenant, "tenant"),
        ("D17", HiddenBy::Nobody, "nobody"),
        ("D19", HiddenBy::Forbid, "forbid"),
        ("D20", HiddenBy::Stage, "stage"),
    ] {
        let mut tried = false;
        for object in plan.objects.iter().filter(|object| object.hidden_by == Some(by)) {
            tried = true;
            hidden(session, row, object).await;
            if by == HiddenBy::Tenant && plan.all_seeing.is_some() {
                let all = Request::get(object.hidden.as_str()).by(Actor::AllSeeing);
                session.expect(row, all, Expected::Refused).await;
            }
            if by == HiddenBy::Nobody && plan.teamless.is_some() {
                let theirs = Request::get(object.hidden.as_str()).by(Actor::Teamless);
                session.expect(row, theirs, Expected::Refused).await;
            }
        }
        if !tried {
            session.not_tried(row, &format!("no `[[object]]` is `hidden_by = \"{word}\"`"));
        }
    }
    teamless(session).await;
    spellings(session).await;
}

/// Hidden by itself, below it, and in lists.
async fn hidden(session: &mut Session<'_>, row: &'static str, object: &Objects) {
    let plan = session.plan;
    for method in ["GET", "HEAD"] {
        let asked = |path: &str| Request::of(method, path);
        session.alike(row, asked(&object.hidden), asked(&object.missing)).await;
    }
    for below in &object.below {
        let asked = |path: &str| Request::get(format!("{path}{below}"));
        session.alike(row, asked(&object.hidden), asked(&object.missing)).await;
    }
    for list in plan.lists.iter().filter(|list| list.has(object)) {
        let request = list.asked("");
        let Some(heard) = session.ask(row, &request).await else { continue };
        let (verdict, seen) = session.judged(&request, &heard, |heard| match heard.answer() {
            Some(answer) if answer.is_success() => {
                let ids = session.ids(list, answer);
                let is_in = ids.iter().any(|id| id == split(&object.hidden).1);
                (if is_in { Verdict::Bypass } else { Verdict::Held }, heard.shown())
            }
            _ => (Verdict::NotTried, nothing_in(&heard.shown())),
        });
        session.note(row, &request, "no row of it", seen, verdict);
    }
}

/// Who takes part sees less than who is responsible.
async fn taking_part(session: &mut Session<'_>) {
    let plan = session.plan;
    for part in &plan.participants {
        let look = |answer: &Answer| fields::folded(plan, &part.hidden_fields, answer);
        let request = Request::get(part.path.as_str());
        session.look_into("D12", request, "only what who takes part sees", look).await;
    }
    if plan.participants.is_empty() {
        session.not_tried("D12", "there is no `[[participant]]`");
    }
}

/// No team is nobody's team.
async fn teamless(session: &mut Session<'_>) {
    let plan = session.plan;
    if plan.teamless.is_none() {
        session.not_tried("D16", "there is no `[actor.teamless]`");
        return;
    }
    for object in &plan.objects {
        for path in [&object.visible, &object.hidden] {
            session.expect("D16", Request::get(path.as_str()).by(Actor::Teamless), Expected::Refused).await;
        }
    }
    for list in &plan.lists {
        let request = list.asked("").by(Actor::Teamless);
        let Some(heard) = session.ask("D16", &request).await else { continue };
        let (verdict, seen) = session.judged(&request, &heard, |heard| {
            let seen = heard.shown();
            match heard.answer() {
                Some(answer) if answer.is_success() => match session.rows(list, answer) {
                    Some(rows) if !rows.is_empty() => {
                        (Verdict::Bypass, format!("{seen}, {} rows", rows.len()))
                    }
                    _ => (Verdict::Held, seen),
                },
                Some(answer) if (400..500).contains(&answer.status) => (Verdict::Held, seen),
                _ => (Verdict::Odd, seen),
            }
        });
        session.note("D16", &request, "no row", seen, verdict);
    }
}

/// An id that two programs read as the same number is one, and its object hidden.
async fn spellings(session: &mut Session<'_>) {
    let numbered = session.plan.objects.iter().find_map(|object| {
        let (above, id) = split(&object.hidden);
        Some((object, above, id, id.parse::<u64>().ok()?))
    });
    if let Some((object, above, id, number)) = numbered {
        let mut spelt = vec![
            format!("0{id}"),
            format!("+{id}"),
            format!("{id}.0"),
            format!("{id}e0"),
            format!("%20{id}"),
            format!("{id}%20"),
            format!("{number:#x}"),
            format!("\"{id}\""),
            format!("%22{id}%22"),
            format!("{id},{}", split(&object.visible).1),
            format!("{},{id}", split(&object.visible).1),
        ];
        // So the number is that of the hidden one to who keeps the last bits of it alone.
        spelt.extend([32, 64].map(|bits| (u128::from(number) + (1 << bits)).to_string()));
        spelt.push(id.bytes().map(|byte| format!("%{byte:02X}")).collect());
        for id in spelt {
            session.expect("D18", Request::get(format!("{above}/{id}")), Expected::Refused).await;
        }
    } else {
        session.not_tried("D18", "no `[[object]]` has a number as the id of the hidden one");
    }
}
