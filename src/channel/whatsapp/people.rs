//! Who a WhatsApp contact is: up to three ids, of which any may be absent and two can change
//! (`providers.md` section 2, "Identity").

use std::borrow::Cow;

use crate::channel::{
    event::{Identity, Join, Party, Thread, ThreadKey},
    meta::loose::{List, Object, Scalar, shape},
};

shape! {
    /// An item of `value.contacts`: what the payload knows of a person who is named in its lists.
    struct Contact<'a> {
        wa_id: Scalar<'a>,
        user_id: Scalar<'a>,
        parent_user_id: Scalar<'a>,
        profile: Object<Profile<'a>>,
    }

    struct Profile<'a> {
        name: Scalar<'a>,
        username: Scalar<'a>,
    }
}

/// A person by all that is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Person<'a> {
    /// The business-scoped id.
    user: Option<Cow<'a, str>>,
    /// The id among linked portfolios.
    parent: Option<Cow<'a, str>>,
    /// The phone number, which somebody else may have later.
    wa: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    username: Option<Cow<'a, str>>,
}

impl<'a> Person<'a> {
    pub(super) fn read(user: Scalar<'a>, parent: Scalar<'a>, wa: Scalar<'a>) -> Self {
        Self { user: user.id(), parent: parent.id(), wa: wa.id(), ..Self::default() }
    }

    pub(super) fn called(self, username: Scalar<'a>) -> Self {
        Self { username: username.id(), ..self }
    }

    /// The id that lasts longest.
    pub(super) fn id(&self) -> Option<&str> {
        self.user.as_deref().or(self.wa.as_deref()).or(self.parent.as_deref())
    }

    pub(super) fn party(&self) -> Option<Party> {
        let id = self.id()?;
        let handle = self.wa.as_deref().filter(|wa| *wa != id).or(self.username.as_deref());
        Some(Party {
            id: id.to_owned(),
            name: self.name.as_deref().map(str::to_owned),
            handle: handle.map(str::to_owned),
        })
    }

    /// The conversation with this person; `None` for nobody.
    pub(super) fn thread(&self) -> Option<Thread> {
        self.thread_after(&Self::default())
    }

    /// The conversation with a person who was known as `before` until now: the replaced names still lead
    /// to it, and are given up by it.
    pub(super) fn thread_after(&self, before: &Self) -> Option<Thread> {
        let mut keys: Vec<ThreadKey> = self.keys().into_iter().flatten().collect();
        let mut retired = Vec::new();
        for (old, new) in before.keys().into_iter().zip(self.keys()) {
            let Some(old) = old.filter(|old| !keys.contains(old)) else { continue };
            if new.is_some() {
                retired.push(old.text.clone());
            }
            keys.push(old);
        }
        keys.sort_by_key(|key| !key.lasting);
        (!keys.is_empty()).then_some(Thread { keys, join: Join::Merge, retired, domain: None })
    }

    /// What became of the id that changed; of the first new one, if the old one is not told.
    pub(super) fn identity_after(&self, before: &Self) -> Option<Identity> {
        let pairs = [(&before.user, &self.user), (&before.parent, &self.parent), (&before.wa, &self.wa)];
        let mut new = pairs.into_iter().filter(|(old, new)| new.is_some() && old != new);
        let replaced = new.clone().find(|(old, _new)| old.is_some());
        let (previous, current) = replaced.or_else(|| new.next())?;
        Some(Identity {
            previous: previous.as_deref().map(str::to_owned),
            current: current.as_deref().map(str::to_owned),
        })
    }

    /// The names, strongest first, each in the place of its kind.
    fn keys(&self) -> [Option<ThreadKey>; 3] {
        [
            self.user.as_deref().map(|id| ThreadKey::lasting("user", id)),
            self.parent.as_deref().map(|id| ThreadKey::lasting("parent", id)),
            self.wa.as_deref().map(|id| ThreadKey::passing("wa", id)),
        ]
    }

    /// Whether both have an id in common and none in conflict.
    fn is(&self, other: &Self) -> bool {
        let pairs = [(&self.user, &other.user), (&self.parent, &other.parent), (&self.wa, &other.wa)];
        let mut both = pairs.into_iter().filter(|(one, two)| one.is_some() && two.is_some()).peekable();
        both.peek().is_some() && both.all(|(one, two)| one == two)
    }
}

/// The people of a change.
#[derive(Debug)]
pub(super) struct People<'a>(Vec<Person<'a>>);

impl<'a> People<'a> {
    pub(super) fn of(contacts: &List<Object<Contact<'a>>>) -> Self {
        let known = contacts.items().iter().filter_map(|contact| {
            let contact = contact.0.as_ref()?;
            let profile = contact.profile.0.as_ref();
            Some(Person {
                name: profile.and_then(|profile| profile.name.text()),
                username: profile.and_then(|profile| profile.username.text()),
                ..Person::read(contact.user_id, contact.parent_user_id, contact.wa_id)
            })
        });
        Self(known.collect())
    }

    /// The person with all that the change's contacts tell of them. A contact who shares no id with them
    /// is somebody else, also when there is only one.
    pub(super) fn complete(&self, person: Person<'a>) -> Person<'a> {
        let Some(known) = self.0.iter().find(|known| known.is(&person)) else { return person };
        Person {
            user: person.user.or_else(|| known.user.clone()),
            parent: person.parent.or_else(|| known.parent.clone()),
            wa: person.wa.or_else(|| known.wa.clone()),
            name: known.name.clone(),
            username: person.username.or_else(|| known.username.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `user parent wa`, `-` for none.
    fn person(ids: &str) -> Person<'_> {
        let mut ids = ids.split(' ').map(|id| Some(Cow::Borrowed(id)).filter(|id| id != "-"));
        let mut next = || ids.next().flatten();
        Person { user: next(), parent: next(), wa: next(), ..Person::default() }
    }

    fn ids(person: &Person<'_>) -> String {
        let id = |id: &Option<Cow<'_, str>>| id.as_deref().unwrap_or("-").to_owned();
        [id(&person.user), id(&person.parent), id(&person.wa)].join(" ")
    }

    #[test]
    fn a_contact_completes_only_the_person_it_is() {
        let known = || People(vec![person("U1 P1 491"), person("U2 - 492"), person("- - 493")]);
        for (given, complete) in [
            ("- - 491", "U1 P1 491"),
            ("U2 - -", "U2 - 492"),
            ("- P1 -", "U1 P1 491"),
            ("U3 - 493", "U3 - 493"),
            // The number is known of somebody with another id: it changed hands.
            ("U9 - 491", "U9 - 491"),
            ("- - 499", "- - 499"),
            ("- - -", "- - -"),
        ] {
            assert_eq!(ids(&known().complete(person(given))), complete, "{given}");
        }
    }

    #[test]
    fn replaced_names_lead_to_the_conversation_and_are_given_up() {
        for (before, now, keys, retired) in [
            ("- - 491", "- - 492", "wa:492 wa:491", "wa:491"),
            ("U1 P1 491", "U2 P2 491", "user:U2 parent:P2 user:U1 parent:P1 wa:491", "user:U1 parent:P1"),
            ("U1 - 491", "- - 492", "user:U1 wa:492 wa:491", "wa:491"),
            ("- - 491", "U2 - -", "user:U2 wa:491", ""),
            ("- - -", "U2 - -", "user:U2", ""),
        ] {
            let thread = person(now).thread_after(&person(before)).unwrap();
            let texts: Vec<_> = thread.keys.iter().map(|key| key.text.as_str()).collect();
            assert_eq!(texts.join(" "), keys, "{before} -> {now}");
            assert_eq!(thread.retired.join(" "), retired, "{before} -> {now}");
        }
        assert_eq!(person("- - -").thread(), None);
    }

    #[test]
    fn the_identity_is_the_id_that_was_replaced() {
        for (before, now, identity) in [
            ("- - 491", "U1 - 492", "491 -> 492"),
            ("U1 - 491", "U2 - 491", "U1 -> U2"),
            ("- - -", "U2 P2 -", "? -> U2"),
            ("U1 - 491", "- - 491", "none"),
        ] {
            let told = person(now).identity_after(&person(before)).map_or_else(
                || "none".to_owned(),
                |identity| {
                    let name = |name: Option<String>| name.unwrap_or_else(|| "?".to_owned());
                    format!("{} -> {}", name(identity.previous), name(identity.current))
                },
            );
            assert_eq!(told, identity, "{before} -> {now}");
        }
    }
}
