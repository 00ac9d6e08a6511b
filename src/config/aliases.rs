//! Fields that a backend tells, takes or is asked about under several names.

use std::collections::BTreeMap;

/// Spellings of one name at most: each is made of a configuration's own names.
const SPELLINGS_MAX: usize = 64;

/// Names that mean one field, group by group. What holds of one of them holds of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases(Vec<Vec<String>>);

impl Aliases {
    /// Each field with its other names, all of them dotted (`details.number`).
    #[must_use]
    pub fn new(fields: &BTreeMap<String, Vec<String>>) -> Self {
        let group =
            |(field, others): (&String, &Vec<String>)| [field].into_iter().chain(others).cloned().collect();
        Self(fields.iter().map(group).collect())
    }

    /// These and others.
    pub fn extend(&mut self, others: &Self) {
        self.0.extend(others.0.iter().filter(|group| !self.0.contains(group)).cloned().collect::<Vec<_>>());
    }

    /// Every name that there is for a field, its own first: `phone_number`, `tel`, `details.number`; and of one that stands
    /// in such a field, `number.country`, `tel.country`.
    #[must_use]
    pub fn spellings(&self, field: &str) -> Vec<String> {
        let mut found = vec![field.to_owned()];
        let mut at = 0;
        while let Some(name) = found.get(at).cloned() {
            at += 1;
            for group in &self.0 {
                let rests = group.iter().filter_map(|known| rest(&name, known));
                let others = rests.flat_map(|rest| group.iter().map(move |other| format!("{other}{rest}")));
                for other in others {
                    if found.len() < SPELLINGS_MAX && !found.contains(&other) {
                        found.push(other);
                    }
                }
            }
        }
        found
    }

    /// Every name under which a field or something in it is told or written: of `details`, `details` and, where the number in
    /// it is the contact's, `phone_number`.
    #[must_use]
    pub fn touching(&self, field: &str) -> Vec<String> {
        let mut found = self.spellings(field);
        let mut at = 0;
        while let Some(name) = found.get(at).cloned() {
            at += 1;
            let outer = name.strip_suffix(".*").unwrap_or(&name);
            let is_inside = |known: &String| rest(known, outer).is_some_and(|rest| !rest.is_empty());
            for other in self.0.iter().filter(|group| group.iter().any(is_inside)).flatten() {
                if found.len() < SPELLINGS_MAX && !found.contains(other) {
                    found.push(other.clone());
                }
            }
        }
        found
    }

    /// All names that are one of several.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.0.iter().flatten()
    }
}

/// What follows `outer` in a dotted name that is it or stands in it.
fn rest<'a>(name: &'a str, outer: &str) -> Option<&'a str> {
    name.strip_prefix(outer).filter(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_has_all_the_names_of_what_it_is_and_of_what_it_stands_in() {
        let groups = [("phone", &["tel", "custom.number"][..]), ("custom", &["attributes"])];
        let groups = groups.map(|(field, others)| {
            (field.to_owned(), others.iter().map(|other| (*other).to_owned()).collect::<Vec<_>>())
        });
        let aliases = Aliases::new(&groups.into());
        for (field, expected) in [
            ("phone", &["phone", "tel", "custom.number", "attributes.number"][..]),
            (
                "tel.country",
                &["tel.country", "phone.country", "custom.number.country", "attributes.number.country"],
            ),
            ("custom.vip", &["custom.vip", "attributes.vip"]),
            ("telephone", &["telephone"]),
            ("name", &["name"]),
        ] {
            let mut found = aliases.spellings(field);
            let mut expected: Vec<_> = expected.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(found.first().map(String::as_str), Some(field));
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{field}");
        }
    }

    #[test]
    fn what_stands_in_a_field_belongs_to_it_under_all_its_names() {
        let aliases = Aliases::new(&[("details.number".to_owned(), vec!["tel".to_owned()])].into());
        for (field, expected) in [
            ("details", &["details", "details.number", "tel"][..]),
            ("details.*", &["details.*", "details.number", "tel"]),
            ("tel", &["tel", "details.number"]),
            ("details.city", &["details.city"]),
            ("detail", &["detail"]),
        ] {
            assert_eq!(aliases.touching(field), expected, "{field}");
        }
    }

    #[test]
    fn names_that_lead_into_themselves_have_an_end() {
        let aliases = Aliases::new(&[("a".to_owned(), vec!["a.a".to_owned()])].into());
        assert_eq!(aliases.spellings("a").len(), SPELLINGS_MAX);
    }
}
