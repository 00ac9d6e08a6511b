//! The draft of an entity, as it may stand in `routes.toml`.

use std::fmt::Write as _;

use super::shape::{FIELDS_MAX, Field, Lesson};

/// Names of fields that tell a fact of an object, the likeliest first. A name with a slash is a field in a field.
const FACTS: [(&str, &[&str]); 4] = [
    ("id", &["id", "uuid", "_id", "uid", "key"]),
    (
        "responsible",
        &[
            "responsible_user_id",
            "responsible_id",
            "assignee_id",
            "assigned_to_id",
            "owner_id",
            "assigned_agent_id",
            "agent_id",
            "assigned_to",
            "responsible/id",
            "assignee/id",
            "owner/id",
            "assigned_agent/id",
            "agent/id",
            "responsible",
            "assignee",
            "owner",
        ],
    ),
    (
        "team",
        &[
            "team_id",
            "group_id",
            "department_id",
            "team/id",
            "group/id",
            "department/id",
            "team",
            "group",
            "department",
        ],
    ),
    (
        "participants",
        &[
            "participants",
            "participant_ids",
            "subscribers",
            "subscriber_ids",
            "followers",
            "follower_ids",
            "watchers",
            "collaborators",
            "members",
            "member_ids",
        ],
    ),
];

/// Guesses of a fact that are told.
const GUESSES_MAX: usize = 3;

/// The `[entity.NAME]` that was learned. It is TOML that loads; what it does not let through stands in it as comments.
#[must_use]
pub fn page(lesson: &Lesson, entity: &str) -> String {
    let mut page = Page { lesson, lines: Vec::new(), nested: Vec::new() };
    page.fields("", "", &lesson.fields);
    let mut text = String::new();
    let objects =
        if lesson.objects == 1 { "1 object".to_owned() } else { format!("{} objects", lesson.objects) };
    let _infallible = write!(
        text,
        "# Learned from {objects} by `headgate learn`; names alone, no value.\n\
         # What is commented out does not pass. Decide on each, and take the `#` away from what may.\n"
    );
    if lesson.beyond > 0 {
        let _infallible = writeln!(
            text,
            "# There are more than {FIELDS_MAX} fields: {} members are not told below.",
            lesson.beyond
        );
    }
    if lesson.data_keys > 0 {
        let _infallible = writeln!(text, "# {} are not told below.", data_keys(lesson.data_keys));
    }
    let _infallible = writeln!(text, "\n[entity.{entity}]");
    for (fact, names) in FACTS {
        text.push_str(&guess(lesson, fact, names));
    }
    text.push_str("fields = [\n");
    let width = page.lines.iter().map(|line| line.entry.chars().count()).max().unwrap_or_default();
    for Line { entry, comment } in &page.lines {
        let _infallible = writeln!(text, "  {entry:width$}  # {comment}");
    }
    text.push_str("]\n");
    if !page.nested.is_empty() {
        text.push_str("# Objects with an id of their own: nothing of them passes until each is an entity too, of which `--at` learns\n");
        text.push_str("# the fields, and stands in `nested`.\n# nested = {");
        let pairs: Vec<_> = page.nested.iter().map(|(at, name)| format!(" {at:?} = {name:?}")).collect();
        let _infallible = writeln!(text, "{} }}", pairs.join(","));
    }
    text
}

/// A line of `fields`.
struct Line {
    /// `"meta.channel",`, or the same commented out.
    entry: String,
    comment: String,
}

struct Page<'l> {
    lesson: &'l Lesson,
    lines: Vec<Line>,
    /// Where objects of other entities stand, and what they may be called.
    nested: Vec<(String, String)>,
}

impl Page<'_> {
    fn fields(&mut self, dotted: &str, pointer: &str, fields: &[Field]) {
        for field in fields {
            let dotted = join(dotted, ".", &field.name);
            let mut pointer = format!("{pointer}/{}", field.name);
            if field.items.is_some() {
                pointer.push_str("/*");
            }
            if field.is_entity() {
                self.nested.push((pointer, entity_name(&field.name)));
            } else if field.is_leaf() {
                self.leaf(&dotted, field);
            } else {
                if field.data_keys > 0 {
                    let comment = format!("{} are not told here", data_keys(field.data_keys));
                    self.lines.push(Line { entry: format!("# \"{dotted}\","), comment });
                }
                self.fields(&dotted, &pointer, &field.fields);
            }
        }
    }

    fn leaf(&mut self, dotted: &str, field: &Field) {
        let mut comment = format!("{}, in {} of {}", field.words(), field.objects, self.lesson.objects);
        let mut doubts: Vec<_> =
            field.looks.iter().map(|looks| format!("looks like {}", looks.words())).collect();
        if field.data_keys > 0 {
            doubts.push(format!("would pass with {}", data_keys(field.data_keys)));
        } else if field.too_deep {
            doubts.push("would pass with objects that stand too deep to be told apart".to_owned());
        } else if field.is_empty() {
            doubts.push("what it holds was never seen".to_owned());
        }
        let out = if doubts.is_empty() { "" } else { "# " };
        for doubt in &doubts {
            let _infallible = write!(comment, "; {doubt}");
        }
        // Names hold nothing that would have to be escaped.
        self.lines.push(Line { entry: format!("{out}\"{dotted}\","), comment });
    }
}

fn data_keys(count: u64) -> String {
    let members = if count == 1 { "1 member" } else { &format!("{count} members") };
    format!("{members} whose keys look like data")
}

/// The guesses of where a fact stands, as comments.
fn guess(lesson: &Lesson, fact: &str, names: &[&str]) -> String {
    let mut found = Vec::new();
    for name in names {
        search(&lesson.fields, "", name, &mut found);
    }
    // An id is an object's own; the other facts may stand in its header, such as `meta`.
    found.retain(|pointer| fact != "id" || pointer.matches('/').count() == 1);
    found.sort_by_key(|pointer| pointer.matches('/').count());
    if found.is_empty() {
        return format!("# {fact}: no field looks like it\n");
    }
    found
        .iter()
        .take(GUESSES_MAX)
        .fold(String::new(), |text, pointer| text + &format!("# {fact} = {pointer:?}\n"))
}

/// Where fields of this name stand, outside of lists.
fn search(fields: &[Field], pointer: &str, name: &str, found: &mut Vec<String>) {
    for field in fields {
        let pointer = format!("{pointer}/{}", field.name);
        let matches = match name.split_once('/') {
            None => field.name == name && (field.is_leaf() || field.items.is_some()),
            Some((outer, inner)) => {
                field.name == outer && field.fields.iter().any(|field| field.name == inner)
            }
        };
        if matches {
            let inner = name.split_once('/').map(|(_, inner)| format!("/{inner}")).unwrap_or_default();
            found.push(format!("{pointer}{inner}"));
        }
        if field.items.is_none() && pointer.matches('/').count() < 3 {
            search(&field.fields, &pointer, name, found);
        }
    }
}

fn join(outer: &str, with: &str, name: &str) -> String {
    if outer.is_empty() { name.to_owned() } else { format!("{outer}{with}{name}") }
}

/// What an entity may be called after the field that holds it: `messages` holds a `message`.
fn entity_name(field: &str) -> String {
    let name: String =
        field.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let name = name.trim_matches('_');
    let one = match name.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => name.strip_suffix('s').filter(|one| !one.ends_with('s')).unwrap_or(name).to_owned(),
    };
    if one.is_empty() { "object".to_owned() } else { one }
}
