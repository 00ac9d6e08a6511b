//! API keys.

use std::{process::ExitCode, time::Duration};

use headgate::{cli, identity::NewKey};

use super::{NOW, World, request};

const ANA: &str = "acme/ana by api_key";

fn key(name: &str, key: &NewKey, more: &str) -> String {
    format!("[api_key.{name}]\nhash = '{}'\nuser = 'ana'\n{more}\n", key.hash)
}

#[tokio::test]
async fn a_key_says_who_calls_from_either_header() {
    let (mine, other) = (NewKey::make().unwrap(), NewKey::make().unwrap());
    let world = World::new(&[("acme", &key("one", &mine, "")), ("globex", &key("one", &other, ""))]);
    assert_eq!(world.bearer(&mine.key).await, ANA);
    assert_eq!(world.who(request("/", &[("x-api-key", &mine.key)])).await, ANA);
    assert_eq!(world.bearer(&other.key).await, "globex/ana by api_key");
    for wrong in [NewKey::make().unwrap().key, mine.hash.clone(), format!("{}x", mine.key), "hgk_".to_owned()]
    {
        assert_eq!(world.who(request("/", &[("x-api-key", &wrong)])).await, "unknown", "{wrong}");
    }
    assert_eq!(world.bearer("hgk_unknown").await, "unknown");
    assert_eq!(world.metric(r#"headgate_authentications_total{method="api_key",outcome="unknown"}"#), 5);
}

#[tokio::test]
async fn c18_a_key_in_the_query_counts_only_where_allowed_and_goes_no_further() {
    let (open, closed) = (NewKey::make().unwrap(), NewKey::make().unwrap());
    let allowing =
        format!("{}[api_key_in]\nheaders = ['authorization']\nquery = ['api_key']\n", key("one", &open, ""));
    let of = |key: &NewKey| format!("/a?b=%2F&api_key={}&c", key.key);

    let world = World::new(&[("acme", &key("one", &closed, ""))]);
    assert_eq!(world.who(request(&of(&closed), &[])).await, "missing");

    let world = World::new(&[("acme", &allowing), ("globex", &key("one", &closed, ""))]);
    let mut head = request(&of(&open), &[]);
    assert_eq!(world.of(&mut head, &super::peer("192.0.2.1")).await, ANA);
    assert_eq!(head.uri, "/a?b=%2F&c");
    // Another tenant's key, where that tenant does not allow it, is cut all the same.
    let mut head = request(&of(&closed), &[]);
    assert_eq!(world.of(&mut head, &super::peer("192.0.2.1")).await, "place");
    assert_eq!(head.uri, "/a?b=%2F&c");
    assert_eq!(world.who(request("/", &[("x-api-key", &open.key)])).await, "place");
    let twice = format!("/a?api_key={}&api%5Fkey=other", open.key);
    assert_eq!(world.who(request(&twice, &[])).await, "ambiguous");
}

#[tokio::test]
async fn c19_a_key_that_is_taken_away_is_refused_from_the_reload_on() {
    let (one, two) = (NewKey::make().unwrap(), NewKey::make().unwrap());
    let both = key("one", &one, "") + &key("two", &two, "");
    let mut world = World::new(&[("acme", &both)]);
    assert_eq!(world.bearer(&one.key).await, ANA);
    world.reload(&[("acme", &key("two", &two, ""))]);
    assert_eq!(world.bearer(&one.key).await, "unknown");
    assert_eq!(world.bearer(&two.key).await, ANA);
}

#[tokio::test]
async fn a_key_ends_when_it_says() {
    let mine = NewKey::make().unwrap();
    // Ten seconds after the tests begin.
    let world = World::new(&[("acme", &key("one", &mine, "until = '2023-11-14T22:13:30Z'"))]);
    let mut head = super::bearer(&mine.key);
    let peer = super::peer("192.0.2.1");
    let identity = world.authenticator.authenticate(&mut head, &peer).await.unwrap();
    assert_eq!(identity.until.unwrap().as_secs(), NOW + 10);
    world.pass(Duration::from_secs(10));
    assert_eq!(world.bearer(&mine.key).await, "expired");
}

#[tokio::test]
async fn the_command_makes_a_key_that_works() {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = cli::run(["headgate", "api-key"].map(Into::into), |_| None, &mut out, &mut err);
    assert_eq!(code, ExitCode::SUCCESS);
    let out = String::from_utf8(out).unwrap();
    let word = |name: &str| out.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    let made = NewKey { key: word("key:"), hash: word("hash:") };
    let world = World::new(&[("acme", &key("one", &made, ""))]);
    assert_eq!(world.bearer(&made.key).await, ANA);
}
