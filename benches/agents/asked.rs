//! What the agents ask for, and what they must get.

use super::{
    load::{self, Message, Requests, Stack},
    stack::Kind,
    world::{AGENTS, CONVERSATIONS, OBJECT_BYTES, TEAMS, World, list, list_path, path},
};

/// The agents' requests in turn, each with how long the body of its answer is.
pub(super) struct Asked(Vec<(Vec<u8>, usize)>);

impl Asked {
    /// Each agent asks for conversations of their team, mostly a colleague's.
    pub(super) fn objects(tokens: &[String]) -> Self {
        let request = |number: usize| {
            let conversation = (number + number / AGENTS * 5) % CONVERSATIONS;
            (get(Some(&tokens[number % AGENTS]), &path(conversation)), OBJECT_BYTES)
        };
        Self((0..CONVERSATIONS * 10).map(request).collect())
    }

    /// Each agent asks for their team's list. How long it is, the stack itself has told.
    pub(super) fn lists(tokens: &[String], bytes: [usize; TEAMS]) -> Self {
        let request = |agent: usize| {
            let team = agent % TEAMS;
            (get(Some(&tokens[agent]), &list_path(team)), bytes[team])
        };
        Self((0..AGENTS).map(request).collect())
    }
}

impl Requests for Asked {
    fn request(&self, number: u64) -> impl AsRef<[u8]> + Send {
        &self.of(number).0
    }

    fn is_answer(&self, number: u64, answer: &Message) -> bool {
        answer.status() == 200 && answer.body_bytes == self.of(number).1
    }
}

impl Asked {
    fn of(&self, number: u64) -> &(Vec<u8>, usize) {
        &self.0[number as usize % self.0.len()]
    }
}

/// The stack must do what it is measured for.
pub(super) async fn check(kind: Kind, stack: &Stack, world: &World) {
    let tokens = kind.tokens(world);
    let asked = async |token, conversation| {
        let answer = load::ask(stack.address, &get(token, &path(conversation))).await.0;
        (answer.status(), answer.body_bytes)
    };
    let (own, name) = (Some(tokens[7].as_str()), kind.name());
    assert_eq!(asked(own, 7).await, (200, OBJECT_BYTES), "{name}");
    if kind.authorizes() {
        assert!(matches!(asked(own, 8).await.0, 403 | 404), "{name} shows what is another team's");
        assert_eq!(asked(None, 7).await.0, 401, "{name}");
        assert_eq!(asked(Some("forged"), 7).await.0, 401, "{name}");
    }
}

/// How long each team's list is with this stack, which must filter it, or pass it on whole.
pub(super) async fn check_lists(kind: Kind, stack: &Stack, world: &World) -> [usize; TEAMS] {
    let tokens = kind.tokens(world);
    let mut bytes = [0; TEAMS];
    for (team, bytes) in bytes.iter_mut().enumerate() {
        let (answer, text) = load::ask(stack.address, &get(Some(&tokens[team]), &list_path(team))).await;
        assert_eq!(answer.status(), 200, "{}", kind.name());
        let list = String::from_utf8(list(team)).unwrap();
        let count = |text: &str, what: &str| text.matches(what).count();
        let (rows, own) = (r#""created_at":"#, format!(r#""team":{{"id":{team}}}"#));
        if kind.filters() {
            assert_eq!(count(&text, rows), count(&list, &own), "{} shows other rows", kind.name());
            assert_eq!(count(&text, &own), count(&list, &own), "{} hides rows", kind.name());
            for hidden in ["custom_attributes", "phone", "email\":"] {
                assert_eq!(count(&text, hidden), 0, "{} shows {hidden}", kind.name());
            }
        } else {
            assert_eq!(answer.body_bytes, list.len(), "{}", kind.name());
        }
        *bytes = answer.body_bytes;
    }
    bytes
}

/// A browser's request, as far as it matters here.
fn get(token: Option<&str>, path: &str) -> Vec<u8> {
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!(
        "GET {path} HTTP/1.1\r\nhost: panel.example\r\naccept: application/json\r\nuser-agent: panel/1.0\r\n{token}\r\n"
    )
    .into_bytes()
}
