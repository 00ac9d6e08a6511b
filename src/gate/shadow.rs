//! Shadow mode: what the policy refuses or withholds is told and passes, on a route in shadow for everybody, and
//! elsewhere for who has a role in shadow.
//!
//! What would be refused or withheld is found out by going the same way without shadow mode, beside the request: each step of it that may
//! refuse, and of the answer what would be shown ([`Passage::without_shadow`]). Where that ends otherwise, it is told.
//!
//! Whose an object is and who may ask at all is no matter of rights: what is another tenant's, and who is not
//! active, is refused in shadow too, and so is what no route or policy names.

use super::{
    Passage, Shown,
    decisions::{Outcome, Record, Removed},
    facts::Keyed,
    permit::{Decided, Permit},
    refusal::Refusal,
    show::{
        answer::Unseen,
        pages::{ListRequest, Paged},
    },
};
use crate::policy::{Actor, DenyReason, FieldNo};

/// What passes in shadow mode.
#[derive(Debug)]
pub(super) struct Shadow {
    pub(super) permit: Permit,
    /// What is in shadow: `route`, or `role NAME`.
    pub(super) of: String,
}

impl Shadow {
    /// Whether it lets a refusal for this reason pass.
    pub(super) const fn passes(reason: DenyReason) -> bool {
        match reason {
            DenyReason::OtherTenant | DenyReason::Inactive => false,
            DenyReason::Forbidden(_)
            | DenyReason::NoGrant
            | DenyReason::OutOfScope { .. }
            | DenyReason::Overridden { .. }
            | DenyReason::Unmet(_)
            | DenyReason::Field(_) => true,
        }
    }
}

impl<'a> Passage<'a> {
    /// What passes although the policy may refuse it; `None` if nothing is in shadow, or the roles that are would
    /// not be enough if they granted everything.
    pub(super) fn shadow(&self, object: Option<&Keyed>, writes: &[FieldNo]) -> Option<Shadow> {
        let of = self.in_shadow()?;
        if self.is_on_shadow_route() {
            return Some(Shadow { permit: Permit::of_everything(), of });
        }
        let permit = Decided::on(&self.granted.actor, self.asked, object, writes).permit().ok()?;
        Some(Shadow { permit, of })
    }

    /// What is in shadow here, if anything is.
    pub(super) fn in_shadow(&self) -> Option<String> {
        if self.is_on_shadow_route() {
            Some("route".to_owned())
        } else {
            roles_in_shadow(&self.enforced.actor).filter(|_| !self.is_trial)
        }
    }

    /// Whether nobody is refused here.
    pub(super) fn is_on_shadow_route(&self) -> bool {
        self.matched.route.shadow && !self.is_trial
    }

    /// The same request as it would go without shadow mode. Of what it is answered nothing is shown.
    pub(super) fn without_shadow(&self) -> Self {
        Self { granted: self.enforced, must_show: self.would_show, is_trial: true, ..*self }
    }

    /// What comes of a step without shadow mode, by the permit that there would be. `None` if shadow mode is off, or the request would have
    /// been refused: before, or here, which is told with this `why`.
    pub(super) fn would<T>(
        &self,
        enforced: Option<&Permit>,
        why: &str,
        record: &mut Record,
        step: impl FnOnce(&Self, &Permit) -> Result<T, Refusal>,
    ) -> Option<T> {
        let enforced = enforced.filter(|_| self.in_shadow().is_some())?;
        let would = step(&self.without_shadow(), enforced);
        would.map_err(|refusal| self.tell_refusal(&refusal, why, record)).ok()
    }

    /// Tells that a request would have been refused, or its answer withheld.
    pub(super) fn tell_refusal(&self, refusal: &Refusal, why: &str, record: &mut Record) {
        record.decided(Outcome::WouldDeny, refusal.label(), why.to_owned());
        record.shadow = self.in_shadow();
    }

    /// The backend's answer, as far as it may be shown; and what would have been shown of it without shadow mode, told.
    pub(super) async fn show(
        &self,
        unseen: Unseen,
        permit: &Permit,
        around: Option<&Keyed>,
        record: &mut Record,
    ) -> Result<Shown, Refusal> {
        let Some(enforced) = self.would_be_shown_by(permit, record) else {
            return self.answered(unseen, permit, around, record).await;
        };
        let mut told = record.clone();
        let would = self.without_shadow();
        let would = Box::pin(would.answered(unseen.clone(), &enforced, around, &mut told)).await;
        (record.reason, record.removed) = (told.reason, told.removed);
        let shown = self.answered(unseen, permit, around, record).await;
        self.tell_other(would, &shown, record);
        shown
    }

    /// The same of a page that is made of the backend's: `would` is the one that would be asked for without shadow mode.
    pub(super) async fn show_page(
        &self,
        paged: &Paged<'_>,
        would: Option<&Paged<'_>>,
        permit: &Permit,
        request: &ListRequest<'_>,
        record: &mut Record,
    ) -> Result<Shown, Refusal> {
        let (Some(would), Some(enforced)) = (would, self.would_be_shown_by(permit, record)) else {
            return self.page(paged, permit, request, record).await;
        };
        let mut told = record.clone();
        let would = Box::pin(self.without_shadow().page(would, &enforced, request, &mut told)).await;
        (record.reason, record.removed) = (told.reason, told.removed);
        let shown = self.page(paged, permit, request, record).await;
        self.tell_other(would, &shown, record);
        shown
    }

    /// The permit by which an answer would be shown without shadow mode. Of what would have been refused nothing would be.
    pub(super) fn would_be_shown_by(&self, permit: &Permit, record: &Record) -> Option<Permit> {
        let enforced = permit.without_shadow().filter(|_| record.outcome != Outcome::WouldDeny);
        enforced.filter(|_| self.in_shadow().is_some())
    }

    /// Tells that there would have been another answer, if so.
    fn tell_other(&self, would: Result<Shown, Refusal>, shown: &Result<Shown, Refusal>, record: &mut Record) {
        match (would, shown) {
            (Ok(would), Ok(shown))
                if would.status() == shown.status() && would.body().is_like(shown.body()) => {}
            (Ok(_another), _) => {
                record.removed.get_or_insert_with(Removed::other);
                record.shadow = self.in_shadow();
            }
            (Err(would), Err(refusal)) if would == *refusal => {}
            (Err(would), _) => self.tell_refusal(&would, "the answer would have been withheld", record),
        }
    }
}

/// The names of a user's roles in shadow; `None` if there are none.
fn roles_in_shadow(actor: &Actor) -> Option<String> {
    let policy = actor.grants.policy();
    let names: Vec<_> = actor.grants.in_shadow().map(|role| policy.role_name(role)).collect();
    (!names.is_empty()).then(|| format!("role {}", names.join(", ")))
}
