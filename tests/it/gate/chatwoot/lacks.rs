//! Administrators of whom each lacks something of their own, in one house: by what one of them is shown, and another is not, one sees what a line
//! of the map does.

use super::house::Others;

/// What an administrator lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lacks<'a> {
    /// A field of a resource.
    Field(&'a str, &'a str),
    /// To see what is of these resources. Its lists are open to them.
    Sight(&'a [&'a str]),
}

/// What nothing is about that is told, asked or searched: who lacks it does not see everything.
pub(super) const SOMETHING: Lacks<'_> = Lacks::Field("contact", "blocked");

/// Who lacks the one of that place.
pub(super) fn user(place: usize) -> String {
    (100 + place).to_string()
}

/// Who lacks these, each one of them.
pub(super) fn those_who_lack(each: &[Lacks<'_>]) -> Others {
    let users: Vec<_> = (0..each.len()).map(user).collect();
    let roles = each.iter().zip(&users).map(|(lacks, user)| lacks.role(user)).collect();
    Others { users, roles }
}

impl Lacks<'_> {
    /// The role of who lacks it.
    fn role(self, user: &str) -> String {
        let role = format!("[role.of-{user}]\nextends = [\"chatwoot.administrator\"]\n");
        match self {
            Self::Field(resource, field) => {
                format!("{role}[role.of-{user}.fields.{resource}]\nhidden = [\"{field}\"]\n")
            }
            Self::Sight(resources) => {
                let none = |resource: &&str| format!("{resource} = {{ view = \"none\", \"*\" = \"all\" }}\n");
                format!("{role}[role.of-{user}.grants]\n{}", resources.iter().map(none).collect::<String>())
            }
        }
    }
}
