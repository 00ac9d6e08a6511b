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
        let mut keys: Vec<ThreadKey> = self.keys().chain(before.keys()).map(|(key, _slot)| key).collect();
        let retired = before
            .keys()
            .filter(|(key, slot)| self.keys().any(|(new, same)| same == *slot && new != *key))
            .map(|(key, _slot)| key.text)
            .collect();
        // Lasting names first, new before old; a name that did not change is there once.
        keys.sort_by_key(|key| !key.lasting);
        let mut seen = Vec::new();
        keys.retain(|key| {
            !seen.contains(&key.text) && {
                seen.push(key.text.clone());
                true
            }
        });
        (!keys.is_empty()).then_some(Thread { keys, join: Join::Merge, retired, domain: None })
    }

    /// What became of the id that the event is about: the first one that is new.
    pub(super) fn identity_after(&self, before: &Self) -> Option<Identity> {
        let slots = [(&before.user, &self.user), (&before.parent, &self.parent), (&before.wa, &self.wa)];
        let (previous, current) = slots.into_iter().find(|(old, new)| new.is_some() && old != new)?;
        Some(Identity {
            previous: previous.as_deref().map(str::to_owned),
            current: current.as_deref().map(str::to_owned),
        })
    }

    /// The names, strongest first, each with the place of its kind.
    fn keys(&self) -> impl Iterator<Item = (ThreadKey, usize)> {
        let user = self.user.as_deref().map(|id| (ThreadKey::lasting("user", id), 0));
        let parent = self.parent.as_deref().map(|id| (ThreadKey::lasting("parent", id), 1));
        let wa = self.wa.as_deref().map(|id| (ThreadKey::passing("wa", id), 2));
        [user, parent, wa].into_iter().flatten()
    }

    /// Whether both have an id in common and none in conflict. Nobody is everybody.
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
