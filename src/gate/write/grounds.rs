//! What a request with many objects is judged by, worked out once and not once for each object.

use std::sync::Arc;

use super::{
    Said,
    besides::Besides,
    fields::Fields,
    names::{NameCheck, Refused},
    owner::{Barred, Plan},
};
use crate::{
    gate::{Passage, body::UnfitBody, permit::Permit},
    policy::Actor,
};

/// The fields of a request, and all that follows from them alone.
pub(super) struct Grounds<'a> {
    /// The fields.
    pub(super) fields: &'a Fields,
    /// Why they say something else than the path, if they do.
    pub(super) other_than_path: Option<Barred>,
    /// Why one of them has a value that it may not have, if one does.
    pub(super) other_value: Option<Barred>,
    /// What they say of the object.
    pub(super) plan: Result<Plan, Barred>,
    /// What they need besides.
    pub(super) besides: Result<Besides, Barred>,
    /// The names that are refused, by who asks and by what allows it: few of a request's objects are allowed differently.
    refused: Vec<(&'a Actor, Permit, Arc<Refused>)>,
}

impl<'a> Grounds<'a> {
    /// # Errors
    /// [`UnfitBody::TooManyReferences`].
    pub(super) fn of(passage: &Passage<'_>, said: &'a Said) -> Result<Self, UnfitBody> {
        let fields = &said.fields;
        let besides = Besides::of(passage, said);
        besides.iter().try_for_each(Besides::check_count)?;
        Ok(Self {
            fields,
            other_than_path: passage.other_than_path(fields),
            other_value: passage.other_value(fields),
            plan: Plan::of(passage, said),
            besides,
            refused: Vec::new(),
        })
    }

    /// The fields that may not be written with a permit, or not be asked about.
    pub(super) fn refused(&mut self, name_check: &NameCheck<'a>, permit: &Permit) -> Arc<Refused> {
        let fields = self.fields;
        self.refused_by(name_check.actor, permit, || name_check.refused(fields, permit))
    }

    fn refused_by(
        &mut self,
        actor: &'a Actor,
        permit: &Permit,
        names: impl FnOnce() -> Refused,
    ) -> Arc<Refused> {
        let mut known = self.refused.iter();
        let known = known.find(|(of, by, _)| std::ptr::eq(*of, actor) && by.opens_like(permit));
        if let Some((.., refused)) = known {
            return Arc::clone(refused);
        }
        let refused = Arc::new(names());
        self.refused.push((actor, *permit, Arc::clone(&refused)));
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{TenantId, UserId},
        policy::{Keys, Member, Policy, source::Source},
    };

    /// Somebody without a right.
    fn somebody() -> Actor {
        let (tenant, keys) = (TenantId::new("acme"), Keys::default());
        let policy = Arc::new(Policy::compile(&Source::default(), &tenant, &keys).unwrap());
        Actor {
            user: UserId::new("ana"),
            teams: [].into(),
            tree_keys: [].into(),
            team_keys: [].into(),
            queue_keys: [].into(),
            user_key: keys.user(&tenant, "ana").unwrap(),
            tenant_key: keys.tenant(&tenant),
            tenant,
            apps: policy.apps_of(&Member::default()),
            active: true,
            grants: Arc::new(policy.grants(&[]).unwrap()),
        }
    }

    #[test]
    fn names_are_judged_once_for_all_objects_that_are_allowed_alike() {
        let (ana, ben, fields) = (somebody(), somebody(), Fields::default());
        let mut grounds = Grounds {
            fields: &fields,
            other_than_path: None,
            other_value: None,
            plan: Ok(Plan::default()),
            besides: Ok(Besides::default()),
            refused: Vec::new(),
        };
        let mut times = 0;
        for actor in [&ana, &ben] {
            for _object in 0..100 {
                grounds.refused_by(actor, &Permit::of_everything(), || {
                    times += 1;
                    Refused::default()
                });
            }
        }
        assert_eq!(times, 2, "once for each who asks");
    }
}
