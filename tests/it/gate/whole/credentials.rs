//! Credentials of each kind, good and forged, of the whole gate: what is refused reaches nobody, and what is taken
//! is one user.

use std::{net::SocketAddr, sync::Arc};

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::Whole;
use crate::identity::{
    NOW,
    certificates::{Authority, dns, uri},
    issuer::Issuer,
    tokens::{Signer, claims_but, jwks, unsigned},
};

const CONVERSATION: &str = "GET /api/v1/accounts/1/conversations/101";
const IDENTITY: &str = "tenants/acme/identity.toml";

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

impl Whole {
    /// The status of a `GET` of a conversation of ana's with this token.
    async fn shown(&self, token: &str) -> u16 {
        self.shown_to("ana", token).await
    }

    /// The same with a token of this user.
    async fn shown_to(&self, user: &str, token: &str) -> u16 {
        self.credentials.lock().unwrap().push((token.to_owned(), user.to_owned()));
        self.send(CONVERSATION, &bearer(token), "").await.status
    }

    /// Puts more at the end of a tenant's `identity.toml`.
    fn also(&self, more: &str) {
        self.reload(IDENTITY, &format!("{}{more}", self.read(IDENTITY))).unwrap();
    }

    fn reached_nobody(&self) {
        assert_eq!(self.backend.lines(), [""; 0]);
        assert_eq!(self.directory.lines(), [""; 0]);
    }
}

#[tokio::test]
async fn c05_two_credentials_are_refused_wherever_they_stand() {
    let whole = Whole::start().await;
    let (token, key) = (whole.token("ana"), whole.api_key.clone());
    let good = bearer(&token);
    for (query, headers) in [
        ("", format!("{good}{good}")),
        ("", format!("{good}authorization: Basic YTpi\r\n")),
        ("", format!("Authorization: Bearer {token}, Bearer B\r\n")),
        ("", format!("{good}X-Api-Key: {key}\r\n")),
        ("", format!("X-Api-Key: {key}\r\nX-Api-Key: {key}\r\n")),
        (&format!("?key={key}"), good.clone()),
        (&format!("?key={key}&key={key}"), String::new()),
    ] {
        let answer = whole.send(&format!("{CONVERSATION}{query}"), &headers, "").await;
        assert_eq!(answer.status, 400, "{query} {headers}");
    }
    whole.reached_nobody();
}

#[tokio::test]
async fn c07_to_c13_a_forged_token_reaches_nobody_and_is_not_told_why() {
    let whole = Whole::start().await;
    let (signer, thief) = (&whole.signer, Signer::ed25519("one"));
    let right = json!({"sub": "adm", "aud": "acme"});
    let claims = |but: &Value| {
        let mut claims = right.clone();
        claims.as_object_mut().unwrap().extend(but.as_object().unwrap().clone());
        claims_but(&claims)
    };
    let with_header = |header: &Value| signer.token_with(header, &claims(&json!({})));
    let none = unsigned(&json!({"alg": "none", "kid": "one"}), &claims(&json!({})));
    let shared = unsigned(&json!({"alg": "HS256", "kid": "one"}), &claims(&json!({})));
    let secret = hmac::Key::new(hmac::HMAC_SHA256, &signer.public_der());
    let shared_tag = BASE64URL_NOPAD.encode(hmac::sign(&secret, shared.as_bytes()).as_ref());
    let encrypted = BASE64URL_NOPAD.encode(br#"{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT"}"#);
    let forged = [
        ("c07", format!("{none}.")),
        ("c07", none.clone()),
        ("c08", format!("{shared}.{shared_tag}")),
        ("c09", thief.token(&claims(&json!({})))),
        ("c09", with_header(&json!({"alg": "EdDSA", "kid": "../../dev/null"}))),
        (
            "c09",
            thief.token_with(&json!({"alg": "EdDSA", "kid": "one", "jwk": thief.jwk()}), &claims(&json!({}))),
        ),
        ("c10", signer.token(&claims(&json!({"iss": "https://evil.test/"})))),
        ("c10", signer.token(&claims(&json!({"aud": "other"})))),
        ("c10", signer.token(&claims(&json!({"aud": null})))),
        ("c10", signer.token(&claims(&json!({"aud": ["acme", "globex"]})))),
        ("c10", with_header(&json!({"alg": "EdDSA", "kid": "one", "typ": "logout+jwt"}))),
        ("c11", signer.token(&claims(&json!({"exp": NOW - 31})))),
        ("c11", signer.token(&claims(&json!({"nbf": NOW + 31})))),
        ("c11", signer.token(&claims(&json!({"exp": null})))),
        ("c12", with_header(&json!({"alg": "EdDSA", "kid": "one", "crit": ["x"]}))),
        ("c12", with_header(&json!({"alg": "EdDSA", "kid": "one", "b64": false}))),
        ("c13", format!("{encrypted}.a2V5.aXY.dGV4dA.dGFn")),
        ("bound", signer.token(&claims(&json!({"cnf": {"jkt": "x"}})))),
        // Whom backends may take for Headgate itself, or for nobody.
        ("word", signer.token(&claims(&json!({"sub": "headgate"})))),
        ("word", signer.token(&claims(&json!({"sub": "none"})))),
    ];
    for user in ["headgate", "none"] {
        whole.grant(user, &["kommo.administrator"]);
    }
    let mut told = std::collections::BTreeSet::new();
    for (row, token) in &forged {
        let answer = whole.send(CONVERSATION, &bearer(token), "").await;
        assert_eq!(answer.status, 401, "{row} {token}");
        let id = answer.header("headgate-decision").unwrap().to_owned();
        told.insert(answer.body.replace(&id, ""));
    }
    assert_eq!(told.len(), 1, "the answer tells why: {told:?}");
    whole.reached_nobody();
    let sound = signer.token(&claims(&json!({})));
    assert_eq!(whole.shown_to("adm", &sound).await, 200, "the same without a fault");
}

#[tokio::test]
async fn c14_c15_keys_rotate_and_serve_without_their_issuer_for_a_while_alone() {
    let whole = Whole::start().await;
    let (old, new) = (Signer::ed25519("old"), Signer::es256("new"));
    let issuer = Issuer::start(&jwks(&[&old])).await;
    let line = whole.read(IDENTITY).lines().find(|line| line.starts_with("jwks_file")).unwrap().to_owned();
    let with_url = whole.read(IDENTITY).replace(&line, &format!("jwks = '{}'", issuer.url()));
    whole.reload(IDENTITY, &with_url).unwrap();
    let by = |signer: &Signer| {
        signer.token(&claims_but(&json!({"sub": "ana", "aud": "acme", "exp": NOW + 1_000_000})))
    };
    assert_eq!(whole.shown(&by(&old)).await, 200);
    issuer.answers(&jwks(&[&new]));
    assert_eq!(whole.shown(&by(&new)).await, 401, "in the cool-down");
    whole.pass(30);
    assert_eq!(whole.shown(&by(&new)).await, 200);
    assert_eq!(whole.shown(&by(&old)).await, 401, "it was taken out");
    issuer.fails();
    // The key set was asked for 30 s ago.
    whole.pass(86_400 - 1);
    assert_eq!(whole.shown(&by(&new)).await, 200);
    let asked = whole.backend.lines().len();
    whole.pass(30);
    let refused = whole.send(CONVERSATION, &bearer(&by(&new)), "").await;
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(whole.backend.lines().len(), asked);
    let (_, metrics) = whole.ops("GET /metrics", super::OPERATOR, "").await;
    assert!(metrics.contains("headgate_issuer_key_fetches_total{outcome=\"failed\"}"), "{metrics}");
}

/// Two sources of one issuer: the second wants more of a token.
fn introspections(issuer: &Issuer) -> String {
    let of = |name: &str, host: &str, scopes: &str| {
        format!(
            "[introspection.{name}]\nurl = '{}'\nclient_id = 'c'\nclient_secret = 's'\n\
             hosts = ['{host}']\nscopes = {scopes}\n",
            issuer.url()
        )
    };
    of("panel", "localhost", "['chat']") + &of("admin", "admin.test", "['chat', 'admin']")
}

#[tokio::test]
async fn c16_a_token_with_fewer_scopes_opens_nothing_where_more_are_wanted() {
    let whole = Whole::start().await;
    let issuer = Issuer::start(&json!({"active": true, "sub": "ana", "scope": "chat"})).await;
    whole.also(&introspections(&issuer));
    assert_eq!(whole.shown("opaque").await, 200);
    let there = format!("Host: admin.test\r\n{}", bearer("opaque"));
    assert_eq!(whole.send(CONVERSATION, &there, "").await.status, 401, "primed with fewer scopes");
    assert_eq!(whole.shown("opaque").await, 200);
    assert_eq!(issuer.questions().len(), 2);
    let elsewhere = format!("Host: other.test\r\n{}", bearer("opaque"));
    assert_eq!(whole.send(CONVERSATION, &elsewhere, "").await.status, 401);
    assert_eq!(issuer.questions().len(), 2, "nobody is asked there");
    assert_eq!(whole.backend.lines().len(), 2);
}

#[tokio::test]
async fn c17_a_token_is_asked_for_once_and_its_answer_dies_with_it() {
    let whole = Arc::new(Whole::start().await);
    let issuer = Issuer::start(&json!({"active": true, "sub": "ana", "scope": "chat", "exp": NOW + 2})).await;
    whole.also(&introspections(&issuer));
    issuer.waits();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let whole = Arc::clone(&whole);
        asking.spawn(async move { whole.shown("opaque").await });
    }
    issuer.asked(1).await;
    issuer.goes_on();
    assert_eq!(asking.join_all().await, [200; 40]);
    assert_eq!(issuer.questions().len(), 1);
    issuer.answers(&json!({"active": false}));
    assert_eq!(whole.shown("opaque").await, 200);
    whole.pass(2);
    assert_eq!(whole.shown("opaque").await, 401);
    assert_eq!(issuer.questions().len(), 2);
}

#[tokio::test]
async fn c20_c22_a_certificate_is_one_user_by_one_whole_name_and_a_header_is_none() {
    let whole = Whole::start().await;
    let authority = Authority::new();
    whole.also("[certificate.services]\nsan = 'uri'\nusers = { 'spiffe://acme/ana' = 'ana' }\n");
    let table = "[listener.agents.tls]";
    let ca = format!("{table}\nclient_ca = '{}'", authority.file("ca.pem").display());
    let headgate = whole.read("headgate.toml");
    let first = "[[listener.agents.tls.certificates]]";
    whole.reload("headgate.toml", &headgate.replace(first, &format!("{ca}\n{first}"))).unwrap();
    let ana = authority.client(vec![uri("spiffe://acme/ana")]);
    let answer = whole.send_as(Some(&ana), CONVERSATION, "", "").await.unwrap();
    assert_eq!(answer.status, 200);
    let hidden = whole.send_as(Some(&ana), &CONVERSATION.replace("101", "102"), "", "").await.unwrap();
    assert_eq!(hidden.status, 404, "and no more than that user");
    for names in [
        Vec::new(),
        vec![dns("spiffe://acme/ana")],
        vec![uri("spiffe://acme/ana"), uri("spiffe://acme/adm")],
        vec![uri("spiffe://acme/ana\0.evil.test")],
        vec![uri("spiffe://acme/ana/x")],
    ] {
        let shown = format!("{names:?}");
        let client = authority.client(names);
        let answer = whole.send_as(Some(&client), CONVERSATION, "", "").await;
        assert!(answer.as_ref().is_none_or(|answer| answer.status == 401), "{shown}: {answer:?}");
    }
    let stranger = Authority::new().client(vec![uri("spiffe://acme/ana")]);
    assert!(whole.send_as(Some(&stranger), CONVERSATION, "", "").await.is_none(), "of another authority");
    for header in [
        "X-Forwarded-Client-Cert: URI=spiffe://acme/ana",
        "X-SSL-Client-S-DN: CN=spiffe://acme/ana",
        "ssl-client-verify: SUCCESS",
        "X-Client-Cert: spiffe://acme/ana",
    ] {
        assert_eq!(whole.send(CONVERSATION, &format!("{header}\r\n"), "").await.status, 401, "{header}");
    }
    for asked in whole.backend.seen() {
        assert_eq!(asked.all("headgate-actor"), ["ana"]);
    }
    assert_eq!(whole.backend.lines().len(), 1);
}

/// Opens a connection and asks; how the handshake went, or `None` if nobody is let in.
async fn handshake(address: SocketAddr, client: &Arc<ClientConfig>) -> Option<HandshakeKind> {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::clone(client)).connect(name, stream).await.ok()?;
    let kind = stream.get_ref().1.handshake_kind();
    let _refused = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let mut answer = Vec::new();
    let _closed = stream.read_to_end(&mut answer).await;
    answer.starts_with(b"HTTP/1.1 ").then_some(kind).flatten()
}

#[tokio::test]
async fn c21_a_session_of_the_agents_listener_opens_nothing_on_the_operators() {
    let (agents, operators) = (Authority::new(), Authority::new());
    let certificates = "certificates = [{ chain = 'localhost.pem', key = 'localhost.key' }]\n";
    let whole = Whole::start_with(|_folder, headgate| {
        let of = |listener: &str, authority: &Authority, more: &str| {
            let ca = authority.file("ca.pem").display().to_string();
            format!("[listener.{listener}.tls]\nclient_ca = '{ca}'\n{more}{certificates}")
        };
        let (first, rest) = headgate.split_once("[[listener.agents.tls.certificates]]").unwrap();
        let (_its_own, rest) = rest.split_once("[listener.ops]").unwrap();
        let (ops, rest) = rest.split_once("[store]").unwrap();
        let strict = of("ops", &operators, "client_required = true\n");
        format!("{first}{}[listener.ops]{ops}{strict}[store]{rest}", of("agents", &agents, ""))
    })
    .await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(whole.certificate.as_bytes()).unwrap()).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client = |authority: &Authority| {
            let (certificate, key) = authority.client(vec![uri("spiffe://acme/ana")]);
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]);
            let config = config.unwrap().with_root_certificates(roots.clone());
            Arc::new(config.with_client_auth_cert(vec![certificate], key).unwrap())
        };
        let (ana, operator) = (client(&agents), client(&operators));
        let (here, there) = (whole.gateway.agents().unwrap(), whole.gateway.ops().unwrap());
        assert_eq!(handshake(here, &ana).await, Some(HandshakeKind::Full), "{version:?}");
        assert_eq!(handshake(here, &ana).await, Some(HandshakeKind::Resumed), "{version:?}");
        assert_eq!(handshake(there, &ana).await, None, "{version:?}");
        assert_eq!(handshake(there, &operator).await, Some(HandshakeKind::Full), "{version:?}");
    }
}

#[tokio::test]
async fn a_proxys_word_counts_from_its_own_address_alone() {
    let whole = Whole::start().await;
    let says = "X-Forwarded-User: ana\r\n";
    whole.credentials.lock().unwrap().push((says.to_owned(), "ana".to_owned()));
    assert_eq!(whole.send(CONVERSATION, says, "").await.status, 401, "off by default");
    let proxy = |peers: &str| format!("[proxy.sso]\npeers = ['{peers}']\nheader = 'X-Forwarded-User'\n");
    let without = whole.read(IDENTITY);
    whole.also(&proxy("10.0.0.0/8"));
    assert_eq!(whole.send(CONVERSATION, says, "").await.status, 401, "not from here");
    whole.reload(IDENTITY, &format!("{without}{}", proxy("127.0.0.1"))).unwrap();
    assert_eq!(whole.send(CONVERSATION, says, "").await.status, 200);
    let both = format!("{says}{}", bearer(&whole.token("ana")));
    assert_eq!(whole.send(CONVERSATION, &both, "").await.status, 400);
    assert_eq!(whole.send(CONVERSATION, &says.replace("ana", "headgate"), "").await.status, 401);
    let seen = whole.backend.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].all("headgate-actor"), seen[0].all("x-forwarded-user")), (vec!["ana"], vec![]));
}

#[tokio::test]
async fn c23_a_cookie_lets_nobody_in_and_opens_no_socket() {
    let whole = Whole::start().await;
    let socket = "Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n\
                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let cookie = format!("Cookie: _chatwoot_session=adm; token={}\r\n", whole.token("adm"));
    assert_eq!(whole.send(CONVERSATION, &cookie, "").await.status, 401);
    for origin in ["Origin: https://evil.test\r\n", "Origin: null\r\n", ""] {
        let answer = whole.send(CONVERSATION, &format!("{cookie}{socket}{origin}"), "").await;
        assert_eq!((answer.status, answer.header("upgrade")), (501, None), "{origin}");
    }
    whole.reached_nobody();
}

#[tokio::test]
async fn where_one_tenant_takes_keys_another_has_parameters() {
    let whole = Whole::start().await;
    let (file, more) = ("tenants/globex/identity.toml", "[api_key_in]\nheaders = [\"authorization\"");
    let of_globex = whole.read(file);
    let places = of_globex.split("[api_key_in]").next().unwrap();
    whole.reload(file, &format!("{places}{more}]\n")).unwrap();
    let (here, there) = (bearer(&whole.token("ana")), bearer(&whole.token("globex.ana")));
    let line = "GET /api/v1/accounts/2/conversations/201";
    let answer =
        whole.send(&format!("{line}?key=5&x&key=6"), &format!("{there}X-Api-Key: 7, 8\r\n"), "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(whole.backend.lines(), [format!("{line}?key=5&x&key=6")], "its own parameter, as it was sent");
    assert_eq!(
        whole.send(&format!("{CONVERSATION}?key=5"), &here, "").await.status,
        400,
        "a second credential here"
    );
    let key = format!("{line}?key={}", whole.api_key);
    assert_eq!(whole.send(&key, &there, "").await.status, 400, "a key is one wherever it stands");
    assert_eq!(
        whole.send(&format!("{line}?key=hgk_old"), &there, "").await.status,
        400,
        "and what looks like one"
    );
    assert_eq!(whole.send(&format!("{line}?key=5"), "", "").await.status, 401);
    assert_eq!(whole.backend.lines().len(), 1);
}

#[tokio::test]
async fn a_team_whose_name_would_be_two_to_the_backend_is_nobodys() {
    let whole = Whole::start().await;
    whole.grant("odd", &["kommo.administrator"]);
    assert_eq!(whole.status("odd", "101").await, 503);
    assert_eq!(whole.backend.lines(), [""; 0]);
}
