//! Which fields an answer shows and which a write may touch.

use super::{ActionNo, Allowed, FieldNo, Grants, PairNo, ResourceNo, Scope, decision::Ways, grants::Flags};

impl Grants {
    /// Whether every field of every object is returned, whatever the object: a role that restricts no field reaches
    /// all, and nothing can narrow it. `false` says nothing.
    #[must_use]
    pub fn shows_all(&self, resource: ResourceNo, action: ActionNo) -> bool {
        let pair = self.policy.pair(resource, action);
        let cell = self.cell(pair);
        if cell.flags.may_narrow() || cell.flags.has(Flags::HIDING) {
            return false;
        }
        let granting = self.reaching(cell, Scope::All) & self.unrestricted(resource);
        let ways = Ways { granting, ..Ways::default() };
        let mut fields = self.policy.fields_of(resource);
        granting != 0 && fields.all(|field| self.opens_by(pair, &ways, field, Purpose::See))
    }

    /// Whether a field is returned. The field is one of the resource that was asked about.
    #[must_use]
    pub fn sees(&self, allowed: &Allowed, field: FieldNo) -> bool {
        self.opens(allowed, field, Purpose::See)
    }

    /// Whether a field may be written. The field is one of the resource that was asked about.
    #[must_use]
    pub fn writes(&self, allowed: &Allowed, field: FieldNo) -> bool {
        self.opens(allowed, field, Purpose::Write)
    }

    fn opens(&self, allowed: &Allowed, field: FieldNo, purpose: Purpose) -> bool {
        if self.opens_by(allowed.pair, &allowed.ways, field, purpose) {
            return true;
        }
        let Some((other, ways)) = &allowed.as_other else {
            return false;
        };
        // The fields of the other resource are known to this one by the same names.
        let (Some(own), Some(theirs)) = (self.policy.pair_info(allowed.pair), self.policy.pair_info(*other))
        else {
            return false;
        };
        // What is withheld here stays withheld.
        let withheld = self.withheld(allowed.pair, &allowed.ways, field, purpose);
        let field = self.policy.field(theirs.resource, self.policy.field_name(own.resource, field));
        !withheld && self.opens_by(*other, ways, field, purpose)
    }

    /// Whether a field is kept back whoever grants it: forbidden, needing a right that is not held, or secret.
    fn withheld(&self, pair: PairNo, ways: &Ways, field: FieldNo, purpose: Purpose) -> bool {
        let Some(resource) = self.policy.pair_info(pair).map(|info| info.resource) else {
            return true;
        };
        let at = self.policy.field_at(resource, field);
        at.and_then(|at| self.policy.fields.get(at)).is_none_or(|info| {
            let editing = ways.editing & self.field_masks(resource, field).editable != 0;
            let unheld = info.needs.is_some_and(|needs| self.base(needs) == Scope::None);
            let secret = matches!(purpose, Purpose::See) && info.secret && !editing;
            info.hidden_by & ways.hiding != 0 || unheld || secret
        })
    }

    fn opens_by(&self, pair: PairNo, ways: &Ways, field: FieldNo, purpose: Purpose) -> bool {
        if self.withheld(pair, ways, field, purpose) {
            return false;
        }
        let Some(resource) = self.policy.pair_info(pair).map(|info| info.resource) else {
            return false;
        };
        let Some(info) = self.policy.field_at(resource, field).and_then(|at| self.policy.fields.get(at))
        else {
            return false;
        };
        let masks = self.field_masks(resource, field);
        let roles = match purpose {
            Purpose::See => masks.seen,
            Purpose::Write => masks.editable,
        };
        ways.granting & roles != 0
            || (ways.ruled & info.profiles != 0 && roles != 0)
            || self.related_opens(pair, ways, roles, info.profiles)
    }

    fn related_opens(&self, pair: PairNo, ways: &Ways, roles: u64, profiles: u64) -> bool {
        if ways.related.is_empty() {
            return false;
        }
        let detail = self.details.get(usize::from(self.cell(pair).detail));
        detail.is_some_and(|detail| {
            detail.relations.iter().any(|(relation, profile, of)| {
                ways.related.contains(*relation)
                    && of & !ways.barred & roles != 0
                    && profiles & (1 << profile.0) != 0
            })
        })
    }
}

/// What is to be done with a field.
#[derive(Clone, Copy)]
enum Purpose {
    See,
    Write,
}
