//! The universal oracle of the security checklist, in every world. It keeps each byte that went to a client and each request
//! that reached the backend, and judges both when an answer is read and, whatever a test forgot, when the world ends:
//!
//! * no client was shown a canary that is not its user's, of an object or of a field of it, in whatever way it was written;
//! * the backend saw no request that a refusal stands for and none but of a route of its tenant's, in each exactly one
//!   identity, the one that Headgate set, and that of a user who asked.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use headgate::probe::canary::{Canaries, texts};
use serde_json::Value;
use tokio::net::TcpStream;

use super::backend::{Asked, Seen};

mod http2;
mod routes;
mod tap;
mod tests;

use self::routes::{Route, declared};
pub(in crate::gate) use self::{http2::decoded, tap::Tapped};

/// What every canary begins with; what it is of stands behind it.
const CANARY: &str = "CANARY-";
/// What of a canary says whose it is.
const CANARY_CHARS_MAX: usize = 60;
/// More than any test has a backend send.
const DECODED_BYTES_MAX: usize = 64 << 20;
/// Headgate's own headers to a backend.
const OWN: [&str; 5] =
    ["headgate-actor", "headgate-tenant", "headgate-teams", "headgate-grants", "headgate-assertion"];
/// As whom Headgate asks for itself.
const ITSELF: &str = "headgate";

/// The users whose credentials stand in a text.
type Users = dyn Fn(&str) -> Vec<String> + Send + Sync;
/// Whether a user may see the canary that goes on so.
pub(super) type Sees = dyn Fn(&str, &str) -> bool + Send + Sync;

/// Who a world's users are, and what they may see.
pub(super) struct Allowed {
    pub(super) users: Box<Users>,
    /// Whose a user is whose name does not begin with a tenant, as in `globex.ana`.
    pub(super) tenant: &'static str,
    /// By the names that `users` gives.
    pub(super) sees: Box<Sees>,
}

/// What a backend is shown besides who acts.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    /// The header with the backend's own credential, and its values by the actor's name. An empty name is everybody else's.
    pub(super) credential: Option<(&'static str, Vec<(&'static str, &'static str)>)>,
    pub(super) asserted: bool,
}

pub(super) struct Oracle {
    allowed: Allowed,
    identity: Shown,
    /// The configuration's, and the routes that it has or had.
    folder: PathBuf,
    routes: Mutex<BTreeSet<Route>>,
    /// What reached each backend, and how much of it is judged.
    backends: Mutex<Vec<(Seen, usize)>>,
    heard: Mutex<Vec<Heard>>,
    /// Whose credentials were sent on some connection.
    senders: Mutex<BTreeSet<String>>,
    /// Whether others asked too, whom nobody listened to.
    others_ask: AtomicBool,
    /// Whether the backend answers with others than it was asked for.
    told_of_others: AtomicBool,
    /// How many connections were opened, and are open.
    connections: Mutex<(usize, usize)>,
}

/// What went over a client's connection.
#[derive(Debug, Default)]
struct Heard {
    /// Whose connection it is, whatever is sent.
    user: Option<&'static str>,
    sent: Vec<u8>,
    received: Vec<u8>,
    /// What reached the backend meanwhile, if no other client was there at the time.
    asked: Option<Vec<Asked>>,
}

impl Oracle {
    /// `folder` is the configuration's.
    pub(super) fn new(allowed: Allowed, identity: Shown, backend: Seen, folder: &Path) -> Arc<Self> {
        Arc::new(Self {
            allowed,
            identity,
            folder: folder.to_owned(),
            routes: Mutex::default(),
            backends: Mutex::new(vec![(backend, 0)]),
            heard: Mutex::default(),
            senders: Mutex::default(),
            others_ask: AtomicBool::default(),
            told_of_others: AtomicBool::default(),
            connections: Mutex::default(),
        })
    }

    /// Another backend of the same world.
    pub(super) fn watch(&self, backend: Seen) {
        locked(&self.backends).push((backend, 0));
    }

    /// From now on clients ask to whom nobody listens.
    pub(super) fn others_ask(&self) {
        self.others_ask.store(true, Ordering::Relaxed);
    }

    /// From now on the backend answers with others than it was asked for, which is only seen then.
    pub(super) fn is_told_of_others(&self) {
        self.told_of_others.store(true, Ordering::Relaxed);
    }

    /// A client's connection to a listener of this world.
    pub(super) async fn connect(self: &Arc<Self>, address: SocketAddr) -> Tapped<TcpStream> {
        self.tap(TcpStream::connect(address).await.unwrap())
    }

    /// A client's connection, of which every byte is kept from now on.
    pub(super) fn tap<S>(self: &Arc<Self>, stream: S) -> Tapped<S> {
        self.tap_as(None, stream)
    }

    /// As [`Oracle::tap`], for who is known by something else than what is sent.
    pub(super) fn tap_as<S>(self: &Arc<Self>, user: Option<&'static str>, stream: S) -> Tapped<S> {
        Tapped::open(Arc::clone(self), user, stream)
    }

    /// Judges what came since the last time.
    pub(super) fn judge(&self) {
        let heard = std::mem::take(&mut *locked(&self.heard));
        for heard in &heard {
            self.judge_heard(heard);
        }
        let mut backends = locked(&self.backends);
        for (seen, judged) in backends.iter_mut() {
            let asked = locked(seen)[*judged..].to_vec();
            *judged += asked.len();
            for asked in &asked {
                assert!(self.is_of(asked, |_| true), "of no route: {asked:?}");
                self.judge_asked(asked);
            }
        }
    }

    /// What reached the first backend after so many requests.
    fn asked_since(&self, before: usize) -> Vec<Asked> {
        let backends = locked(&self.backends);
        locked(&backends[0].0)[before..].to_vec()
    }

    fn judge_heard(&self, heard: &Heard) {
        let sent = String::from_utf8_lossy(&heard.sent);
        let mut users: BTreeSet<_> = (self.allowed.users)(&sent).into_iter().collect();
        users.extend(heard.user.map(str::to_owned));
        let decoded = http2::told(&heard.sent, &heard.received);
        let answers = if decoded.is_empty() { heard.received.clone() } else { decoded.concat() };
        let received = || String::from_utf8_lossy(&answers);
        let texts = decoded.iter().chain([&heard.received]);
        for canary in texts.flat_map(|text| shown(text, sent.starts_with("HEAD "))) {
            let may = users.iter().any(|user| (self.allowed.sees)(user, &canary));
            assert!(may, "{users:?} see {CANARY}{canary} in {}", received());
        }
        if let Some(asked) = &heard.asked {
            let forwarded: Vec<_> = asked.iter().filter(|asked| !is_own(asked)).collect();
            for asked in &forwarded {
                assert!(self.is_by_one_of(asked, &users), "sent by {users:?}: {asked:?}");
            }
            let wrong = match refused(&answers) {
                None => None,
                Some(Refused::Unseen) => forwarded.first(),
                Some(Refused::Denied) => forwarded.iter().find(|asked| !self.may_be_denied_after(asked)),
            };
            assert!(wrong.is_none(), "{wrong:?} went on, and was refused with {}", received());
        }
        locked(&self.senders).extend(users);
    }

    /// Whether a request acts for one of these users.
    fn is_by_one_of(&self, asked: &Asked, users: &BTreeSet<String>) -> bool {
        users.iter().any(|user| {
            let (tenant, user) = user.split_once('.').unwrap_or((self.allowed.tenant, user));
            asked.all("headgate-actor") == [user] && asked.all("headgate-tenant") == [tenant]
        })
    }

    /// Whether a 403 or 404 may be the answer to a request that was forwarded: it is the backend's own, or nothing else than the
    /// backend's answer tells whether there is something for who asks.
    fn may_be_denied_after(&self, asked: &Asked) -> bool {
        self.told_of_others.load(Ordering::Relaxed)
            || !(200..300).contains(&asked.answered)
            || self.is_of(asked, |route| route.by_answer)
    }

    /// Whether a request is of a declared route, of this kind.
    fn is_of(&self, asked: &Asked, kind: impl Fn(&Route) -> bool) -> bool {
        let mut routes = locked(&self.routes);
        let is_of = |route: &Route| route.is_of(asked) && kind(route);
        if !routes.iter().any(is_of) {
            // It may have been declared since.
            routes.extend(declared(&self.folder));
        }
        routes.iter().any(is_of)
    }

    /// Exactly one identity, the one that Headgate set.
    fn judge_asked(&self, asked: &Asked) {
        let actor = *asked.all("headgate-actor").first().unwrap_or_else(|| panic!("nobody's: {asked:?}"));
        // Its own questions are no user's.
        let of_user = usize::from(!is_own(asked));
        for (name, times) in OWN.iter().zip([1, 1, of_user, of_user, usize::from(self.identity.asserted)]) {
            assert_eq!(asked.all(name).len(), times, "{name} in {asked:?}");
        }
        let credential = self.identity.credential.as_ref();
        if let Some((name, of)) = credential {
            let value = of
                .iter()
                .find(|(user, _)| *user == actor)
                .or_else(|| of.iter().find(|(user, _)| user.is_empty()));
            assert_eq!(asked.all(name), [value.unwrap().1], "{asked:?}");
        }
        for (name, value) in &asked.headers {
            let folded = name.to_lowercase().replace(['_', '.'], "-");
            assert!(!folded.contains("headgate") || OWN.contains(&name.as_str()), "{name} in {asked:?}");
            assert!(!value.contains("Bearer"), "{name} in {asked:?}");
            let steering = [
                "authorization",
                "cookie",
                "x-api-key",
                "x-original-url",
                "x-http-method-override",
                "upgrade",
            ];
            assert!(!steering.contains(&folded.as_str()), "{name} in {asked:?}");
            let native = credential.is_some_and(|(native, _)| native == name);
            assert!(native || folded != "api-access-token", "{name} in {asked:?}");
        }
        assert!(!asked.target.contains("access_token"), "{asked:?}");
        let said = format!("{asked:?}");
        assert_eq!((self.allowed.users)(&said), [""; 0], "a user's own credential in {said}");
    }
}

/// Whatever a test forgot to look at.
impl Drop for Oracle {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.judge();
        if self.others_ask.load(Ordering::Relaxed) {
            return;
        }
        // Also of connections that were open at the same time.
        let senders = locked(&self.senders);
        for (seen, _) in locked(&self.backends).iter() {
            let mut forwarded = locked(seen).clone().into_iter().filter(|asked| !is_own(asked));
            let wrong = forwarded.find(|asked| !self.is_by_one_of(asked, &senders));
            assert!(wrong.is_none(), "{senders:?} asked, and not {wrong:?}");
        }
    }
}

/// Whether a request is a question of Headgate's own.
fn is_own(asked: &Asked) -> bool {
    asked.all("headgate-actor") == [ITSELF]
}

/// How each canary goes on that is in the bytes of a connection, whichever way it is written.
fn shown(received: &[u8], to_head: bool) -> BTreeSet<String> {
    let canaries = Canaries::new([CANARY]);
    let texts: BTreeSet<_> = texts(received, to_head, DECODED_BYTES_MAX).into_iter().collect();
    let following = texts.iter().flat_map(|text| canaries.following(text));
    following.map(|text| text.chars().take(CANARY_CHARS_MAX).collect()).collect()
}

/// What all answers of a connection tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Refused {
    /// What was wrong was known before anything could be forwarded.
    Unseen,
    /// Some are a plain 403 or 404, which is also for what is not there.
    Denied,
}

/// `None` if one of them is no refusal, or one that only the backend's answer brings about.
fn refused(received: &[u8]) -> Option<Refused> {
    let text = String::from_utf8_lossy(received);
    let answers = text.split("HTTP/1.1 ").skip(1).filter(|answer| !answer.starts_with('1'));
    let refusals = answers.map(|answer| {
        let problem =
            answer.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str::<Value>(body).ok());
        let kind = problem.as_ref().and_then(|problem| problem["type"].as_str()?.rsplit(':').next());
        match answer.get(..3) {
            Some("400" | "401" | "405" | "411" | "413" | "414" | "415" | "421" | "426" | "429" | "431") => {
                (kind != Some("declined")).then_some(Refused::Unseen)
            }
            Some("403") if kind == Some("fields") => Some(Refused::Unseen),
            Some("403" | "404") => Some(Refused::Denied),
            _ => None,
        }
    });
    let refusals: Option<Vec<_>> = refusals.collect();
    refusals?.into_iter().max()
}

/// What is in it, whoever panicked with it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The users of these credentials that stand in a text.
pub(super) fn by_credential(credentials: &[(String, String)], text: &str) -> Vec<String> {
    let found = credentials.iter().filter(|(credential, _)| text.contains(credential.as_str()));
    found.map(|(_, user)| user.clone()).collect()
}
