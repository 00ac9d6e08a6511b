//! `headgate probe` against signed tokens, keys and TLS: what is forged, spent or meant for others is refused.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use headgate::identity::NewKey;
use serde_json::{Value, json};
use tokio::process::Command;

use super::Whole;
use crate::identity::{NOW, tokens::claims_but};

const RATES: &str = "\n[gate.rate]\nactor = { per_second = 100000, burst = 100000 }\n\
    tenant = { per_second = 100000, burst = 100000 }\naddress = { per_second = 100000, burst = 100000 }\n";

/// Credentials that are no good, each with what is wrong with them.
fn no_good(whole: &Whole) -> Vec<(&'static str, String)> {
    let signed = |but: Value| {
        let mut own = json!({"sub": "ana", "aud": "acme", "exp": NOW + 1_000_000});
        own.as_object_mut().unwrap().extend(but.as_object().unwrap().clone());
        claims_but(&own)
    };
    let token = |but: Value| whole.signer.token(&signed(but));
    let with = |header: Value| whole.signer.token_with(&header, &signed(json!({})));
    let jwe = BASE64URL_NOPAD.encode(br#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
    vec![
        ("issuer", token(json!({"iss": "https://other.test/"}))),
        ("audience", token(json!({"aud": "other"}))),
        ("id_token", with(json!({"alg": "EdDSA", "kid": "one", "typ": "id+jwt"}))),
        ("expired", token(json!({"exp": NOW - 100_000}))),
        ("not_yet", token(json!({"nbf": NOW + 100_000}))),
        ("endless", token(json!({"exp": null}))),
        ("critical", with(json!({"alg": "EdDSA", "kid": "one", "typ": "at+jwt", "crit": ["x"], "x": 1}))),
        ("encrypted", format!("{jwe}.a.b.c.d")),
        ("revoked", NewKey::make().unwrap().key),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn c07_to_c13_and_c19_no_forged_or_spent_credential_gets_past_a_whole_gateway() {
    let whole = Whole::start_with(|_folder, headgate| headgate + RATES).await;
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        BASE64.encode(&whole.signer.public_der())
    );
    let good = whole.token("ana");
    // The probe's own connections are not watched.
    whole.oracle.others_ask();
    let mut plan = format!(
        "ca = 'localhost.pem'
        token_keys = ['''{pem}''']
        [pace]
        per_second = 1000
        [actor.restricted]
        headers = {{ authorization = 'Bearer {good}' }}
        [[object]]
        visible = '/api/v1/accounts/1/conversations/101'
        hidden = '/api/v1/accounts/1/conversations/102'
        missing = '/api/v1/accounts/1/conversations/999'
        [[canary]]
        text = 'CANARY-102-title'\n"
    );
    for (why, token) in no_good(&whole) {
        let headers = format!("{{ authorization = 'Bearer {token}' }}");
        plan.push_str(&format!("[[refused_credentials]]\nwhy = '{why}'\nheaders = {headers}\n"));
    }
    let file = whole.folder.path().join("probe.toml");
    std::fs::write(&file, plan).unwrap();
    let url = format!("https://localhost:{}", whole.gateway.agents().unwrap().port());
    let output = Command::new(env!("CARGO_BIN_EXE_headgate"))
        .args(["probe", &url, "--format", "json", "--config", file.to_str().unwrap()])
        .output()
        .await
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{:?}", output.stderr));
    let findings = report["findings"].as_array().unwrap();
    for row in ["C01", "C02", "C05", "C07", "C08", "C09", "C10", "C11", "C12", "C13", "C18", "C19", "D18"] {
        let verdicts: Vec<_> =
            findings.iter().filter(|of| of["row"] == row).map(|of| &of["verdict"]).collect();
        assert!(!verdicts.is_empty() && verdicts.iter().all(|verdict| *verdict == "held"), "{row}: {out}");
    }
    assert_eq!((report["breached"].as_bool(), output.status.code()), (Some(false), Some(0)), "{out}");
    assert!(!out.contains(&good), "a credential is in the report");
}
